"""The few statements that SQLite and PostgreSQL spell through different constructs."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table
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
    changes: Mapping[str, Any] | None = None,
) -> Insert:
    """Insert `rows`; a row whose `key` exists gets `changes`, or by default all its other columns replaced."""
    statement = insert(conn, table).values(rows)
    if changes is None:
        changes = {name: statement.excluded[name] for name in rows[0] if name not in key}
    return statement.on_conflict_do_update(index_elements=list(key), set_=dict(changes))


def insert_new(conn: Connection, table: Table, *, key: str) -> Insert:
    """Insert that leaves a row alone whose `key` exists already; its rowcount tells how many were new."""
    return insert(conn, table).on_conflict_do_nothing(index_elements=[key])
