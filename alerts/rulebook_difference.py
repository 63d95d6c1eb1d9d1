"""What a rulebook says otherwise than another: every number that differs, with its place. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from alerts.rulebook import Rulebook
from alerts.rules import AlertRules


class Difference(NamedTuple):
    """One value that differs; None where it is not there."""

    place: str
    """Such as `limits.spo2-low.depths.1.limit`, bands counted from 1."""
    before: object
    after: object


def differences(before: Rulebook, after: Rulebook) -> tuple[Difference, ...]:
    """Everything that `after` says otherwise: house, wards, bounds of changes; sources and names left out."""
    return tuple(
        Difference(place, told_before.get(place), told_after.get(place))
        for told_before, told_after in [(_said(before), _said(after))]
        for place in dict.fromkeys([*told_before, *told_after])
        if told_before.get(place) != told_after.get(place)
    )


def _said(book: Rulebook) -> dict[str, object]:
    said = dict(_flat("", _plain(book.house)))
    said |= _flat("changes.", {"changes": msgspec.to_builtins(book.bounds)}["changes"])
    house = _plain(book.house)
    for ward_id, rules in book.wards.items():
        of_house = dict(_flat("", house))
        said |= {
            f"wards.{ward_id}.{place}": value
            for place, value in _flat("", _plain(rules))
            if of_house.get(place) != value
        }
    return said


def _plain(rules: AlertRules) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(msgspec.structs.replace(rules, version=None))
    return plain


def _flat(place: str, value: Any) -> Iterator[tuple[str, object]]:  # noqa: ANN401 - plain data of any shape
    """Every value below, by its place; of lists with a kind by kind, of others by number from 1."""
    if isinstance(value, Mapping):
        for key, entry in value.items():
            if key not in {"source", "kind"}:
                yield from _flat(f"{place}{key}.", entry)
    elif isinstance(value, list | tuple) and value and all(isinstance(entry, Mapping) for entry in value):
        for number, entry in enumerate(value, start=1):
            yield from _flat(f"{place}{entry.get('kind', number)}.", entry)
    else:
        yield place.removesuffix("."), list(value) if isinstance(value, tuple) else value
