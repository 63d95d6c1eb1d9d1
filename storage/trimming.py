"""Trimming in SQL: what is due, counted or deleted, a bounded number of rows at a time."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, Table, and_, delete, exists, func, select

from storage import tables
from storage.labels_tables import labels
from storage.minutes import add_minutes
from storage.notifications_house import NOTIFICATION_TABLES, notifications_due, trim_deliveries, trim_events
from storage.operations_tables import reading_minutes
from storage.retention import Cutoffs, RetentionSettings, patient_cutoff_ms
from vitals.reading import PatientId

TABLES: Final = (
    "readings",
    "assessments",
    "reading_minutes",
    "rejections",
    "episodes",
    "transitions",
    "labels",
    *NOTIFICATION_TABLES,
)
"""Every table that is trimmed."""


class Trimmed(NamedTuple):
    """Rows by table, and whether there may be more."""

    rows: dict[str, int]
    more: bool


def next_patient(conn: Connection, table: Table, after: PatientId | None) -> PatientId | None:
    """The patient after `after`, by id, who has rows in `table`; walks the index, whatever the number of rows."""
    query = select(table.c.patient_id).order_by(table.c.patient_id).limit(1)
    if after is not None:
        query = query.where(table.c.patient_id > after)
    found = conn.execute(query).scalar_one_or_none()
    return None if found is None else PatientId(found)


def trim_readings(conn: Connection, patient_id: PatientId, cutoff_ms: int, settings: RetentionSettings) -> Trimmed:
    """Delete the patient's oldest readings that are due, with their assessments; their minutes stay where the policy says so."""
    query = select(tables.readings.c.reading_id).where(_readings_due(conn, patient_id, cutoff_ms, settings))
    ids = _ids(conn, query.order_by(tables.readings.c.measured_at_ms, tables.readings.c.reading_id), settings)
    if not ids:
        return Trimmed({}, more=False)
    if settings.keep_minutes:
        add_minutes(conn, patient_id, ids)
    deleted = {
        table.name: conn.execute(delete(table).where(table.c.reading_id.in_(ids))).rowcount
        for table in (tables.assessments, tables.readings)
    }
    return Trimmed(deleted, more=len(ids) == settings.rows_per_step)


def trim_minutes(conn: Connection, patient_id: PatientId, cutoff_ms: int, settings: RetentionSettings) -> Trimmed:
    """Delete the patient's oldest minutes that are due."""
    columns = reading_minutes.c
    due = and_(columns.patient_id == patient_id, columns.from_ms < cutoff_ms)
    first_left = conn.execute(
        select(columns.from_ms).where(due).order_by(columns.from_ms).offset(settings.rows_per_step).limit(1)
    ).scalar_one_or_none()
    if first_left is not None:
        due = and_(columns.patient_id == patient_id, columns.from_ms <= first_left)
    deleted = conn.execute(delete(reading_minutes).where(due))
    return Trimmed({reading_minutes.name: deleted.rowcount}, more=first_left is not None)


def trim_rejections(conn: Connection, cutoff_ms: int, settings: RetentionSettings) -> Trimmed:
    """Delete the oldest refused messages that are due."""
    columns = tables.rejections.c
    query = select(columns.rejection_id).where(columns.received_at_ms < cutoff_ms).order_by(columns.received_at_ms)
    ids = _ids(conn, query, settings)
    conn.execute(delete(tables.rejections).where(columns.rejection_id.in_(ids)))
    return Trimmed({tables.rejections.name: len(ids)}, more=len(ids) == settings.rows_per_step)


def trim_episodes(conn: Connection, cutoff_ms: int, settings: RetentionSettings) -> Trimmed:
    """Delete alerts that ended before, with every step of theirs and what people said of them."""
    columns = tables.episodes.c
    query = select(columns.episode_id).where(columns.resolved_at_ms < cutoff_ms).order_by(columns.raised_at_ms)
    ids = _ids(conn, query, settings)
    steps = conn.execute(delete(tables.transitions).where(tables.transitions.c.episode_id.in_(ids))).rowcount
    said = conn.execute(delete(labels).where(labels.c.episode_id.in_(ids))).rowcount
    conn.execute(delete(tables.episodes).where(columns.episode_id.in_(ids)))
    return Trimmed(
        {tables.transitions.name: steps, labels.name: said, tables.episodes.name: len(ids)},
        more=len(ids) == settings.rows_per_step,
    )


def patient_due_ms(conn: Connection, patient_id: PatientId, cutoff_ms: int, settings: RetentionSettings) -> int:
    """Of this patient, readings measured before this are due."""
    columns = tables.episodes.c
    onset_ms = conn.execute(
        select(func.min(columns.onset_ms)).where(columns.patient_id == patient_id, columns.resolved_at_ms.is_(None))
    ).scalar_one()
    return patient_cutoff_ms(cutoff_ms, onset_ms, settings)


def count_due(conn: Connection, due: Cutoffs, settings: RetentionSettings) -> dict[str, int]:
    """How many rows of each table are due now; reads much, deletes nothing."""
    counts = dict.fromkeys(TABLES, 0)
    if due.readings_ms is not None:
        patient_id = next_patient(conn, tables.readings, None)
        while patient_id is not None:
            query = select(func.count()).where(_readings_due(conn, patient_id, due.readings_ms, settings))
            counts["readings"] += conn.execute(query).scalar_one()
            patient_id = next_patient(conn, tables.readings, patient_id)
        counts["assessments"] = counts["readings"]
    if due.minutes_ms is not None:
        counts["reading_minutes"] = _count(conn, reading_minutes, reading_minutes.c.from_ms < due.minutes_ms)
    if due.rejections_ms is not None:
        counts["rejections"] = _count(conn, tables.rejections, tables.rejections.c.received_at_ms < due.rejections_ms)
    if due.episodes_ms is not None:
        ended = tables.episodes.c.resolved_at_ms < due.episodes_ms
        counts["episodes"] = _count(conn, tables.episodes, ended)
        steps = select(tables.episodes.c.episode_id).where(ended)
        counts["transitions"] = _count(conn, tables.transitions, tables.transitions.c.episode_id.in_(steps))
        counts["labels"] = _count(conn, labels, labels.c.episode_id.in_(steps))
    if due.notifications_ms is not None:
        counts |= notifications_due(conn, before_ms=due.notifications_ms)
    return counts


def trim_notifications(conn: Connection, cutoff_ms: int, settings: RetentionSettings) -> Trimmed:
    """Delete the oldest events of subscriptions, and deliveries that ended, with their receipts."""
    limit = settings.rows_per_step
    events = trim_events(conn, before_ms=cutoff_ms, limit=limit)
    ended, told = trim_deliveries(conn, before_ms=cutoff_ms, limit=limit)
    rows = dict(zip(NOTIFICATION_TABLES, (events, ended, told), strict=True))
    return Trimmed(rows if events or ended else {}, more=events >= limit or ended == limit)


def _readings_due(
    conn: Connection, patient_id: PatientId, cutoff_ms: int, settings: RetentionSettings
) -> ColumnElement[bool]:
    """Measured before the cutoff, by a device, and assessed; and taken in before it, so that the log has let go of it, too.

    The log would give back a reading that was old when it came, and the minutes would count it again.
    """
    columns = tables.readings.c
    return and_(
        columns.patient_id == patient_id,
        columns.measured_at_ms < patient_due_ms(conn, patient_id, cutoff_ms, settings),
        columns.received_at_ms < cutoff_ms,
        columns.charted.is_(None),
        exists().where(tables.assessments.c.reading_id == columns.reading_id),
    )


def _ids(conn: Connection, query: Select[Any], settings: RetentionSettings) -> Sequence[str]:
    return conn.execute(query.limit(settings.rows_per_step)).scalars().all()


def _count(conn: Connection, table: Table, condition: ColumnElement[bool]) -> int:
    return int(conn.execute(select(func.count()).select_from(table).where(condition)).scalar_one())
