"""The risk of deterioration: CPU per reading at three paces and per lesson, and the bytes of one patient's state.

Floor: the same readings held against their possible ranges and copied; of a lesson, River's logistic regression on the same features.
"""

import random
import statistics

import msgspec

from benchmarks.measure import Result, Stopwatch
from stream.candidates import CANDIDATES
from stream.population import InForce, PopulationModel
from stream.risk import PatientRisk
from stream.risk_model import AdditiveRisk
from stream.river_risk import RiverLogistic
from vitals.sex import Sex
from vitals.sign import SIGN_FACTS, Sign

READINGS = 4000
LESSONS = 1024
ROUNDS = 5
FROM_MS = 1_767_225_600_000
PACES_MS = {"risk": 1000, "risk_minute": 60_000, "risk_hour": 3_600_000}
_USUAL = {
    Sign.HEART_RATE: 82.0,
    Sign.RESPIRATORY_RATE: 17.0,
    Sign.SPO2: 96.0,
    Sign.SYSTOLIC: 121.0,
    Sign.TEMPERATURE: 36.9,
}
_RANGES = {sign: (facts.possible_low, facts.possible_high) for sign, facts in SIGN_FACTS.items()}
_Readings = list[dict[Sign, float]]


def run() -> list[Result]:
    """Measure."""
    source = random.Random(1)
    readings = [{sign: round(value + source.gauss(0, 1), 1) for sign, value in _USUAL.items()} for _ in range(READINGS)]
    in_force = InForce(1, CANDIDATES[0].fresh())
    floor = statistics.median(_ranged(readings) for _ in range(ROUNDS)) * 1e6 / READINGS
    results = []
    for name, every_ms in PACES_MS.items():
        spent = statistics.median(_stepped(readings, every_ms, in_force)[0] for _ in range(ROUNDS))
        results.append(Result.of(name, value=spent * 1e6 / READINGS, unit="us of CPU per reading", floor=floor))
    _, risk = _stepped(readings, 3_600_000, in_force)
    least = len(msgspec.msgpack.encode(_USUAL))
    size = len(msgspec.msgpack.encode(risk.dump()))
    results.append(Result.of("risk_snapshot", value=size, unit="bytes per patient", floor=least))
    features = dict(risk.dump().features)
    pairs = [(_taught(AdditiveRisk(), features), _taught(RiverLogistic(), features)) for _ in range(ROUNDS)]
    value, river = (statistics.median(seconds) * 1e6 / LESSONS for seconds in zip(*pairs, strict=True))
    results.append(Result.of("risk_lesson", value=value, unit="us of CPU per lesson", floor=river))
    return results


def _stepped(readings: _Readings, every_ms: int, in_force: InForce) -> tuple[float, PatientRisk]:
    risk, watch = PatientRisk(), Stopwatch()
    for number, signs in enumerate(readings):
        risk.step(signs, FROM_MS + number * every_ms, 64, Sex.MALE, in_force)
    return watch.cpu_s(), risk


def _ranged(readings: _Readings) -> float:
    watch = Stopwatch()
    for signs in readings:
        {sign: value for sign, value in signs.items() if _RANGES[sign][0] <= value <= _RANGES[sign][1]}
    return watch.cpu_s()


def _taught(model: PopulationModel, features: dict[str, float]) -> float:
    watch = Stopwatch()
    for number in range(LESSONS):
        model.learn(features, number % 50 == 0, 1.0)
    return watch.cpu_s()
