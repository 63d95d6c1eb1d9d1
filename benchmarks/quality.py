"""The quality gate: CPU to judge one reading of a wearable each second, and the bytes of its state when all is in doubt.

Floor: the same values held against their possible ranges and copied, which remembers nothing; and one value and time per sign.
"""

import statistics

import msgspec

from benchmarks.measure import Result, Stopwatch
from simulators.bedside import Bedside, Sampling
from simulators.physiology import healthy
from simulators.scenarios import SCENARIOS, ward_mix
from stream.quality import QualityGate, sift
from stream.quality_facts import MOVEMENTS
from vitals.sign import PHYSIOLOGICAL_SIGNS, SIGN_FACTS, Sign

READINGS = 3000
ROUNDS = 5
_Readings = list[dict[Sign, float]]
_RANGES = {sign: (facts.possible_low, facts.possible_high) for sign, facts in SIGN_FACTS.items()}


def run() -> list[Result]:
    """Measure, over every scenario once."""
    beds = [_readings(bed) for bed in range(len(SCENARIOS))]
    count = sum(map(len, beds))
    rounds = [(_judged(beds), _ranged(beds)) for _ in range(ROUNDS)]
    value, floor = (statistics.median(seconds) * 1e6 / count for seconds in zip(*rounds, strict=True))
    least = msgspec.msgpack.encode(dict.fromkeys(PHYSIOLOGICAL_SIGNS, (75.5, 1_767_225_600_000)))
    return [
        Result.of("quality", value=value, unit="us of CPU per reading", floor=floor),
        Result.of("quality_snapshot", value=_state_bytes(), unit="bytes per patient at most", floor=len(least)),
    ]


def _readings(bed: int) -> _Readings:
    course = ward_mix(len(SCENARIOS), seed=1, onsets_within_s=READINGS / 2)[bed]
    sampling = Sampling(rate_hz=1.0, phase_s=0, day_s=0, cuff_phase_s=0)
    device = Bedside(physiology=healthy(seed=1, bed=bed), scenario=course, sampling=sampling, has_rounds=True)
    made = [device.reading(number) for number in range(READINGS)]
    return [{Sign(name): float(value) for name, value in each.items() if not isinstance(value, str)} for each in made]


def _judged(beds: list[_Readings]) -> float:
    watch = Stopwatch()
    for readings in beds:
        gate = QualityGate()
        for second, signs in enumerate(readings):
            gate.judge(sift(signs).signs, second * 1000)
    return watch.cpu_s()


def _ranged(beds: list[_Readings]) -> float:
    watch = Stopwatch()
    for readings in beds:
        for signs in readings:
            {sign: value for sign, value in signs.items() if _RANGES[sign][0] <= value <= _RANGES[sign][1]}
    return watch.cpu_s()


def _state_bytes() -> int:
    gate = QualityGate()
    for second in range(400):
        away = 1.1 if second % 50 > 30 else 0.0
        signs = {sign: 150.3 + away * MOVEMENTS[sign].at_most for sign in PHYSIOLOGICAL_SIGNS}
        gate.judge({**signs, Sign.DIASTOLIC: 90.3}, 1_767_225_600_000 + second * 1000)
    return len(msgspec.msgpack.encode(gate))
