"""What it costs to make a simulated reading: physiology, scenario and bedside, beside the healthy physiology alone."""

import statistics
from collections.abc import Iterator

import numpy as np

from benchmarks.measure import Result, Stopwatch
from simulators.bedside import Bedside, Sampling
from simulators.physiology import healthy
from simulators.scenarios import SCENARIOS, ward_mix

READINGS = 6400
ROUNDS = 5
_BLOCK = 64


def run() -> Iterator[Result]:
    """CPU microseconds per reading, over every scenario once, a reading a second."""
    beds = len(SCENARIOS)
    rounds = [(_whole(beds), _physiology(beds)) for _ in range(ROUNDS)]
    value, floor = (statistics.median(seconds) * 1e6 / (READINGS * beds) for seconds in zip(*rounds, strict=True))
    yield Result.of("simulator", value=value, unit="us", floor=floor)


def _whole(beds: int) -> float:
    watch = Stopwatch()
    for bed, course in enumerate(ward_mix(beds, seed=1, onsets_within_s=READINGS / 2)):
        sampling = Sampling(rate_hz=1.0, phase_s=0, day_s=0, cuff_phase_s=0)
        device = Bedside(physiology=healthy(seed=1, bed=bed), scenario=course, sampling=sampling, has_rounds=True)
        for number in range(READINGS):
            device.reading(number)
    return watch.cpu_s()


def _physiology(beds: int) -> float:
    watch = Stopwatch()
    for bed in range(beds):
        person = healthy(seed=1, bed=bed)
        for first in range(0, READINGS, _BLOCK):
            moments = np.arange(first, first + _BLOCK, dtype=np.float64)
            person.signs(moments, moments)
    return watch.cpu_s()
