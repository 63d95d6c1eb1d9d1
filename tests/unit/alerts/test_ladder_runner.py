"""The runner over SQL: each step once with its deliveries, on the evidence of receipts, through crashes and rival processes."""

import asyncio
from datetime import date

import pytest

from alerts.ladder_paging import pager
from alerts.ladder_runner import Paging
from storage import schedules
from storage.session import Connection
from tests.support.alert_transitions import (
    acknowledged,
    an_alert,
    latched,
    moved,
    realarmed,
    resolved,
    silenced,
    unsilenced,
)
from tests.support.ladder_scene import LadderScene, a_ward
from vitals.alert import Priority
from vitals.errors import Fenced
from vitals.escalation import Evidence, Reached
from vitals.ladder import LadderStep
from vitals.notification import ReceiptState
from vitals.on_call import Layer, Schedule
from vitals.phone_book import Missing


class Killed(BaseException):
    """The process is gone."""


def test_an_alert_that_nobody_sees_climbs_in_its_time() -> None:
    async def scene() -> None:
        ward = await a_ward()
        ward.alert()
        taken = {}
        for second in range(0, 125, 5):
            before = len(ward.steps())
            await ward.look_at(second)
            if second == 5:
                ward.receipt("to-kim", ReceiptState.SENT)
            for step in ward.steps()[before:]:
                taken[step.step] = (second, step.evidence, step.reached)
        assert taken == {
            0: (0, Evidence.FIRST, Reached.TOLD),
            1: (60, Evidence.NOT_SEEN, Reached.TOLD),
            2: (120, Evidence.NOT_DELIVERED, Reached.TOLD),
        }
        assert ward.told() == [
            (0, "to-kim"), (1, "to-kim"), (1, "to-lee"), (2, "to-kim"), (2, "to-lee"), (2, "to-max"),
        ]  # fmt: skip

    asyncio.run(scene())


def test_what_could_not_be_delivered_goes_to_the_next_at_once_and_what_is_acknowledged_stops() -> None:
    async def scene() -> None:
        ward = await a_ward()
        raised = an_alert()
        ward.alert(raised)
        assert await ward.look_at(0) == 1
        ward.clock.pass_s(3)
        ward.receipt("to-kim", ReceiptState.FAILED)
        assert await ward.look_at(4) == 1
        assert [(step.step, step.evidence) for step in ward.steps()][1:] == [(1, Evidence.NOT_DELIVERED)]
        ward.receipt("to-lee", ReceiptState.DELIVERED)
        ward.alert(acknowledged(raised, at_s=30))
        for second in range(35, 2000, 40):
            assert await ward.look_at(second) == 0

    asyncio.run(scene())


def test_a_page_that_shows_the_alert_makes_it_seen_and_a_new_round_unsees_it() -> None:
    async def scene() -> None:
        ward = await a_ward()
        raised = an_alert()
        ward.alert(raised)
        await ward.look_at(0)
        ward.clock.pass_s(20)
        ward.seen_on_a_page()
        await ward.look_at(60)
        again = realarmed(raised, at_s=100)
        ward.alert(again)
        await ward.look_at(101)
        ward.receipt("to-kim", ReceiptState.SENT)
        await ward.look_at(160)
        assert [(step.round_id, step.step, step.evidence) for step in ward.steps()] == [
            (raised.transition_id, 0, Evidence.FIRST),
            (raised.transition_id, 1, Evidence.NOT_ACKNOWLEDGED),
            (again.transition_id, 0, Evidence.FIRST),
            (again.transition_id, 1, Evidence.NOT_SEEN),
        ]

    asyncio.run(scene())


def test_silence_stops_the_ladder_its_end_begins_anew_and_an_ending_ends_it() -> None:
    async def scene() -> None:
        ward = await a_ward()
        raised = an_alert()
        ward.alert(raised)
        assert await ward.look_at(0) == 1
        quiet = silenced(raised, at_s=10)
        ward.alert(quiet)
        assert await ward.look_at(300) == 0
        back = unsilenced(quiet, at_s=400)
        ward.alert(back)
        assert await ward.look_at(401) == 1
        assert ward.steps()[-1].at_ms - ward.steps()[-1].due_ms == 1000
        ward.alert(resolved(back, at_s=410))
        assert await ward.look_at(1000) == 0

    asyncio.run(scene())


def test_an_alert_that_moves_is_told_to_the_ward_that_takes_it_over() -> None:
    async def scene() -> None:
        ward = await a_ward()
        ward.somebody("ines", "nurse", ward="east")
        raised = an_alert()
        ward.alert(raised)
        await ward.look_at(0)
        ward.alert(moved(raised, at_s=10, ward="east"))
        await ward.look_at(11)
        assert ward.told() == [(0, "to-kim"), (0, "to-ines")]
        assert ward.steps()[-1].ward_id == "east"

    asyncio.run(scene())


def test_a_medium_alert_that_latched_is_told_no_further() -> None:
    async def scene() -> None:
        ward = await a_ward()
        raised = an_alert(priority=Priority.MEDIUM)
        ward.alert(raised)
        assert await ward.look_at(0) == 1
        ward.alert(latched(raised, at_s=20))
        assert await ward.look_at(300) == 0

    asyncio.run(scene())


def test_where_nobody_can_be_told_the_steps_say_so_and_nothing_is_sent() -> None:
    async def scene() -> None:
        ward = LadderScene()
        ward.somebody("kim", "nurse", reached=False)
        await ward.start()
        ward.alert()
        await ward.look_at(0)
        await ward.look_at(61)
        steps = ward.steps()
        assert [(step.step, step.reached) for step in steps] == [
            (0, Reached.SCREEN),
            (1, Reached.NOBODY),
            (2, Reached.NOBODY),
        ]
        assert [(one.to, one.why, one.name) for one in steps[1].missing] == [
            ("role:nurse", Missing.NO_DESTINATION, "Kim"),
            ("role:physician", Missing.NOBODY_WITH_ROLE, None),
        ]
        assert ward.told() == []
        counted = ward.telemetry.value(
            "wardlight_alerts_ladder_steps_total", evidence="not_delivered", reached="nobody"
        )
        assert counted == 1

    asyncio.run(scene())


def test_a_schedule_says_whom_a_step_tells_and_a_gap_leads_on_at_once() -> None:
    async def scene() -> None:
        ward = await a_ward()
        ward.ladder(LadderStep(after_s=0, to=("on-call:doctors",)), LadderStep(after_s=90, to=("person:max",)))
        ward.schedule(_doctors("lee"))
        ward.alert()
        await ward.look_at(0)
        assert ward.told() == [(0, "to-lee")]
        with ward.database.transaction() as conn:
            schedules.remove(conn, "doctors", at_ms=1)
        ward.alert(an_alert(episode="e2", patient="p2", at_s=20))
        await ward.look_at(20)
        assert [(step.step, step.reached) for step in ward.steps("e2")] == [(0, Reached.NOBODY), (1, Reached.TOLD)]
        assert ward.steps("e2")[0].missing[0].why is Missing.NO_SUCH_SCHEDULE

    asyncio.run(scene())


def test_a_process_killed_within_a_step_has_taken_it_not_at_all_and_the_next_takes_it_once() -> None:
    async def scene() -> None:
        ward = await a_ward()
        ward.alert()
        real = pager(expires_s=60)

        def dies_after(conn: Connection, paging: Paging, now_ms: int) -> None:
            real(conn, paging, now_ms)
            raise Killed

        await ward.start(dies_after)
        with pytest.raises(Killed):
            await ward.look_at(0)
        assert (ward.steps(), ward.told()) == ((), [])
        await ward.start()
        await ward.look_at(7)
        await ward.start()
        await ward.look_at(8)
        assert [(step.step, step.at_ms - step.due_ms) for step in ward.steps()] == [(0, 7000)]
        assert ward.told() == [(0, "to-kim")]

    asyncio.run(scene())


def test_a_process_whose_partitions_another_has_claimed_takes_no_step() -> None:
    async def scene() -> None:
        ward = await a_ward()
        before = ward.handler
        ward.alert()
        await ward.start()
        with pytest.raises(Fenced):
            await before.look()
        assert await ward.look_at(0) == 1

    asyncio.run(scene())


def test_only_alerts_of_claimed_partitions_are_looked_at() -> None:
    async def scene() -> None:
        ward = await a_ward()
        for number in range(12):
            ward.alert(an_alert(episode=f"e{number}", patient=f"p{number}"))
        taken = []
        for partition in range(4):
            await ward.handler.claim(frozenset({partition}))
            taken.append(await ward.look_at(0))
        assert sum(taken) == 12
        assert all(0 < some < 12 for some in taken)

    asyncio.run(scene())


def test_one_look_takes_the_steps_of_many_alerts_in_bounded_transactions() -> None:
    async def scene() -> None:
        ward = await a_ward()
        for number in range(120):
            ward.alert(an_alert(episode=f"e{number}", patient=f"p{number}"))
        assert await ward.look_at(0) == 120
        assert ward.telemetry.value("wardlight_alerts_ladder_climbing_count") == 120

    asyncio.run(scene())


def test_whoever_was_told_hears_that_it_is_in_hand_and_that_it_is_over_once() -> None:
    async def scene() -> None:
        ward = await a_ward()
        raised = an_alert()
        ward.alert(raised)
        await ward.look_at(0)
        await ward.look_at(60)
        taken = acknowledged(raised, at_s=70)
        over = resolved(taken, at_s=80)
        for _ in range(2):
            await ward.hear(taken, over)
        assert ward.news() == [("acknowledged", "to-lee"), ("resolved", "to-kim"), ("resolved", "to-lee")]
        await ward.hear(resolved(an_alert(episode="e9", patient="p9"), at_s=80))
        assert len(ward.news()) == 3

    asyncio.run(scene())


def test_what_the_log_says_is_over_takes_no_step_though_the_database_does_not_say_so_yet() -> None:
    async def scene() -> None:
        ward = await a_ward()
        raised = an_alert()
        ward.alert(raised)
        await ward.look_at(0)
        await ward.hear(acknowledged(raised, at_s=59))
        assert await ward.look_at(60) == 0
        ward.alert(acknowledged(raised, at_s=59))
        assert await ward.look_at(61) == 0
        ward.alert(realarmed(acknowledged(raised, at_s=59), at_s=900))
        assert await ward.look_at(900) == 1

    asyncio.run(scene())


def _doctors(*logins: str) -> Schedule:
    layer = Layer(people=logins, starts=date(2025, 12, 29))
    return Schedule(schedule_id="doctors", time_zone="Europe/Berlin", layers=(layer,))
