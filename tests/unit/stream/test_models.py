"""What each model computes: baselines in time, trees whose windows are times."""

import random

import pytest

from stream.anomaly_trees import AnomalyTrees, TreeParameters
from stream.baseline import BaselineParameters, PersonalBaselines
from stream.baseline_facts import VARIATION
from vitals.sign import Sign

PULSE = Sign.HEART_RATE


def learned(values: list[float], *, every_s: float, parameters: BaselineParameters | None = None) -> PersonalBaselines:
    baselines = PersonalBaselines(BaselineParameters() if parameters is None else parameters)
    for number, value in enumerate(values):
        baselines.learn({PULSE: value}, round(number * every_s * 1000))
    return baselines


def test_usual_and_spread_are_those_of_the_patient() -> None:
    source = random.Random(1)
    baseline = learned([source.gauss(82, 6) for _ in range(2000)], every_s=10).signs[PULSE]
    assert baseline.usual == pytest.approx(82, abs=1)
    assert baseline.spread == pytest.approx(6, rel=0.15)


def test_artefacts_move_a_baseline_no_further_than_its_clip() -> None:
    source = random.Random(2)
    values = [source.gauss(80, 3) for _ in range(1000)]
    clean = learned(values, every_s=10).signs[PULSE]
    spoilt = learned([290.0 if number % 50 == 49 else value for number, value in enumerate(values)], every_s=10)
    assert spoilt.signs[PULSE].usual == pytest.approx(clean.usual, abs=0.6)
    assert spoilt.signs[PULSE].spread < 1.5 * clean.spread


def test_a_constant_sign_has_its_least_spread_and_not_none() -> None:
    baselines = learned([80.0] * 5000, every_s=60)
    assert baselines.signs[PULSE].spread == VARIATION[PULSE].least
    assert baselines.deviation(PULSE, 84) == 4 / VARIATION[PULSE].least


def test_a_baseline_is_told_only_once_it_is_warm() -> None:
    assert learned([80.0] * 11, every_s=60).deviation(PULSE, 90) is None
    assert learned([80.0] * 100, every_s=1).deviation(PULSE, 90) is None
    assert learned([80.0] * 12, every_s=60).deviation(PULSE, 90) is not None


def test_a_long_pause_does_not_let_one_value_take_over() -> None:
    baselines = learned([80.0, 82.0] * 1000, every_s=10)
    baselines.learn({PULSE: 120.0}, 10**9)
    assert baselines.signs[PULSE].usual == pytest.approx(81, abs=1.5)


def trees(count: int, *, every_s: float, parameters: TreeParameters) -> AnomalyTrees:
    source = random.Random(4)
    model = AnomalyTrees(parameters)
    for number in range(count):
        model.learn({PULSE: source.gauss(0, 4), Sign.SPO2: source.gauss(0, 1)}, round(number * every_s * 1000))
    return model


@pytest.mark.parametrize(("every_s", "count"), [(1, 1801), (10, 181), (3600, 24)])
def test_the_first_window_is_a_time_and_a_least_count(every_s: float, count: int) -> None:
    parameters = TreeParameters()
    assert not trees(count - 1, every_s=every_s, parameters=parameters).ready
    assert trees(count, every_s=every_s, parameters=parameters).ready


def test_what_is_far_from_usual_scores_higher_than_what_is_near() -> None:
    model = trees(1000, every_s=10, parameters=TreeParameters())
    near = model.score({PULSE: 1.0, Sign.SPO2: 0.0}, 0)
    far = model.score({PULSE: 45.0, Sign.SPO2: -8.0}, 0)
    assert near is not None
    assert far is not None
    assert far > 0.6 > near


def test_an_extreme_artefact_leaves_later_scores_alone() -> None:
    model, spoilt = (trees(500, every_s=10, parameters=TreeParameters()) for _ in range(2))
    spoilt.learn({PULSE: 9999.0}, 5_000_000)
    model.learn({PULSE: 0.0}, 5_000_000)
    assert spoilt.score({PULSE: 1.0}, 0) == model.score({PULSE: 1.0}, 0)
