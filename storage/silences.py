"""Silences in SQL: ordered, ended early, listed; a row is never deleted and its times never move once they hold."""

from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import Connection, Row, and_, insert, or_, select, update

from storage.decisions import begin_decision
from storage.decisions_tables import silences
from storage.tables import patients
from storage.window import check_limit
from vitals.alert import AlertKind, Priority
from vitals.errors import Conflict, NotFound
from vitals.reading import PatientId, WardId
from vitals.silence import Silence

OPEN_MAX: Final = 1000
"""Silences in force at one time, of the whole house; one more is refused."""
OPEN_OF_ONE_MAX: Final = 50
"""The same of one person: nobody alone keeps everybody else from silencing."""


def order(conn: Connection, silence: Silence) -> Silence:
    """Put a silence down; its repetition, by silence_id, changes nothing and gives what stands there.

    Raises Conflict where the id means another silence, where the same person's silence of the same alerts stands, and
    where `OPEN_OF_ONE_MAX` of theirs are in force, or `OPEN_MAX` of everybody's.
    """
    begin_decision(conn)
    known = _find(conn, silence.silence_id)
    if known is not None:
        if _meaning(known) != _meaning(silence):
            raise Conflict(f"There is another silence {silence.silence_id}: give a new id.")
        return known
    standing = in_force(conn, silence.ordered_at_ms)
    if silence.priority is Priority.HIGH and any(_is_same_high(other, silence) for other in standing):
        raise Conflict(
            "High alerts of this kind are silenced for this patient already: only when that ends may it be again."
        )
    own = [other for other in standing if other.person_id == silence.person_id and other.ended_at_ms is None]
    if any(_covered(other) == _covered(silence) for other in own):
        raise Conflict("You have silenced exactly this already: end that silence first, or let it end.")
    if len(own) >= OPEN_OF_ONE_MAX:
        raise Conflict(f"{OPEN_OF_ONE_MAX} silences of yours are in force: end some first.")
    if len(standing) >= OPEN_MAX:
        raise Conflict(f"{OPEN_MAX} silences are in force: end some first.")
    conn.execute(
        insert(silences).values(
            silence_id=silence.silence_id,
            ward_id=silence.ward_id,
            patient_id=silence.patient_id,
            kind=None if silence.kind is None else silence.kind.value,
            priority=None if silence.priority is None else silence.priority.value,
            person_id=silence.person_id,
            by_person=silence.by,
            reason=silence.reason,
            ordered_at_ms=silence.ordered_at_ms,
            effective_ms=silence.effective_ms,
            until_ms=silence.until_ms,
        )
    )
    return silence


def _is_same_high(one: Silence, other: Silence) -> bool:
    """Whether both keep the same high alerts quiet: one after the other would keep them quiet for ever."""
    return one.priority is Priority.HIGH and (one.patient_id, one.kind) == (other.patient_id, other.kind)


def _covered(silence: Silence) -> tuple[object, ...]:
    """Which alerts it covers, while it holds."""
    return (silence.ward_id, silence.patient_id, silence.kind, silence.ceiling)


def end(conn: Connection, silence_id: str, *, by: str, at_ms: int, effective_ms: int) -> Silence:
    """End a silence early, from `effective_ms` on; one that has ended, or is ended already, stays as it is.

    Raises NotFound.
    """
    begin_decision(conn)
    known = get(conn, silence_id)
    if known.ended_at_ms is not None or known.until_ms <= at_ms:
        return known
    conn.execute(
        update(silences)
        .where(silences.c.silence_id == silence_id)
        .values(ended_at_ms=at_ms, end_effective_ms=max(effective_ms, known.effective_ms), ended_by=by)
    )
    return get(conn, silence_id)


def get(conn: Connection, silence_id: str) -> Silence:
    """The silence; raises NotFound."""
    found = _find(conn, silence_id)
    if found is None:
        raise NotFound(f"There is no silence {silence_id}.")
    return found


def in_force(conn: Connection, at_ms: int) -> tuple[Silence, ...]:
    """Every silence that holds at this moment or is still to begin, by its beginning; what a cache of decisions reads."""
    columns = silences.c
    query = select(silences).where(
        columns.until_ms > at_ms, or_(columns.end_effective_ms.is_(None), columns.end_effective_ms > at_ms)
    )
    return tuple(map(_silence, conn.execute(query.order_by(columns.effective_ms, columns.silence_id))))


def held_since(conn: Connection, from_ms: int) -> tuple[Silence, ...]:
    """Every silence that held at any moment from `from_ms` on: what a replay from there needs."""
    query = select(silences).where(silences.c.until_ms > from_ms)
    return tuple(map(_silence, conn.execute(query.order_by(silences.c.effective_ms, silences.c.silence_id))))


def list_silences(
    conn: Connection, *, limit: int, ward_ids: Collection[WardId] | None = None, open_at_ms: int | None = None
) -> tuple[Silence, ...]:
    """Silences, the last ordered first, at most `limit`; with `open_at_ms` only those not over then.

    With `ward_ids` only those of these wards, of patients who lie there now, and of the whole house.
    """
    check_limit(limit)
    columns = silences.c
    query = select(silences)
    if ward_ids is not None:
        wards = sorted(ward_ids)
        there = select(patients.c.patient_id).where(patients.c.ward_id.in_(wards))
        of_house = and_(columns.ward_id.is_(None), columns.patient_id.is_(None))
        query = query.where(or_(of_house, columns.ward_id.in_(wards), columns.patient_id.in_(there)))
    if open_at_ms is not None:
        query = query.where(
            columns.until_ms > open_at_ms,
            or_(columns.end_effective_ms.is_(None), columns.end_effective_ms > open_at_ms),
        )
    query = query.order_by(columns.ordered_at_ms.desc(), columns.silence_id.desc()).limit(limit)
    return tuple(map(_silence, conn.execute(query)))


def _find(conn: Connection, silence_id: str) -> Silence | None:
    row = conn.execute(select(silences).where(silences.c.silence_id == silence_id)).first()
    return None if row is None else _silence(row)


def _meaning(silence: Silence) -> tuple[object, ...]:
    """What two orders of one silence must agree in."""
    length_ms = silence.until_ms - silence.ordered_at_ms
    return (silence.ward_id, silence.patient_id, silence.kind, silence.priority, silence.person_id, length_ms)


def _silence(row: Row[Any]) -> Silence:
    return Silence(
        silence_id=row.silence_id,
        ward_id=None if row.ward_id is None else WardId(row.ward_id),
        patient_id=None if row.patient_id is None else PatientId(row.patient_id),
        kind=None if row.kind is None else AlertKind(row.kind),
        priority=None if row.priority is None else Priority(row.priority),
        person_id=row.person_id,
        by=row.by_person,
        reason=row.reason,
        ordered_at_ms=row.ordered_at_ms,
        effective_ms=row.effective_ms,
        until_ms=row.until_ms,
        ended_at_ms=row.ended_at_ms,
        end_effective_ms=row.end_effective_ms,
        ended_by=row.ended_by,
    )
