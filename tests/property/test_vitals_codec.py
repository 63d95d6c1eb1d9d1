"""Records survive the wire unchanged, and what is not a record is refused."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitals import codec
from vitals.assessment import Assessment, Driver, News2Summary
from vitals.errors import MalformedRecord
from vitals.identity import hashed_reading_id
from vitals.model_version import ModelSwitch
from vitals.outcome import Outcome, OutcomeRecord, OutcomeWithdrawn
from vitals.reading import DeviceId, Origin, PatientId, Reading, Receipt, Rejection, RejectionReason, Tick, WardId
from vitals.sign import Sign
from vitals.training import Example, Lesson, TrainingRecord

NAMES = st.text(alphabet="abcXYZ019._-", min_size=1, max_size=12)
IDS = st.text(alphabet=st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=20)
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
"""PostgreSQL's: all but NUL."""
TIMES = st.integers(0, 2**45)
VALUES = st.floats(allow_nan=False, allow_infinity=False)
SIGNS = st.dictionaries(st.sampled_from(Sign), VALUES, min_size=1)
READINGS = st.builds(
    Reading,
    reading_id=NAMES,
    patient_id=NAMES.map(PatientId),
    device_id=NAMES.map(DeviceId),
    measured_at_ms=TIMES,
    received_at_ms=TIMES,
    signs=SIGNS,
    boot=st.none() | NAMES,
    sequence=st.none() | st.integers(0, 2**53),
    origin=st.sampled_from(Origin),
)
SUMMARIES = st.builds(
    News2Summary,
    low=st.integers(0, 20),
    high=st.integers(0, 20),
    points=st.dictionaries(st.sampled_from(Sign), st.integers(0, 3)),
    missing=st.lists(st.sampled_from(Sign)).map(tuple),
    single_red=st.booleans(),
    response=NAMES,
    total=st.none() | st.integers(0, 20),
)
DRIVERS = st.builds(
    Driver,
    sign=st.sampled_from(Sign),
    value=VALUES,
    usual=st.none() | VALUES,
    deviation=st.none() | VALUES,
    news2_points=st.none() | st.integers(0, 3),
)
ASSESSMENTS = st.builds(
    Assessment,
    reading_id=NAMES,
    patient_id=NAMES.map(PatientId),
    measured_at_ms=TIMES,
    received_at_ms=TIMES,
    news2=SUMMARIES,
    drivers=st.lists(DRIVERS, max_size=3).map(tuple),
    warming_up=st.booleans(),
    model_version=NAMES,
    anomaly=st.none() | st.floats(0, 1),
    flagged=st.booleans(),
)

EXAMPLES = st.builds(
    Example,
    example_id=IDS,
    patient_id=IDS.map(PatientId),
    pipeline=IDS,
    features=st.dictionaries(NAMES, VALUES, max_size=5),
    risk=st.none() | st.floats(0, 1),
    model_number=st.integers(0, 2**53),
    measured_at_ms=TIMES,
    received_at_ms=TIMES,
)
LESSONS = st.builds(Lesson, example=EXAMPLES, weight=st.floats(0.01, 1), horizon_s=VALUES, known_at_ms=TIMES)
OUTCOMES = st.builds(
    Outcome,
    outcome_id=IDS,
    patient_id=IDS.map(PatientId),
    ward_id=IDS.map(WardId),
    person_id=IDS,
    by=TEXTS,
    happened_at_ms=TIMES,
    at_ms=TIMES,
)
WITHDRAWALS = st.builds(
    OutcomeWithdrawn,
    outcome_id=IDS,
    patient_id=IDS.map(PatientId),
    person_id=IDS,
    by=TEXTS,
    reason=TEXTS,
    at_ms=TIMES,
)


@given(record=READINGS)
def test_a_reading_comes_back_equal(record: Reading) -> None:
    assert codec.decode_readings_record(codec.encode(record)) == record


@given(record=st.one_of(LESSONS, EXAMPLES))
def test_what_is_learned_from_comes_back_equal(record: TrainingRecord) -> None:
    assert codec.decode_training_record(codec.encode(record)) == record


@given(record=st.one_of(OUTCOMES, WITHDRAWALS))
def test_an_outcome_and_its_withdrawal_come_back_equal(record: OutcomeRecord) -> None:
    assert codec.decode_outcomes_record(codec.encode(record)) == record


@given(record=st.builds(ModelSwitch, switch=TIMES, number=TIMES, hash=st.just("") | IDS, at_ms=TIMES, by=TEXTS))
def test_a_switch_comes_back_equal_from_either_of_its_topics(record: ModelSwitch) -> None:
    assert codec.decode_models_record(codec.encode(record)) == record
    assert codec.decode_readings_record(codec.encode(record)) == record


@given(at_ms=TIMES)
def test_a_tick_comes_back_equal(at_ms: int) -> None:
    assert codec.decode_readings_record(codec.encode(Tick(at_ms))) == Tick(at_ms)


@given(record=ASSESSMENTS)
def test_an_assessment_comes_back_equal(record: Assessment) -> None:
    assert codec.decode(Assessment, codec.encode(record)) == record


@given(payload=st.binary(max_size=200), reason=st.sampled_from(RejectionReason))
def test_a_rejection_keeps_the_original_bytes(payload: bytes, reason: RejectionReason) -> None:
    record = Rejection("id", reason, "why", "d1", 5, payload, len(payload))
    assert codec.decode(Rejection, codec.encode(record)).payload == payload


@given(junk=st.binary(max_size=100))
def test_what_is_not_a_record_is_refused(junk: bytes) -> None:
    with pytest.raises(MalformedRecord):
        codec.decode_readings_record(b"\x00" + junk)
    with pytest.raises(MalformedRecord):
        codec.decode(Receipt, b"\x00" + junk)


@given(record=READINGS, bad=st.sampled_from([math.nan, math.inf, -math.inf]), sign=st.sampled_from(Sign))
def test_a_value_that_is_not_finite_is_refused(record: Reading, bad: float, sign: Sign) -> None:
    body = json.loads(codec.encode(record))
    body["signs"][sign.value] = bad
    with pytest.raises(MalformedRecord):
        codec.decode_readings_record(json.dumps(body).encode())


def test_a_number_too_big_for_a_float_is_refused() -> None:
    body = b'{"type":"reading","reading_id":"r","patient_id":"p","device_id":"d","measured_at_ms":1,"received_at_ms":1,"signs":{"heart_rate_bpm":1e999}}'
    with pytest.raises(MalformedRecord):
        codec.decode_readings_record(body)


@given(record=READINGS)
def test_an_unknown_sign_is_refused(record: Reading) -> None:
    body = json.loads(codec.encode(record))
    body["signs"]["mood"] = 1.0
    with pytest.raises(MalformedRecord):
        codec.decode_readings_record(json.dumps(body).encode())


@given(signs=SIGNS, at_ms=TIMES, order=st.randoms(use_true_random=False))
def test_the_hash_of_an_unsequenced_reading_ignores_the_order_of_signs(
    signs: dict[Sign, float], at_ms: int, order: object
) -> None:
    items = list(signs.items())
    order.shuffle(items)  # type: ignore[attr-defined]
    device = DeviceId("d1")
    assert hashed_reading_id(device, at_ms, dict(items)) == hashed_reading_id(device, at_ms, signs)
    assert hashed_reading_id(device, at_ms + 1, signs) != hashed_reading_id(device, at_ms, signs)
