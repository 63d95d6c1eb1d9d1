"""What ladders, schedules, contacts and steps promise, whichever database: subclass and give the fixture `database`."""

import asyncio
from datetime import date

import msgspec
import pytest

from storage import contacts, escalation, ladders, schedules
from storage.escalation import StepRow
from storage.ladders import ladder_book
from storage.session import Database
from storage.subscribers import sights_of
from tests.support.alert_transitions import RAISED_MS, acknowledged, an_alert, resolved
from tests.support.ladder_scene import LadderScene
from vitals.alert import Priority
from vitals.errors import Conflict, Forbidden, InvalidArgument, NotFound
from vitals.escalation import Evidence, Reached, Round, round_of
from vitals.ladder import Ladder, LadderStep
from vitals.notification import ReceiptState
from vitals.on_call import Layer, Schedule
from vitals.reading import PatientId, WardId

DAY_MS = 86_400_000


def ladder(ward: str = "west", after_s: float = 60.0) -> Ladder:
    steps = (LadderStep(after_s=0, to=("screen",)), LadderStep(after_s=after_s, to=("role:nurse",)))
    return Ladder(ward_id=ward, priority=Priority.HIGH, steps=steps)


def doctors(*people: str, ward: str = "west") -> Schedule:
    layer = Layer(people=people or ("lee",), starts=date(2026, 1, 5))
    return Schedule(schedule_id="doctors", ward_id=ward, time_zone="Europe/Berlin", layers=(layer,))


def a_step() -> StepRow:
    """A step that told nobody."""
    return StepRow(
        episode_id="e1", round_id="r1", step=0, step_id="r1~0", patient_id=PatientId("p1"), ward_id=WardId("west"),
        priority=Priority.HIGH, due_ms=1, at_ms=1, evidence=Evidence.FIRST, reached=Reached.NOBODY, told=(), missing=(),
        rung=0, ladder_ward_id="*", ladder_version=0,
    )  # fmt: skip


class LadderContract:
    """Versions, gaps, claims and evidence."""

    def test_a_ladder_holds_until_the_next_version_and_taken_away_the_house_s_holds(self, database: Database) -> None:
        with database.transaction() as conn:
            assert ladders.put(conn, ladder(), at_ms=1, by="Ada").version == 1
            assert ladders.put(conn, ladder(), at_ms=2, by="Ben").version == 1
            assert ladders.put(conn, ladder(after_s=90), at_ms=3, by="Ben").version == 2
            ladders.put(conn, ladder("*", 30), at_ms=3, by="Ben")
            book = ladder_book(conn)
            found = [book.find(ward, Priority.HIGH) for ward in ("west", "east", "system")]
            assert [(one.version, one.ladder.steps[1].after_s) for one in found] == [(2, 90), (1, 30), (0, 300)]
            assert book.find("west", Priority.MEDIUM).version == 0
            ladders.remove(conn, "west", Priority.HIGH, at_ms=4, by="Ada")
            assert ladder_book(conn).find("west", Priority.HIGH).ladder.ward_id == "*"
            with pytest.raises(NotFound):
                ladders.remove(conn, "west", Priority.HIGH, at_ms=5, by="Ada")
            assert ladders.put(conn, ladder(), at_ms=6, by="Ada").version == 4

    def test_a_ladder_that_makes_no_sense_is_not_stored(self, database: Database) -> None:
        with database.transaction() as conn:
            wrong = msgspec.structs.replace(ladder(), steps=(*ladder().steps, LadderStep(after_s=1, to=("screen",))))
            with pytest.raises(InvalidArgument, match="is less than"):
                ladders.put(conn, wrong, at_ms=1, by="Ada")
            assert ladder_book(conn).find("west", Priority.HIGH).version == 0

    def test_a_schedule_is_replaced_taken_away_and_set_again(self, database: Database) -> None:
        with database.transaction() as conn:
            assert schedules.put(conn, doctors(), at_ms=1, by="Ada").version == 1
            assert schedules.put(conn, doctors(), at_ms=2, by="Ada").version == 1
            assert schedules.put(conn, doctors("lee", "max"), at_ms=3, by="Ada").version == 2
            assert [one.schedule.layers[0].people for one in schedules.all_schedules(conn)] == [("lee", "max")]
            schedules.remove(conn, "doctors", at_ms=4)
            assert schedules.all_schedules(conn) == ()
            with pytest.raises(NotFound):
                schedules.remove(conn, "doctors", at_ms=5)
            assert schedules.put(conn, doctors(), at_ms=6, by="Ada").version == 3

    def test_who_stands_in_is_listed_by_time_bounded_and_withdrawn(self, database: Database) -> None:
        with database.transaction() as conn:
            schedules.put(conn, doctors(), at_ms=1, by="Ada")
            made = [
                schedules.stand_in(
                    conn,
                    "doctors",
                    "max",
                    from_ms=day * DAY_MS,
                    until_ms=(day + 1) * DAY_MS,
                    at_ms=1,
                    by="Ada",
                    note="ill",
                )
                for day in (3, 1, 2)
            ]
            listed = schedules.overrides_of(conn, "doctors", ending_after_ms=2 * DAY_MS, beginning_before_ms=3 * DAY_MS)
            assert listed == (made[2],)
            schedules.withdraw(conn, made[2].override_id, at_ms=2)
            assert len(schedules.overrides_of(conn, "doctors", ending_after_ms=0)) == 2
            with pytest.raises(NotFound):
                schedules.withdraw(conn, made[2].override_id, at_ms=3)
            for from_ms, until_ms in ((5, 5), (0, 400 * DAY_MS), (0, 1)):
                with pytest.raises(InvalidArgument):
                    schedules.stand_in(conn, "doctors", "max", from_ms=from_ms, until_ms=until_ms, at_ms=1, by="Ada")
            with pytest.raises(NotFound):
                schedules.stand_in(conn, "nurses", "max", from_ms=0, until_ms=DAY_MS, at_ms=1, by="Ada")

    def test_a_contact_is_one_s_own_destination_or_the_house_s(self, database: Database) -> None:
        scene = LadderScene(database=database)
        scene.somebody("kim", "nurse")
        scene.somebody("lee", "nurse", reached=False)
        scene.destination("ward-pager")
        for number in range(contacts.CONTACTS_MAX):
            scene.destination(f"extra-{number}")
        with database.transaction() as conn:
            contacts.put(conn, "id-lee", "ward-pager", (Priority.HIGH,), at_ms=1, by="Lee")
            with pytest.raises(Forbidden):
                contacts.put(conn, "id-lee", "to-kim", (Priority.HIGH,), at_ms=1, by="Lee")
            with pytest.raises(NotFound):
                contacts.put(conn, "id-lee", "nowhere", (Priority.HIGH,), at_ms=1, by="Lee")
            with pytest.raises(NotFound):
                contacts.put(conn, "guest", "ward-pager", (Priority.HIGH,), at_ms=1, by="Guest")
            contacts.put(conn, "id-kim", "to-kim", (Priority.LOW, Priority.HIGH), at_ms=2, by="Kim")
            found = {one.login: one.priorities for one in contacts.list_contacts(conn)}
            assert found == {"kim": (Priority.HIGH, Priority.LOW), "lee": (Priority.HIGH,)}
            for number in range(contacts.CONTACTS_MAX):
                if number == contacts.CONTACTS_MAX - 1:
                    with pytest.raises(Conflict):
                        contacts.put(conn, "id-lee", f"extra-{number}", (Priority.HIGH,), at_ms=1, by="Lee")
                else:
                    contacts.put(conn, "id-lee", f"extra-{number}", (Priority.HIGH,), at_ms=1, by="Lee")
            contacts.remove(conn, "id-kim", "to-kim")
            with pytest.raises(NotFound):
                contacts.remove(conn, "id-kim", "to-kim")

    def test_who_looks_after_wardlight_is_told_of_its_faults_and_of_no_patient(self, database: Database) -> None:
        scene = LadderScene(database=database)
        scene.somebody("tom", "device_technician", ward="west")
        scene.somebody("kim", "nurse", ward="west")
        with database.snapshot() as conn:
            sights = sights_of(conn, ["id-tom", "id-kim"])
        told = {
            name: [ward for ward in ("west", "east", "system") if sights[name].sees(WardId(ward))] for name in sights
        }
        assert told == {"id-tom": ["system"], "id-kim": ["west", "system"]}

    def test_a_step_is_claimed_once_and_its_deliveries_tell_what_became_of_it(self, database: Database) -> None:
        async def scene() -> None:
            ward = LadderScene(database=database)
            ward.somebody("kim", "nurse")
            ward.somebody("lee", "nurse")
            await ward.start()
            raised = an_alert()
            ward.alert(raised)
            assert await ward.look_at(0) == 1
            (step,) = ward.steps()
            with database.transaction() as conn:
                assert escalation.claim(conn, step) is False
            ward.clock.pass_s(3)
            ward.receipt("to-kim", ReceiptState.FAILED)
            assert _facts(database) == (False, None, False)
            ward.clock.pass_s(3)
            ward.receipt("to-lee", ReceiptState.FAILED)
            assert _facts(database) == (False, RAISED_MS + 6000, False)
            ward.receipt("to-kim", ReceiptState.SENT)
            assert _facts(database) == (True, None, False)
            ward.receipt("to-kim", ReceiptState.SEEN)
            assert _facts(database) == (True, None, True)
            with database.snapshot() as conn:
                states = {fate.destination_id: fate.state for fate in escalation.fates_of(conn, [step.step_id])}
                assert states == {"to-kim": "seen", "to-lee": "failed"}
                assert {one.destination_id for one in escalation.told_of(conn, ["e1"])["e1"]} == set(states)

        asyncio.run(scene())

    def test_a_sighting_keeps_its_first_and_last_moment(self, database: Database) -> None:
        with database.transaction() as conn:
            for at_ms in (5, 9):
                escalation.see(conn, "e1", "id-kim", by="Kim", at_ms=at_ms)
            escalation.see(conn, "e1", "id-lee", by="Lee", at_ms=7)
            found = [(one.by, one.first_at_ms, one.last_at_ms) for one in escalation.sightings_of(conn, "e1")]
            assert found == [("Kim", 5, 9), ("Lee", 7, 7)]
            assert escalation.last_seen(conn, ["e1", "e2"]) == {"e1": 9}

    def test_open_alerts_leave_the_list_when_they_end_and_steps_that_told_nobody_are_counted(
        self, database: Database
    ) -> None:
        async def scene() -> None:
            ward = LadderScene(database=database)
            await ward.start()
            raised = an_alert()
            ward.alert(raised)
            await ward.look_at(61)
            with database.snapshot() as conn:
                assert [one.episode_id for one in escalation.open_episodes(conn)] == ["e1"]
                assert escalation.unreached_since(conn, RAISED_MS) == 2
                assert escalation.unreached_since(conn, RAISED_MS + 61_001) == 0
            ward.alert(resolved(acknowledged(raised, at_s=70), at_s=71))
            with database.snapshot() as conn:
                assert escalation.open_episodes(conn) == ()

        asyncio.run(scene())


def _facts(database: Database) -> tuple[bool, int | None, bool]:
    """Of the first step: whether it was sent, since when all failed, and whether the alert was seen."""
    with database.snapshot() as conn:
        found = round_of(escalation.transitions_of(conn, ["e1"])["e1"])
        assert isinstance(found, Round)
        (case,) = escalation.cases(conn, [found])
    return case.taken[0].is_sent, case.taken[0].failed_at_ms, case.is_seen
