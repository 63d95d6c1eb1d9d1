"""What every model of one patient must do, whatever it computes; each model class runs the whole suite.

A model scores first and learns then, from the signs of one moment. `ModelCase` adapts one class to that shape; a score is
a float, or None while it has nothing to say.
"""

import copy
import math
import random
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from vitals.sign import Sign

Signs = Mapping[Sign, float]
SECONDS_APART = 10
USUAL = {
    Sign.HEART_RATE: (75.0, 4.0),
    Sign.RESPIRATORY_RATE: (15.0, 1.0),
    Sign.SPO2: (97.0, 0.6),
    Sign.TEMPERATURE: (36.8, 0.1),
    Sign.SYSTOLIC: (120.0, 5.0),
}
"""Mean and standard deviation of the suite's patient."""


@dataclass(frozen=True)
class ModelCase:
    """One model class under test."""

    name: str
    build: Callable[[], Any]
    score: Callable[[Any, Signs, int], float | None]
    learn: Callable[[Any, Signs, int], None]
    """Scores, then learns, as the pipeline does."""
    dump: Callable[[Any], Any]
    load: Callable[[Any], Any]
    """Takes what `dump` gave, after a round trip through bytes of type `state`."""
    state: Any
    bytes_max: int
    """Resident bytes one patient's model may take."""
    snapshot_bytes_max: int


def moments(
    count: int, *, seed: int = 1, start: int = 0, missing: float = 0.0
) -> Iterator[tuple[int, dict[Sign, float]]]:
    """A patient's ordinary moments, `SECONDS_APART`; each sign is absent with probability `missing`."""
    source = random.Random(seed)
    for number in range(start, start + count):
        drawn = {sign: source.gauss(mean, deviation) for sign, (mean, deviation) in USUAL.items()}
        kept = {sign: value for sign, value in drawn.items() if source.random() >= missing}
        yield number * SECONDS_APART * 1000, kept


def taught(case: ModelCase, count: int = 600, *, missing: float = 0.0) -> Any:
    """A model that has learned `count` ordinary moments."""
    model = case.build()
    for at_ms, signs in moments(count, missing=missing):
        case.learn(model, signs, at_ms)
    return model


def encoded(case: ModelCase, model: Any) -> bytes:
    """The model's state as it would stand in a snapshot."""
    return msgspec.msgpack.encode(case.dump(model))


def reloaded(case: ModelCase, model: Any) -> Any:
    """The model after a snapshot round trip."""
    return case.load(msgspec.msgpack.decode(encoded(case, model), type=case.state))


NOW_MS = 600 * SECONDS_APART * 1000
MEANS = {sign: mean for sign, (mean, _) in USUAL.items()}


class ModelConformance:
    """Subclass it as `Test…` beside a fixture `case`; every test runs once per case."""

    def test_inputs_are_not_mutated(self, case: ModelCase) -> None:
        model = taught(case)
        signs = dict(MEANS)
        before = copy.deepcopy(signs)
        case.score(model, signs, NOW_MS)
        case.learn(model, signs, NOW_MS)
        assert signs == before

    def test_scoring_changes_nothing(self, case: ModelCase) -> None:
        model = taught(case)
        before = encoded(case, model)
        for at_ms, signs in moments(20, seed=2, start=600, missing=0.3):
            case.score(model, signs, at_ms)
        assert encoded(case, model) == before

    def test_the_score_of_a_moment_does_not_depend_on_learning_it(self, case: ModelCase) -> None:
        model, twin = taught(case), taught(case)
        for at_ms, signs in moments(200, seed=3, start=600):
            expected = case.score(twin, signs, at_ms)
            assert case.score(model, signs, at_ms) == expected
            case.learn(model, signs, at_ms)
            case.learn(twin, signs, at_ms)

    def test_missing_signs_never_look_more_unusual_than_ordinary_moments_do(self, case: ModelCase) -> None:
        model = taught(case)
        ordinary = [case.score(model, signs, at_ms) for at_ms, signs in moments(200, seed=4, start=600)]
        most = max(score for score in ordinary if score is not None)
        for minutes_later in (0, 10):
            at_ms = NOW_MS + minutes_later * 60_000
            for kept in [*({sign} for sign in USUAL), *(set(USUAL) - {sign} for sign in USUAL), set()]:
                score = case.score(model, {sign: MEANS[sign] for sign in kept}, at_ms)
                assert score is None or score <= most

    def test_signs_may_come_and_go(self, case: ModelCase) -> None:
        model = taught(case, missing=0.5)
        scores = [case.score(model, signs, at_ms) for at_ms, signs in moments(50, start=600, missing=0.5)]
        assert all(score is None or math.isfinite(score) for score in scores)

    @pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
    def test_what_is_not_a_number_is_refused_and_leaves_no_trace(self, case: ModelCase, bad: float) -> None:
        model = taught(case)
        before = encoded(case, model)
        signs = {**MEANS, Sign.SPO2: bad}
        with pytest.raises(ValueError, match=r"."):
            case.learn(model, signs, NOW_MS)
        assert encoded(case, model) == before

    def test_a_constant_patients_score_stays_constant(self, case: ModelCase) -> None:
        model = case.build()
        constant = dict(MEANS)
        seen: set[float] = set()
        for number in range(5000):
            score = case.score(model, constant, number * SECONDS_APART * 1000)
            if score is not None:
                seen.add(score)
            case.learn(model, constant, number * SECONDS_APART * 1000)
        assert len(seen) == 1

    def test_the_order_of_signs_is_irrelevant(self, case: ModelCase) -> None:
        model, other = case.build(), case.build()
        for at_ms, signs in moments(800):
            backwards = dict(reversed(signs.items()))
            assert case.score(model, signs, at_ms) == case.score(other, backwards, at_ms)
            case.learn(model, signs, at_ms)
            case.learn(other, backwards, at_ms)

    def test_a_snapshot_goes_on_bit_identically(self, case: ModelCase) -> None:
        model = case.build()
        for at_ms, signs in moments(700, missing=0.1):
            case.learn(model, signs, at_ms)
        restored = reloaded(case, model)
        for number, (at_ms, signs) in enumerate(moments(3000, seed=5, start=700, missing=0.1)):
            assert case.score(model, signs, at_ms) == case.score(restored, signs, at_ms)
            case.learn(model, signs, at_ms)
            case.learn(restored, signs, at_ms)
            if number % 250 == 0:
                restored = reloaded(case, restored)
        assert encoded(case, model) == encoded(case, restored)

    def test_memory_stays_bounded(self, case: ModelCase) -> None:
        case.build()
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            model = taught(case, 1000)
            early, _ = tracemalloc.get_traced_memory()
            for at_ms, signs in moments(2000, seed=7, start=1000, missing=0.2):
                case.learn(model, signs, at_ms)
            late, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        snapshot = len(encoded(case, model))
        print(f"{case.name}: {(late - before) / 1000:.0f} kB resident, {snapshot} bytes in a snapshot")
        assert late - before < case.bytes_max
        assert late - early < case.bytes_max / 4
        assert snapshot < case.snapshot_bytes_max
