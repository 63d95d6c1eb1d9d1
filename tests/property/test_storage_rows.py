"""The recorder's short way from bytes to a row gives exactly the row of the decoded reading."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.readings import row_of
from storage.rows import reading_row
from vitals.codec import decode_readings_record, encode
from vitals.errors import MalformedRecord
from vitals.reading import Charted, DeviceId, Origin, PatientId, Reading, RefusedSigns, Tick, Withdrawn
from vitals.sign import Sign
from vitals.whole_numbers import COUNT_MAX, EPOCH_MS_MAX

TIMES = st.integers(0, EPOCH_MS_MAX - 1)
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
CHARTED = st.builds(
    Charted,
    person_id=st.text(max_size=8),
    by=st.text(max_size=8),
    valid_for_s=st.none() | st.integers(0, 2**31),
    note=st.none() | st.text(max_size=20),
    spo2_scale=st.none() | st.integers(1, 2),
    spo2_scale_by=st.none() | st.text(max_size=8),
)
READINGS = st.builds(
    Reading,
    reading_id=st.text(max_size=20),
    patient_id=st.text(max_size=20).map(PatientId),
    device_id=st.text(max_size=20).map(DeviceId),
    measured_at_ms=TIMES,
    received_at_ms=TIMES,
    signs=st.dictionaries(st.sampled_from(Sign), st.floats(allow_nan=False, allow_infinity=False)),
    boot=st.none() | st.text(max_size=8),
    sequence=st.none() | st.integers(0, COUNT_MAX),
    origin=st.sampled_from(Origin),
    charted=st.none() | CHARTED,
    correction_id=st.none() | st.text(max_size=8),
)


@given(READINGS)
def test_the_short_way_equals_the_long_way(reading: Reading) -> None:
    value = encode(reading)
    try:
        long_way = decode_readings_record(value)
    except MalformedRecord as error:
        with pytest.raises(MalformedRecord, match=re.escape(str(error))):
            reading_row(value)
        return
    assert isinstance(long_way, Reading)
    assert reading_row(value) == row_of(long_way)


@given(TIMES)
def test_a_tick_has_no_row(at_ms: int) -> None:
    assert reading_row(encode(Tick(at_ms=at_ms))) is None


@given(TIMES, st.dictionaries(st.sampled_from(Sign), st.floats(allow_nan=False, allow_infinity=False)))
def test_signs_refused_as_impossible_have_no_row(at_ms: int, signs: dict[Sign, float]) -> None:
    refused = RefusedSigns("w1/b1/0", PatientId("p1"), DeviceId("w1"), at_ms, at_ms, signs)
    assert reading_row(encode(refused)) is None
    assert decode_readings_record(encode(refused)) == refused


@given(TIMES, TEXTS, st.none() | TEXTS)
def test_a_withdrawal_comes_out_as_the_order_it_is(at_ms: int, reason: str, reading_id: str | None) -> None:
    withdrawn = Withdrawn("c1", PatientId("p1"), DeviceId("w1"), at_ms, at_ms + 1, at_ms, "Ada", reason, reading_id)
    assert reading_row(encode(withdrawn)) == withdrawn
