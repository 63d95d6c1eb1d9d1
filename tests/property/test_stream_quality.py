"""What is impossible, absent or a single spike changes no later score, to the bit; and no doubt lasts for ever."""

import math
import random
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from stream.pipeline import PatientPipeline
from stream.population import InForce
from stream.quality import QualityGate
from stream.quality_facts import MOVEMENTS
from stream.scoring import PatientState, assess
from tests.support.builders import reading
from tests.support.examples import examples
from tests.support.stream_log import QUICK
from vitals import codec
from vitals.assessment import Assessment
from vitals.quality import WithheldCause
from vitals.reading import PatientId, Reading
from vitals.sign import PHYSIOLOGICAL_SIGNS, Sign

SIGNS = (Sign.HEART_RATE, Sign.RESPIRATORY_RATE, Sign.SPO2, Sign.TEMPERATURE)
EVERY_S = 40
ARTEFACTS = (math.nan, math.inf, -math.inf, 9999.0, -9999.0, 1e308)
TELLING_NOTHING = {"battery_percent": 50.0, "signal_quality_percent": 10.0}


def course(source: random.Random, *, readings: int, whole: bool = False) -> list[Reading]:
    """Some minutes of one patient: signs that come and go, a change of state now and then."""
    made = []
    shift = 0.0
    for number in range(readings):
        if not whole and source.random() < 0.02:
            shift = source.choice([0.0, 0.5, 1.0])
        values = {
            "heart_rate_bpm": round(source.gauss(75 + 60 * shift, 2), 1),
            "respiratory_rate_bpm": round(source.gauss(15 + 14 * shift, 1), 1),
            "spo2_percent": min(float(round(source.gauss(97 - 12 * shift, 0.6))), 100.0),
            "temperature_celsius": round(source.gauss(36.8, 0.05), 2),
        }
        kept = values if whole else {name: value for name, value in values.items() if source.random() < 0.8}
        made.append(reading(at_s=EVERY_S * number, **(kept or values)))  # type: ignore[arg-type]
    return made


class Likely(NamedTuple):
    probability: float
    log_odds: float
    intercept: float
    contributions: Mapping[str, float]


class Weighing:
    """A population model whose score depends on every feature, however little."""

    is_taught = True

    def score(self, features: Mapping[str, float], /) -> Likely:
        parts = {name: number * features[name] / 1e4 for number, name in enumerate(sorted(features), start=1)}
        log_odds = sum(parts.values())
        return Likely(1 / (1 + math.exp(-log_odds)), log_odds, 0.0, parts)

    def learn(self, features: Mapping[str, float], label: bool, weight: float, /) -> None:  # noqa: FBT001 - as River's
        raise AssertionError("Scorers teach nothing.")

    def dump(self) -> bytes:
        return b""


def scores(readings: Iterable[Reading]) -> dict[str, Assessment]:
    """Every assessment of a course by reading, from the first one on."""
    state = PatientState(PatientId("p1"), PatientPipeline(QUICK))
    state.in_force = InForce(2, Weighing())
    found = {each.reading_id: assess(state, each) for each in readings}
    assert state.models_failed == 0
    return {reading_id: assessment for reading_id, assessment in found.items() if assessment is not None}


def as_bytes(assessments: Mapping[str, Assessment], names: Iterable[str]) -> list[bytes]:
    return [codec.encode(msgspec.structs.replace(assessments[name], withheld=())) for name in names]


@examples(15)
@given(st.integers(0, 10**6))
def test_artefacts_in_and_between_readings_change_no_score(seed: int) -> None:
    source = random.Random(seed)
    clean = course(source, readings=90)
    spoiled: list[Reading] = []
    told = 0
    for each in clean:
        absent = [sign for sign in PHYSIOLOGICAL_SIGNS if sign not in each.signs]
        extra = {sign: source.choice(ARTEFACTS) for sign in absent if source.random() < 0.3}
        spoiled.append(msgspec.structs.replace(each, signs={**extra, **each.signs}))
        told += len(extra)
        if source.random() < 0.3:
            # A whole reading of nothing but artefacts, or of no sign of the patient at all.
            at_s = (each.measured_at_ms - clean[0].measured_at_ms) / 1000 + source.uniform(0.1, EVERY_S - 0.1)
            junk = (
                {sign.value: source.choice(ARTEFACTS) for sign in SIGNS} if source.random() < 0.5 else TELLING_NOTHING
            )
            told += len(SIGNS) if junk is not TELLING_NOTHING else 0
            spoiled.append(reading(at_s=at_s, boot="other", **junk))  # type: ignore[arg-type]
    without, with_them = scores(clean), scores(spoiled)
    names = [each.reading_id for each in clean]
    assert as_bytes(with_them, names) == as_bytes(without, names)
    causes = [withheld.cause for assessment in with_them.values() for withheld in assessment.withheld]
    assert causes.count(WithheldCause.IMPLAUSIBLE) == told


@examples(10)
@given(st.integers(0, 10**6))
def test_a_spike_that_a_body_could_have_but_not_so_fast_changes_no_later_score(seed: int) -> None:
    source = random.Random(seed)
    clean = course(source, readings=90, whole=True)
    spiked: list[Reading] = []
    spikes = []
    for number, each in enumerate(clean):
        spiked.append(each)
        if number % 10 == 9:
            sign = source.choice([Sign.HEART_RATE, Sign.RESPIRATORY_RATE, Sign.SPO2])
            away = source.choice([-1, 1]) if sign is Sign.HEART_RATE else 1 if sign is Sign.RESPIRATORY_RATE else -1
            value = each.signs[sign] + 1.2 * away * MOVEMENTS[sign].at_most / (1.5 if away < 0 else 1)
            spikes.append(reading(at_s=EVERY_S * number + 1.5, boot="other", **{sign.value: value}))  # type: ignore[arg-type]
            spiked.append(spikes[-1])
    without, with_them = scores(clean), scores(spiked)
    names = [each.reading_id for each in clean]
    assert as_bytes(with_them, names) == as_bytes(without, names)
    for spike in spikes:
        (withheld,) = with_them[spike.reading_id].withheld
        assert (withheld.cause, withheld.scored) == (WithheldCause.TOO_FAST, False)


@examples(40)
@given(
    st.sampled_from(PHYSIOLOGICAL_SIGNS),
    st.sampled_from([1.0, 5.0, 60.0, 900.0, 3600.0]),
    st.lists(st.floats(0, 1), min_size=200, max_size=200),
)
def test_whatever_values_come_a_sign_is_scored_within_three_minutes_or_at_the_third_value(
    sign: Sign, every_s: float, shares: list[float]
) -> None:
    gate, movement = QualityGate(), MOVEMENTS[sign]
    withheld_from_s: float | None = None
    withheld_count = 0
    for number, share in enumerate(shares):
        at_s = number * every_s
        value = 100 + round(share, 3) * 2 * movement.at_most
        if sign in gate.judge({sign: value}, round(at_s * 1000)).scored:
            withheld_from_s, withheld_count = None, 0
            continue
        withheld_from_s = at_s if withheld_from_s is None else withheld_from_s
        withheld_count += 1
        assert at_s - withheld_from_s <= 180 or withheld_count <= 2


@examples(15)
@given(st.integers(0, 10**6), st.integers(1, 118))
def test_a_gate_restored_from_a_snapshot_goes_on_to_the_bit(seed: int, at: int) -> None:
    source = random.Random(seed)
    gate = QualityGate()
    restored = QualityGate()
    for number, each in enumerate(course(source, readings=120)):
        if number == at:
            restored = msgspec.msgpack.decode(msgspec.msgpack.encode(gate), type=QualityGate)
        walking, poor = source.random() < 0.2, source.random() < 0.2
        signs = {**each.signs, Sign.SIGNAL_QUALITY: 30.0} if poor else each.signs
        judged = gate.judge(signs, each.measured_at_ms, walking=walking)
        if number >= at:
            assert restored.judge(signs, each.measured_at_ms, walking=walking) == judged
    assert msgspec.msgpack.encode(restored) == msgspec.msgpack.encode(gate)
    assert len(msgspec.msgpack.encode(gate)) < 2000


def test_a_reading_that_says_nothing_of_the_patient_tells_the_risk_that_stands() -> None:
    clean = course(random.Random(1), readings=5)
    silent = reading(at_s=EVERY_S * 5, battery_percent=50)
    found = scores([*clean, silent])
    last, after = found[clean[-1].reading_id], found[silent.reading_id]
    assert last.risk is not None
    assert (after.risk, after.risk_parts) == (last.risk, last.risk_parts)
