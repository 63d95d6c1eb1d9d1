"""Wrong clocks as timetables: readings that come only late, and such as are refused for lying in the future."""

from tests.support.alert_timetable import PATIENT, Timetable, ms, named, reading
from vitals.alert import Action, AlertKind, Priority, Reason, TransitionKind
from vitals.reading import DeviceId, RefusedSigns

RAISED, RESOLVED = TransitionKind.RAISED, TransitionKind.RESOLVED
KIND = AlertKind.CLOCK_WRONG


def ahead(second: float, *, by: float = 600, device: str = "device-1", **signs: float) -> RefusedSigns:
    """What ingest refused at `second` since it was measured `by` seconds later."""
    return RefusedSigns(
        reading_id=f"{device}/boot-1/{round(second * 10)}",
        patient_id=PATIENT,
        device_id=DeviceId(device),
        measured_at_ms=ms(second + by),
        received_at_ms=ms(second),
        signs=named(**signs),
        from_future=True,
    )


def test_a_device_whose_clock_is_ten_minutes_slow_is_told_of_once_for_all_its_signs() -> None:
    ward = Timetable()
    for second in range(900):
        ward.step(reading(second - 600, named(spo2=65, heart_rate=30), received=second, sequence=second))
    assert ward.said() == [(120.0, RAISED)]
    assert (ward.last.kind, ward.last.priority, ward.last.reason) == (KIND, Priority.MEDIUM, Reason.CLOCK_OFF)
    assert ward.last.text == "Readings of device-1 come 10 min late for 2 min and cannot alarm: check its clock"
    ward.at(900, spo2=97)
    assert (ward.last.transition, ward.last.reason) == (RESOLVED, Reason.CLOCK_RIGHT)
    assert ward.last.text == "Readings come in time again after 15 min"


def test_a_device_whose_clock_is_far_ahead_is_told_of_though_nothing_of_it_was_ever_accepted() -> None:
    ward = Timetable()
    for second in range(300):
        ward.step(ahead(second, spo2=97))
    assert ward.said() == [(60.0, RAISED)]
    assert ward.last.text == "Readings of device-1 are refused, 10 min ahead of time for 1 min: set its clock"


def test_values_refused_for_their_time_are_not_called_impossible() -> None:
    ward = Timetable()
    ward.hold(0, 60, spo2=97)
    for second in range(61, 300):
        ward.step(ahead(second, spo2=97))
    assert [told.kind for told in ward.transitions] == [KIND]


def test_another_device_that_keeps_time_does_not_hide_it() -> None:
    ward = Timetable()
    for second in range(300):
        ward.step(reading(second, named(heart_rate=70), device="patch", sequence=second))
        ward.step(reading(second - 600, named(spo2=65), received=second, device="finger", sequence=second))
    assert ward.said() == [(120.0, RAISED)]
    assert "finger" in ward.last.text


def test_a_backlog_that_arrives_among_readings_of_now_says_nothing() -> None:
    ward = Timetable()
    for second in range(3000, 4000):
        ward.step(reading(second - 2900, named(heart_rate=70), received=second, sequence=second))
        ward.step(reading(second, named(heart_rate=70), sequence=second + 10_000))
    assert not ward.said(KIND)


def test_late_readings_with_gaps_between_them_fulfil_no_delay() -> None:
    ward = Timetable()
    for start in (0, 600):
        for at in range(start, start + 100):
            ward.step(reading(at - 900, named(heart_rate=70), received=at, sequence=at))
    assert not ward.said(KIND)


def test_a_clock_that_is_set_from_slow_to_fast_begins_the_count_anew() -> None:
    ward = Timetable()
    for second in range(100):
        ward.step(reading(second - 600, named(spo2=97), received=second, sequence=second))
    for second in range(100, 150):
        ward.step(ahead(second, spo2=97))
    assert not ward.transitions


def test_ended_by_a_person_it_stays_quiet_until_the_clock_was_right() -> None:
    ward = Timetable()
    for second in range(130):
        ward.step(ahead(second, spo2=97))
    ward.command(130, Action.RESOLVE)
    for second in range(131, 400):
        ward.step(ahead(second, spo2=97))
    assert ward.last.transition is RESOLVED
    ward.hold(400, 410, spo2=97)
    for second in range(411, 500):
        ward.step(ahead(second, spo2=97))
    assert ward.last.transition is RAISED


def test_a_clock_that_goes_wrong_over_a_high_alert_nobody_has_in_hand_is_as_urgent() -> None:
    ward = Timetable()
    ward.hold(0, 60, spo2=65)
    for second in range(61, 200):
        ward.step(ahead(second, spo2=65))
    (told,) = ward.between(61, 200, KIND)
    assert told.priority is Priority.HIGH
    assert "unacknowledged before: SpO2 65 %" in told.text
