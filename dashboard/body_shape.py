"""Which bodies nobody behind the door reads: nested too deeply, with a field twice, or a character that no database keeps. Pure."""

import json
from typing import Any, Final, NamedTuple

NESTED_MAX: Final = 32
"""Objects and lists within one another that a body may have."""
NUL: Final = "\0"


class BodyFault(NamedTuple):
    """Why a body is refused, and as what."""

    status: int
    sentence: str
    is_readable: bool = True
    """Whether it can be parsed again, to find out whom it is about."""


_DEEP: Final = BodyFault(400, "The body is nested too deeply: send plain fields.", is_readable=False)
_TWICE: Final = BodyFault(422, "The body names a field twice: which of the two is meant nobody can know.")
_NUL_HELD: Final = BodyFault(422, "The body holds the character NUL, one of the control characters: leave it out.")


class _Twice(ValueError):
    """A field stands twice in one object."""


def fault_of(body: bytes) -> BodyFault | None:
    """What is wrong with a body; None where it may be read, or is no JSON at all."""
    try:
        level: list[Any] = [json.loads(body, object_pairs_hook=_object)] if body else []
    except RecursionError:
        return _DEEP
    except _Twice:
        return _TWICE
    except ValueError:
        return None
    for _ in range(NESTED_MAX + 1):
        if any(isinstance(value, str) and NUL in value for value in level):
            return _NUL_HELD
        holders = [value for value in level if isinstance(value, dict | list)]
        level = [
            inner for value in holders for inner in ([*value, *value.values()] if isinstance(value, dict) else value)
        ]
    return _DEEP if level else None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise _Twice
    return fields
