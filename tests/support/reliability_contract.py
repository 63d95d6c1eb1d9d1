"""What the figures of the page *Reliability* promise, whichever database: subclass and give the fixture `database`."""

from collections.abc import Iterable

import msgspec
import pytest
from sqlalchemy import insert

from storage import devices, episodes, labels, patients, readings, reliability
from storage.devices import Device
from storage.ledger_tables import HOUR_COUNTS, ledger_hours
from storage.patients import Patient
from storage.reliability import DAY_MS, HOUR_MS, Observed, Raised, Said, ShiftDay
from storage.session import Connection, Database
from tests.support.builders import EPOCH_MS, reading
from tests.support.labels import label
from tests.support.storage_history_contract import step
from vitals.alert import AlertKind, Reason, Suppression, Transition, TransitionKind
from vitals.codec import encode
from vitals.errors import InvalidArgument
from vitals.label import Feedback
from vitals.reading import Charted, DeviceId, Origin, PatientId, WardId
from vitals.sex import Sex

FROM_MS, TO_MS = EPOCH_MS, EPOCH_MS + 7 * DAY_MS
QUIET = Suppression(reason=Reason.SILENCED, since_ms=1, by="Kim", silence_id="s1", until_ms=9)


def admit(conn: Connection, name: str, *, ward: str = "west", sex: Sex | None = None, born: str | None = None) -> None:
    """A patient present since long before the window, who wears `watch-{name}`."""
    since_ms = FROM_MS - 9 * DAY_MS
    stay = Patient(PatientId(name), WardId(ward), None, name, 1, since_ms, birth_date=born, sex=sex)
    patients.add(conn, stay)
    devices.add(conn, Device(DeviceId(f"watch-{name}"), WardId(ward), since_ms))
    devices.assign(conn, DeviceId(f"watch-{name}"), PatientId(name), since_ms)


def deliver(conn: Connection, device: str, hours: Iterable[int], *, stored: int = 60) -> None:
    """What the ledger counted of a device in these hours of the window."""
    rows = [
        dict.fromkeys(HOUR_COUNTS, 0) | {"hour_ms": FROM_MS + hour * HOUR_MS, "device_id": device, "stored": stored}
        for hour in hours
    ]
    conn.execute(insert(ledger_hours), rows)


def alert(
    name: str,
    *,
    patient: str = "a",
    kind: AlertKind = AlertKind.SPO2_LOW,
    hour: float = 1,
    quiet: bool = False,
    ward: str = "west",
    origin: Origin = Origin.REAL,
) -> Transition:
    """An alert as it was raised so many hours into the window."""
    raised_ms = FROM_MS + round(hour * HOUR_MS)
    begun = step(episode=name, patient=patient, about=kind)
    return msgspec.structs.replace(
        begun,
        ward_id=WardId(ward),
        raised_at_ms=raised_ms,
        at_ms=raised_ms,
        origin=origin,
        suppression=QUIET if quiet else None,
    )


def then(begun: Transition, kind: TransitionKind, *, quiet: bool = False) -> Transition:
    """A later step of it."""
    return msgspec.structs.replace(
        begun,
        transition_id=f"{begun.episode_id}-{kind}",
        transition=kind,
        at_ms=begun.at_ms + 60_000,
        active=kind not in (TransitionKind.RESOLVED, TransitionKind.RETRACTED, TransitionKind.FOUND),
        suppression=QUIET if quiet else None,
    )


class ReliabilityContract:
    """Hours, alerts and words are counted once each, in the window and on the wards asked for."""

    def test_hours_are_those_in_which_any_device_of_the_patient_delivered_there(self, database: Database) -> None:
        with database.transaction() as conn:
            admit(conn, "a", sex=Sex.FEMALE, born="1950-03-02")
            admit(conn, "b", ward="east")
            devices.add(conn, Device(DeviceId("patch"), WardId("west"), 0))
            devices.assign(conn, DeviceId("patch"), PatientId("a"), FROM_MS - DAY_MS)
            deliver(conn, "watch-a", (-1, 0, 1, 2, 7 * 24))
            deliver(conn, "patch", (2, 3))
            deliver(conn, "patch", (4,), stored=0)
            deliver(conn, "watch-b", (5,))
            deliver(conn, "nobodys", (5,))
        with database.snapshot() as conn:
            found = reliability.observed(conn, from_ms=FROM_MS, to_ms=TO_MS)
            assert found == (Observed("a", "west", "1950-03-02", "female", 4), Observed("b", "east", None, None, 1))
            assert reliability.observed(conn, from_ms=FROM_MS, to_ms=TO_MS, wards={"east"}) == found[1:]
            assert reliability.observed(conn, from_ms=FROM_MS, to_ms=TO_MS, wards=()) == ()

    def test_an_hour_counts_where_the_patient_lay_at_its_end_and_for_whom_the_device_measured(
        self, database: Database
    ) -> None:
        with database.transaction() as conn:
            admit(conn, "a")
            admit(conn, "b", ward="east")
            patients.transfer(conn, PatientId("a"), WardId("east"), None, FROM_MS + 5 * HOUR_MS // 2)
            devices.release(conn, DeviceId("watch-a"), FROM_MS + 4 * HOUR_MS)
            devices.assign(conn, DeviceId("watch-a"), PatientId("b"), FROM_MS + 4 * HOUR_MS)
            deliver(conn, "watch-a", range(6))
        with database.snapshot() as conn:
            assert [
                (each.patient_id, each.ward_id, each.hours)
                for each in reliability.observed(conn, from_ms=FROM_MS, to_ms=TO_MS)
            ] == [("a", "east", 2), ("a", "west", 2), ("b", "east", 2)]

    def test_of_an_hour_counts_what_lies_after_admission_on_the_device_and_within_the_window(
        self, database: Database
    ) -> None:
        now_ms = FROM_MS + 10 * HOUR_MS + 49 * 60_000
        with database.transaction() as conn:
            for name, since_ms in (("a", FROM_MS), ("b", now_ms - 9 * 60_000), ("c", now_ms + 60_000)):
                stay = Patient(PatientId(name), WardId("west"), None, name, 1, since_ms)
                patients.add(conn, stay)
                devices.add(conn, Device(DeviceId(f"watch-{name}"), WardId("west"), 0))
                devices.assign(conn, DeviceId(f"watch-{name}"), PatientId(name), 0)
                deliver(conn, f"watch-{name}", (10,))
            devices.release(conn, DeviceId("watch-a"), now_ms - 19 * 60_000)
            devices.add(conn, Device(DeviceId("patch"), WardId("west"), 0))
            devices.assign(conn, DeviceId("patch"), PatientId("a"), now_ms - 25 * 60_000)
            deliver(conn, "patch", (8, 10))
        with database.snapshot() as conn:
            found = reliability.observed(conn, from_ms=FROM_MS, to_ms=now_ms)
            assert [(each.patient_id, round(60 * each.hours, 6)) for each in found] == [("a", 49.0), ("b", 9.0)]
            early = reliability.observed(conn, from_ms=FROM_MS + 10 * HOUR_MS + 40 * 60_000, to_ms=now_ms)
            assert [round(60 * each.hours, 6) for each in early] == [9.0, 9.0]

    def test_alerts_of_what_people_charted_are_as_simulated_as_the_devices_of_the_patient(
        self, database: Database
    ) -> None:
        with database.transaction() as conn:
            for name, origins in (("a", (Origin.DEMO, Origin.DEMO)), ("b", (Origin.DEMO, Origin.REAL)), ("c", ())):
                measured = [
                    reading(patient=name, device=f"watch-{name}", at_s=second, origin=origin)
                    for second, origin in enumerate(origins)
                ]
                by_hand = reading(patient=name, device="charting", boot=name, at_s=9)
                by_hand = msgspec.structs.replace(by_hand, charted=Charted("ada", "Ada Nurse", 3600))
                readings.store(conn, [*measured, by_hand])
                hushed = alert(f"hushed-{name}", patient=name)
                episodes.store(conn, [hushed, then(hushed, TransitionKind.RESOLVED, quiet=True)])
                episodes.store(conn, [alert(f"told-{name}", patient=name, hour=2)])
        with database.snapshot() as conn:
            raised = reliability.raised(conn, from_ms=FROM_MS, to_ms=TO_MS).raised
        assert [(each.patient_id, each.told, each.simulated) for each in raised] == [
            ("a", 2, 2), ("b", 2, 0), ("c", 2, 0),
        ]  # fmt: skip

    def test_an_alert_is_told_where_any_of_its_steps_was_told(self, database: Database) -> None:
        resolved, suppressed = TransitionKind.RESOLVED, TransitionKind.SUPPRESSED
        plain, silenced = alert("plain", origin=Origin.DEMO), alert("silenced", quiet=True, hour=2)
        hushed, woken = alert("hushed", hour=3), alert("woken", quiet=True, hour=4)
        wrong, before, after = alert("wrong", hour=5), alert("before", hour=-1), alert("after", hour=7 * 24)
        found = msgspec.structs.replace(then(alert("found"), TransitionKind.FOUND), retrospective=True)
        lives = [
            [plain, then(plain, resolved)],
            [silenced, then(silenced, resolved, quiet=True)],
            [hushed, then(hushed, suppressed, quiet=True), then(hushed, resolved, quiet=True)],
            [woken, then(woken, TransitionKind.UNSUPPRESSED), then(woken, resolved)],
            [wrong, then(wrong, TransitionKind.RETRACTED)],
            [found],
            [before, then(before, resolved)],
            [after, then(after, resolved)],
            [alert("other", patient="b", kind=AlertKind.LOST_CONTACT, ward="east")],
        ]
        with database.transaction() as conn:
            for life in lives:
                episodes.store(conn, life)
        with database.snapshot() as conn:
            alerts = reliability.raised(conn, from_ms=FROM_MS, to_ms=TO_MS)
            assert alerts.raised == (
                Raised("a", "west", AlertKind.SPO2_LOW, told=3, quiet=1, simulated=1),
                Raised("b", "east", AlertKind.LOST_CONTACT, told=1, quiet=0, simulated=0),
            )
            assert alerts.whole
            assert reliability.raised(conn, from_ms=FROM_MS, to_ms=TO_MS, wards=["east"]).raised == alerts.raised[1:]
            short = reliability.raised(conn, from_ms=FROM_MS, to_ms=TO_MS, steps_max=2)
            assert not short.whole

    def test_the_last_word_of_each_person_on_each_alert_counts(self, database: Database) -> None:
        words = [
            label("l1", episode="e1", by="Kim", feedback=Feedback.FALSE, at_s=10),
            label("l2", episode="e1", by="Kim", feedback=Feedback.USEFUL, at_s=20),
            label("l3", episode="e1", by="Ada", feedback=Feedback.TECHNICAL, at_s=15),
            label("l4", episode="e2", by="Kim", feedback=Feedback.USEFUL, at_s=30),
            label("l5", episode="e3", feedback=Feedback.USEFUL, at_s=7 * 86_400),
        ]
        with database.transaction() as conn:
            labels.store(conn, [encode(word) for word in words])
        with database.snapshot() as conn:
            assert reliability.said(conn, from_ms=FROM_MS, to_ms=TO_MS) == (
                Said(words[0].kind, Feedback.TECHNICAL, 1),
                Said(words[0].kind, Feedback.USEFUL, 2),
            )
            assert reliability.said(conn, from_ms=FROM_MS, to_ms=TO_MS, wards={"nowhere"}) == ()

    def test_signs_that_left_their_usual_are_counted_by_day(self, database: Database) -> None:
        shift = AlertKind.BASELINE_SHIFT
        begun = [
            alert("s1", kind=shift, hour=0),
            alert("s2", kind=shift, hour=23),
            alert("s3", kind=shift, hour=49, patient="b"),
            alert("s4", hour=50),
        ]
        with database.transaction() as conn:
            for each in begun:
                episodes.store(conn, [each, then(each, TransitionKind.RESOLVED)])
        with database.snapshot() as conn:
            found = reliability.shifts(conn, to_ms=FROM_MS + 3 * DAY_MS, days=3)
        assert found == (ShiftDay(0, 2, 1), ShiftDay(1, 0, 0), ShiftDay(2, 1, 1))

    def test_a_window_is_bounded_and_ends_after_it_begins(self, database: Database) -> None:
        with database.snapshot() as conn:
            for to_ms in (FROM_MS, FROM_MS + 32 * DAY_MS):
                with pytest.raises(InvalidArgument, match="at most 31 days"):
                    reliability.observed(conn, from_ms=FROM_MS, to_ms=to_ms)
