"""What people said of alerts, in SQL: written by the recorder from log topic `labels`, once each."""

from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, select

from storage.bulk import BulkInsert, Stored
from storage.labels_tables import labels
from vitals.alert import AlertKind, Priority
from vitals.codec import decode
from vitals.label import Feedback, Label
from vitals.reading import Origin, PatientId, WardId

LABELS_INSERT: Final = BulkInsert(labels, key="label_id")
EPISODES_MAX: Final = 1000
"""Episodes asked about in one statement."""


def label_row(value: bytes) -> tuple[Any, ...]:
    """The row of one record of log topic `labels`; raises MalformedRecord. The NUL that PostgreSQL's text cannot hold shows as U+FFFD."""
    label = decode(Label, value)
    return (
        label.label_id,
        label.episode_id,
        label.patient_id,
        label.ward_id,
        label.kind.value,
        label.priority.value,
        label.feedback.value,
        label.person_id,
        label.by.replace("\0", "\ufffd"),
        label.at_ms,
        None if label.note is None else label.note.replace("\0", "\ufffd"),
        label.origin.value,
    )


def store(conn: Connection, values: Sequence[bytes]) -> Stored:
    """Insert what is new by label_id; the rest are duplicates."""
    return LABELS_INSERT.insert(conn, [label_row(value) for value in values])


def labels_of(conn: Connection, episode_ids: Collection[str]) -> dict[str, tuple[Label, ...]]:
    """What was said of each of these episodes, oldest first; those of whom nobody said anything are absent."""
    found: dict[str, list[Label]] = {}
    wanted = sorted(set(episode_ids))
    columns = labels.c
    for first in range(0, len(wanted), EPISODES_MAX):
        query = select(labels).where(columns.episode_id.in_(wanted[first : first + EPISODES_MAX]))
        for row in conn.execute(query.order_by(columns.at_ms, columns.label_id)):
            found.setdefault(row.episode_id, []).append(_label(row))
    return {episode_id: tuple(said) for episode_id, said in found.items()}


def _label(row: Row[Any]) -> Label:
    return Label(
        label_id=row.label_id,
        episode_id=row.episode_id,
        patient_id=PatientId(row.patient_id),
        ward_id=WardId(row.ward_id),
        kind=AlertKind(row.kind),
        priority=Priority(row.priority),
        feedback=Feedback(row.feedback),
        person_id=row.person_id,
        by=row.by_person,
        at_ms=row.at_ms,
        note=row.note,
        origin=Origin(row.origin),
    )
