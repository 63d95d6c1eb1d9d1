"""Records as releases wrote them, kept to the byte, and how they are made when there is a release.

A folder of tests/golden is one release: `records.jsonl`, a line per record with the type that reads it and its bytes, and
`wire-schema.json`, what `wardlight schema json` said then.
"""

import json
from pathlib import Path
from typing import Any

import msgspec

from tests.support.tree import ROOT
from tests.support.whole_records import whole
from vitals import codec
from vitals.fault import SystemFault
from vitals.model_version import ModelSwitch, ModelVersion
from vitals.outcome import Outcome, OutcomeWithdrawn
from vitals.reading import Reading, RefusedSigns, Tick, Unaccounted, Withdrawn
from vitals.training import Example, Lesson
from wardlight.schema_command import Form, text_of
from wardlight.wire_schema import LOG_RECORDS, MQTT_RECORDS

GOLDEN = ROOT / "tests" / "golden"
RECORDS: tuple[type[msgspec.Struct], ...] = tuple(dict.fromkeys((*MQTT_RECORDS, *LOG_RECORDS)))
BY_NAME = {record.__name__: record for record in RECORDS}
_READINGS = frozenset({Reading, RefusedSigns, Withdrawn, Unaccounted, SystemFault, ModelSwitch, Tick})


class Golden(msgspec.Struct, frozen=True, kw_only=True):
    """One record as it was written."""

    record: str
    """Name of its type."""
    value: str
    """Its bytes; they are UTF-8."""


def releases() -> list[Path]:
    """Folders of releases, by name."""
    return sorted(path for path in GOLDEN.iterdir() if path.is_dir())


def golden_of(release: Path) -> list[Golden]:
    """The records of one release."""
    decoder = msgspec.json.Decoder(Golden)
    return [decoder.decode(line) for line in (release / "records.jsonl").read_bytes().splitlines()]


def schema_of(release: Path) -> dict[str, Any]:
    """What the release said of its wire."""
    said: dict[str, Any] = json.loads((release / "wire-schema.json").read_text(encoding="utf-8"))
    return said


def read(record: type[msgspec.Struct], value: bytes) -> msgspec.Struct:
    """By the decoder that services read this type with; raises MalformedRecord."""
    if record in _READINGS:
        return codec.decode_readings_record(value)
    if record in {Example, Lesson}:
        return codec.decode_training_record(value)
    if record in {Outcome, OutcomeWithdrawn}:
        return codec.decode_outcomes_record(value)
    if record is ModelVersion:
        return codec.decode_models_record(value)
    return codec.decode(record, value)


def write_release(directory: Path) -> int:
    """Put down what this program writes, as a release; how many records."""
    directory.mkdir(parents=True, exist_ok=True)
    lines = [
        msgspec.json.encode(Golden(record=record.__name__, value=msgspec.json.encode(whole(record)).decode()))
        for record in RECORDS
    ]
    (directory / "records.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    (directory / "wire-schema.json").write_text(text_of(Form.JSON), encoding="utf-8")
    return len(lines)
