"""The rulebook: every rule that decides about alerts, as one YAML text, checked to the last number. Pure.

A book says what differs from the book that comes with Wardlight (`default_rules.yaml`); limits are taken kind by kind,
records field by field. What it does not name stays: no book can leave a sign without limits by forgetting it.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from alerts.rulebook_limits import check_limits, check_order, check_sides
from alerts.rulebook_shape import check_shape, field_names, require_known
from alerts.rulebook_text import Marked, Path, RulebookError, Value, read_text, shown
from alerts.rules import AlertRules
from vitals.age import AgeBand
from vitals.alert import AlertKind
from vitals.kind_rules import BookPart, Change, ChangeBounds, KindRules
from vitals.limits import LimitRule
from vitals.reading import WardId

FORMAT: Final = 1
WARDS_MAX: Final = 500
WARD_NAME_MAX: Final = 64
_VERSION_DIGITS: Final = 12

_SET_BY_US: Final = frozenset({"version"})
RULE_NAMES: Final = tuple(name for name in field_names(AlertRules) if name not in _SET_BY_US)
"""The rules themselves, which stand at the top of a book and in its wards."""
_ABOUT: Final = ("format", "name", "sources", "changes", "wards")
_CHILDREN: Final = "child_limits"
_SOURCED_THEMSELVES: Final = frozenset({"limits", _CHILDREN})
_TYPES: Final = {field.encode_name: field.type for field in msgspec.structs.fields(AlertRules)}

SINGLE_DELAYS: Final[Mapping[AlertKind, Path]] = {
    AlertKind.NEWS2_SINGLE_RED: ("single_red_delay_s",),
    AlertKind.NEWS2_URGENT: ("urgent_delay_s",),
    AlertKind.NEWS2_EMERGENCY: ("emergency_delay_s",),
    AlertKind.UNUSUAL_PATTERN: ("pattern_delay_s",),
    AlertKind.DETERIORATION_RISK: ("risk", "delay_s"),
    AlertKind.BASELINE_SHIFT: ("shift", "lasts_s"),
    AlertKind.LOST_CONTACT: ("contact", "silence_s"),
}
"""Where the delay of a kind without bands stands in `AlertRules`."""


class Rulebook(NamedTuple):
    """One book, read and checked."""

    version: str
    """The beginning of its content's SHA-256."""
    name: str
    text: str
    house: AlertRules
    wards: Mapping[WardId, AlertRules]
    """Of wards that differ."""
    bounds: ChangeBounds

    def rules(self, ward_id: WardId | None = None) -> AlertRules:
        """What holds on a ward; for the house where there is none, or it differs in nothing."""
        return self.house if ward_id is None else self.wards.get(ward_id, self.house)

    def part(self) -> BookPart:
        """What of it may be changed, and how far."""
        return BookPart(
            version=self.version,
            house=kind_rules_of(self.house),
            wards={str(ward_id): kind_rules_of(rules) for ward_id, rules in self.wards.items()},
            bounds=self.bounds,
            children=self.house.child_limits,
            ward_children={str(ward_id): rules.child_limits for ward_id, rules in self.wards.items()},
        )


def parse(text: str, *, bounds: ChangeBounds | None = None) -> Rulebook:
    """Read and check a book; raises RulebookError, which names line, column, what was found and what was expected.

    `bounds` hold for changes of what the book itself names no bounds for.
    """
    marked = read_text(text)
    top = _mapping(marked, (), marked.value)
    for key in top:
        require_known(marked, (key,), key, (*_ABOUT, *RULE_NAMES))
    _check_format(marked, top)
    check_shape(marked, ("name",), top.get("name", "nameless"), str)
    version = hashlib.sha256(text.encode()).hexdigest()[:_VERSION_DIGITS]
    house = _rules(marked, (), top, AlertRules(), version)
    allowed = _bounds(marked, top, ChangeBounds() if bounds is None else bounds)
    _check_sources(marked, top)
    return Rulebook(
        version=version,
        name=str(top.get("name", "nameless")),
        text=text,
        house=house,
        wards=_wards(marked, top, house, version),
        bounds=allowed,
    )


def kind_rules_of(rules: AlertRules) -> KindRules:
    """The part of the rules that changes touch."""
    return KindRules(
        rules.limits, {kind: _at(rules, path) for kind, path in SINGLE_DELAYS.items()}, dict(rules.priorities)
    )


def with_changes(
    rules: AlertRules, changes: Mapping[AlertKind, Change], *, of_patient: bool = False
) -> tuple[AlertRules, frozenset[AlertKind]]:
    """The rules with these changes, and the kinds whose change no longer fits: those stand as the book says.

    A ward's changes are for its adults. A patient's go for whatever age the patient has.
    """
    part, misfits = kind_rules_of(rules).with_all(changes)
    changed = msgspec.structs.replace(rules, limits=part.limits, priorities=part.priorities)
    for kind, delay_s in part.delays_s.items():
        changed = _with(changed, SINGLE_DELAYS[kind], delay_s)
    if not of_patient:
        return changed, misfits
    children: dict[AgeBand, tuple[LimitRule, ...]] = {}
    for band, limits in rules.child_limits.items():
        of_band, misfits_of_band = msgspec.structs.replace(kind_rules_of(rules), limits=limits).with_all(changes)
        children[band] = of_band.limits
        misfits &= misfits_of_band
    return msgspec.structs.replace(changed, child_limits=children), misfits


def _rules(marked: Marked, path: Path, given: Mapping[str, Value], base: AlertRules, version: str) -> AlertRules:
    """What `given` says over `base`, checked."""
    said = {name: given[name] for name in RULE_NAMES if name in given}
    for name, value in said.items():
        check_shape(marked, (*path, name), value, _TYPES[name])
    check_limits(marked, (*path, "limits"), said.get("limits", []))
    for band, limits in _mapping(marked, (*path, _CHILDREN), said.get(_CHILDREN, {})).items():
        check_limits(marked, (*path, _CHILDREN, band), limits, of_child=True)
    _check_priorities(marked, path, said, base)
    builtins = msgspec.to_builtins(base)
    merged = {**builtins, **{name: _merged(builtins[name], value) for name, value in said.items()}, "version": version}
    rules = msgspec.convert(merged, AlertRules)
    check_sides(marked, (*path, "limits"), rules.limits)
    for age, of_age in rules.child_limits.items():
        check_sides(marked, (*path, _CHILDREN, age.value), of_age)
    check_order(marked, path, rules)
    return rules


def _merged(base: Any, given: Value) -> Any:  # noqa: ANN401 - plain data of any shape
    """`given` over `base`: mappings key by key, limits kind by kind, anything else whole."""
    if isinstance(given, dict) and isinstance(base, dict):
        return {**base, **{key: _merged(base.get(key), value) for key, value in given.items()}}
    if isinstance(given, list) and isinstance(base, list | tuple) and _are_by_kind(given) and _are_by_kind(base):
        by_kind = {entry["kind"]: entry for entry in [*base, *given]}
        return list(by_kind.values())
    return given


def _are_by_kind(entries: Sequence[Any]) -> bool:
    return all(isinstance(entry, dict) and "kind" in entry for entry in entries)


def _check_format(marked: Marked, top: Mapping[str, Value]) -> None:
    if top.get("format") != FORMAT or isinstance(top.get("format"), bool):
        raise RulebookError(marked.mark(("format",)), shown(top.get("format")), f"format: {FORMAT}")


def _check_priorities(marked: Marked, path: Path, said: Mapping[str, Value], base: AlertRules) -> None:
    """Limits carry their priorities band by band; a second place for them would be one too many."""
    with_bands = {rule.kind.value for rule in base.limits}
    for key in _mapping(marked, (*path, "priorities"), said.get("priorities", {})):
        if key in with_bands:
            mark = marked.keys[*path, "priorities", key]
            raise RulebookError(mark, shown(key), "a kind without bands: its limits carry their priorities")


def _check_sources(marked: Marked, top: Mapping[str, Value]) -> None:
    check_shape(marked, ("sources",), top.get("sources", {}), dict[str, str])
    sources = _mapping(marked, ("sources",), top.get("sources", {}))
    sourced = [name for name in (*RULE_NAMES, "changes") if name not in _SOURCED_THEMSELVES]
    for name in sources:
        require_known(marked, ("sources", name), name, tuple(sourced))
    for name in sourced:
        if name in top and name not in sources:
            mark = marked.keys[name,]
            raise RulebookError(mark, f"{name} without its source", f"an entry {name} under sources")


def _bounds(marked: Marked, top: Mapping[str, Value], base: ChangeBounds) -> ChangeBounds:
    given = top.get("changes", {})
    check_shape(marked, ("changes",), given, ChangeBounds)
    entries = _mapping(marked, ("changes",), given).get("kinds", [])
    seen: set[object] = set()
    for place, entry in enumerate(entries if isinstance(entries, list) else []):
        kind = entry.get("kind") if isinstance(entry, dict) else None
        if kind in seen:
            raise RulebookError(marked.mark(("changes", "kinds", place, "kind")), f"{kind} again", "each kind once")
        seen.add(kind)
    return msgspec.convert(_merged(msgspec.to_builtins(base), given), ChangeBounds)


def _wards(marked: Marked, top: Mapping[str, Value], house: AlertRules, version: str) -> dict[WardId, AlertRules]:
    wards = _mapping(marked, ("wards",), top.get("wards", {}))
    if len(wards) > WARDS_MAX:
        raise RulebookError(marked.mark(("wards",)), f"{len(wards)} wards", f"at most {WARDS_MAX}")
    found: dict[WardId, AlertRules] = {}
    for name, value in wards.items():
        path: Path = ("wards", name)
        if not name or len(name) > WARD_NAME_MAX:
            raise RulebookError(marked.keys[path], shown(name), f"a ward's name of at most {WARD_NAME_MAX} characters")
        given = _mapping(marked, path, value)
        for key in given:
            require_known(marked, (*path, key), key, ("source", *RULE_NAMES))
        if "source" not in given:
            raise RulebookError(marked.keys[path], f"ward {name} without a source", "source: why it differs")
        check_shape(marked, (*path, "source"), given["source"], str)
        found[WardId(name)] = _rules(marked, path, given, house, version)
    return found


def _mapping(marked: Marked, path: Path, value: Value) -> dict[str, Value]:
    if not isinstance(value, dict):
        raise RulebookError(marked.mark(path), shown(value), "a mapping")
    return value


def _at(record: Any, path: Path) -> float:  # noqa: ANN401 - a record of any kind
    for name in path:
        record = getattr(record, str(name))
    return float(record)


def _with(rules: AlertRules, path: Path, value: float) -> AlertRules:
    """The rules with one number in place of what stood there."""
    if _at(rules, path) == value:
        return rules
    name, *inside = map(str, path)
    if not inside:
        return msgspec.structs.replace(rules, **{name: value})
    return msgspec.structs.replace(rules, **{name: msgspec.structs.replace(getattr(rules, name), **{inside[0]: value})})
