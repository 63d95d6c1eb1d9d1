"""Broken glass: patients of other wards whom somebody opened in an emergency, why, and until when."""

import msgspec
from sqlalchemy import Connection, insert, select

from storage import people_tables as tables
from storage.window import check_limit
from vitals.reading import PatientId, WardId


class Glass(msgspec.Struct, frozen=True):
    """Who opened whom, why, until when; a record that stays."""

    glass_id: str
    person_id: str
    patient_id: PatientId
    ward_id: WardId | None
    """Where the patient lay then."""
    reason: str
    opened_at_ms: int
    expires_at_ms: int


def break_glass(conn: Connection, glass: Glass) -> None:
    """Open the patient for the person until `expires_at_ms`."""
    conn.execute(insert(tables.glass).values(msgspec.structs.asdict(glass)))


def list_glass(conn: Connection, *, limit: int, open_at_ms: int | None = None) -> tuple[tuple[Glass, str], ...]:
    """Each with the name of the person, newest first; with `open_at_ms`, only those still open then."""
    check_limit(limit)
    columns = tables.glass.c
    query = select(tables.glass, tables.people.c.name).join(
        tables.people, tables.people.c.person_id == columns.person_id
    )
    if open_at_ms is not None:
        query = query.where(columns.expires_at_ms > open_at_ms)
    rows = conn.execute(query.order_by(columns.opened_at_ms.desc(), columns.glass_id).limit(limit))
    return tuple((Glass(*row[:-1]), row[-1]) for row in rows)
