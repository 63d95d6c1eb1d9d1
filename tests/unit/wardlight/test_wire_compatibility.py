"""The checker of wire changes: every forbidden change is found, every one that asks for an order is named, free ones pass."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.wire_compatibility import Effect, breaking, changes

Edit = Callable[[dict[str, Any]], object]


def described() -> dict[str, Any]:
    """A wire of one record, one list of words and one strict record."""
    return {
        "$defs": {
            "Priority": {"enum": ["high", "low"]},
            "Step": {
                "type": "object",
                "properties": {
                    "type": {"enum": ["step"]},
                    "at_ms": {"type": "integer", "minimum": 0, "maximum": 100},
                    "priority": {"$ref": "#/$defs/Priority"},
                    "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
                    "round": {"type": "integer", "default": 0},
                    "signs": {"type": "object", "additionalProperties": {"type": "number"}},
                    "ids": {"type": "array", "items": {"type": "string", "maxLength": 10}},
                },
                "required": ["type", "at_ms", "priority", "signs"],
            },
            "Strict": {
                "type": "object",
                "properties": {"boot": {"type": "string"}},
                "required": ["boot"],
                "additionalProperties": False,
            },
        }
    }


def found(edit: Edit) -> dict[str, Effect]:
    """What the edit is found to change, by place; the worst of each."""
    new = copy.deepcopy(described())
    edit(new["$defs"])
    order = sorted(changes(described(), new), key=lambda change: change.effect is Effect.BREAKING)
    return {change.where: change.effect for change in order}


def test_nothing_changed_is_no_change() -> None:
    assert changes(described(), described()) == []


FORBIDDEN: dict[str, tuple[Edit, str]] = {
    "a record is gone": (lambda d: d.pop("Strict"), "Strict"),
    "a field is gone": (lambda d: d["Step"]["properties"].pop("note"), "Step.note"),
    "a field has another type": (
        lambda d: d["Step"]["properties"].update(at_ms={"type": "string"}),
        "Step.at_ms",
    ),
    "a field can be null no more": (
        lambda d: d["Step"]["properties"].update(note={"type": "string", "default": None}),
        "Step.note",
    ),
    "what a field means when absent is another": (
        lambda d: d["Step"]["properties"]["round"].update(default=1),
        "Step.round",
    ),
    "a word is gone": (lambda d: d["Priority"]["enum"].remove("low"), "Priority"),
    "a record goes by another name": (
        lambda d: d["Step"]["properties"]["type"].update(enum=["walk"]),
        "Step.type",
    ),
    "a new field must be there": (
        lambda d: (d["Step"]["properties"].update(by={"type": "string"}), d["Step"]["required"].append("by")),
        "Step.by",
    ),
    "a field that could be absent must be there": (lambda d: d["Step"]["required"].append("note"), "Step.note"),
    "a record turns strict": (lambda d: d["Step"].update(additionalProperties=False), "Step"),
    "a bound is tighter": (lambda d: d["Step"]["properties"]["at_ms"].update(maximum=50), "Step.at_ms"),
    "a bound is new": (lambda d: d["Step"]["properties"]["round"].update(minimum=1), "Step.round"),
    "a mapping holds other values": (
        lambda d: d["Step"]["properties"]["signs"].update(additionalProperties={"type": "string"}),
        "Step.signs.additionalProperties",
    ),
    "a list holds other values": (
        lambda d: d["Step"]["properties"]["ids"].update(items={"type": "integer"}),
        "Step.ids.items",
    ),
    "any string becomes a word of a list": (
        lambda d: d["Strict"]["properties"].update(boot={"$ref": "#/$defs/Priority"}),
        "Strict.boot",
    ),
    "a pattern is new": (lambda d: d["Strict"]["properties"]["boot"].update(pattern="^b"), "Strict.boot"),
}
ORDERED: dict[str, tuple[Edit, str]] = {
    "a word is new": (lambda d: d["Priority"]["enum"].append("medium"), "Priority"),
    "a field may be null": (
        lambda d: d["Step"]["properties"].update(at_ms={"anyOf": [described()["$defs"]["Step"]["properties"]["at_ms"], {"type": "null"}]}),
        "Step.at_ms",
    ),
    "a field may be absent": (lambda d: d["Step"]["required"].remove("at_ms"), "Step.at_ms"),
    "a bound is looser": (lambda d: d["Step"]["properties"]["at_ms"].update(maximum=200), "Step.at_ms"),
    "a bound is gone": (lambda d: d["Step"]["properties"]["at_ms"].pop("minimum"), "Step.at_ms"),
    "a strict record has a new field": (
        lambda d: d["Strict"]["properties"].update(more={"type": "string", "default": ""}),
        "Strict.more",
    ),
    "a word of a list becomes any string": (
        lambda d: d["Step"]["properties"].update(priority={"type": "string"}),
        "Step.priority",
    ),
}  # fmt: skip
FREE: dict[str, Edit] = {
    "a new field that may be absent": lambda d: d["Step"]["properties"].update(more={"type": "string", "default": ""}),
    "a new record": lambda d: d.update(New={"type": "object", "properties": {}, "required": []}),
    "other words for people": lambda d: d["Step"].update(title="Step of an alert", description="Told again"),
    "a record that is strict no more": lambda d: d["Strict"].pop("additionalProperties"),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_a_forbidden_change_is_found_where_it_is(what: str) -> None:
    edit, where = FORBIDDEN[what]
    assert found(edit).get(where) is Effect.BREAKING


@pytest.mark.parametrize("what", ORDERED)
def test_a_change_that_readers_must_know_first_is_named_and_not_forbidden(what: str) -> None:
    edit, where = ORDERED[what]
    assert found(edit) == {where: Effect.READERS_FIRST}


@pytest.mark.parametrize("what", FREE)
def test_a_free_change_is_none(what: str) -> None:
    assert found(FREE[what]) == {}


def test_breaking_keeps_only_what_is_never_allowed() -> None:
    new = copy.deepcopy(described())
    new["$defs"]["Priority"]["enum"] = ["high", "medium"]
    assert [change.what for change in breaking(changes(described(), new))] == ["knows 'low' no more"]
