"""What releases wrote is read as it was meant, what a newer one adds is passed over, and no wire type breaks its past."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.golden_records import BY_NAME, RECORDS, golden_of, read, releases, schema_of
from tests.support.tree import text
from tests.support.whole_records import whole
from tests.support.wire_compatibility import Effect, breaking, changes
from vitals import codec
from vitals.errors import MalformedRecord
from vitals.reading import DeviceReading, Receipt
from wardlight.schema_command import Form, text_of

STRICT = frozenset({"DeviceReading"})
"""What comes from outside is refused where we do not know a field of it: a mistyped one must not vanish unseen."""
NUMBERED = [release for release in releases() if release.name[0].isdigit()]
"""Before the first number nothing was promised, and what was written then is read all the same."""
TODAY: dict[str, Any] = json.loads(text_of(Form.JSON))


@pytest.mark.parametrize("release", releases(), ids=lambda release: release.name)
def test_every_record_of_a_release_says_today_what_it_said_then(release: Path) -> None:
    for golden in golden_of(release):
        said = json.loads(golden.value)
        understood = msgspec.to_builtins(read(BY_NAME[golden.record], golden.value.encode()))
        assert lost(said, understood) == [], golden.record


@pytest.mark.parametrize("release", NUMBERED, ids=lambda release: release.name)
def test_every_wire_type_of_a_release_is_kept_whole(release: Path) -> None:
    kept: dict[str, dict[str, Any]] = {golden.record: json.loads(golden.value) for golden in golden_of(release)}
    told = schema_of(release)["$defs"]
    records = {record.__name__ for record in RECORDS} & told.keys()
    assert kept.keys() >= records
    for name in records:
        assert kept[name].keys() == told[name]["properties"].keys(), name


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_a_field_of_a_newer_release_is_passed_over_at_every_depth(record: type[msgspec.Struct]) -> None:
    plain = whole(record)
    newer = with_unknown(plain, told(record))
    assert newer != plain
    value = msgspec.json.encode(newer)
    if record.__name__ in STRICT:
        with pytest.raises(MalformedRecord, match="unknown field"):
            read(record, value)
    else:
        assert read(record, value) == read(record, msgspec.json.encode(plain))


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_a_record_that_is_whole_comes_back_whole(record: type[msgspec.Struct]) -> None:
    plain = whole(record)
    assert lost(plain, json.loads(codec.encode(read(record, msgspec.json.encode(plain))))) == []


@pytest.mark.parametrize("release", NUMBERED, ids=lambda release: release.name)
def test_no_wire_type_breaks_what_a_release_wrote_or_reads(release: Path) -> None:
    found = changes(schema_of(release), TODAY)
    assert breaking(found) == []
    page = text("docs/upgrading.md")
    unnamed = [each for each in found if each.effect is Effect.READERS_FIRST and f"`{each.where}`" not in page]
    assert unnamed == [], "docs/upgrading.md must name each place and which release may write it"


def test_a_device_that_is_older_than_a_reason_lets_go_of_what_is_safe_all_the_same() -> None:
    receipt = codec.decode(Receipt, b'{"boot":"b","from_sequence":0,"through_sequence":3,"rejected":"of_next_year"}')
    assert (receipt.through_sequence, receipt.rejected) == (3, "of_next_year")


def test_the_door_for_devices_takes_what_it_always_took() -> None:
    reading = codec.decode(DeviceReading, b'{"measured_at":1767225600000,"signs":{"heart_rate_bpm":71}}')
    assert reading.signs == {"heart_rate_bpm": 71}


def lost(said: Any, understood: Any, at: str = "") -> list[str]:
    """Where what was said is not in what was understood, except for what the reader leaves out as being the default."""
    if isinstance(said, dict) and isinstance(understood, dict):
        return [
            place
            for key, value in said.items()
            for place in ([f"{at}.{key}"] if key not in understood else lost(value, understood[key], f"{at}.{key}"))
        ]
    if isinstance(said, list) and isinstance(understood, list | tuple) and len(said) == len(understood):
        return [
            place for n, (a, b) in enumerate(zip(said, understood, strict=True)) for place in lost(a, b, f"{at}[{n}]")
        ]
    return [] if said == understood else [at]


def told(record: type[msgspec.Struct]) -> dict[str, Any]:
    """The schema of a record."""
    found: dict[str, Any] = TODAY["$defs"][record.__name__]
    return found


def with_unknown(value: Any, schema: dict[str, Any]) -> Any:
    """The same with a field that nobody knows in every record of it; mappings of ours, such as signs, stay as they are."""
    schema = next(_resolved(schema), {})
    if isinstance(value, dict) and "properties" in schema:
        return {
            **{key: with_unknown(part, schema["properties"][key]) for key, part in value.items()},
            "of_a_newer_release": {"x": [1]},
        }
    if isinstance(value, list):
        return [with_unknown(part, schema.get("items", {})) for part in value]
    return value


def _resolved(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What a schema means: the record it refers to, or the first choice that is not null."""
    for choice in schema.get("anyOf", [schema]):
        if choice.get("type") == "null":
            continue
        name = str(choice.get("$ref", "")).rpartition("/")[2]
        yield TODAY["$defs"][name] if name else choice
