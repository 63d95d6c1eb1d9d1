"""Readings in SQL: one wide row each, stored idempotently; history by time window; the newest per patient."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, overload

from sqlalchemy import Connection, Row, case, false, func, or_, select, tuple_

from storage import tables
from storage.buckets import Bucket, history_buckets
from storage.bulk import BulkInsert, Stored
from storage.window import Cursor, check_limit, check_window
from vitals.reading import DeviceId, Origin, PatientId, Reading
from vitals.sign import Sign

__all__ = ["READINGS_INSERT", "Bucket", "LatestSign", "history", "latest", "latest_signs", "row_of", "store"]

READINGS_INSERT: Final = BulkInsert(tables.readings, key="reading_id")
_ALL_SIGNS: Final = tuple(Sign)


class LatestSign(NamedTuple):
    """The newest value of one sign, and when it was measured."""

    value: float
    measured_at_ms: int


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
) -> tuple[Reading, ...] | tuple[Bucket, ...]:
    """Readings measured in [from_ms, to_ms) that have one of `signs`, oldest first, with these signs only.

    At most `limit`; the next page begins `after` the last row's (measured_at_ms, reading_id). With `every_ms`, one Bucket
    per so many milliseconds that holds a value instead; a window of more than `limit` buckets raises InvalidArgument, as
    does an empty window or a limit beyond `ROWS_MAX`.
    """
    if every_ms is not None:
        return history_buckets(
            conn, patient_id, signs=signs, from_ms=from_ms, to_ms=to_ms, every_ms=every_ms, limit=limit
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
    if after is not None:
        query = query.where(tuple_(*order) > tuple_(*after))
    return tuple(_reading(row, signs) for row in conn.execute(query))


def latest(conn: Connection, patient_ids: Sequence[PatientId]) -> dict[PatientId, Reading]:
    """The newest reading of each patient, by measurement time; a patient without any is left out."""
    columns = tables.readings.c
    found = {}
    for patient_id in patient_ids:
        row = conn.execute(
            select(tables.readings)
            .where(columns.patient_id == patient_id)
            .order_by(columns.measured_at_ms.desc(), columns.reading_id.desc())
            .limit(1)
        ).first()
        if row is not None:
            found[patient_id] = _reading(row, _ALL_SIGNS)
    return found


def latest_signs(
    conn: Connection, patient_ids: Sequence[PatientId], *, since_ms: int
) -> dict[PatientId, dict[Sign, LatestSign]]:
    """Per patient the newest value of every sign measured since `since_ms`; signs come at different rates."""
    columns = tables.readings.c
    newest = [
        func.max(case((columns[sign.value].is_not(None), columns.measured_at_ms))).label(sign.value) for sign in Sign
    ]
    times = conn.execute(
        select(columns.patient_id, *newest)
        .where(columns.patient_id.in_(patient_ids), columns.measured_at_ms >= since_ms)
        .group_by(columns.patient_id)
    )
    wanted = {
        (PatientId(row.patient_id), measured_at_ms) for row in times for measured_at_ms in row[1:] if measured_at_ms
    }
    found: dict[PatientId, dict[Sign, LatestSign]] = {}
    for patient_id, measured_at_ms in sorted(wanted):
        rows = conn.execute(
            select(tables.readings)
            .where(columns.patient_id == patient_id, columns.measured_at_ms == measured_at_ms)
            .order_by(columns.reading_id)
        )
        for row in rows:
            signs = _reading(row, _ALL_SIGNS).signs
            found.setdefault(patient_id, {}).update(
                {sign: LatestSign(value, measured_at_ms) for sign, value in signs.items()}
            )
    return found


def _reading(row: Row[Any], signs: Sequence[Sign]) -> Reading:
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
    )
