"""CPU per reading of a patient's whole pipeline at the paces of wearables and of nurses: each minute and each hour.

The slower the pace the dearer a reading: windows are in time, so that each one closes minutes, teaches every model and
makes a risk score, which at a reading a second only one in ten, sixty or three hundred does.
"""

import gc
from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.load import records
from benchmarks.measure import Result, Stopwatch
from benchmarks.pipelines import BareModels, Pipelines, decoded
from stream.candidates import CANDIDATES
from stream.population import InForce
from vitals.model_version import SHIPPED

ROUNDS = 20
"""The fastest of each side counts: whatever else the machine does only ever adds."""


class Pace(NamedTuple):
    """So many patients with a reading of five signs each so many seconds."""

    name: str
    every_s: int
    patients: int
    per_round: int
    """Readings of each patient."""


PACES = (Pace("minute", 60, 4, 40), Pace("hour", 3600, 20, 10))
WARM_UP_S = 2 * 24 * 3600


def run(*, bar_us: float) -> Iterator[Result]:
    """Measure both against the bar of the fast pace."""
    for pace in PACES:
        in_force = InForce(SHIPPED, CANDIDATES[0].fresh())
        sides: tuple[BareModels | Pipelines, ...] = BareModels(in_force), Pipelines(in_force)
        warm_up = WARM_UP_S // pace.every_s
        count = pace.patients * (warm_up + ROUNDS * pace.per_round)
        readings = decoded(records(pace.patients, count, boot="b", from_ms=0, every_s=pace.every_s, partitions=1))
        begin, per_round = pace.patients * warm_up, pace.patients * pace.per_round
        for side in sides:
            side.run(readings[:begin])
        gc.collect()
        gc.freeze()
        spent_us: tuple[list[float], list[float]] = [], []
        for first in range(begin, count, per_round):
            for side, spent in zip(sides, spent_us, strict=True):
                watch = Stopwatch()
                side.run(readings[first : first + per_round])
                spent.append(watch.cpu_s() / per_round * 1e6)
        gc.unfreeze()
        floor_us, value_us = map(min, spent_us)
        unit = f"us of CPU per reading each {pace.name}"
        yield Result.of(f"scorer-pipeline-{pace.name}", value=value_us, unit=unit, floor=floor_us, bar=bar_us)
