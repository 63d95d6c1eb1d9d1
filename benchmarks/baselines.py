"""Personal baselines: CPU to judge and learn one reading of five signs, each 10 s and each hour, and a patient's snapshot.

Floor: a fading mean and mean deviation per sign, kept in a plain dict and told in the same way; and their bytes.
"""

import random
import statistics
from collections.abc import Mapping, Sequence

import msgspec

from benchmarks.measure import Result, Stopwatch
from stream.baseline import BaselineParameters, PersonalBaselines
from stream.context import ContextParameters, context_of
from stream.departures import departures
from vitals.sign import Sign

USUAL = {
    Sign.HEART_RATE: (75.0, 4.0),
    Sign.RESPIRATORY_RATE: (15.0, 1.0),
    Sign.SPO2: (97.0, 0.6),
    Sign.TEMPERATURE: (36.8, 0.1),
    Sign.SYSTOLIC: (120.0, 5.0),
}
READINGS_PER_ROUND = 5_000
ROUNDS = 6
EVERY_MS = 10_000
HOUR_MS = 3_600_000
HOURLY_PER_ROUND = 3_000
_HOUSE = ContextParameters(time_zone="Europe/Berlin")
_RATE = 0.001


def run() -> list[Result]:
    """Measure."""
    source = random.Random(1)
    readings = [
        {sign: source.gauss(*usual) for sign, usual in USUAL.items()} for _ in range(READINGS_PER_ROUND * ROUNDS)
    ]
    often, hourly = PersonalBaselines(BaselineParameters()), PersonalBaselines(BaselineParameters())
    plain = dict[Sign, list[float]]()
    often_us, hourly_us, floor_us = [], [], []
    for first in range(0, len(readings), READINGS_PER_ROUND):
        chunk = readings[first : first + READINGS_PER_ROUND]
        often_us.append(_learning_us(often, chunk, first, EVERY_MS))
        hourly_us.append(_learning_us(hourly, chunk[:HOURLY_PER_ROUND], first, HOUR_MS))
        watch = Stopwatch()
        for signs in chunk:
            _plainly(plain, signs)
        floor_us.append(watch.cpu_s() / len(chunk) * 1e6)
    snapshot, least = (len(msgspec.msgpack.encode(state)) for state in (often.dump(), plain))
    floor = statistics.median(floor_us)
    unit = "us of CPU per reading of five signs each"
    return [
        Result.of("baselines", value=statistics.median(often_us), unit=f"{unit} 10 s", floor=floor),
        Result.of("baselines_hour", value=statistics.median(hourly_us), unit=f"{unit} hour", floor=floor),
        Result.of("baselines_snapshot", value=snapshot, unit="bytes per patient", floor=least),
    ]


def _learning_us(
    baselines: PersonalBaselines, readings: Sequence[Mapping[Sign, float]], first: int, every_ms: int
) -> float:
    """CPU per reading; which context a moment is in is known beforehand, as it is where many patients share it."""
    moments = [(number * every_ms, signs) for number, signs in enumerate(readings, start=first)]
    for at_ms, _ in moments:
        context_of(at_ms, _HOUSE, active=False)
    watch = Stopwatch()
    for at_ms, signs in moments:
        baselines.enter(context_of(at_ms, _HOUSE, active=False))
        departures(baselines, signs)
        baselines.learn(signs, at_ms)
    return watch.cpu_s() / len(readings) * 1e6


def _plainly(plain: dict[Sign, list[float]], signs: dict[Sign, float]) -> list[Sign]:
    away: list[Sign] = []
    for sign, value in signs.items():
        known = plain.setdefault(sign, [value, 1.0])
        distance = value - known[0]
        if abs(distance) > 2 * known[1]:
            away.append(sign)
        known[0] += _RATE * distance
        known[1] += _RATE * (abs(distance) - known[1])
    return away
