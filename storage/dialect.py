"""The few statements that SQLite and PostgreSQL spell through different constructs."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, func
from sqlalchemy.dialects import postgresql, sqlite

Insert = postgresql.Insert | sqlite.Insert


def insert(conn: Connection, table: Table) -> Insert:
    """INSERT that knows ON CONFLICT in the connection's dialect."""
    return sqlite.insert(table) if conn.dialect.name == "sqlite" else postgresql.insert(table)


def upsert(
    conn: Connection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    key: Sequence[str],
    changes: Mapping[str, Any],
) -> Insert:
    """Insert `rows`; a row whose `key` exists gets `changes`."""
    statement = insert(conn, table).values(rows)
    return statement.on_conflict_do_update(index_elements=list(key), set_=dict(changes))


def replace_all(conn: Connection, table: Table, rows: Sequence[Mapping[str, Any]], *, key: Sequence[str]) -> None:
    """Insert `rows`; a row whose `key` exists gets all its other columns replaced.

    One statement of one row, run for each: it is compiled once for every batch of whatever length.
    """
    if not rows:
        return
    statement = insert(conn, table)
    changes = {name: statement.excluded[name] for name in rows[0] if name not in key}
    conn.execute(statement.on_conflict_do_update(index_elements=list(key), set_=changes), list(rows))


def insert_new(conn: Connection, table: Table, *, key: str) -> Insert:
    """Insert that leaves a row alone whose `key` exists already; its rowcount tells how many were new."""
    return insert(conn, table).on_conflict_do_nothing(index_elements=[key])


def holds(conn: Connection, column: ColumnElement[bytes], part: bytes) -> ColumnElement[bool]:
    """Whether these bytes stand somewhere in the column's; `part` has no wildcard of LIKE and no backslash."""
    if conn.dialect.name == "sqlite":
        return func.instr(column, part) > 0
    return column.bool_op("LIKE")(b"%" + part + b"%")
