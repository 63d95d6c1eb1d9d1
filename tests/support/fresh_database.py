"""The present schema, laid quickly: the migrations run once a session, and their result is copied."""

import sqlite3
from functools import cache

from sqlalchemy import Connection

from storage.migrate import upgrade_database
from storage.session import Database


def lay_schema(database: Database) -> None:
    """Bring an empty SQLite database to the present schema: what `upgrade_database` makes of it, a hundred times faster.

    Its signing key is that of every other database of the session.
    """
    database.keys.make()
    with database.transaction() as conn:
        plain = _sqlite(conn)
        plain.execute("COMMIT")  # SQLite copies into no open transaction
        _original().backup(plain)
        plain.execute("BEGIN IMMEDIATE")


@cache
def _original() -> sqlite3.Connection:
    copy = sqlite3.connect(":memory:", check_same_thread=False)
    migrated = Database("sqlite://")
    try:
        upgrade_database(migrated)
        with migrated.snapshot() as conn:
            _sqlite(conn).backup(copy)
    finally:
        migrated.close()
    return copy


def _sqlite(conn: Connection) -> sqlite3.Connection:
    plain = conn.connection.driver_connection
    assert isinstance(plain, sqlite3.Connection)
    return plain
