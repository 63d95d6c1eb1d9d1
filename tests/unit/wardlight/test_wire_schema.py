"""The wire's description is made from the types, and what it says holds."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from tests.support.tree import text
from vitals import codec
from vitals.errors import MalformedRecord
from vitals.reading import DeviceReading
from vitals.topics import LogTopic
from wardlight.schema_command import Form, text_of
from wardlight.wire_schema import EXAMPLES, LOG_RECORDS, MQTT_RECORDS, asyncapi, json_schema

PAGES = {Form.ASYNCAPI: "docs/asyncapi.json", Form.JSON: "docs/wire-schema.json"}


@pytest.mark.parametrize("form", list(Form))
def test_the_document_is_what_the_types_say(form: Form) -> None:
    assert text(PAGES[form]) == text_of(form), f"run: wardlight schema {form.value} > {PAGES[form]}"


@pytest.mark.parametrize("document", [asyncapi(), json_schema()], ids=["asyncapi", "json"])
def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    for reference in references(document):
        place: Any = document
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]
        assert place, reference


def test_every_topic_of_the_log_and_every_record_is_described() -> None:
    addresses = {channel["address"] for channel in asyncapi()["channels"].values()}
    assert addresses >= {topic.value for topic in LogTopic}
    assert asyncapi()["components"]["messages"].keys() == {each.__name__ for each in (*MQTT_RECORDS, *LOG_RECORDS)}


@pytest.mark.parametrize("record", list(EXAMPLES), ids=lambda record: record.__name__)
def test_every_example_is_valid_by_the_schema_and_by_the_codec(record: type[msgspec.Struct]) -> None:
    example = EXAMPLES[record]
    value = codec.encode(example)
    validator(record.__name__).validate(json.loads(value))
    decoded = codec.decode_readings_record(value) if "type" in json.loads(value) else codec.decode(record, value)
    assert decoded == example


@pytest.mark.parametrize(
    "payload",
    [
        {"measured_at": 1, "signs": {}, "patient": "x"},
        {"measured_at": None, "signs": {}},
        {"signs": {"heart_rate_bpm": 1}},
        {"measured_at": 1, "signs": {"heart_rate_bpm": [1]}},
    ],
)
def test_what_the_codec_refuses_the_schema_refuses(payload: dict[str, Any]) -> None:

    assert not validator("DeviceReading").is_valid(payload)
    with pytest.raises(MalformedRecord):
        codec.decode(DeviceReading, json.dumps(payload).encode())


def validator(name: str) -> Draft202012Validator:
    """A validator of one record."""
    document = json_schema()
    return Draft202012Validator({"$defs": document["$defs"], "$ref": f"#/$defs/{name}"})


def references(part: object) -> Iterator[str]:
    """Every $ref in a document."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)
