"""Records of what is learned: numbers and times that no database could hold are refused where they are read."""

from typing import Any

import msgspec
import pytest

from tests.support.learning import example, lesson, outcome, outcome_withdrawn
from vitals import codec
from vitals.errors import MalformedRecord
from vitals.model_version import ModelStanding, ModelSwitch, ModelVersion


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


BAD_IDS = ("", "\x00", "p\x00", "p1\n", "\x1b[2J", "p\x7f", "p\x85", "x" * 301)
VERSION = ModelVersion(1, "h", "additive", "x", 1000, 5, 60.0, ModelStanding.CHAMPION)
SWITCH = ModelSwitch(1, 1, "hash", 1000, "trainer", "newest")
IDS = (
    (example(), codec.decode_training_record, ("example_id", "patient_id", "pipeline")),
    (outcome(), codec.decode_outcomes_record, ("outcome_id", "patient_id", "ward_id", "person_id")),
    (outcome_withdrawn(), codec.decode_outcomes_record, ("outcome_id", "patient_id", "person_id")),
    (VERSION, codec.decode_models_record, ("hash", "candidate", "pipeline")),
)


@pytest.mark.parametrize("bad", BAD_IDS, ids=repr)
def test_ids_are_neither_empty_nor_endless_and_hold_no_control_character(bad: str) -> None:
    for record, decode, names in IDS:
        assert decode(codec.encode(record)) == record
        for name in names:
            with pytest.raises(MalformedRecord):
                decode(changed(record, **{name: bad}))
    inside = msgspec.json.decode(codec.encode(example()))
    with pytest.raises(MalformedRecord):
        codec.decode_training_record(changed(lesson(), example={**inside, "patient_id": bad}))
    with pytest.raises(MalformedRecord):
        codec.decode_training_record(changed(example(), features={bad: 1.0}))


@pytest.mark.parametrize("bad", [each for each in BAD_IDS if each], ids=repr)
def test_a_switch_names_a_hash_or_none_for_what_was_shipped(bad: str) -> None:
    assert codec.decode_readings_record(changed(SWITCH, hash="")) == msgspec.structs.replace(SWITCH, hash="")
    for decode in (codec.decode_readings_record, codec.decode_models_record):
        with pytest.raises(MalformedRecord):
            decode(changed(SWITCH, hash=bad))


def test_ids_of_other_alphabets_and_with_spaces_are_ids() -> None:
    for name in ("Sta\u00df/Zimmer 4", "\u75c5\u623f-3", "x" * 300):
        assert codec.decode_training_record(changed(example(), example_id=name)) == example(name)


def test_an_example_has_a_bounded_number_of_features() -> None:
    many = {str(number): 1.0 for number in range(1001)}
    with pytest.raises(MalformedRecord):
        codec.decode_training_record(changed(example(), features=many))
