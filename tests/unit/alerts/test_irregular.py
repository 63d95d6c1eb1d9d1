"""Irregular data as timetables: values that jump to and fro, a signal that its device calls poor, and the end of both."""

import pytest

from tests.support.alert_timetable import Timetable, named, reading
from vitals.alert import Action, AlertKind, Priority, Reason, TransitionKind
from vitals.sign import Sign

RAISED, ESCALATED, RESOLVED = TransitionKind.RAISED, TransitionKind.ESCALATED, TransitionKind.RESOLVED
KIND = AlertKind.IRREGULAR_DATA


def chatter(ward: Timetable, start: int, end: int) -> None:
    """SpO2 of 97 and 85 in turn, five seconds each."""
    for second in range(start, end):
        ward.at(second, spo2=97 if second // 5 % 2 == 0 else 85)


def test_values_that_jump_to_and_fro_three_times_in_a_minute_are_told_low() -> None:
    ward = Timetable()
    chatter(ward, 0, 30)
    assert ward.said(KIND) == [(20.0, RAISED)]
    (told,) = ward.transitions
    assert (told.priority, told.reason, told.sign) == (Priority.LOW, Reason.SIGNAL_IRREGULAR, Sign.SPO2)
    assert told.text == "SpO2 jumps to and fro for 10 s: check the sensor"
    assert ward.engine.state.irregular.signs == [Sign.SPO2]


def test_a_sensor_that_chatters_for_ten_minutes_is_told_with_medium_priority_once() -> None:
    ward = Timetable()
    chatter(ward, 0, 1800)
    assert ward.said(KIND) == [(20.0, RAISED), (610.0, ESCALATED)]
    assert ward.between(600, 620, KIND)[0].priority is Priority.MEDIUM


def test_regular_values_for_two_minutes_end_it() -> None:
    ward = Timetable()
    chatter(ward, 0, 60)
    ward.hold(60, 400, spo2=97)
    # Of three turns the one at 50 s leaves the minute at 110 s; from then on all must be regular for two.
    assert ward.said(KIND) == [(20.0, RAISED), (230.0, RESOLVED)]
    assert (ward.last.reason, ward.last.text) == (Reason.SIGNAL_REGULAR, "Nothing irregular for 2 min")
    assert ward.engine.state.irregular.signs == []


def test_a_gap_is_no_regular_time() -> None:
    ward = Timetable()
    chatter(ward, 0, 60)
    ward.hold(60, 90, spo2=97)
    ward.hold(1000, 1060, spo2=97)
    assert ward.said(KIND) == [(20.0, RAISED)]


@pytest.mark.parametrize("low", [84, 90])
def test_a_patient_whose_saturation_dips_each_minute_does_not_chatter(low: float) -> None:
    ward = Timetable()
    for start in range(0, 1200, 60):
        ward.hold(start, start + 29, spo2=low)
        ward.hold(start + 30, start + 59, spo2=97)
    assert not ward.said(KIND)


def test_fibrillation_at_a_steady_place_does_not_chatter() -> None:
    ward = Timetable()
    for second in range(600):
        ward.at(second, heart_rate=110 + 15 * (second % 2))
    assert not ward.said(KIND)


def test_values_far_apart_in_time_may_differ_by_anything() -> None:
    ward = Timetable()
    for minute in range(60):
        ward.at(60 * minute, heart_rate=70 if minute % 2 else 140)
    assert not ward.said(KIND)


def test_two_devices_that_contradict_each_other_on_one_sign_are_told() -> None:
    ward = Timetable()
    for second in range(60):
        ward.step(reading(second, named(spo2=97), device="finger", sequence=second))
        ward.step(reading(second + 0.5, named(spo2=82), device="ear", sequence=second))
    assert ward.between(0, 10, KIND)


def test_a_signal_that_its_device_calls_poor_for_five_minutes_is_told_low() -> None:
    ward = Timetable()
    ward.hold(0, 60, spo2=96, signal_quality=90)
    ward.hold(61, 700, spo2=96, signal_quality=25)
    assert ward.said(KIND) == [(361.0, RAISED)]
    assert (ward.last.priority, ward.last.sign) == (Priority.LOW, Sign.SIGNAL_QUALITY)
    assert ward.last.text == "Signal of device-1 poor (25 %) for 5 min: check how it is worn"
    ward.hold(701, 900, spo2=96, signal_quality=85)
    assert ward.said(KIND)[-1] == (821.0, RESOLVED)


def test_spells_of_motion_between_minutes_of_good_signal_say_nothing() -> None:
    ward = Timetable()
    for start in range(0, 3600, 180):
        ward.hold(start, start + 59, spo2=96, signal_quality=20)
        ward.hold(start + 60, start + 179, spo2=96, signal_quality=90)
    assert not ward.said(KIND)


def test_ended_by_a_person_it_stays_quiet_until_data_were_regular() -> None:
    ward = Timetable()
    chatter(ward, 0, 60)
    ward.command(60, Action.RESOLVE, episode=ward.between(0, 60, KIND)[-1].episode_id)
    assert ward.last.transition is RESOLVED
    chatter(ward, 60, 300)
    assert len(ward.said(KIND)) == 2
    ward.hold(300, 600, spo2=97)
    chatter(ward, 600, 660)
    assert ward.said(KIND)[-1][1] is RAISED


def test_a_crisis_is_told_through_chatter() -> None:
    ward = Timetable()
    for second in range(120):
        ward.at(second, spo2=58 if second % 5 else 97)
    assert ward.between(0, 10, AlertKind.SPO2_LOW)[0].priority is Priority.HIGH
    assert ward.between(0, 60, KIND)


def mostly_low(ward: Timetable, start: int, end: int) -> None:
    """SpO2 of 85, and of 97 for two seconds in eleven."""
    for second in range(start, end):
        ward.at(second, spo2=97 if second % 11 < 2 else 85)


def test_a_fault_of_low_priority_keeps_no_alert_of_medium_priority_quiet() -> None:
    ward = Timetable()
    mostly_low(ward, 0, 120)
    (low,) = ward.between(0, 120, AlertKind.SPO2_LOW)
    assert ward.between(0, 60, KIND)
    assert (low.priority, low.suppression) == (Priority.MEDIUM, None)


def test_once_of_medium_priority_it_keeps_alerts_of_its_signs_quiet_and_never_what_is_high() -> None:
    ward = Timetable()
    for second in range(700):
        ward.at(second, spo2=97 if second // 5 % 2 == 0 else 89)
    mostly_low(ward, 700, 800)
    (low,) = ward.between(700, 800, AlertKind.SPO2_LOW)
    assert low.suppression is not None
    assert (low.suppression.reason, low.suppression.kind) == (Reason.INHIBITED, KIND)
    ward.hold(800, 830, spo2=72)
    high = ward.between(800, 830, AlertKind.SPO2_LOW)[-1]
    assert (high.transition, high.priority, high.suppression) == (ESCALATED, Priority.HIGH, None)
