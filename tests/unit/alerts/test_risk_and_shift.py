"""Learned risk and baseline shift as timetables: assessments in, transitions out."""

import msgspec

from tests.support.alert_timetable import Timetable, assessment, news2
from vitals.alert import AlertKind, Priority, Reason, TransitionKind
from vitals.assessment import Assessment, Driver, RiskParts
from vitals.sign import Sign

RAISED, RESOLVED = TransitionKind.RAISED, TransitionKind.RESOLVED
RISK, SHIFT = AlertKind.DETERIORATION_RISK, AlertKind.BASELINE_SHIFT
WELL = news2(spo2=97, heart_rate=70)


def risky(second: float, risk: float | None) -> Assessment:
    """An assessment with a risk against a threshold of 20 %."""
    threshold = None if risk is None else 0.2
    return msgspec.structs.replace(
        assessment(second, WELL), risk=risk, risk_threshold=threshold, risk_horizon_s=21_600.0
    )


def at_risk(risk: float) -> Timetable:
    """Whose risk stood there for the first 400 s, which is told after 300."""
    ward = Timetable()
    for second in range(0, 400, 10):
        ward.step(risky(second, risk))
    return ward


def away(second: float, sign: Sign, value: float, usual: float, deviation: float) -> Assessment:
    """An assessment that says where one sign is."""
    return msgspec.structs.replace(assessment(second, WELL), departed=(Driver(sign, value, usual, deviation),))


def at_home(second: float, *signs: Sign) -> Assessment:
    """An assessment that says these signs are as usual."""
    return msgspec.structs.replace(assessment(second, WELL), as_usual=signs)


def test_a_risk_at_its_threshold_for_five_minutes_is_told_with_medium_priority() -> None:
    ward = Timetable()
    for second in range(0, 600, 10):
        ward.step(risky(second, 0.34))
    assert ward.said() == [(300.0, RAISED)]
    assert (ward.last.kind, ward.last.priority, ward.last.reason) == (RISK, Priority.MEDIUM, Reason.RISK_REACHED)
    assert (ward.last.value, ward.last.limit) == (0.34, 0.2)
    assert ward.last.text == "Risk of deterioration 34 % within 6 h, threshold 20 %"


def test_what_raised_a_risk_most_is_told_with_it_and_what_lowered_it_is_not() -> None:
    ward = Timetable()
    parts = RiskParts(-0.7, -4.0, {"respiratory_rate_bpm": 2.0, "age_years": -0.5, "heart_rate_bpm": 1.2}, 0.6)
    for second in range(0, 600, 10):
        ward.step(msgspec.structs.replace(risky(second, 0.34), risk_parts=parts))
    assert ward.last.text.endswith("threshold 20 %: most by Respiratory rate, Heart rate")


def test_it_ends_well_below_its_threshold_only() -> None:
    ward = at_risk(0.25)
    for second in range(400, 4000, 10):
        ward.step(risky(second, 0.17))
    assert ward.said(RISK) == [(300.0, RAISED)]
    for second in range(4000, 5000, 10):
        ward.step(risky(second, 0.1))
    assert not ward.last.active
    assert (ward.last.at_ms - ward.transitions[0].at_ms) / 1000 == 4600.0
    assert ward.last.reason is Reason.RISK_FELL


def test_a_single_risky_reading_between_others_says_nothing() -> None:
    ward = Timetable()
    for second in range(0, 6000, 10):
        ward.step(risky(second, 0.9 if second % 60 == 0 else 0.1))
    assert not ward.transitions


def test_a_model_that_falls_silent_neither_raises_nor_ends() -> None:
    ward = at_risk(0.5)
    for second in range(400, 4000, 10):
        ward.step(risky(second, None))
    assert ward.said(RISK) == [(300.0, RAISED)]


def test_a_risk_that_no_model_tells_for_two_hours_ends() -> None:
    ward = at_risk(0.5)
    for second in range(400, 8000, 10):
        ward.step(risky(second, None))
    assert ward.said(RISK) == [(300.0, RAISED), (7600.0, RESOLVED)]
    assert (ward.last.reason, ward.last.text) == (Reason.RULES_CHANGED, "No risk told for 2 h")


def test_one_reading_without_a_risk_ends_none_however_late_it_comes() -> None:
    ward = at_risk(0.5)
    for second in (400, 20_000, 40_000):
        ward.step(risky(second, None))
    for second in range(40_010, 47_000, 10):
        ward.step(risky(second, 0.5 if second % 3600 == 0 else None))
    assert ward.said(RISK) == [(300.0, RAISED)]


def test_a_high_risk_takes_nothing_from_the_other_alerts() -> None:
    bad, ward = news2(spo2=84, respiratory_rate=26, heart_rate=112), Timetable()
    for second in range(0, 200, 10):
        ward.step(msgspec.structs.replace(assessment(second, bad), risk=0.0, risk_threshold=0.2))
    assert [told.kind for told in ward.transitions][-1:] == [AlertKind.NEWS2_EMERGENCY]


def test_a_sign_away_from_usual_for_half_an_hour_is_told_low_in_words_of_the_patient() -> None:
    ward = Timetable()
    for second in range(0, 2400, 10):
        ward.step(away(second, Sign.SPO2, 91, 96.1, -5.2))
    assert ward.said() == [(1800.0, RAISED)]
    assert (ward.last.kind, ward.last.priority, ward.last.reason) == (SHIFT, Priority.LOW, Reason.BASELINE_LEFT)
    assert ward.last.text == "SpO2 91 %, 5 below usual for 30 min"


def test_it_ends_when_the_sign_is_back_for_ten_minutes() -> None:
    ward = Timetable()
    for second in range(0, 2000, 10):
        ward.step(away(second, Sign.HEART_RATE, 105, 70, 5.0))
    for second in range(2000, 3000, 10):
        ward.step(at_home(second, Sign.HEART_RATE))
    assert ward.said() == [(1800.0, RAISED), (2600.0, RESOLVED)]
    assert ward.last.reason is Reason.BASELINE_REGAINED
    assert ward.last.text == "Heart rate near this patient's usual again"


def test_it_says_so_when_usual_has_followed_the_patient_instead() -> None:
    ward = Timetable()
    for second in range(0, 40_000, 60):
        usual = 70 + 30 * second / 40_000
        ward.step(away(second, Sign.HEART_RATE, 105, usual, (105 - usual) / 5))
    assert ward.said()[-1][1] is RESOLVED
    assert ward.last.text == "Heart rate has been so for long that it is this patient's usual now"


def test_a_shift_ends_as_usual_once_where_the_sign_settled_has_been_learned() -> None:
    ward = Timetable()
    for second in range(0, 4000, 10):
        ward.step(away(second, Sign.HEART_RATE, 95, 70, 6.0))
    ward.step(msgspec.structs.replace(away(4000, Sign.HEART_RATE, 95, 70, 6.0), relearned=(Sign.HEART_RATE,)))
    for second in range(4010, 5000, 10):
        ward.step(at_home(second, Sign.HEART_RATE))
    assert ward.said() == [(1800.0, RAISED), (4610.0, RESOLVED)]
    assert ward.last.text == "Heart rate has been so for long that it is this patient's usual now"


def test_a_steady_patient_three_deviations_off_by_six_beats_is_not_told() -> None:
    ward = Timetable()
    for second in range(0, 4000, 10):
        ward.step(away(second, Sign.HEART_RATE, 66, 60, 3.0))
    assert not ward.transitions


def test_saturation_above_usual_is_no_alert() -> None:
    ward = Timetable()
    for second in range(0, 4000, 10):
        ward.step(away(second, Sign.SPO2, 99, 92, 7.0))
    assert not ward.transitions


def test_half_an_hour_made_of_two_parts_and_a_gap_is_none() -> None:
    ward = Timetable()
    for second in range(0, 1500, 10):
        ward.step(away(second, Sign.SPO2, 90, 96, -6.0))
    for second in range(4000, 5500, 10):
        ward.step(away(second, Sign.SPO2, 90, 96, -6.0))
    assert not ward.transitions


def test_two_signs_away_are_one_episode_that_ends_with_the_last() -> None:
    ward = Timetable()
    for second in range(0, 2400, 10):
        both = away(second, Sign.SPO2, 90, 96, -6.0)
        ward.step(msgspec.structs.replace(both, departed=(*both.departed, Driver(Sign.HEART_RATE, 110, 70, 6.0, None))))
    for second in range(2400, 4000, 10):
        still = away(second, Sign.HEART_RATE, 110, 70, 6.0)
        ward.step(msgspec.structs.replace(still, as_usual=(Sign.SPO2,)))
    assert ward.said() == [(1800.0, RAISED)]
    for second in range(4000, 4700, 10):
        ward.step(at_home(second, Sign.SPO2, Sign.HEART_RATE))
    assert ward.said()[-1] == (4600.0, RESOLVED)


def test_walking_puts_off_a_score_of_heart_rate_and_breathing() -> None:
    walk, ward = news2(heart_rate=115, respiratory_rate=26, spo2=95, temperature=37), Timetable()
    for second in range(0, 600, 10):
        ward.step(msgspec.structs.replace(assessment(second, walk), exerted=True))
    assert not ward.transitions
    for second in range(600, 1200, 10):
        ward.step(msgspec.structs.replace(assessment(second, walk), exerted=True))
    assert (900.0, RAISED) in ward.said(AlertKind.NEWS2_URGENT)


def test_a_score_that_outlasts_the_walk_is_told_as_soon_as_the_walk_is_over() -> None:
    walk, ward = news2(heart_rate=115, respiratory_rate=26, spo2=97, temperature=37), Timetable()
    for second in range(0, 600, 10):
        ward.step(msgspec.structs.replace(assessment(second, walk), exerted=second < 400))
    assert (400.0, RAISED) in ward.said(AlertKind.NEWS2_URGENT)


def test_whoever_desaturates_while_walking_is_told_as_at_rest() -> None:
    ill, ward = news2(heart_rate=115, respiratory_rate=22, spo2=93, temperature=37), Timetable()
    for second in range(0, 300, 10):
        ward.step(msgspec.structs.replace(assessment(second, ill), exerted=True))
    assert (120.0, RAISED) in ward.said(AlertKind.NEWS2_URGENT)
