"""Whether a value of a rulebook has the shape of a record: every key known, every value of its type and in its range. Pure.

The records say by their types what may stand there, so whatever rule is added to `alerts.rules.AlertRules` is checked here
without a further word. Where a type says nothing of a number's range, its name does: it ends in its unit.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from enum import Enum
from typing import Final

import msgspec
from msgspec import inspect

from alerts.rulebook_text import Mark, Marked, Path, RulebookError, Value, shown

LIST_MAX: Final = 1000
_WEEK_S: Final = 7 * 24 * 3600.0

_RANGES: Final[Mapping[str, tuple[float, float]]] = {
    "silence_s": (5, _WEEK_S),
    "first_silence_s": (5, _WEEK_S),
    "late_s": (5, _WEEK_S),
    "absent_s": (5, _WEEK_S),
    "usual_factor": (1, 1000),
    "live_age_ms_max": (1000, _WEEK_S * 1000),
    "acknowledged_s": (60, 24 * 3600.0),
    "acknowledged_s_max": (60, 24 * 3600.0),
    "latched_s": (60, 24 * 3600.0),
    "silence_high_s_max": (60, 2 * 3600.0),
}
"""Less would tell of silence between two readings, and nobody keeps an alert quiet for ever."""
_BY_UNIT: Final[tuple[tuple[str, tuple[float, float]], ...]] = (
    ("_ms", (0, _WEEK_S * 1000)),
    ("_ms_max", (0, _WEEK_S * 1000)),
    ("_s", (0, _WEEK_S)),
    ("_s_max", (0, _WEEK_S)),
    ("_h", (0, 24 * 366)),
    ("_h_max", (0, 24 * 366)),
    ("_min", (0, 7 * 24 * 60)),
    ("_factor", (0, 1000)),
    ("_percent", (0, 100)),
)
_ANY: Final = (-1e6, 1e6)


def check_shape(marked: Marked, path: Path, value: Value, wanted: object) -> None:
    """Raises RulebookError at the first value that `wanted`, a type, does not allow.

    A record may leave out fields, which stay as they are beneath; in a list, whose entries lie over nothing, it may not.
    """
    _check(marked, path, value, inspect.type_info(wanted))


def field_names(record: type[msgspec.Struct]) -> tuple[str, ...]:
    """The keys that a record knows."""
    return tuple(field.encode_name for field in msgspec.structs.fields(record))


def require_known(marked: Marked, path: Path, key: str, known: tuple[str, ...]) -> None:
    """Raises RulebookError where `key`, at `path`, is none of the known ones."""
    if key in known:
        return
    near = get_close_matches(key, known, n=1)
    meant = f"{near[0]} (did you mean that?)" if near else f"one of {', '.join(known)}"
    raise RulebookError(marked.keys.get(path, marked.mark(path)), f"the key {shown(key)}", meant)


def _check(marked: Marked, path: Path, value: Value, wanted: inspect.Type) -> None:
    mark = marked.mark(path)
    match wanted:
        case inspect.Metadata():
            _check(marked, path, value, wanted.type)
        case inspect.StructType():
            _check_struct(marked, path, value, wanted)
        case inspect.VarTupleType() | inspect.ListType():
            for place, entry in enumerate(_list(mark, value)):
                _check(marked, (*path, place), entry, wanted.item_type)
        case inspect.TupleType():
            _check_tuple(marked, path, value, wanted)
        case inspect.DictType():
            _check_dict(marked, path, value, wanted)
        case inspect.UnionType():
            if value is not None or not wanted.includes_none:
                others = [type_ for type_ in wanted.types if not isinstance(type_, inspect.NoneType)]
                _check(marked, path, value, others[0])
        case _:
            _check_scalar(mark, path, value, wanted)


def _check_tuple(marked: Marked, path: Path, value: Value, wanted: inspect.TupleType) -> None:
    entries = _list(marked.mark(path), value)
    if len(entries) != len(wanted.item_types):
        raise RulebookError(marked.mark(path), f"{len(entries)} values", f"{len(wanted.item_types)} of them")
    for place, (entry, type_) in enumerate(zip(entries, wanted.item_types, strict=True)):
        _check(marked, (*path, place), entry, type_)


def _check_struct(marked: Marked, path: Path, value: Value, wanted: inspect.StructType) -> None:
    if not isinstance(value, dict):
        raise RulebookError(marked.mark(path), shown(value), f"a mapping with {_names(wanted)}")
    known = tuple(field.encode_name for field in wanted.fields)
    for key in value:
        require_known(marked, (*path, key), key, known)
    in_list = any(isinstance(step, int) for step in path)
    for field in wanted.fields:
        inside = (*path, field.encode_name)
        if field.encode_name in value:
            _check(marked, inside, value[field.encode_name], field.type)
        elif field.required and in_list:
            raise RulebookError(marked.mark(path), f"no {field.encode_name}", f"{field.encode_name} here")


def _check_dict(marked: Marked, path: Path, value: Value, wanted: inspect.DictType) -> None:
    if not isinstance(value, dict):
        raise RulebookError(marked.mark(path), shown(value), "a mapping")
    for key, entry in value.items():
        if isinstance(wanted.key_type, inspect.EnumType):
            require_known(marked, (*path, key), key, _members(wanted.key_type))
        _check(marked, (*path, key), entry, wanted.value_type)


def _check_scalar(mark: Mark, path: Path, value: Value, wanted: inspect.Type) -> None:
    match wanted:
        case inspect.BoolType():
            if not isinstance(value, bool):
                raise RulebookError(mark, shown(value), "true or false")
        case inspect.IntType() | inspect.FloatType():
            _check_number(mark, path, value, wanted)
        case inspect.EnumType():
            if value not in _members(wanted):
                raise RulebookError(mark, shown(value), f"one of {', '.join(_members(wanted))}")
        case inspect.StrType():
            if not isinstance(value, str) or not value.strip():
                raise RulebookError(mark, shown(value), "a text")
        case _:
            raise RulebookError(mark, shown(value), "nothing: this key cannot be set")


def _check_number(mark: Mark, path: Path, value: Value, wanted: inspect.IntType | inspect.FloatType) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RulebookError(mark, shown(value), "a number")
    if isinstance(wanted, inspect.IntType) and not isinstance(value, int):
        raise RulebookError(mark, shown(value), "a whole number")
    low, high = _range_of(path)
    low = max([low, *(bound for bound in (wanted.ge, wanted.gt) if bound is not None)])
    high = min([high, *(bound for bound in (wanted.le, wanted.lt) if bound is not None)])
    if not low <= value <= high or value in (wanted.gt, wanted.lt):
        raise RulebookError(mark, shown(value), f"a number from {low:g} to {high:g}")


def _range_of(path: Path) -> tuple[float, float]:
    name = next((str(step) for step in reversed(path) if isinstance(step, str)), "")
    if name in _RANGES:
        return _RANGES[name]
    return next((bounds for unit, bounds in _BY_UNIT if name.endswith(unit)), _ANY)


def _list(mark: Mark, value: Value) -> list[Value]:
    if not isinstance(value, list):
        raise RulebookError(mark, shown(value), "a list")
    if len(value) > LIST_MAX:
        raise RulebookError(mark, f"a list of {len(value)}", f"at most {LIST_MAX}")
    return value


def _members(wanted: inspect.EnumType) -> tuple[str, ...]:
    members: type[Enum] = wanted.cls
    return tuple(str(member.value) for member in members)


def _names(wanted: inspect.StructType) -> str:
    return ", ".join(field.encode_name for field in wanted.fields)
