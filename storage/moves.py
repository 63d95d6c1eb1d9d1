"""Where a patient lay when: every ward and bed of a stay, in order, and who said so."""

from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, func, insert, select

from storage import stays_tables, tables
from vitals.reading import PatientId, WardId

_ASKED_MAX: Final = 500


class Move(msgspec.Struct, frozen=True):
    """One place of a stay, from `at_ms` on; number 0 is the admission."""

    patient_id: PatientId
    number: int
    at_ms: int
    ward_id: WardId
    bed: str | None
    by_person: str | None
    """None where it was not said, as for devices that enrolled themselves."""


class Placed(NamedTuple):
    """Where a patient lies now, by their last move."""

    ward_id: WardId
    number: int
    at_ms: int


class Lay(NamedTuple):
    """Where a patient lies, or lay last."""

    ward_id: WardId
    discharged_at_ms: int | None
    move: int
    """Number of the last move."""


def lay_of(conn: Connection, patient_ids: Iterable[PatientId]) -> dict[PatientId, Lay]:
    """Of those of these patients whom the registry knows; a question for each `_ASKED_MAX` of them, and no name is read."""
    asked = sorted(patient_ids)
    found: dict[PatientId, Lay] = {}
    for start in range(0, len(asked), _ASKED_MAX):
        found |= _lay(conn, tables.patients.c.patient_id.in_(asked[start : start + _ASKED_MAX]))
    return found


def lay_of_present(conn: Connection) -> dict[PatientId, Lay]:
    """Of everybody who has not been discharged; no name is read."""
    return _lay(conn, tables.patients.c.discharged_at_ms.is_(None))


def _lay(conn: Connection, of: ColumnElement[bool]) -> dict[PatientId, Lay]:
    columns, moved = tables.patients.c, stays_tables.moves.c
    kept = (columns.patient_id, columns.ward_id, columns.discharged_at_ms)
    rows = conn.execute(
        select(*kept, func.coalesce(func.max(moved.number), 0).label("move"))
        .outerjoin_from(tables.patients, stays_tables.moves, moved.patient_id == columns.patient_id)
        .where(of)
        .group_by(*kept)
    )
    return {PatientId(row.patient_id): Lay(WardId(row.ward_id), row.discharged_at_ms, row.move) for row in rows}


def record(
    conn: Connection, patient_id: PatientId, *, at_ms: int, ward_id: WardId, bed: str | None, by: str | None
) -> Move:
    """Append a move; its time is never before the one before it, whatever the clocks say."""
    columns = stays_tables.moves.c
    number, last_ms = conn.execute(
        select(func.max(columns.number), func.max(columns.at_ms)).where(columns.patient_id == patient_id)
    ).one()
    move = Move(
        patient_id=patient_id,
        number=0 if number is None else number + 1,
        at_ms=at_ms if last_ms is None else max(at_ms, last_ms),
        ward_id=ward_id,
        bed=bed,
        by_person=by,
    )
    conn.execute(insert(stays_tables.moves).values(msgspec.structs.asdict(move)))
    return move


def moves_of(conn: Connection, patient_id: PatientId) -> tuple[Move, ...]:
    """The patient's places, oldest first; none for an unknown patient."""
    columns = stays_tables.moves.c
    rows = conn.execute(select(stays_tables.moves).where(columns.patient_id == patient_id).order_by(columns.number))
    return tuple(Move(**row._mapping) for row in rows)  # noqa: SLF001 - documented name


def place_as_of(conn: Connection, patient_id: PatientId, at_ms: int) -> Move | None:
    """Where the patient lay at that time; None before the admission. When the stay ended, `patients` says."""
    columns = stays_tables.moves.c
    row = conn.execute(
        select(stays_tables.moves)
        .where(columns.patient_id == patient_id, columns.at_ms <= at_ms)
        .order_by(columns.number.desc())
        .limit(1)
    ).first()
    return None if row is None else Move(**row._mapping)  # noqa: SLF001 - documented name


def placements(conn: Connection, patient_ids: Iterable[PatientId]) -> dict[PatientId, Placed]:
    """Of each of these patients the last move; a patient without any is left out."""
    columns = stays_tables.moves.c
    found: dict[PatientId, Placed] = {}
    for patient_id in patient_ids:
        row = conn.execute(
            select(columns.ward_id, columns.number, columns.at_ms)
            .where(columns.patient_id == patient_id)
            .order_by(columns.number.desc())
            .limit(1)
        ).first()
        if row is not None:
            found[patient_id] = Placed(WardId(row.ward_id), row.number, row.at_ms)
    return found


def wards_of(conn: Connection, patient_ids: Iterable[PatientId]) -> dict[PatientId, tuple[WardId, ...]]:
    """Every ward that each of these patients ever lay on, without order; at most 500 patients a query."""
    columns = stays_tables.moves.c
    wanted = sorted(set(patient_ids))
    found: dict[PatientId, tuple[WardId, ...]] = {}
    for start in range(0, len(wanted), 500):
        rows = conn.execute(
            select(columns.patient_id, columns.ward_id)
            .where(columns.patient_id.in_(wanted[start : start + 500]))
            .distinct()
        )
        for row in rows:
            patient_id = PatientId(row.patient_id)
            found[patient_id] = (*found.get(patient_id, ()), WardId(row.ward_id))
    return found
