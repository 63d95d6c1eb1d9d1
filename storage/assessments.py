"""Assessments in SQL: the whole record beside the columns that queries sum up; one per reading, the first one stays."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, case, func, or_, select, tuple_, update

from storage import tables
from storage.bulk import BulkInsert, Stored
from storage.dialect import holds
from storage.window import Cursor, check_buckets, check_limit, check_window
from vitals.assessment import Assessment
from vitals.codec import decode, encode
from vitals.reading import PatientId, Withdrawn

ASSESSMENTS_INSERT: Final = BulkInsert(tables.assessments, key="reading_id", later=["withdrawn_by"])

_IDS_PER_QUERY: Final = 500
_MARKS: Final = (b'"night":{', b'"relearned":[')
"""As the codec writes the two fields, which are absent from all other records."""


class AssessmentBucket(msgspec.Struct, frozen=True):
    """The assessments of readings measured in [from_ms, from_ms + every_ms), summed up by their worst."""

    from_ms: int
    count: int
    news2_low_max: int | None
    """The highest score that present inputs alone demanded; None for a child, as the next."""
    news2_high_max: int | None
    anomaly_max: float | None
    """None where the models were warming up throughout."""
    flagged: int
    """How many were flagged."""


def row_of(assessment: Assessment, record: bytes) -> tuple[Any, ...]:
    """The assessment, encoded as `record`, as a row of table `assessments`."""
    news2 = assessment.news2
    return (
        assessment.reading_id,
        assessment.patient_id,
        assessment.stands_at_ms,
        None if news2 is None else news2.low,
        None if news2 is None else news2.high,
        None if news2 is None else news2.total,
        assessment.anomaly,
        assessment.flagged,
        record,
    )


def store(conn: Connection, assessments: Sequence[Assessment]) -> Stored:
    """Insert what is new by reading_id, in one round; the rest are duplicates and change nothing."""
    return ASSESSMENTS_INSERT.insert(conn, [row_of(assessment, encode(assessment)) for assessment in assessments])


def withdraw(conn: Connection, withdrawn: Withdrawn) -> int:
    """Mark the assessments of the readings that `withdrawn` took back (`storage.charting.withdraw` comes first)."""
    columns, readings = tables.assessments.c, tables.readings.c
    taken_back = select(readings.reading_id).where(
        readings.patient_id == withdrawn.patient_id, readings.withdrawn_by == withdrawn.correction_id
    )
    query = update(tables.assessments).where(
        columns.patient_id == withdrawn.patient_id,
        columns.withdrawn_by.is_(None),
        columns.reading_id.in_(taken_back),
    )
    return conn.execute(query.values(withdrawn_by=withdrawn.correction_id)).rowcount


def withdraw_with_readings(conn: Connection, reading_ids: Sequence[str]) -> None:
    """Mark those of these assessments whose reading was taken back before they were stored."""
    columns, readings = tables.assessments.c, tables.readings.c
    for start in range(0, len(reading_ids), _IDS_PER_QUERY):
        chunk = reading_ids[start : start + _IDS_PER_QUERY]
        found = conn.execute(
            select(readings.reading_id, readings.withdrawn_by).where(
                readings.reading_id.in_(chunk), readings.withdrawn_by.is_not(None)
            )
        )
        for row in found.all():
            conn.execute(
                update(tables.assessments)
                .where(columns.reading_id == row.reading_id)
                .values(withdrawn_by=row.withdrawn_by)
            )


def assessed(conn: Connection, reading_ids: Sequence[str]) -> tuple[Assessment, ...]:
    """The assessments of these readings, in no order."""
    columns = tables.assessments.c
    records = [
        record
        for start in range(0, len(reading_ids), _IDS_PER_QUERY)
        for record in conn.execute(
            select(columns.record).where(columns.reading_id.in_(reading_ids[start : start + _IDS_PER_QUERY]))
        ).scalars()
    ]
    return tuple(decode(Assessment, record) for record in records)


def latest(conn: Connection, patient_ids: Sequence[PatientId]) -> dict[PatientId, Assessment]:
    """Of each patient the assessment that stands now, less what was withdrawn; a patient without any is left out.

    It is the one for the latest moment; of several for one moment (a person charted after the newest measurement) the
    one that was heard of last.
    """
    columns = tables.assessments.c
    found = {}
    for patient_id in patient_ids:
        standing = (columns.patient_id == patient_id, columns.withdrawn_by.is_(None))
        newest_ms = (
            select(columns.measured_at_ms).where(*standing).order_by(columns.measured_at_ms.desc()).limit(1)
        ).scalar_subquery()
        records = conn.execute(select(columns.record).where(*standing, columns.measured_at_ms == newest_ms)).scalars()
        last = max((decode(Assessment, record) for record in records), key=_heard, default=None)
        if last is not None:
            found[patient_id] = last
    return found


def _heard(assessment: Assessment) -> tuple[int, str]:
    return assessment.received_at_ms, assessment.reading_id


def history(
    conn: Connection, patient_id: PatientId, *, from_ms: int, to_ms: int, limit: int, after: Cursor | None = None
) -> tuple[Assessment, ...]:
    """Assessments for a moment in [from_ms, to_ms), not withdrawn, oldest first, at most `limit`.

    The next page begins `after` the last one's (stands_at_ms, reading_id). Raises InvalidArgument on an empty window or
    a limit beyond `ROWS_MAX`.
    """
    check_window(from_ms, to_ms)
    check_limit(limit)
    columns = tables.assessments.c
    order = (columns.measured_at_ms, columns.reading_id)
    query = (
        select(columns.record)
        .where(
            columns.patient_id == patient_id,
            columns.measured_at_ms >= from_ms,
            columns.measured_at_ms < to_ms,
            columns.withdrawn_by.is_(None),
        )
        .order_by(*order)
        .limit(limit)
    )
    if after is not None:
        query = query.where(tuple_(*order) > tuple_(*after))
    return tuple(decode(Assessment, record) for record in conn.execute(query).scalars())


def marked(conn: Connection, patient_id: PatientId, *, from_ms: int, to_ms: int, limit: int) -> tuple[Assessment, ...]:
    """As `history`, of assessments that tell of a night or of a sign whose usual was learned anew: one or two a day.

    It looks through every record of the window, since no column holds them.
    """
    check_window(from_ms, to_ms)
    check_limit(limit)
    columns = tables.assessments.c
    query = (
        select(columns.record)
        .where(
            columns.patient_id == patient_id,
            columns.measured_at_ms >= from_ms,
            columns.measured_at_ms < to_ms,
            columns.withdrawn_by.is_(None),
            or_(*(holds(conn, columns.record, mark) for mark in _MARKS)),
        )
        .order_by(columns.measured_at_ms, columns.reading_id)
        .limit(limit)
    )
    return tuple(decode(Assessment, record) for record in conn.execute(query).scalars())


def history_buckets(
    conn: Connection, patient_id: PatientId, *, from_ms: int, to_ms: int, every_ms: int, limit: int
) -> tuple[AssessmentBucket, ...]:
    """Buckets that hold an assessment, oldest first, in step with those of `storage.readings.history`."""
    check_buckets(from_ms, to_ms, every_ms, limit)
    columns = tables.assessments.c
    begin = (columns.measured_at_ms - columns.measured_at_ms % every_ms).label("begin")
    rows = conn.execute(
        select(
            begin,
            func.count(),
            func.max(columns.news2_low),
            func.max(columns.news2_high),
            func.max(columns.anomaly),
            func.sum(case((columns.flagged, 1), else_=0)),
        )
        .where(
            columns.patient_id == patient_id,
            columns.measured_at_ms >= from_ms,
            columns.measured_at_ms < to_ms,
            columns.withdrawn_by.is_(None),
        )
        .group_by("begin")
        .order_by("begin")
    )
    return tuple(AssessmentBucket(*row) for row in rows)
