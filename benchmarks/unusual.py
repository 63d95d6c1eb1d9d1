"""Unusual pattern, alert budget and trends: CPU per reading of five signs, bytes of snapshot, and what they keep in memory.

Floor: River's own half-space trees of the same shape on the same deviations, scored at each reading and taught as often;
their pickle; and what one copy of them keeps in memory.
"""

import pickle
import random
import statistics
import tracemalloc
from typing import Any

import msgspec
from river.anomaly import HalfSpaceTrees

from benchmarks.baselines import USUAL
from benchmarks.measure import Result, Stopwatch
from stream.anomaly import UnusualParameters, UnusualPattern
from stream.anomaly_trees import DEVIATION_LIMITS, TreeParameters
from stream.baseline import BaselineParameters, PersonalBaselines
from stream.budget import AlertBudget, BudgetParameters
from stream.trend import TrendForecasts, TrendParameters
from vitals.sign import Sign

READINGS_PER_ROUND = 3_000
ROUNDS = 6
LEARNED_EVERY = 10
"""Of readings a second apart."""


class Ours:
    """The three of one patient, in the order in which a reading passes."""

    def __init__(self) -> None:
        self._pattern = UnusualPattern(UnusualParameters())
        self._budget = AlertBudget(BudgetParameters())
        self._trends = TrendForecasts(TrendParameters())

    def step(self, signs: dict[Sign, float], at_ms: int, baselines: PersonalBaselines, *, learns: bool) -> None:
        """Score one reading, then take note of it."""
        unusual = self._pattern.judge(signs, at_ms, baselines)
        flagged = self._budget.is_flagged(unusual.score)
        told = self._trends.tell(at_ms, baselines, flagged=flagged)
        if learns:
            self._pattern.learn(unusual)
        self._pattern.observe(unusual)
        self._budget.take(unusual.score, at_ms, held_back=flagged)
        self._trends.watch(told, at_ms)
        self._trends.take(signs, at_ms)

    def snapshot(self) -> bytes:
        """As it would stand in a snapshot."""
        return msgspec.msgpack.encode((self._pattern.dump(), self._budget.dump(), self._trends.dump()))


def run() -> list[Result]:
    """Measure."""
    source = random.Random(1)
    readings = [
        {sign: source.gauss(*usual) for sign, usual in USUAL.items()} for _ in range(READINGS_PER_ROUND * ROUNDS)
    ]
    baselines = PersonalBaselines(BaselineParameters())
    for number, signs in enumerate(readings[:600]):
        baselines.learn(signs, number * 30_000)
    ours, trees = Ours(), _trees()
    cpu_us: dict[str, list[float]] = {"second": [], "minute": [], "floor": []}
    for first in range(0, len(readings), READINGS_PER_ROUND):
        chunk = readings[first : first + READINGS_PER_ROUND]
        watch = Stopwatch()
        for number, signs in enumerate(chunk, start=first):
            ours.step(signs, number * 1000, baselines, learns=number % LEARNED_EVERY == 0)
        cpu_us["second"].append(watch.cpu_s() / len(chunk) * 1e6)
        watch = Stopwatch()
        for number, signs in enumerate(chunk):
            shares = {sign: (value - USUAL[sign][0]) / DEVIATION_LIMITS[sign] for sign, value in signs.items()}
            trees.score_one(shares)
            if number % LEARNED_EVERY == 0:
                trees.learn_one(shares)
        cpu_us["floor"].append(watch.cpu_s() / len(chunk) * 1e6)
    slow = Ours()
    for first in range(0, len(readings), READINGS_PER_ROUND):
        chunk = readings[first : first + READINGS_PER_ROUND]
        watch = Stopwatch()
        for number, signs in enumerate(chunk, start=first):
            slow.step(signs, number * 60_000, baselines, learns=True)
        cpu_us["minute"].append(watch.cpu_s() / len(chunk) * 1e6)
    floor_us = statistics.median(cpu_us["floor"])
    return [
        Result.of(
            "unusual",
            value=statistics.median(cpu_us["second"]),
            unit="us of CPU per reading of five signs each second",
            floor=floor_us,
        ),
        Result.of(
            "unusual_minute",
            value=statistics.median(cpu_us["minute"]),
            unit="us of CPU per reading of five signs each minute",
            floor=floor_us,
        ),
        Result.of(
            "unusual_snapshot",
            value=len(ours.snapshot()),
            unit="bytes per patient",
            floor=len(pickle.dumps(trees)),
        ),
        Result.of(
            "unusual_resident",
            value=_kept(lambda: _lived(readings, baselines)),
            unit="bytes per patient",
            floor=_kept(_trees),
        ),
    ]


def _lived(readings: list[dict[Sign, float]], baselines: PersonalBaselines) -> Ours:
    ours = Ours()
    for number, signs in enumerate(readings[:2000]):
        ours.step(signs, number * 30_000, baselines, learns=True)
    return ours


def _kept(make: Any) -> int:  # noqa: ANN401 - whatever is made
    make()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        made = [make() for _ in range(3)]
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return (after - before) // len(made)


def _trees() -> Any:  # noqa: ANN401 - River is not typed
    shape = TreeParameters()
    trees: Any = HalfSpaceTrees(
        n_trees=shape.trees,
        height=shape.height,
        window_size=250,
        limits=dict.fromkeys(DEVIATION_LIMITS, (-1.0, 1.0)),
        seed=shape.seed,
    )
    for _ in range(250):
        trees.learn_one(dict.fromkeys(DEVIATION_LIMITS, 0.0))
    return trees
