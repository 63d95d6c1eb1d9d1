"""The outer shape of a device's message: bytes to fields, or why they are none. Pure.

A message of the right shape takes msgspec's fast path. What msgspec refuses is read once more, slowly, to say exactly
what is wrong, and to save the good signs of a message in which only some values are not JSON numbers (Python devices
write NaN).
"""

import json
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from vitals.reading import DeviceReading, Origin, RejectionReason

_FIELDS = frozenset({"measured_at", "signs", "boot", "sequence", "origin"})
_decoder = msgspec.json.Decoder(DeviceReading)


class Fields(NamedTuple):
    """A message's fields; the shape is right, what the values are worth is not judged yet."""

    measured_at: object
    signs: Mapping[str, object]
    boot: object
    sequence: object
    origin: Origin


class Misshapen(NamedTuple):
    """Why bytes are not a message, and what could still be read of its identity."""

    reason: RejectionReason
    detail: str
    boot: object = None
    sequence: object = None


class _Repeated(ValueError):
    """A JSON object names one key twice."""


def read_fields(payload: bytes) -> DeviceReading | Fields | Misshapen:
    """The fields of a message; never raises, whatever the bytes.

    A key that stands twice is refused: JSON readers differ in which one they keep, and two different heart rates in one
    message are nobody's measurement.
    """
    try:
        message = _decoder.decode(payload)
    except (ValueError, RecursionError):
        return _read_slowly(payload)
    if payload.count(b'"') != _quotes_expected(message):
        return _read_slowly(payload)
    return message


def _quotes_expected(message: DeviceReading) -> int:
    """Quotation marks in a message that names no key twice, escapes none, and spells out neither null nor the usual origin.

    Never more than it has: what is not seen here only adds to them.
    """
    strings = list(map(type, message.signs.values())).count(str) + isinstance(message.measured_at, str)
    keys = 2 + len(message.signs) + (message.sequence is not None)
    pairs = (message.boot is not None) + (message.origin is not Origin.REAL)
    return 2 * (keys + strings) + 4 * pairs


def _read_slowly(payload: bytes) -> Fields | Misshapen:
    try:
        text = payload.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_object)
    except UnicodeDecodeError as error:
        return Misshapen(RejectionReason.NOT_JSON, f"The payload is not UTF-8 (byte {error.start}).")
    except _Repeated as error:
        return Misshapen(RejectionReason.WRONG_SHAPE, f"The message names {error} twice.")
    except (ValueError, RecursionError) as error:
        return Misshapen(RejectionReason.NOT_JSON, f"The payload is not JSON: {error}.")
    if not isinstance(value, dict):
        return Misshapen(RejectionReason.WRONG_SHAPE, f"The message is not a JSON object but {kind_of(value)}.")
    return _fields(value)


def _fields(value: dict[str, object]) -> Fields | Misshapen:
    boot, sequence = value.get("boot"), value.get("sequence")

    def misshapen(detail: str) -> Misshapen:
        return Misshapen(RejectionReason.WRONG_SHAPE, detail, boot, sequence)

    unknown = value.keys() - _FIELDS
    if unknown:
        return misshapen(f"The message has an unknown field {min(unknown)!r}.")
    for name in ("measured_at", "signs"):
        if name not in value:
            return misshapen(f"The message has no field {name!r}.")
    signs, origin = value["signs"], value.get("origin", Origin.REAL.value)
    if not isinstance(signs, dict):
        return misshapen(f"Field 'signs' is not an object of sign names and values but {kind_of(signs)}.")
    if not (isinstance(origin, str) and origin in list(Origin)):
        return misshapen(f"Field 'origin' is none of {', '.join(Origin)}.")
    return Fields(value["measured_at"], signs, boot, sequence, Origin(origin))


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Repeated(repr(Counter(key for key, _ in pairs).most_common(1)[0][0]))
    return found


def kind_of(value: object) -> str:
    """What JSON calls a value that came from it, with its article.

    >>> kind_of([72])
    'an array'
    """
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "an object"
