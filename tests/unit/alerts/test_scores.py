"""NEWS2 thresholds and unusual patterns as timetables."""

import msgspec

from tests.support.alert_timetable import Timetable, assessment, ms, news2
from vitals.alert import AlertKind, Priority, Reason, TransitionKind
from vitals.assessment import Driver
from vitals.sign import Sign

RAISED, RESOLVED = TransitionKind.RAISED, TransitionKind.RESOLVED
CALM = news2(respiratory_rate=16, spo2=97, heart_rate=70, temperature=37, systolic=120)
URGENT = news2(respiratory_rate=22, spo2=93, heart_rate=95)
EMERGENCY = news2(respiratory_rate=26, spo2=91, heart_rate=115)
RED = news2(respiratory_rate=26, spo2=97, heart_rate=70)


def test_what_is_certain_already_raises_urgent() -> None:
    assert (URGENT.low, URGENT.total) == (5, None)
    ward = Timetable()
    ward.assess(0, 300, URGENT)
    assert ward.said() == [(120.0, RAISED)]
    assert (ward.last.kind, ward.last.priority) == (AlertKind.NEWS2_URGENT, Priority.MEDIUM)
    assert ward.last.text == "NEWS2 at least 5: Respiratory rate 2, SpO2 2, Heart rate 1"


def test_what_is_merely_possible_raises_nothing() -> None:
    ward = Timetable()
    ward.assess(0, 3600, news2(spo2=94), every=10)
    assert not ward.transitions


def test_emergency_takes_over_from_urgent_without_a_moment_between() -> None:
    ward = Timetable()
    ward.assess(0, 200, URGENT)
    ward.assess(201, 400, EMERGENCY)
    assert [(transition.kind, transition.transition, transition.reason) for transition in ward.transitions] == [
        (AlertKind.NEWS2_URGENT, RAISED, Reason.SCORE_REACHED),
        (AlertKind.NEWS2_EMERGENCY, RAISED, Reason.SCORE_REACHED),
        (AlertKind.NEWS2_URGENT, RESOLVED, Reason.SUPERSEDED),
    ]
    assert ward.transitions[1].priority is Priority.HIGH
    assert ward.transitions[1].at_ms == ward.transitions[2].at_ms == ms(261)


def test_a_sudden_emergency_is_one_page_not_two() -> None:
    ward = Timetable()
    ward.assess(0, 600, EMERGENCY)
    assert [transition.kind for transition in ward.transitions] == [AlertKind.NEWS2_EMERGENCY]


def test_an_easing_emergency_is_no_second_page() -> None:
    ward = Timetable()
    ward.assess(0, 100, EMERGENCY)
    ward.assess(101, 1000, URGENT)
    assert [transition.transition for transition in ward.transitions] == [RAISED]
    ward.assess(1001, 1400, CALM)
    assert ward.said()[-1] == (1301.0, RESOLVED)
    assert ward.last.reason is Reason.SCORE_FELL


def test_one_red_input_alone_is_told_with_low_priority() -> None:
    ward = Timetable()
    ward.assess(0, 400, RED)
    assert ward.said() == [(300.0, RAISED)]
    assert (ward.last.kind, ward.last.priority) == (AlertKind.NEWS2_SINGLE_RED, Priority.LOW)


def test_a_score_that_falls_only_because_an_input_vanished_resolves_nothing() -> None:
    ward = Timetable()
    ward.assess(0, 200, EMERGENCY)
    ward.assess(201, 2000, news2(heart_rate=115), every=5)
    assert [transition.transition for transition in ward.transitions] == [RAISED]
    ward.assess(2001, 2400, CALM)
    assert ward.last.transition is RESOLVED


def test_a_score_that_falls_for_a_moment_resolves_nothing() -> None:
    ward = Timetable()
    for start in range(0, 3000, 300):
        ward.assess(start, start + 199, URGENT)
        ward.assess(start + 200, start + 299, CALM)
    assert [transition.transition for transition in ward.transitions] == [RAISED]


def test_late_assessments_page_nobody() -> None:
    ward = Timetable()
    for second in range(600):
        ward.step(assessment(second, EMERGENCY, late=True))
    assert not ward.transitions


def test_an_hourly_score_is_told_at_once() -> None:
    ward = Timetable()
    for hour, summary in enumerate((CALM, CALM, EMERGENCY, CALM)):
        ward.step(assessment(hour * 3600, summary))
    assert ward.said() == [(7200.0, RAISED), (10_800.0, RESOLVED)]


def test_a_pattern_must_stay_unusual_to_be_told_and_usual_to_end() -> None:
    ward = Timetable()
    drivers = (Driver(Sign.HEART_RATE, 118, usual=72), Driver(Sign.SPO2, 93))
    for second in range(200):
        ward.step(assessment(second, CALM, flagged=True, anomaly=0.8, drivers=drivers))
    assert ward.said() == [(120.0, RAISED)]
    assert (ward.last.kind, ward.last.priority) == (AlertKind.UNUSUAL_PATTERN, Priority.LOW)
    assert ward.last.text == "Unusual pattern for 2 min: Heart rate 118 /min, 46 above usual; SpO2 93 %"
    ward.assess(200, 600, CALM)
    assert ward.said()[-1] == (500.0, RESOLVED)


def test_steps_between_the_vital_signs_do_not_keep_an_unusual_pattern_from_being_told() -> None:
    ward = Timetable()
    for minute in range(40):
        vital = assessment(minute * 60, CALM, flagged=True, anomaly=0.8)
        ward.step(vital if minute % 5 == 0 else msgspec.structs.replace(vital, flagged=False, anomaly=None))
    assert [transition for _, transition in ward.said()] == [RAISED]


def test_scattered_flags_are_not_told() -> None:
    ward = Timetable()
    for second in range(2000):
        ward.step(assessment(second, CALM, flagged=second % 60 < 50))
    assert not ward.transitions


def test_a_warming_model_neither_raises_nor_resolves() -> None:
    ward = Timetable()
    ward.assess(0, 130, CALM, flagged=True)
    for second in range(131, 1000):
        ward.step(assessment(second, CALM, anomaly=None))
    assert ward.said() == [(120.0, RAISED)]
