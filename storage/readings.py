"""Readings in SQL: one wide row each, stored idempotently; history by time window; the newest per patient."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, overload

import msgspec
from sqlalchemy import Connection, Row, case, false, func, or_, select, tuple_

from storage import tables
from storage.buckets import Bucket, history_buckets
from storage.bulk import BulkInsert, Stored
from storage.window import Cursor, check_limit, check_window
from vitals.codec import encode
from vitals.reading import Charted, DeviceId, Origin, PatientId, Reading
from vitals.sign import Sign

__all__ = [
    "READINGS_INSERT",
    "Bucket",
    "LatestSign",
    "charted_text",
    "history",
    "latest",
    "latest_signs",
    "reading_of",
    "row_of",
    "store",
]

READINGS_INSERT: Final = BulkInsert(tables.readings, key="reading_id", later=["withdrawn_by"])
_ALL_SIGNS: Final = tuple(Sign)
_decode_charted: Final = msgspec.json.Decoder(Charted).decode


def charted_text(charted: Charted) -> str:
    """What column `charted` holds."""
    return encode(charted).decode()


class LatestSign(NamedTuple):
    """The newest value of one sign, and the reading or entry that said it."""

    value: float
    reading: Reading

    @property
    def measured_at_ms(self) -> int:
        return self.reading.measured_at_ms

    @property
    def charted(self) -> Charted | None:
        """Who charted it, where somebody did."""
        return self.reading.charted


def row_of(reading: Reading) -> tuple[Any, ...]:
    """The reading as a row of table `readings`."""
    signs = reading.signs
    return (
        reading.reading_id,
        reading.patient_id,
        reading.device_id,
        reading.measured_at_ms,
        reading.received_at_ms,
        reading.boot,
        reading.sequence,
        reading.origin.value,
        None if reading.charted is None else charted_text(reading.charted),
        reading.correction_id,
        *map(signs.get, _ALL_SIGNS),
    )


def store(conn: Connection, readings: Sequence[Reading]) -> Stored:
    """Insert what is new by reading_id, in one round; the rest are duplicates and change nothing."""
    return READINGS_INSERT.insert(conn, [row_of(reading) for reading in readings])


@overload
def history(
    conn: Connection,
    patient_id: PatientId,
    *,
    signs: Sequence[Sign],
    from_ms: int,
    to_ms: int,
    limit: int,
    every_ms: None = None,
    after: Cursor | None = None,
    with_withdrawn: bool = False,
) -> tuple[Reading, ...]: ...
@overload
def history(
    conn: Connection,
    patient_id: PatientId,
    *,
    signs: Sequence[Sign],
    from_ms: int,
    to_ms: int,
    limit: int,
    every_ms: int,
    with_withdrawn: bool = False,
) -> tuple[Bucket, ...]: ...
@overload
def history(
    conn: Connection,
    patient_id: PatientId,
    *,
    signs: Sequence[Sign],
    from_ms: int,
    to_ms: int,
    limit: int,
    every_ms: int | None,
    after: Cursor | None = None,
    with_withdrawn: bool = False,
) -> tuple[Reading, ...] | tuple[Bucket, ...]: ...
def history(
    conn: Connection,
    patient_id: PatientId,
    *,
    signs: Sequence[Sign],
    from_ms: int,
    to_ms: int,
    limit: int,
    every_ms: int | None = None,
    after: Cursor | None = None,
    with_withdrawn: bool = False,
) -> tuple[Reading, ...] | tuple[Bucket, ...]:
    """Readings measured in [from_ms, to_ms) that have one of `signs`, oldest first, with these signs only.

    At most `limit`; the next page begins `after` the last row's (measured_at_ms, reading_id). With `every_ms`, one Bucket
    per so many milliseconds that holds a value instead; a window of more than `limit` buckets raises InvalidArgument, as
    does an empty window or a limit beyond `ROWS_MAX`. What was withdrawn is left out, unless `with_withdrawn`.
    """
    if every_ms is not None:
        return history_buckets(
            conn,
            patient_id,
            signs=signs,
            from_ms=from_ms,
            to_ms=to_ms,
            every_ms=every_ms,
            limit=limit,
            with_withdrawn=with_withdrawn,
        )
    check_window(from_ms, to_ms)
    check_limit(limit)
    columns = tables.readings.c
    order = (columns.measured_at_ms, columns.reading_id)
    query = (
        select(tables.readings)
        .where(
            columns.patient_id == patient_id,
            columns.measured_at_ms >= from_ms,
            columns.measured_at_ms < to_ms,
            or_(*(columns[sign.value].is_not(None) for sign in signs)) if signs else false(),
        )
        .order_by(*order)
        .limit(limit)
    )
    if not with_withdrawn:
        query = query.where(columns.withdrawn_by.is_(None))
    if after is not None:
        query = query.where(tuple_(*order) > tuple_(*after))
    return tuple(reading_of(row, signs) for row in conn.execute(query))


def latest(conn: Connection, patient_ids: Sequence[PatientId]) -> dict[PatientId, Reading]:
    """The newest reading of each patient that a device measured and nobody withdrew, by measurement time.

    A patient without any is left out.
    """
    columns = tables.readings.c
    found = {}
    for patient_id in patient_ids:
        row = conn.execute(
            select(tables.readings)
            .where(columns.patient_id == patient_id, columns.withdrawn_by.is_(None), columns.charted.is_(None))
            .order_by(columns.measured_at_ms.desc(), columns.reading_id.desc())
            .limit(1)
        ).first()
        if row is not None:
            found[patient_id] = reading_of(row)
    return found


def latest_signs(
    conn: Connection, patient_ids: Sequence[PatientId], *, since_ms: int
) -> dict[PatientId, dict[Sign, LatestSign]]:
    """Per patient the newest value of every sign measured or charted since `since_ms`, less what was withdrawn."""
    columns = tables.readings.c
    newest = [
        func.max(case((columns[sign.value].is_not(None), columns.measured_at_ms))).label(sign.value) for sign in Sign
    ]
    times = conn.execute(
        select(columns.patient_id, *newest)
        .where(columns.patient_id.in_(patient_ids), columns.measured_at_ms >= since_ms, columns.withdrawn_by.is_(None))
        .group_by(columns.patient_id)
    )
    wanted = {
        (PatientId(row.patient_id), measured_at_ms) for row in times for measured_at_ms in row[1:] if measured_at_ms
    }
    found: dict[PatientId, dict[Sign, LatestSign]] = {}
    for patient_id, measured_at_ms in sorted(wanted):
        rows = conn.execute(
            select(tables.readings)
            .where(
                columns.patient_id == patient_id,
                columns.measured_at_ms == measured_at_ms,
                columns.withdrawn_by.is_(None),
            )
            .order_by(columns.reading_id)
        )
        for row in rows:
            reading = reading_of(row)
            found.setdefault(patient_id, {}).update(
                {sign: LatestSign(value, reading) for sign, value in reading.signs.items()}
            )
    return found


def reading_of(row: Row[Any], signs: Sequence[Sign] = _ALL_SIGNS) -> Reading:
    """The reading of a row of table `readings`, with these signs only."""
    values = row._mapping  # noqa: SLF001 - SQLAlchemy's documented name for it
    return Reading(
        reading_id=row.reading_id,
        patient_id=PatientId(row.patient_id),
        device_id=DeviceId(row.device_id),
        measured_at_ms=row.measured_at_ms,
        received_at_ms=row.received_at_ms,
        signs={sign: values[sign.value] for sign in signs if values[sign.value] is not None},
        boot=row.boot,
        sequence=row.sequence,
        origin=Origin(row.origin),
        charted=None if row.charted is None else _decode_charted(row.charted),
        correction_id=row.correction_id,
    )
