"""Escalation ladders in SQL: every version is kept, the last one is in force."""

from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, func, insert, select

from storage.ladder_tables import ladders
from vitals.alert import Priority
from vitals.errors import Conflict, NotFound
from vitals.ladder import DEFAULT_LADDERS, EVERY_WARD, Ladder, check_ladder

LADDERS_MAX: Final = 1000
"""In force at once; one more is refused."""
SHIPPED_VERSION: Final = 0
"""Of a ladder that nobody has set."""


class StoredLadder(msgspec.Struct, frozen=True):
    """A ladder in force, and since when by whom; version 0 and nobody for one as shipped."""

    ladder: Ladder
    version: int = SHIPPED_VERSION
    at_ms: int | None = None
    by: str | None = None


class LadderBook:
    """The ladders as they stand at one moment, those shipped behind those set."""

    def __init__(self, stored: tuple[StoredLadder, ...]) -> None:
        shipped = tuple(StoredLadder(ladder) for ladder in DEFAULT_LADDERS)
        self._found = {_key(each): each for each in (*shipped, *stored)}

    def all(self) -> tuple[StoredLadder, ...]:
        """Every ladder in force, the house's first, by ward and falling priority."""
        order = tuple(Priority)
        return tuple(
            sorted(self._found.values(), key=lambda one: (one.ladder.ward_id, order.index(one.ladder.priority)))
        )

    def find(self, ward_id: str, priority: Priority) -> StoredLadder:
        """What an alert climbs: its ward's own ladder, else the house's; there is always one."""
        return self._found.get((ward_id, priority)) or self._found[EVERY_WARD, priority]


def ladder_book(conn: Connection) -> LadderBook:
    """Every ladder in force."""
    return LadderBook(tuple(map(_stored, _in_force(conn))))


def put(conn: Connection, ladder: Ladder, *, at_ms: int, by: str) -> StoredLadder:
    """Set a ladder from now on; putting what is in force changes nothing. Alerts that climb now go on by the new one.

    Raises InvalidArgument where its steps make no sense, Conflict where there are too many or somebody sets it just now.
    """
    check_ladder(ladder)
    rows = _in_force(conn)
    for row in rows:
        held = _stored(row)
        if _key(held) == (ladder.ward_id, ladder.priority) and held.ladder == ladder:
            return held
    if len(rows) >= LADDERS_MAX:
        raise Conflict(f"There are {LADDERS_MAX} ladders already: take one away first.")
    version = _append(conn, ladder.ward_id, ladder.priority, msgspec.json.encode(ladder).decode(), at_ms=at_ms, by=by)
    return StoredLadder(ladder, version, at_ms, by)


def remove(conn: Connection, ward_id: str, priority: Priority, *, at_ms: int, by: str) -> None:
    """From now on the house's ladder, or the one shipped, holds again; raises NotFound where none was set."""
    if not any((row.ward_id, row.priority) == (ward_id, priority.value) for row in _in_force(conn)):
        raise NotFound(f"No {priority.value} ladder was set for ward {ward_id}.")
    _append(conn, ward_id, priority, None, at_ms=at_ms, by=by)


def _append(conn: Connection, ward_id: str, priority: Priority, record: str | None, *, at_ms: int, by: str) -> int:
    columns = ladders.c
    last = conn.scalar(
        select(func.max(columns.version)).where(columns.ward_id == ward_id, columns.priority == priority.value)
    )
    version = (last or SHIPPED_VERSION) + 1
    row = {"ward_id": ward_id, "priority": priority.value, "version": version}
    conn.execute(insert(ladders).values(**row, record=record, at_ms=at_ms, by_person=by))
    return version


def _in_force(conn: Connection) -> list[Row[Any]]:
    columns = ladders.c
    newest = (
        select(columns.ward_id, columns.priority, func.max(columns.version).label("version"))
        .group_by(columns.ward_id, columns.priority)
        .subquery()
    )
    query = select(ladders).join(
        newest,
        (columns.ward_id == newest.c.ward_id)
        & (columns.priority == newest.c.priority)
        & (columns.version == newest.c.version),
    )
    return [row for row in conn.execute(query) if row.record is not None]


def _stored(row: Row[Any]) -> StoredLadder:
    return StoredLadder(msgspec.json.decode(row.record, type=Ladder), row.version, row.at_ms, row.by_person)


def _key(stored: StoredLadder) -> tuple[str, Priority]:
    return stored.ladder.ward_id, stored.ladder.priority
