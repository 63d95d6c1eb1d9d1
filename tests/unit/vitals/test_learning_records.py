"""Records of what is learned: numbers and times that no database could hold are refused where they are read."""

from typing import Any

import msgspec
import pytest

from tests.support.learning import lesson, outcome, outcome_withdrawn
from vitals import codec
from vitals.errors import MalformedRecord
from vitals.model_version import ModelSwitch


def changed(record: msgspec.Struct, **fields: Any) -> bytes:
    """The record as somebody else might write it."""
    return msgspec.json.encode({**msgspec.json.decode(codec.encode(record)), **fields})


@pytest.mark.parametrize("weight", [0, -1.0, 1.5, 1e20])
def test_a_lesson_weighs_more_than_nothing_and_at_most_one(weight: float) -> None:
    assert codec.decode_training_record(changed(lesson(), weight=1.0)) == lesson()
    with pytest.raises(MalformedRecord):
        codec.decode_training_record(changed(lesson(), weight=weight))


@pytest.mark.parametrize("at_ms", [-1, 2**53 + 1, 10**30])
def test_an_outcome_happened_at_a_moment(at_ms: int) -> None:
    for record in (changed(outcome(), happened_at_ms=at_ms), changed(outcome_withdrawn(), at_ms=at_ms)):
        with pytest.raises(MalformedRecord):
            codec.decode_outcomes_record(record)


@pytest.mark.parametrize("field", ["switch", "number", "at_ms"])
def test_a_switch_is_a_number_that_can_be_kept(field: str) -> None:
    switch = ModelSwitch(1, 1, "hash", 1000, "trainer", "newest")
    assert codec.decode_readings_record(changed(switch)) == switch
    with pytest.raises(MalformedRecord):
        codec.decode_readings_record(changed(switch, **{field: 10**30}))
