"""Every candidate that ships: what it is told, what it dumps, and that its parts add up to its log-odds."""

import math
import random
import struct
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from stream.candidates import CANDIDATES
from stream.population import Candidate, PopulationModel
from stream.race import Race, Racer
from stream.risk_shapes import SHAPES
from stream.trainer_settings import TrainerSettings
from tests.support import learning
from vitals.errors import SnapshotMismatch

by_name = pytest.mark.parametrize("candidate", CANDIDATES, ids=lambda candidate: candidate.name)
NAMES = tuple(SHAPES)[:6]


def told(count: int, *, seed: int = 3) -> list[tuple[dict[str, float], bool, float]]:
    """Lessons of which the first feature says most; features come and go."""
    source = random.Random(seed)
    lessons = []
    for _ in range(count):
        features = {name: source.gauss(0, 1) for name in NAMES if source.random() < 0.8}
        label = source.random() < 1 / (1 + math.exp(2 - 2 * features.get(NAMES[0], 0.0)))
        lessons.append((features, label, source.choice((0.25, 1.0))))
    return lessons


def taught(candidate: Candidate, lessons: list[tuple[dict[str, float], bool, float]]) -> PopulationModel:
    model = candidate.fresh()
    for lesson in lessons:
        model.learn(*lesson)
    return model


def test_names_differ_and_no_more_race_than_the_setting_lets() -> None:
    assert len({candidate.name for candidate in CANDIDATES}) == len(CANDIDATES) <= TrainerSettings().candidates_max
    assert len({candidate.pipeline for candidate in CANDIDATES}) == 1


@by_name
def test_what_was_dumped_goes_on_bit_identically(candidate: Candidate) -> None:
    lessons = told(560)
    straight = taught(candidate, lessons)
    again = candidate.load(taught(candidate, lessons[:280]).dump())
    for lesson in lessons[280:]:
        again.learn(*lesson)
    assert again.dump() == straight.dump()
    assert candidate.load(straight.dump()).dump() == straight.dump()
    features = dict.fromkeys(NAMES, 0.3)
    assert again.score(features) == straight.score(features)


@by_name
def test_scoring_changes_nothing_and_the_parts_add_up(candidate: Candidate) -> None:
    model = taught(candidate, told(280))
    before = model.dump()
    for features, _, _ in told(50, seed=9):
        score = model.score(features)
        assert 0 <= score.probability <= 1
        assert score.log_odds == pytest.approx(score.intercept + sum(score.contributions.values()), abs=1e-9)
    model.score({})
    assert model.dump() == before


@by_name
@pytest.mark.parametrize(("value", "weight"), [(math.nan, 1.0), (math.inf, 1.0), (1.0, 0.0), (1.0, math.nan)])
def test_what_is_not_finite_is_refused_before_anything_moved(candidate: Candidate, value: float, weight: float) -> None:
    model = taught(candidate, told(20))
    before = model.dump()
    with pytest.raises(ValueError, match="lesson"):
        model.learn({NAMES[0]: value}, True, weight)
    assert model.dump() == before


@by_name
def test_a_number_anywhere_in_a_state_that_is_none_is_refused(candidate: Candidate) -> None:
    state = msgspec.msgpack.decode(taught(candidate, told(280)).dump())
    spoilt = list(_spoilt(state))
    assert len(spoilt) > 10
    for each in spoilt:
        with pytest.raises(SnapshotMismatch):
            candidate.load(msgspec.msgpack.encode(each))
    assert candidate.load(msgspec.msgpack.encode(state)).dump() == msgspec.msgpack.encode(state)


@by_name
def test_a_candidate_that_breaks_on_a_lesson_is_counted_and_stays_as_it_was(candidate: Candidate) -> None:
    racer = Racer(candidate)
    broken = learning.lesson("a", pipeline=candidate.pipeline, ill=math.nan)
    Race([racer]).take([(0, broken)])
    assert (racer.faults, racer.lessons) == (1, 0)
    assert racer.model.dump() == candidate.fresh().dump()


def _spoilt(state: Any) -> Iterator[Any]:
    """The state, time and again, with another of its numbers gone; of long lists the first only."""
    items = state.items() if isinstance(state, dict) else enumerate(state[:3])
    for key, value in items:
        if isinstance(value, float):
            found: list[Any] = [math.nan, math.inf]
        elif isinstance(value, bytes):
            found = [value[:-8] + struct.pack("<d", math.nan), value[8:]]
        elif isinstance(value, dict | list):
            found = list(_spoilt(value))
        else:
            continue
        for each in found:
            copied = dict(state) if isinstance(state, dict) else list(state)
            copied[key] = each
            yield copied
