"""Children are held against limits and PEWS of their age, and never against NEWS2."""

import msgspec

from alerts.rules import AlertRules
from tests.support.alert_timetable import (
    PATIENT,
    Timetable,
    assessment,
    charted_assessment,
    ms,
    named,
    news2,
    reading,
)
from vitals import pews
from vitals.age import AgeBand
from vitals.alert import Action, AlertKind, Priority, Reason, TransitionKind
from vitals.assessment import Assessment, PewsSummary
from vitals.sign import Sign

BABY, TEENAGER = AgeBand.UNDER_3_MONTHS, AgeBand.UNDER_16_YEARS
RAISED, RESOLVED, ESCALATED = TransitionKind.RAISED, TransitionKind.RESOLVED, TransitionKind.ESCALATED
LATCHED = TransitionKind.LATCHED
ILL = news2(heart_rate=135, respiratory_rate=40, systolic=70, spo2=98)
WELL = {"heart_rate": 130, "respiratory_rate": 40, "spo2": 98, "systolic": 70}
WORSE = {"heart_rate": 185, "respiratory_rate": 85, "spo2": 92, "systolic": 70}
GRAVE = {"heart_rate": 195, "respiratory_rate": 85, "spo2": 89, "systolic": 70}


def score(**signs: float) -> PewsSummary:
    return pews.score(named(**signs), BABY)


def assessed(second: float, summary: PewsSummary) -> Assessment:
    return Assessment(
        reading_id=f"device-1/boot-1/{round(second * 10)}",
        patient_id=PATIENT,
        measured_at_ms=ms(second),
        received_at_ms=ms(second),
        news2=None,
        pews=summary,
        drivers=(),
        warming_up=False,
        model_version="test",
    )


def score_each_second(ward: Timetable, begin: int, end: int, **signs: float) -> None:
    for second in range(begin, end + 1):
        ward.step(assessed(second, score(**signs)))


def measure_each_second(ward: Timetable, begin: int, end: int, band: AgeBand, signs: dict[Sign, float]) -> None:
    for second in range(begin, end + 1):
        ward.step(msgspec.structs.replace(reading(second, signs), age_band=band))


def test_a_heart_rate_that_is_usual_for_a_baby_is_an_alarm_of_a_teenager() -> None:
    baby, teenager = Timetable(), Timetable()
    for ward, band in ((baby, BABY), (teenager, TEENAGER)):
        measure_each_second(ward, 0, 120, band, {Sign.HEART_RATE: 145})
    assert baby.said() == []
    assert teenager.said() == [(60.0, RAISED)]
    assert (teenager.last.kind, teenager.last.priority) == (AlertKind.HEART_RATE_HIGH, Priority.HIGH)
    assert teenager.last.limit == 140


def test_a_heart_rate_that_is_usual_for_an_adult_is_an_alarm_of_a_baby() -> None:
    ward = Timetable()
    measure_each_second(ward, 0, 60, BABY, {Sign.HEART_RATE: 70})
    assert ward.said() == [(15.0, RAISED)]
    assert (ward.last.kind, ward.last.priority, ward.last.limit) == (AlertKind.HEART_RATE_LOW, Priority.HIGH, 80)


def test_spo2_of_a_child_has_the_delays_that_paediatric_wards_tried() -> None:
    ward = Timetable()
    measure_each_second(ward, 0, 60, BABY, {Sign.SPO2: 84})
    assert ward.said() == [(40.0, RAISED)]


def test_pews_calls_sooner_the_higher_it_is() -> None:
    ward = Timetable()
    assert (score(**WELL).low, score(**WORSE).low, score(**GRAVE).low) == (0, 5, 8)
    score_each_second(ward, 0, 30, **WELL)
    score_each_second(ward, 31, 200, **WORSE)
    score_each_second(ward, 201, 300, **GRAVE)
    assert ward.said() == [(151.0, RAISED), (261.0, ESCALATED)]
    assert ward.last.priority is Priority.HIGH
    assert ward.last.text == "PEWS at least 8 (0-3mo): Heart rate 4, Respiratory rate 2, SpO2 2"


def test_a_sudden_high_pews_is_one_page() -> None:
    ward = Timetable()
    score_each_second(ward, 0, 200, **GRAVE)
    assert ward.said() == [(60.0, RAISED)]
    assert (ward.last.kind, ward.last.priority, ward.last.reason) == (
        AlertKind.PEWS_HIGH,
        Priority.HIGH,
        Reason.SCORE_REACHED,
    )


def test_pews_ends_when_it_has_fallen_for_five_minutes_and_a_vanished_sensor_ends_nothing() -> None:
    ward = Timetable()
    score_each_second(ward, 0, 130, **WORSE)
    score_each_second(ward, 131, 600, systolic=70)
    assert ward.said() == [(120.0, RAISED)]
    score_each_second(ward, 601, 1000, **WELL)
    assert ward.said()[-1] == (901.0, RESOLVED)
    assert ward.last.reason is Reason.SCORE_FELL


def test_what_people_chart_of_a_child_calls_at_once() -> None:
    ward = Timetable()
    summary = score(capillary_refill=4, respiratory_effort=3)
    entry = charted_assessment(10, news2(), (Sign.CAPILLARY_REFILL, Sign.RESPIRATORY_EFFORT))
    ward.step(msgspec.structs.replace(entry, news2=None, pews=summary))
    assert ward.said() == [(10.0, RAISED)]
    assert (ward.last.priority, ward.last.value) == (Priority.HIGH, 8)
    well = score(capillary_refill=2, respiratory_effort=0)
    better = charted_assessment(99, news2(), (Sign.CAPILLARY_REFILL, Sign.RESPIRATORY_EFFORT))
    ward.step(msgspec.structs.replace(better, news2=None, pews=well))
    assert not ward.last.active


def test_no_news2_alert_is_ever_raised_of_a_child() -> None:
    ward = Timetable()
    score_each_second(ward, 0, 2000, **GRAVE)
    assert {transition.kind for transition in ward.transitions} == {AlertKind.PEWS_HIGH}


def test_what_was_scored_as_of_an_adult_ends_once_the_patient_is_known_to_be_a_child() -> None:
    ward = Timetable()
    ward.assess(0, 200, ILL)
    assert (ward.last.kind, ward.last.priority) == (AlertKind.NEWS2_EMERGENCY, Priority.HIGH)
    ward.command(200, Action.ACKNOWLEDGE)
    score_each_second(ward, 201, 300, **WELL)
    assert (ward.last.kind, ward.last.transition) == (AlertKind.NEWS2_EMERGENCY, RESOLVED)
    assert (ward.last.reason, ward.said()[-1]) == (Reason.RULES_CHANGED, (201.0, RESOLVED))
    assert ward.last.text == "Scored as a child now, by PEWS"


def test_what_nobody_saw_of_an_adults_score_latches_when_the_patient_turns_out_a_child() -> None:
    ward = Timetable(AlertRules())
    ward.assess(0, 200, ILL)
    emergency = ward.last.episode_id
    score_each_second(ward, 201, 300, **WELL)
    assert (ward.last.transition, ward.last.reason) == (LATCHED, Reason.RULES_CHANGED)
    ward.command(301, Action.ACKNOWLEDGE, episode=emergency)
    assert (ward.last.transition, ward.last.reason) == (RESOLVED, Reason.LATCH_RESET)


def test_a_learned_risk_ends_with_the_news2_of_whom_nobody_learned_it() -> None:
    ward = Timetable()
    for second in range(400):
        scored = assessment(second, news2(spo2=97, heart_rate=70))
        ward.step(msgspec.structs.replace(scored, risk=0.5, risk_threshold=0.2))
    assert ward.said(AlertKind.DETERIORATION_RISK) == [(300.0, RAISED)]
    score_each_second(ward, 400, 401, **WELL)
    assert ward.said(AlertKind.DETERIORATION_RISK)[-1] == (400.0, RESOLVED)


def test_a_childs_score_ends_at_the_sixteenth_birthday_and_news2_goes_on_from_there() -> None:
    ward = Timetable()
    score_each_second(ward, 0, 200, **GRAVE)
    ward.assess(201, 300, ILL)
    assert ward.said(AlertKind.PEWS_HIGH) == [(60.0, RAISED), (201.0, RESOLVED)]
    assert ward.said(AlertKind.NEWS2_EMERGENCY) == [(261.0, RAISED)]
