"""Idempotent bulk inserts of plain tuples, each database in its fastest way.

PostgreSQL: COPY into a temporary table, then one INSERT … SELECT … ON CONFLICT DO NOTHING. SQLite: executemany with a
conflict clause. Both on the driver's own cursor, inside the SQLAlchemy connection's transaction.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table


class Stored(NamedTuple):
    """What became of a batch: rows that are new, and rows whose key was there already."""

    stored: int
    duplicates: int


class BulkInsert:
    """Inserts rows of `table` given as tuples in the order of its columns, leaving alone what `key` already holds."""

    def __init__(self, table: Table, *, key: str) -> None:
        names = [column.name for column in table.columns]
        columns = ", ".join(f'"{name}"' for name in names)
        staging = f"incoming_{table.name}"
        self._stage = f"CREATE TEMP TABLE IF NOT EXISTS {staging} (LIKE {table.name}) ON COMMIT DELETE ROWS"
        self._copy = f"COPY {staging} ({columns}) FROM STDIN"
        self._merge = (
            f"INSERT INTO {table.name} ({columns}) SELECT {columns} FROM {staging} ON CONFLICT ({key}) DO NOTHING"  # noqa: S608 - our own names
        )
        self._unstage = f"TRUNCATE {staging}"
        marks = ", ".join("?" * len(names))
        self._insert = f"INSERT INTO {table.name} ({columns}) VALUES ({marks}) ON CONFLICT ({key}) DO NOTHING"  # noqa: S608 - our own names

    def insert(self, conn: Connection, rows: Sequence[tuple[Any, ...]]) -> Stored:
        """Insert within the connection's transaction; a key twice in one batch counts as a duplicate, too.

        The driver's own errors come out as they are; a transaction of `Database` translates those that pass.
        """
        if not rows:
            return Stored(0, 0)
        driver_connection: Any = conn.connection.driver_connection
        cursor = driver_connection.cursor()
        try:
            if conn.dialect.name == "sqlite":
                cursor.executemany(self._insert, rows)
            else:
                self._copy_and_merge(cursor, rows)
            stored = cursor.rowcount
        finally:
            cursor.close()
        return Stored(stored, len(rows) - stored)

    def _copy_and_merge(self, cursor: Any, rows: Sequence[tuple[Any, ...]]) -> None:  # noqa: ANN401 - a driver's cursor
        cursor.execute(self._stage)
        cursor.execute(self._unstage)
        with cursor.copy(self._copy) as copy:
            write = copy.write_row
            for row in rows:
                write(row)
        cursor.execute(self._merge)
