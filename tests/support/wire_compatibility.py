"""What changed between two descriptions of the wire, and whether old and new can live side by side: pure.

Takes JSON Schema documents as `wardlight schema json` writes them. The rules, and why, stand in docs/upgrading.md.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from vitals.whole_numbers import COUNT_MAX, EPOCH_MS_MAX

Schema = Mapping[str, Any]

_PROSE = frozenset({"title", "description", "default"})
_WORDS = "$words"
_UPPER = frozenset({"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"})
_LOWER = frozenset({"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"})


NO_RELEASE_WROTE = {
    "_ms": (0, EPOCH_MS_MAX),
    ".sequence": (0, COUNT_MAX),
    ".valid_for_s": (0, COUNT_MAX),
    ".spo2_scale": (0, COUNT_MAX),
    ".age_years": (0, 150),
}
"""By the end of a field's name, what lies beyond all that any release wrote into it: a bound there refuses nobody's record."""


class Effect(StrEnum):
    """What a change asks of whoever upgrades."""

    BREAKING = "breaking"
    """One of both versions cannot read, or misreads, what the other wrote: never."""
    READERS_FIRST = "readers first"
    """The new version reads all, the old one not all: one release reads it, the next one writes it."""


class Change(NamedTuple):
    """One difference that is not free."""

    effect: Effect
    where: str
    what: str


def changes(old: Schema, new: Schema) -> list[Change]:
    """Every difference that somebody has to know of, in order of place; additions that are free are none."""
    found: list[Change] = []
    befores, afters = _marked(old), _marked(new)
    for name, before in sorted(befores.items()):
        after = afters.get(name)
        if after is None:
            found.append(Change(Effect.BREAKING, name, "is gone"))
        else:
            found += _changed(name, before, after)
    return found


def breaking(found: list[Change]) -> list[Change]:
    """Those that are never allowed."""
    return [change for change in found if change.effect is Effect.BREAKING]


def _marked(document: Schema) -> dict[str, Any]:
    """The definitions, with every reference to a list of words told as a string of that list: it may become any string."""
    definitions: Mapping[str, Any] = document["$defs"]

    def marked(part: Any) -> Any:
        if isinstance(part, list):
            return [marked(each) for each in part]
        if not isinstance(part, dict):
            return part
        name = str(part.get("$ref", "")).rpartition("/")[2]
        if "enum" in definitions.get(name, {}):
            return {**{key: value for key, value in part.items() if key != "$ref"}, "type": "string", _WORDS: name}
        return {key: marked(value) for key, value in part.items()}

    return {name: marked(definition) for name, definition in definitions.items()}


def _changed(where: str, old: Schema, new: Schema) -> Iterator[Change]:
    if "properties" in old or "properties" in new:
        yield from _changed_record(where, old, new)
        return
    if "anyOf" in old or "anyOf" in new:
        yield from _changed_choices(where, _choices(old), _choices(new))
        return
    for key in sorted((old.keys() | new.keys()) - _PROSE):
        yield from _changed_key(where, key, old.get(key), new.get(key))


def _changed_record(where: str, old: Schema, new: Schema) -> Iterator[Change]:
    before, after = old.get("properties", {}), new.get("properties", {})
    needed_before, needed_after = set(old.get("required", ())), set(new.get("required", ()))
    strict_before, strict_after = (each.get("additionalProperties") is False for each in (old, new))
    if strict_after and not strict_before:
        yield Change(Effect.BREAKING, where, "refuses fields it does not know, and did not before")
    for name in sorted(before):
        place = f"{where}.{name}"
        if name not in after:
            yield Change(Effect.BREAKING, place, "is gone")
            continue
        yield from _changed(place, before[name], after[name])
        if name in needed_after - needed_before:
            yield Change(Effect.BREAKING, place, "must be there, and might be absent before")
        if name in needed_before - needed_after:
            yield Change(Effect.READERS_FIRST, place, "may be absent, and had to be there before")
        elif before[name].get("default") != after[name].get("default"):
            yield Change(Effect.BREAKING, place, "means something else where it is absent")
    for name in sorted(after.keys() - before.keys()):
        if name in needed_after:
            yield Change(Effect.BREAKING, f"{where}.{name}", "is new and must be there: what was written lacks it")
        elif strict_before:
            yield Change(Effect.READERS_FIRST, f"{where}.{name}", "is new in a record whose old readers are strict")


def _choices(schema: Schema) -> list[Schema]:
    return list(schema["anyOf"]) if "anyOf" in schema else [{k: v for k, v in schema.items() if k not in _PROSE}]


def _changed_choices(where: str, old: list[Schema], new: list[Schema]) -> Iterator[Change]:
    """Choices are told apart by their kind; what is left of both is held against one another."""
    before, after = {_kind(each): each for each in old}, {_kind(each): each for each in new}
    for kind in sorted(before.keys() - after.keys()):
        yield Change(Effect.BREAKING, where, f"can be {kind} no more")
    for kind in sorted(after.keys() - before.keys()):
        yield Change(Effect.READERS_FIRST, where, f"can be {kind}, which it could not before")
    for kind in sorted(before.keys() & after.keys()):
        yield from _changed(where, before[kind], after[kind])


def _kind(schema: Schema) -> str:
    return str(schema.get("$ref", schema.get("type", "value")))


def _changed_key(where: str, key: str, old: Any, new: Any) -> Iterator[Change]:
    if old == new:
        return
    if key == "enum":
        yield from _changed_values(where, old, new)
    elif key == _WORDS and new is None:
        yield Change(Effect.READERS_FIRST, where, f"was a word of {old} and is any string")
    elif key in _UPPER | _LOWER:
        looser = new is None or (old is not None and (new > old if key in _UPPER else new < old))
        if not looser and _refuses_nobody(where, key, new):
            return
        effect = Effect.READERS_FIRST if looser else Effect.BREAKING
        yield Change(effect, where, f"{key} was {_told(old)} and is {_told(new)}")
    elif key in {"items", "additionalProperties", "propertyNames"} and isinstance(old, dict) and isinstance(new, dict):
        yield from _changed(f"{where}.{key}", old, new)
    elif key == "prefixItems" and old is not None and new is not None and len(old) == len(new):
        for number, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from _changed(f"{where}[{number}]", before, after)
    else:
        yield Change(Effect.BREAKING, where, f"{key} was {_told(old)} and is {_told(new)}")


def _refuses_nobody(where: str, key: str, bound: Any) -> bool:
    if key not in {"minimum", "maximum"}:
        return False
    written = next((bounds for end, bounds in NO_RELEASE_WROTE.items() if where.endswith(end)), None)
    return written is not None and (bound <= written[0] if key == "minimum" else bound >= written[1])


def _changed_values(where: str, old: list[Any] | None, new: list[Any] | None) -> Iterator[Change]:
    if old is None or new is None:
        yield Change(
            Effect.READERS_FIRST if new is None else Effect.BREAKING, where, "is no longer, or newly, a list of values"
        )
        return
    for value in sorted(set(old) - set(new), key=str):
        yield Change(Effect.BREAKING, where, f"knows {value!r} no more")
    for value in sorted(set(new) - set(old), key=str):
        yield Change(Effect.READERS_FIRST, where, f"knows {value!r}, which is new")


def _told(value: Any) -> str:
    return "not said" if value is None else repr(value)
