"""Scenarios before the real alert engine, as timetables: what must alarm does in time, what must not never does."""

import pytest

from simulators.scenarios import DEMO_MIX, SCENARIOS, Scenario, Variant, demo_mix, scenario
from simulators.scenarios.exercise import Exercise
from tests.support.scenario_trial import Trial, tried
from vitals.alert import AlertKind

MILD, GRAVE = Variant(severity=0.0, pace=0.1, seed=7), Variant(severity=1.0, pace=0.9, seed=8)
NEWS2 = (AlertKind.NEWS2_URGENT, AlertKind.NEWS2_EMERGENCY)
MINUTE = 60.0

QUICKENED = {"sepsis": 48, "haemorrhage": 12, "pneumonia": 96, "fever": 6, "atrial-fibrillation": 6, "copd-oxygen": 4}
"""How many times faster than life, so that a test lasts milliseconds; alarms keep their own delays."""


def run(course: Scenario, *, bed: int, every_s: float = 10.0) -> Trial:
    """Until shortly after the last alarm is due; where none is, for half an hour."""
    due_s = max((must.within_s for must in course.truth(every_s).must_alarm), default=1500.0)
    return tried(course, for_s=course.onset_s + due_s + 300, bed=bed, every_s=every_s)


@pytest.mark.parametrize("variant", [MILD, GRAVE], ids=["mild", "grave"])
@pytest.mark.parametrize("name", [name for name in SCENARIOS if name not in {"exercise", "clock-drift"}])
def test_a_course_keeps_its_truth(name: str, variant: Variant) -> None:
    course = scenario(name, onset_s=300, time_scale=QUICKENED.get(name, 2), variant=variant)
    trial = run(course, bed=3 if variant is MILD else 4)
    assert trial.missed() == []
    assert trial.false() == []


@pytest.mark.parametrize(
    "course", [each for each in demo_mix(27) if each.name != "healthy"], ids=lambda each: each.name
)
def test_the_demos_stories_keep_their_truth_for_whoever_lies_there(course: Scenario) -> None:
    for bed in (0, 5):
        trial = tried(course, for_s=min(course.truth(5).ends_s or 900, 1200), bed=bed, every_s=5)
        assert trial.missed() == []
        assert trial.false() == []


@pytest.mark.parametrize("bed", range(8))
def test_the_demos_desaturation_alarms_within_forty_seconds_of_the_start(bed: int) -> None:
    course = next(course for course in demo_mix(24) if course.name == "desaturation")
    assert tried(course, for_s=41, bed=bed).first_s(AlertKind.SPO2_LOW) < 40 - course.onset_s


def test_haemorrhage_pages_by_score_before_pressure_falls() -> None:
    trial = run(scenario("haemorrhage", onset_s=300, variant=Variant(severity=1, pace=1)), bed=1, every_s=60)
    urgent_s, low_s = trial.first_s(*NEWS2), trial.first_s(AlertKind.SYSTOLIC_LOW)
    assert urgent_s < low_s < 65 * MINUTE


def test_opioids_alarm_by_breathing_before_saturation() -> None:
    trial = run(scenario("opioid", onset_s=300, variant=Variant(severity=0.7, pace=0.8)), bed=2)
    assert trial.first_s(AlertKind.RESPIRATORY_RATE_LOW) < trial.first_s(AlertKind.SPO2_LOW) < 40 * MINUTE


def test_sepsis_pages_by_score_hours_before_shock() -> None:
    trial = run(scenario("sepsis", onset_s=600, variant=Variant(severity=0.8)), bed=0, every_s=60)
    assert trial.first_s(*NEWS2) < trial.first_s(AlertKind.SYSTOLIC_LOW) - 60 * MINUTE


def test_a_slow_clock_is_told_of_when_no_limit_can_judge_and_a_fast_one_as_lost_contact() -> None:
    for seed, kind, allowed_s in ((2, AlertKind.SPO2_LOST, 300), (3, AlertKind.LOST_CONTACT, 120)):
        course = scenario("clock-drift", onset_s=300, time_scale=12, variant=Variant(severity=1, seed=seed))
        trial = run(course, bed=0, every_s=30)
        assert (trial.missed(), trial.false()) == ([], [])
        assert trial.first_s(kind) > allowed_s / 0.12


def test_a_walk_is_no_limit_alarm_though_a_brisk_one_can_look_urgent_to_news2() -> None:
    gentle = tried(Exercise(onset_s=300, variant=Variant(severity=0.2)), for_s=1200, every_s=5)
    assert gentle.false() == []
    for bed in range(3):
        brisk = tried(Exercise(onset_s=300, variant=Variant(severity=1)), for_s=1200, bed=bed, every_s=5)
        assert {kind for kind, _ in brisk.raised_s} <= {*NEWS2, AlertKind.NEWS2_SINGLE_RED}


def test_by_scale_1_the_well_patient_with_copd_would_be_paged_for() -> None:
    course = scenario("copd-oxygen", onset_s=7200)
    trial = tried(course, for_s=3600, every_s=20)
    assert trial.raised_s == []
    assert course.truth().charted[0].spo2_scale_by is not None


def test_the_demo_has_no_name_of_a_scenario() -> None:
    assert DEMO_MIX not in SCENARIOS
