"""Signs that no limit can judge, as timetables: refused as impossible, late, absent; and signs that come in bursts."""

from tests.support.alert_timetable import PATIENT, Timetable, ms, named, reading
from vitals.alert import Action, AlertKind, Priority, Reason, TransitionKind
from vitals.reading import DeviceId, RefusedSigns

RAISED, RESOLVED = TransitionKind.RAISED, TransitionKind.RESOLVED


def refused(second: float, *, received: float | None = None, **signs: float) -> RefusedSigns:
    """Signs refused by ingest at `second`."""
    return RefusedSigns(
        reading_id=f"device-1/boot-1/{round(second * 10)}",
        patient_id=PATIENT,
        device_id=DeviceId("device-1"),
        measured_at_ms=ms(second),
        received_at_ms=ms(second if received is None else received),
        signs=named(**signs),
    )


def test_breathing_refused_as_impossible_is_told_though_other_signs_go_on() -> None:
    ward = Timetable()
    ward.hold(0, 60, respiratory_rate=14, temperature=37)
    for second in range(61, 130):
        ward.at(second, temperature=37)
        ward.step(refused(second, respiratory_rate=0))
    assert ward.said() == [(91.0, RAISED)]
    assert (ward.last.kind, ward.last.priority) == (AlertKind.RESPIRATORY_RATE_LOST, Priority.MEDIUM)
    assert ward.last.text == "Respiratory rate 0 /min refused as impossible for 30 s: see the patient, then the sensor"
    ward.at(130, respiratory_rate=14)
    assert (ward.last.transition, ward.last.reason) == (RESOLVED, Reason.CONTACT_REGAINED)
    assert ward.last.text == "Respiratory rate again after 1 min 9 s"


def test_a_patient_of_whom_everything_is_refused_is_told_before_contact_is_lost() -> None:
    ward = Timetable()
    ward.hold(0, 180, spo2=91)
    for second in range(181, 500):
        ward.step(refused(second, spo2=49))
        ward.tick(second)
    assert ward.said() == [(211.0, RAISED), (301.0, RAISED)]
    assert [told.kind for told in ward.transitions] == [AlertKind.SPO2_LOST, AlertKind.LOST_CONTACT]


def test_a_device_that_only_ever_sent_refused_values_is_told_too() -> None:
    ward = Timetable()
    for second in range(60):
        ward.step(refused(second, heart_rate=0))
    assert ward.said() == [(30.0, RAISED)]


def test_single_artefacts_between_good_values_say_nothing() -> None:
    ward = Timetable()
    for second in range(0, 600, 2):
        ward.at(second, heart_rate=80)
        ward.step(refused(second + 1, heart_rate=9999))
    assert not ward.transitions


def test_a_refused_value_that_comes_again_counts_once() -> None:
    ward = Timetable()
    ward.hold(0, 60, heart_rate=80)
    for second in range(61, 120):
        ward.step(refused(60.5, received=second, heart_rate=9999))
    assert not ward.transitions


def test_a_backlog_of_minutes_that_arrives_at_once_tells_nothing_of_clocks() -> None:
    ward = Timetable()
    ward.hold(0, 60, spo2=97)
    for second in range(61, 2000):
        ward.step(reading(second, named(spo2=97), received=2000 + (second - 61) * 0.01))
    ward.hold(2021, 2100, spo2=97)
    assert not ward.said(AlertKind.SPO2_LOST)


def test_a_sign_that_falls_silent_beside_another_device_is_told_and_ends_with_its_return() -> None:
    ward = Timetable()
    for second in range(500):
        ward.step(reading(second, named(heart_rate=80), device="patch"))
        if second <= 60 or second >= 400:
            ward.at(second + 0.5, spo2=97)
    assert ward.said() == [(361.0, RAISED), (400.5, RESOLVED)]
    assert ward.transitions[0].priority is Priority.LOW
    assert ward.transitions[0].text == "No SpO2 for 5 min, while other signs are heard"


def test_each_lost_sign_is_an_alert_of_its_own() -> None:
    ward = Timetable()
    ward.hold(0, 60, heart_rate=80, spo2=97, respiratory_rate=14)
    ward.hold(61, 400, heart_rate=80, respiratory_rate=14)
    ward.command(400, Action.ACKNOWLEDGE)
    ward.hold(401, 800, heart_rate=80)
    raised = [told.kind for told in ward.transitions if told.transition is RAISED]
    assert raised == [AlertKind.SPO2_LOST, AlertKind.RESPIRATORY_RATE_LOST]


def test_a_person_may_end_it_and_it_stays_ended_until_the_sign_is_heard_again() -> None:
    ward = Timetable()
    ward.hold(0, 60, heart_rate=80, spo2=97)
    ward.hold(61, 400, heart_rate=80)
    ward.command(400, Action.RESOLVE)
    ward.hold(401, 1000, heart_rate=80)
    assert [said for _, said in ward.said()] == [RAISED, RESOLVED]
    ward.hold(1001, 1010, heart_rate=80, spo2=97)
    ward.hold(1011, 1400, heart_rate=80)
    assert [said for _, said in ward.said()] == [RAISED, RESOLVED, RAISED]


def test_spot_checks_beside_a_continuous_sign_are_not_missed() -> None:
    ward = Timetable()
    for second in range(0, 7200, 10):
        ward.at(second, heart_rate=80)
        if second % 1800 == 0 and second < 3600:
            ward.at(second + 1, spo2=97, temperature=37, systolic=120)
    assert not ward.transitions


def test_what_was_not_heard_while_nothing_arrived_is_given_its_time_again() -> None:
    ward = Timetable()
    ward.hold(0, 60, heart_rate=80, spo2=97)
    ward.hold(61, 300, heart_rate=80)
    ward.hold(400, 640, heart_rate=80)
    ward.hold(641, 650, heart_rate=80, spo2=97)
    assert not ward.transitions


def test_a_low_sign_that_comes_in_bursts_alarms_though_no_burst_is_as_long_as_the_delay() -> None:
    ward = Timetable()
    for burst in range(10):
        ward.hold(burst * 120, burst * 120 + 10, spo2=72 if burst >= 5 else 97)
    assert ward.said(AlertKind.SPO2_LOW) == [(720.0, RAISED)]


def test_rare_dropouts_of_a_continuous_sign_are_gaps_and_no_bursts() -> None:
    ward = Timetable()
    for stretch in range(6):
        ward.hold(stretch * 200, stretch * 200 + 139, spo2=97)
        ward.hold(stretch * 200 + 140, stretch * 200 + 150, spo2=84)
    ward.hold(1200, 1238, spo2=84)
    assert not ward.said(AlertKind.SPO2_LOW)
