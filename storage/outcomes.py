"""What people charted of outcomes, in SQL: written by the recorder from log topic `outcomes`, once each."""

from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row, select

from storage.bulk import BulkInsert
from storage.learning_tables import outcome_entries
from vitals.codec import decode_outcomes_record
from vitals.errors import MalformedRecord
from vitals.outcome import Outcome, OutcomeKind, OutcomeWithdrawn
from vitals.reading import PatientId, WardId

OUTCOMES_INSERT: Final = BulkInsert(outcome_entries, key="entry_id")
ENTRIES_MAX: Final = 200
"""Outcomes read of one patient."""


class Charted(NamedTuple):
    """One outcome, and what took it back where something did."""

    outcome: Outcome
    withdrawn: OutcomeWithdrawn | None


def outcome_row(value: bytes) -> tuple[Any, ...]:
    """The row of one record of log topic `outcomes`; raises MalformedRecord. PostgreSQL's text cannot hold NUL: it shows as U+FFFD."""
    record = decode_outcomes_record(value)
    if not record.outcome_id:
        raise MalformedRecord("An outcome needs an id.")
    match record:
        case Outcome():
            said: tuple[Any, ...] = (record.ward_id, record.kind.value, record.happened_at_ms)
            entry_id, note = record.outcome_id, record.note
        case OutcomeWithdrawn():
            said = (None, None, None)
            entry_id, note = f"{record.outcome_id}/withdrawn", record.reason
    return (
        entry_id,
        record.outcome_id,
        record.patient_id,
        *said,
        record.at_ms,
        record.person_id,
        record.by.replace("\0", "\ufffd"),
        None if note is None else note.replace("\0", "\ufffd"),
    )


def outcomes_of(conn: Connection, patient_id: PatientId) -> tuple[Charted, ...]:
    """The patient's outcomes, those taken back included, newest first."""
    columns = outcome_entries.c
    query = select(outcome_entries).where(columns.patient_id == patient_id).order_by(columns.at_ms.desc())
    rows = conn.execute(query.limit(2 * ENTRIES_MAX)).all()
    withdrawn = {row.outcome_id: _withdrawn(row) for row in rows if row.kind is None}
    charted = [Charted(_outcome(row), withdrawn.get(row.outcome_id)) for row in rows if row.kind is not None]
    charted.sort(key=lambda each: (each.outcome.happened_at_ms, each.outcome.outcome_id), reverse=True)
    return tuple(charted[:ENTRIES_MAX])


def find(conn: Connection, outcome_id: str) -> Charted | None:
    """One outcome; None where it is not stored."""
    columns = outcome_entries.c
    rows = conn.execute(select(outcome_entries).where(columns.outcome_id == outcome_id)).all()
    outcome = next((_outcome(row) for row in rows if row.kind is not None), None)
    if outcome is None:
        return None
    return Charted(outcome, next((_withdrawn(row) for row in rows if row.kind is None), None))


def _outcome(row: Row[Any]) -> Outcome:
    return Outcome(
        outcome_id=row.outcome_id,
        patient_id=PatientId(row.patient_id),
        ward_id=WardId(row.ward_id),
        kind=OutcomeKind(row.kind),
        happened_at_ms=row.happened_at_ms,
        at_ms=row.at_ms,
        person_id=row.person_id,
        by=row.by_person,
        note=row.note,
    )


def _withdrawn(row: Row[Any]) -> OutcomeWithdrawn:
    return OutcomeWithdrawn(
        outcome_id=row.outcome_id,
        patient_id=PatientId(row.patient_id),
        at_ms=row.at_ms,
        person_id=row.person_id,
        by=row.by_person,
        reason=row.note or "",
    )
