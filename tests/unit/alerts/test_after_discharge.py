"""Who was just discharged and is heard of once more, since ingest did not know yet: nobody is told for good of who has gone."""

import pytest

from alerts.state import GONE_MS
from runtime.virtual_loop import run_virtual
from storage import patients
from tests.support.alert_timetable import PATIENT, Timetable, named
from tests.support.alert_ward import at_work
from vitals.alert import Action, AlertKind, Reason, TransitionKind

RAISED, RESOLVED = TransitionKind.RAISED, TransitionKind.RESOLVED
GONE_S = GONE_MS / 1000


@pytest.mark.parametrize("read_first", ["the order", "the reading"])
def test_a_sensor_taken_off_at_the_discharge_leaves_no_alert_behind(read_first: str) -> None:
    ward = Timetable()
    ward.hold(0, 60, spo2=97)
    if read_first == "the reading":
        ward.at(60.5, spo2=55)
    ward.command(60.2, Action.PATIENT_LEFT, episode=" ")
    if read_first == "the order":
        ward.at(60.5, spo2=55)
    ward.tick(61, 4000)
    assert ward.said() == [(60.5, RAISED), (60.5, RESOLVED)]
    assert ward.last.reason is Reason.PATIENT_LEFT
    assert not ward.engine.state.has_open_episode()


def test_who_goes_on_being_measured_after_a_discharge_alarms_as_anybody() -> None:
    ward = Timetable()
    ward.hold(0, 60, spo2=97)
    ward.command(60.2, Action.PATIENT_LEFT, episode=" ")
    ward.hold(61, 60 + GONE_S, spo2=97)
    ward.at(61 + GONE_S, spo2=55)
    assert (ward.last.transition, ward.last.kind) == (RAISED, AlertKind.SPO2_LOW)
    ward.tick(62 + GONE_S, 400)
    assert ward.said(AlertKind.LOST_CONTACT) == [(182 + GONE_S, RAISED)]
    assert ward.engine.state.has_open_episode()


def test_a_reading_that_ingest_let_pass_after_the_discharge_makes_nobody_miss_the_patient() -> None:
    async def scene() -> None:
        ward = await at_work()
        await ward.measure(60, spo2=97)
        with ward.database.transaction() as conn:
            patients.discharge(conn, PATIENT, ward.clock.now_ms())
        await ward.clock.sleep(0.3)
        await ward.publish(ward.reading(named(spo2=55)))
        await ward.until(lambda: bool(ward.all_episodes()) and not ward.open_episodes())
        await ward.clock.sleep(300)
        assert [(found.kind, found.last_reason) for found in ward.all_episodes()] == [
            (AlertKind.SPO2_LOW, Reason.PATIENT_LEFT)
        ]
        await ward.stop()

    run_virtual(scene())
