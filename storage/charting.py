"""What people charted, in SQL: entries with what became of them, withdrawals, and the SpO2 scale that follows from both."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, select, tuple_, update

from storage import tables
from storage.dialect import insert
from storage.readings import reading_of
from storage.registry import begin_change
from storage.window import Cursor, check_limit
from vitals.news2 import SPO2_SCALES
from vitals.reading import Charted, DeviceId, PatientId, Reading, Withdrawn

_decode_charted: Final = msgspec.json.Decoder(Charted).decode
_NAMES_A_SCALE: Final = '%"spo2_scale":%'
USUAL_SCALE: Final = 1
"""NEWS2 SpO2 scale of a patient for whom nobody charted another: the stricter one."""


class Entry(NamedTuple):
    """One charted reading, and its withdrawal where it was taken back."""

    reading: Reading
    withdrawn: Withdrawn | None


def entries(
    conn: Connection, patient_id: PatientId, *, limit: int, from_ms: int | None = None, before: Cursor | None = None
) -> tuple[Entry, ...]:
    """What was charted of a patient, newest observation first, at most `limit`, withdrawn entries among them.

    The next page begins `before` the last one's (measured_at_ms, reading_id). Raises InvalidArgument on an impossible
    limit.
    """
    check_limit(limit)
    columns = tables.readings.c
    order = (columns.measured_at_ms, columns.reading_id)
    query = (
        select(tables.readings)
        .where(columns.patient_id == patient_id, columns.charted.is_not(None))
        .order_by(*(column.desc() for column in order))
        .limit(limit)
    )
    if from_ms is not None:
        query = query.where(columns.measured_at_ms >= from_ms)
    if before is not None:
        query = query.where(tuple_(*order) < tuple_(*before))
    rows = conn.execute(query).all()
    taken_back = _withdrawals_of(conn, {row.withdrawn_by for row in rows if row.withdrawn_by is not None})
    return tuple(_entry(row, taken_back) for row in rows)


def entry(conn: Connection, reading_id: str) -> Entry | None:
    """One charted reading; None where there is none of that id."""
    columns = tables.readings.c
    row = conn.execute(
        select(tables.readings).where(columns.reading_id == reading_id, columns.charted.is_not(None))
    ).first()
    return None if row is None else _entry(row, _withdrawals_of(conn, {row.withdrawn_by} - {None}))


def _entry(row: Row[Any], withdrawals: Sequence[Withdrawn]) -> Entry:
    reading = reading_of(row)
    own = (one for one in withdrawals if one.correction_id == row.withdrawn_by and one.means(reading))
    return Entry(reading, next(own, None))


def _withdrawals_of(conn: Connection, correction_ids: Collection[str]) -> list[Withdrawn]:
    if not correction_ids:
        return []
    found = conn.execute(
        select(tables.withdrawals).where(tables.withdrawals.c.correction_id.in_(correction_ids)).order_by("from_ms")
    )
    return [
        Withdrawn(
            correction_id=row.correction_id,
            patient_id=PatientId(row.patient_id),
            device_id=DeviceId(row.device_id),
            from_ms=row.from_ms,
            until_ms=row.until_ms,
            at_ms=row.at_ms,
            by=row.by_person,
            reason=row.reason,
            reading_id=row.reading_id,
        )
        for row in found
    ]


def withdraw(conn: Connection, withdrawn: Withdrawn) -> int:
    """Mark what `withdrawn` means as taken back, and remember why; how many readings that were not before.

    Meant are rows that are there already; so its repetition changes nothing. What another withdrawal took back first
    keeps that one's name.
    """
    row = msgspec.structs.asdict(withdrawn)
    row["by_person"] = row.pop("by")
    key = [column.name for column in tables.withdrawals.primary_key]
    # Not by rowcount: after an INSERT, SQLAlchemy on psycopg gives -1 for it, whether or not a row went in.
    new = insert(conn, tables.withdrawals).values(row).on_conflict_do_nothing(index_elements=key)
    if conn.execute(new.returning(tables.withdrawals.c.correction_id)).first() is None:
        return 0
    columns = tables.readings.c
    query = update(tables.readings).where(
        columns.patient_id == withdrawn.patient_id,
        columns.device_id == withdrawn.device_id,
        columns.withdrawn_by.is_(None),
    )
    if withdrawn.reading_id is None:
        query = query.where(columns.measured_at_ms >= withdrawn.from_ms, columns.measured_at_ms < withdrawn.until_ms)
    else:
        query = query.where(columns.reading_id == withdrawn.reading_id)
    return conn.execute(query.values(withdrawn_by=withdrawn.correction_id)).rowcount


def withdrawn_patients(conn: Connection) -> set[PatientId]:
    """Everyone of whom anything was ever withdrawn."""
    return {PatientId(found) for found in conn.execute(select(tables.withdrawals.c.patient_id).distinct()).scalars()}


def scale_of(conn: Connection, patient_id: PatientId) -> int:
    """The SpO2 scale that the newest observation of it says, less what was withdrawn."""
    columns = tables.readings.c
    texts = conn.execute(
        select(columns.charted)
        .where(
            columns.patient_id == patient_id,
            columns.charted.is_not(None),
            columns.charted.like(_NAMES_A_SCALE),
            columns.withdrawn_by.is_(None),
        )
        .order_by(columns.measured_at_ms.desc(), columns.received_at_ms.desc(), columns.reading_id.desc())
    ).scalars()
    scales = (_decode_charted(text).spo2_scale for text in texts)
    return next((scale for scale in scales if scale is not None and scale in SPO2_SCALES), USUAL_SCALE)


def project_scales(conn: Connection, patient_ids: Iterable[PatientId]) -> None:
    """Let the register say the scale that the charted entries of these patients say; their entries are the truth."""
    columns = tables.patients.c
    for patient_id in sorted(patient_ids):
        registered = conn.execute(select(columns.spo2_scale).where(columns.patient_id == patient_id)).scalar()
        if registered is None:
            continue
        scale = scale_of(conn, patient_id)
        if scale != registered:
            begin_change(conn)
            conn.execute(update(tables.patients).where(columns.patient_id == patient_id).values(spo2_scale=scale))
