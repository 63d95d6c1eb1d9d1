"""The unusual pattern as a timetable: what is flagged when, and for how long, through the whole scorer."""

import random
from collections.abc import Iterator

import msgspec
import pytest

from stream.anomaly import UnusualParameters, UnusualPattern, shown
from stream.baseline import BaselineParameters, PersonalBaselines
from stream.baseline_facts import VARIATION
from stream.budget import AlertBudget, BudgetParameters, expected_threshold
from stream.pipeline import PatientPipeline, PipelineParameters
from stream.scoring import PatientState, assess
from tests.support.builders import EPOCH_MS, reading
from vitals.assessment import Assessment
from vitals.reading import PatientId
from vitals.sign import Sign

HOUR_S = 3600
MEANS = {
    "heart_rate_bpm": 74.0,
    "respiratory_rate_bpm": 15.0,
    "spo2_percent": 97.0,
    "temperature_celsius": 36.8,
    "systolic_mmhg": 126.0,
}
NOISE = {
    "heart_rate_bpm": 3.0,
    "respiratory_rate_bpm": 1.0,
    "spo2_percent": 0.6,
    "temperature_celsius": 0.1,
    "systolic_mmhg": 5.0,
}
ILL = {"heart_rate_bpm": 20.0, "respiratory_rate_bpm": 5.0, "spo2_percent": -2.5, "temperature_celsius": 1.0}


class Bed:
    """A patient, a reading each two minutes."""

    def __init__(self, seed: int = 1) -> None:
        self._source = random.Random(seed)
        self._state = PatientState(PatientId("p1"), PatientPipeline(PipelineParameters()))

    def lives(
        self, from_h: float, until_h: float, away: dict[str, float] | None = None
    ) -> Iterator[tuple[float, Assessment]]:
        """Assessments by hour; `away` from what is usual."""
        for second in range(round(from_h * HOUR_S), round(until_h * HOUR_S), 120):
            values = {
                name: self._source.gauss(mean + (away or {}).get(name, 0.0), NOISE[name])
                for name, mean in MEANS.items()
            }
            values["spo2_percent"] = min(values["spo2_percent"], 100.0)
            assessment = assess(self._state, reading(at_s=second, **values))  # type: ignore[arg-type]
            assert assessment is not None
            yield second / HOUR_S, assessment


def test_a_deterioration_of_a_day_stays_flagged_to_its_end_and_its_recovery_does_not() -> None:
    bed = Bed()
    well = list(bed.lives(0, 20))
    assert sum(each.flagged for _, each in well) == 0
    ill = dict(bed.lives(20, 44, ILL))
    first_h = min(hour for hour, each in ill.items() if each.flagged)
    assert first_h < 20.5
    assert all(each.flagged for hour, each in ill.items() if hour > 20.5)
    back = dict(bed.lives(44, 47))
    assert not any(each.flagged for hour, each in back.items() if hour > 45.5)


def test_the_threshold_stands_still_while_flagged() -> None:
    bed = Bed(2)
    list(bed.lives(0, 12))
    thresholds = {each.anomaly_threshold for _, each in bed.lives(12, 18, ILL) if each.flagged}
    assert len(thresholds) == 1


@pytest.mark.parametrize(
    ("sign", "value", "usual", "away"),
    [
        (Sign.SPO2, 99.0, 94.0, 0.0),
        (Sign.SPO2, 90.0, 94.0, -4.0),
        (Sign.HEART_RATE, 80.0, 110.0, 0.0),
        (Sign.HEART_RATE, 120.0, 110.0, 10.0),
        (Sign.HEART_RATE, 60.0, 80.0, -20.0),
        (Sign.TEMPERATURE, 37.0, 39.0, 0.0),
        (Sign.SYSTOLIC, 120.0, 95.0, 0.0),
    ],
)
def test_only_what_can_mean_harm_counts(sign: Sign, value: float, usual: float, away: float) -> None:
    assert VARIATION[sign].towards_harm(value, usual) == away


def baselines() -> PersonalBaselines:
    """Of somebody who has long been well."""
    source, known = random.Random(3), PersonalBaselines(BaselineParameters())
    for number in range(400):
        known.learn({Sign(name): source.gauss(mean, NOISE[name]) for name, mean in MEANS.items()}, number * 60_000)
    return known


def test_a_walk_is_not_unusual_but_a_falling_saturation_in_it_is() -> None:
    pattern, known = UnusualPattern(UnusualParameters()), baselines()
    at_ms = 500 * 60_000
    walking = {Sign.HEART_RATE: 115.0, Sign.RESPIRATORY_RATE: 24.0, Sign.SPO2: 97.0}
    calm = pattern.judge(walking, at_ms, known, exerted=True).score
    resting = pattern.judge(walking, at_ms, known, exerted=False).score
    hypoxic = pattern.judge({**walking, Sign.SPO2: 90.0}, at_ms, known, exerted=True).score
    assert calm is not None
    assert resting is not None
    assert hypoxic is not None
    assert calm < 1
    assert hypoxic > 4
    assert resting > 4


def test_what_is_unusual_builds_up_over_minutes() -> None:
    pattern, known = UnusualPattern(UnusualParameters()), baselines()
    calm = {Sign(name): mean for name, mean in MEANS.items()}
    pattern.observe(pattern.judge(calm, 500 * 60_000, known))
    scores = []
    for minute in range(501, 541):
        judged = pattern.judge({**calm, Sign.HEART_RATE: 100.0}, minute * 60_000, known)
        pattern.observe(judged)
        assert judged.score is not None
        scores.append(judged.score)
    assert scores == sorted(scores)
    assert scores[0] < 0.2 * scores[-1]
    assert scores[19] > 0.8 * scores[-1]


def test_scores_are_shown_from_0_to_1_in_their_order() -> None:
    values = [shown(score / 4) for score in range(100)]
    assert values == sorted(values)
    assert values[0] == 0
    assert values[-1] < 1


def test_weeks_of_spot_checks_keep_a_budget_small() -> None:
    budget = AlertBudget(BudgetParameters())
    for number in range(14 * 288):
        budget.take(1.0 + number % 3, EPOCH_MS + number * 300_000)
    assert len(msgspec.msgpack.encode(budget.dump())) < 4_000


def test_moments_that_say_too_little_and_devices_a_little_apart_change_no_count() -> None:
    plain, mixed = AlertBudget(BudgetParameters()), AlertBudget(BudgetParameters())
    source = random.Random(3)
    for number in range(5_000):
        at_ms, score = EPOCH_MS + number * 10_000, abs(source.gauss(1.0, 0.6))
        plain.take(score, at_ms)
        mixed.take(score, at_ms)
        mixed.take(None, at_ms + 300)
    assert mixed.dump() == plain.dump()


def test_a_day_of_what_is_flagged_is_not_learned_however_slightly_each_sign_is_away() -> None:
    bed = Bed(4)
    list(bed.lives(0, 24))
    said = [each for _, each in bed.lives(24, 48, {name: 0.4 * ill for name, ill in ILL.items()})]
    begun = next(number for number, each in enumerate(said) if each.flagged)
    flagged = [each for each in said[begun:] if each.flagged]
    assert begun < 30
    assert len(flagged) >= 0.99 * len(said[begun:])
    assert not any(each.learned for each in flagged)


@pytest.mark.parametrize("begins_h", [25 / 60, 40 / 60])
def test_a_crisis_that_begins_in_the_first_hour_sets_no_threshold_of_its_own(begins_h: float) -> None:
    bed = Bed(5)
    before = [each for _, each in bed.lives(0, begins_h)]
    assert not any(each.flagged for each in before)
    ill = dict(bed.lives(begins_h, 12, {name: 1.5 * away for name, away in ILL.items()}))
    flagged = [hour for hour, each in ill.items() if each.flagged]
    assert flagged[0] < begins_h + 0.4
    assert len(flagged) > 0.95 * len(ill)
    general = shown(expected_threshold(BudgetParameters()))
    (held_against,) = {each.anomaly_threshold for each in ill.values() if each.flagged}
    assert held_against == pytest.approx(general, abs=0.005)


def test_the_threshold_of_patients_in_general_stands_from_the_first_score_on() -> None:
    bed = Bed(6)
    said = [each for _, each in bed.lives(0, 1)]
    first = next(number for number, each in enumerate(said) if each.anomaly is not None)
    assert first == 13
    general = shown(expected_threshold(BudgetParameters()))
    assert [each.anomaly_threshold for each in said[first : first + 5]] == [general] * 5
