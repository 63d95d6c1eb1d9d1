"""Bytes of the log to rows of SQL, as directly as can be: what the recorder does once per record."""

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

import msgspec

from storage import assessments, rejections
from storage.readings import charted_text
from vitals.assessment import Assessment
from vitals.codec import decode, refuse_nul
from vitals.errors import MalformedRecord
from vitals.reading import Charted, Origin, Rejection, Withdrawn
from vitals.sign import Sign
from vitals.whole_numbers import Counted, EpochMs

Row = tuple[Any, ...]
RowOf = Callable[[bytes], Row | Withdrawn | None]
"""The row of one record's bytes, or an order that changes rows stored before; None for a record that is not stored.

Raises MalformedRecord.
"""

_GREATEST: Final = 1.7976931348623157e308
_Finite = Annotated[float, msgspec.Meta(ge=-_GREATEST, le=_GREATEST)]

_SignColumns = msgspec.defstruct(
    "SignColumns",
    [(sign.value, _Finite | None, None) for sign in Sign],
    forbid_unknown_fields=True,
    gc=False,
)
# Fields in the order of the table's columns, the signs last: a row is then two tuples end to end.
_ReadingColumns = msgspec.defstruct(
    "ReadingColumns",
    [
        ("reading_id", str),
        ("patient_id", str),
        ("device_id", str),
        ("measured_at_ms", EpochMs),
        ("received_at_ms", EpochMs),
        ("boot", str | None, None),
        ("sequence", Counted | None, None),
        ("origin", Literal[tuple(origin.value for origin in Origin)], Origin.REAL.value),
        ("charted", Charted | None, None),
        ("correction_id", str | None, None),
        ("signs", _SignColumns),
    ],
    kw_only=True,
    tag="reading",
    gc=False,
)
_TickColumns = msgspec.defstruct("TickColumns", [("at_ms", int)], tag="tick", gc=False)
_RefusedColumns = msgspec.defstruct("RefusedColumns", [("reading_id", str)], tag="refused", gc=False)
"""Its message is stored with the rejections, by its own record."""
_UnaccountedColumns = msgspec.defstruct("UnaccountedColumns", [("at_ms", int)], tag="unaccounted", gc=False)
"""Made of the ledger's own tables."""
_FaultColumns = msgspec.defstruct("FaultColumns", [("at_ms", int)], tag="fault", gc=False)
"""What comes of it are alerts."""
_ModelColumns = msgspec.defstruct("ModelColumns", [("at_ms", int)], tag="model", gc=False)
"""The scorers themselves record where they switched."""
_decode: Final[Callable[[bytes], Any]] = msgspec.json.Decoder(
    _ReadingColumns | _RefusedColumns | _UnaccountedColumns | _FaultColumns | _ModelColumns | _TickColumns | Withdrawn
).decode
_values_of: Final = msgspec.structs.astuple

ASSESSMENT_ROW_PATIENT: Final = 1
"""Index of patient_id in an assessment's row."""
READING_ROW_PATIENT: Final = 1
READING_ROW_RECEIVED_AT: Final = 4
READING_ROW_CHARTED: Final = 8
"""Index of these columns in a reading's row."""


def reading_row(value: bytes) -> Row | Withdrawn | None:
    """The row of a reading, equal to that of `storage.readings.row_of`; None for a tick or refused signs."""
    try:
        reading: Any = _decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedRecord(f"Not a record of topic readings: {error}") from error
    refuse_nul(reading, value, "record of topic readings")
    kind = reading.__class__
    if kind is not _ReadingColumns:
        return reading if kind is Withdrawn else None
    values = _values_of(reading)
    if reading.charted is not None:
        values = (*values[:READING_ROW_CHARTED], charted_text(reading.charted), *values[READING_ROW_CHARTED + 1 :])
    row: Row = values[:-1] + _values_of(values[-1])
    return row


def assessment_row(value: bytes) -> Row:
    """The row of an assessment; the bytes themselves are its record."""
    return assessments.row_of(decode(Assessment, value), value)


def rejection_row(value: bytes) -> Row:
    """The row of a rejection."""
    return rejections.row_of(decode(Rejection, value))
