"""What is different in the rules of one ward or one patient, in SQL: ordered, ended, listed; times never move once they hold.

Of one kind at most one change of a ward, and one of a patient, holds at a time: a new one ends the one before.
"""

import secrets
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, and_, insert, or_, select, update

from storage.decisions import begin_decision
from storage.decisions_tables import rule_changes
from storage.window import check_limit
from vitals.age import AgeBand
from vitals.alert import AlertKind
from vitals.errors import Conflict, NotFound
from vitals.kind_rules import BookPart, Change, check_change, check_expiry
from vitals.reading import PatientId, WardId
from vitals.rule_change import RuleChange

IN_FORCE_MAX: Final = 5000
"""Changes that hold at one time, of the whole house."""


class ChangeOrder(NamedTuple):
    """What somebody wants to be different; a patient's where `patient_id` is set, else the ward's."""

    ward_id: WardId
    """The ward itself, or where the patient lies."""
    patient_id: PatientId | None
    kind: AlertKind
    change: Change
    expires_ms: int | None
    person_id: str
    by: str
    reason: str
    band: AgeBand | None = None
    """The age of a patient who is a child."""


def order(conn: Connection, wanted: ChangeOrder, part: BookPart, *, at_ms: int, settle_ms: int) -> RuleChange:
    """Put a change down, in place of the subject's change of the same kind.

    Raises InvalidArgument where the rulebook's bounds do not allow it, Conflict where too many are in force.
    """
    begin_decision(conn)
    of_patient = wanted.patient_id is not None
    standing = [
        change
        for change in in_force(conn, at_ms)
        if (change.patient_id == wanted.patient_id if of_patient else change.ward_id == wanted.ward_id)
    ]
    beside = {change.kind: change.change for change in standing if change.kind is not wanted.kind}
    loosens_high = check_change(part, wanted.ward_id, wanted.kind, wanted.change, beside=beside, band=wanted.band)
    check_expiry(
        part.bounds,
        ordered_at_ms=at_ms,
        expires_ms=wanted.expires_ms,
        of_patient=of_patient,
        loosens_high=loosens_high,
    )
    made = RuleChange(
        change_id=f"l-{secrets.token_hex(8)}",
        ward_id=None if of_patient else wanted.ward_id,
        patient_id=wanted.patient_id,
        kind=wanted.kind,
        change=wanted.change,
        person_id=wanted.person_id,
        by=wanted.by,
        reason=wanted.reason,
        ordered_at_ms=at_ms,
        effective_ms=at_ms + settle_ms,
        expires_ms=wanted.expires_ms,
    )
    for change in standing:
        if change.kind is wanted.kind:
            _end(conn, change, by=wanted.by, at_ms=at_ms, effective_ms=made.effective_ms)
    _insert(conn, made)
    return made


def end(conn: Connection, change_id: str, *, by: str, at_ms: int, settle_ms: int) -> RuleChange:
    """End a change early; one that has ended, or is ended already, stays as it is. Raises NotFound."""
    begin_decision(conn)
    known = get(conn, change_id)
    if known.last_ms is None or (known.ended_at_ms is None and known.last_ms > at_ms):
        _end(conn, known, by=by, at_ms=at_ms, effective_ms=at_ms + settle_ms)
    return get(conn, change_id)


def get(conn: Connection, change_id: str) -> RuleChange:
    """The change; raises NotFound."""
    row = conn.execute(select(rule_changes).where(rule_changes.c.change_id == change_id)).first()
    if row is None:
        raise NotFound(f"There is no change {change_id} of alert limits.")
    return _change(row)


def in_force(conn: Connection, at_ms: int) -> tuple[RuleChange, ...]:
    """Every change that holds at this moment or is still to begin, in the order of their orders."""
    return held_since(conn, at_ms)


def held_since(conn: Connection, from_ms: int) -> tuple[RuleChange, ...]:
    """Every change that held at any moment from `from_ms` on: what a replay from there needs."""
    columns = rule_changes.c
    query = (
        select(rule_changes)
        .where(
            or_(columns.expires_ms.is_(None), columns.expires_ms > from_ms),
            or_(columns.end_effective_ms.is_(None), columns.end_effective_ms > from_ms),
        )
        .order_by(columns.ordered_at_ms, columns.change_id)
    )
    return tuple(map(_change, conn.execute(query)))


def list_changes(
    conn: Connection, *, limit: int, ward_id: WardId | None = None, patient_id: PatientId | None = None
) -> tuple[RuleChange, ...]:
    """Changes of one ward or one patient, the last ordered first."""
    check_limit(limit)
    columns = rule_changes.c
    query = select(rule_changes).order_by(columns.ordered_at_ms.desc(), columns.change_id.desc()).limit(limit)
    if patient_id is not None:
        query = query.where(columns.patient_id == patient_id)
    if ward_id is not None:
        query = query.where(columns.ward_id == ward_id)
    return tuple(map(_change, conn.execute(query)))


def of_subject(
    conn: Connection, at_ms: int, *, ward_id: WardId, patient_id: PatientId | None = None
) -> tuple[RuleChange, ...]:
    """What holds or is about to of a ward, and of a patient there."""
    return tuple(
        change
        for change in in_force(conn, at_ms)
        if change.ward_id == ward_id or (patient_id is not None and change.patient_id == patient_id)
    )


def _insert(conn: Connection, made: RuleChange) -> None:
    if len(in_force(conn, made.ordered_at_ms)) >= IN_FORCE_MAX:
        raise Conflict(f"More than {IN_FORCE_MAX} changes of alert limits are in force: end some first.")
    values: Mapping[str, Any] = {
        **made._asdict(),
        "kind": made.kind.value,
        "change": msgspec.json.encode(made.change).decode(),
        "by_person": made.by,
    }
    conn.execute(insert(rule_changes).values({name: value for name, value in values.items() if name != "by"}))


def _end(conn: Connection, known: RuleChange, *, by: str, at_ms: int, effective_ms: int) -> None:
    columns = rule_changes.c
    conn.execute(
        update(rule_changes)
        .where(and_(columns.change_id == known.change_id, columns.ended_at_ms.is_(None)))
        .values(ended_at_ms=at_ms, end_effective_ms=max(effective_ms, known.effective_ms), ended_by=by)
    )


def _change(row: Row[Any]) -> RuleChange:
    return RuleChange(
        change_id=row.change_id,
        ward_id=None if row.ward_id is None else WardId(row.ward_id),
        patient_id=None if row.patient_id is None else PatientId(row.patient_id),
        kind=AlertKind(row.kind),
        change=msgspec.json.decode(row.change, type=Change),
        person_id=row.person_id,
        by=row.by_person,
        reason=row.reason,
        ordered_at_ms=row.ordered_at_ms,
        effective_ms=row.effective_ms,
        expires_ms=row.expires_ms,
        ended_at_ms=row.ended_at_ms,
        end_effective_ms=row.end_effective_ms,
        ended_by=row.ended_by,
    )
