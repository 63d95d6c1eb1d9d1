"""The compact trees score what River's own half-space trees score, bit by bit, whatever they are told."""

import random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from river.anomaly import HalfSpaceTrees

from stream.anomaly_trees import DEVIATION_LIMITS, AnomalyTrees, TreeParameters, TreeState, template_of
from tests.support.examples import examples
from vitals.sign import Sign

UNBOUNDED = 2**62
STEP_MS = 10_000


class RiverTrees:
    """River's trees with windows in time: the window's size is set when it is over."""

    def __init__(self, parameters: TreeParameters) -> None:
        self._parameters = parameters
        self._trees: Any = HalfSpaceTrees(
            n_trees=parameters.trees,
            height=parameters.height,
            window_size=UNBOUNDED,
            limits=dict.fromkeys(DEVIATION_LIMITS, (-1.0, 1.0)),
            seed=parameters.seed,
        )
        self._window_s = parameters.first_window_s
        self._from_ms = 0
        self._reference_count = 0

    def score(self, deviations: dict[Sign, float]) -> float | None:
        if not self._reference_count:
            return None
        scored: float = self._trees.score_one(scaled(deviations))
        return scored

    def learn(self, deviations: dict[Sign, float], at_ms: int) -> None:
        trees = self._trees
        if trees.counter == 0:
            self._from_ms = at_ms
        count = trees.counter + 1
        closes = count >= self._parameters.window_count_min and at_ms - self._from_ms >= self._window_s * 1000
        trees.window_size = count if closes else UNBOUNDED
        trees.learn_one(scaled(deviations))
        if closes:
            self._reference_count = count
            self._window_s = min(2 * self._window_s, self._parameters.window_s)
        trees.window_size = self._reference_count or UNBOUNDED


def scaled(deviations: dict[Sign, float]) -> dict[Sign, float]:
    return {sign: deviations.get(sign, 0.0) / limit for sign, limit in DEVIATION_LIMITS.items()}


def reloaded(parameters: TreeParameters, trees: AnomalyTrees) -> AnomalyTrees:
    blob = msgspec.msgpack.encode(trees.dump())
    return AnomalyTrees.load(parameters, msgspec.msgpack.decode(blob, type=TreeState))


@examples(25)
@given(
    seed=st.integers(0, 10**6),
    trees=st.integers(1, 10),
    height=st.integers(1, 7),
    first_window_s=st.sampled_from([50, 300, 1800]),
    spread=st.sampled_from([0.02, 0.1, 1.5]),
)
def test_scores_are_those_of_river_bit_by_bit(
    seed: int, trees: int, height: int, first_window_s: float, spread: float
) -> None:
    parameters = TreeParameters(
        trees=trees,
        height=height,
        first_window_s=first_window_s,
        window_s=4 * first_window_s,
        window_count_min=5,
        seed=seed,
    )
    source = random.Random(seed)
    river, ours = RiverTrees(parameters), AnomalyTrees(parameters)
    scored = 0
    for number in range(300):
        deviations = {
            sign: source.gauss(0, spread) * limit for sign, limit in DEVIATION_LIMITS.items() if source.random() < 0.8
        }
        expected = river.score(deviations)
        assert ours.score(deviations, 0) == expected
        scored += expected is not None
        river.learn(deviations, number * STEP_MS)
        ours.learn(deviations, number * STEP_MS)
        if number % 70 == 0:
            ours = reloaded(parameters, ours)
    assert scored > 0 or first_window_s > 300


@pytest.mark.parametrize("side", [-1e-12, 0.0, 1e-12])
def test_a_value_on_a_threshold_goes_where_river_sends_it(side: float) -> None:
    parameters = TreeParameters(window_count_min=5, first_window_s=50)
    river, ours = RiverTrees(parameters), AnomalyTrees(parameters)
    source = random.Random(1)
    for number in range(10):
        deviations = {sign: source.gauss(0, 0.3) * limit for sign, limit in DEVIATION_LIMITS.items()}
        river.learn(deviations, number * STEP_MS)
        ours.learn(deviations, number * STEP_MS)
    for (sign, limit), thresholds in zip(DEVIATION_LIMITS.items(), template_of(parameters).thresholds, strict=True):
        for threshold in thresholds:
            deviations = {sign: threshold * limit + side}
            assert river.score(deviations) == ours.score(deviations, 0)
