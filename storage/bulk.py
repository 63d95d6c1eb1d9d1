"""Idempotent bulk inserts of plain tuples, each database in its fastest way.

PostgreSQL: binary COPY into a temporary table, then one INSERT … SELECT … ON CONFLICT DO NOTHING. SQLite: executemany with
a conflict clause. Both on the driver's own cursor, inside the SQLAlchemy connection's transaction.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import psycopg
from sqlalchemy import BigInteger, Boolean, Connection, Double, LargeBinary, SmallInteger, Table, Text
from sqlalchemy.types import TypeEngine

ROW_REFUSALS: Final = (
    psycopg.DataError,
    psycopg.IntegrityError,
    sqlite3.DataError,
    sqlite3.IntegrityError,
    OverflowError,
    UnicodeEncodeError,
)
"""What the drivers raise where a value can never be stored: trying again does not help, leaving the row out does."""

_COPY_TYPES: Final[tuple[tuple[type[TypeEngine[Any]], str], ...]] = (
    (Text, "text"),
    (SmallInteger, "int2"),
    (BigInteger, "int8"),
    (Double, "float8"),
    (Boolean, "bool"),
    (LargeBinary, "bytea"),
)


class Stored(NamedTuple):
    """What became of a batch: rows that are new, and rows whose key was there already."""

    stored: int
    duplicates: int


class BulkInsert:
    """Inserts rows of `table` given as tuples in the order of its columns, leaving alone what `key` already holds.

    Columns in `later` are left out of the tuples: NULL at first, they are written when something happens to the row.
    """

    def __init__(self, table: Table, *, key: str, later: Sequence[str] = ()) -> None:
        self.table_name = table.name
        given = [column for column in table.columns if column.name not in later]
        names = [column.name for column in given]
        self.columns = tuple(names)
        columns = ", ".join(f'"{name}"' for name in names)
        staging = f"incoming_{table.name}"
        self._types = [_copy_type(column.type) for column in given]
        self._stage = f"CREATE TEMP TABLE IF NOT EXISTS {staging} (LIKE {table.name}) ON COMMIT DELETE ROWS"
        self._copy = f"COPY {staging} ({columns}) FROM STDIN (FORMAT BINARY)"
        self._key = key
        self._key_index = names.index(key)
        self._merge = (
            f"INSERT INTO {table.name} ({columns}) SELECT {columns} FROM {staging} ON CONFLICT ({key}) DO NOTHING"  # noqa: S608 - our own names
        )
        marks = ", ".join("?" * len(names))
        self._insert = f"INSERT INTO {table.name} ({columns}) VALUES ({marks}) ON CONFLICT ({key}) DO NOTHING"  # noqa: S608 - our own names

    def insert(self, conn: Connection, rows: Sequence[tuple[Any, ...]]) -> Stored:
        """Insert within the connection's transaction; a key twice in one batch counts as a duplicate, too.

        The driver's own errors come out as they are: `ROW_REFUSALS` for values that cannot be stored; those that pass are
        translated by the transaction of `Database`.
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

    def insert_telling(self, conn: Connection, rows: Sequence[tuple[Any, ...]]) -> frozenset[str]:
        """As `insert`, more slowly, and says the keys of the rows that are new."""
        if not rows:
            return frozenset()
        driver_connection: Any = conn.connection.driver_connection
        cursor = driver_connection.cursor()
        try:
            if conn.dialect.name == "sqlite":
                key = self._key_index
                return frozenset(row[key] for row in rows if cursor.execute(self._insert, row).rowcount)
            self._stage_rows(cursor, rows)
            cursor.execute(f"{self._merge} RETURNING {self._key}")
            return frozenset(row[0] for row in cursor.fetchall())
        finally:
            cursor.close()

    def insert_storable(self, conn: Connection, rows: Sequence[tuple[Any, ...]], *, first: int = 0) -> "Storable":
        """As `insert_telling`, but leaves out the rows that cannot be stored, found by halving.

        `first` is the first row's index.
        """
        try:
            with conn.begin_nested():
                new = self.insert_telling(conn, rows)
                return Storable(Stored(len(new), len(rows) - len(new)), (), new)
        except ROW_REFUSALS as error:
            if len(rows) == 1:
                return Storable(Stored(0, 0), ((first, str(error).strip()),), frozenset())
        middle = len(rows) // 2
        left = self.insert_storable(conn, rows[:middle], first=first)
        right = self.insert_storable(conn, rows[middle:], first=first + middle)
        return left.followed_by(right)

    def _copy_and_merge(self, cursor: Any, rows: Sequence[tuple[Any, ...]]) -> None:  # noqa: ANN401 - a driver's cursor
        self._stage_rows(cursor, rows)
        cursor.execute(self._merge)

    def _stage_rows(self, cursor: Any, rows: Sequence[tuple[Any, ...]]) -> None:  # noqa: ANN401 - a driver's cursor
        # Rows staged earlier in the same transaction are merged once more, which changes nothing.
        cursor.execute(self._stage)
        with cursor.copy(self._copy) as copy:
            copy.set_types(self._types)
            write = copy.write_row
            for row in rows:
                write(row)


class Storable(NamedTuple):
    """What became of a batch of which some rows could not be stored."""

    counts: Stored
    refused: tuple[tuple[int, str], ...]
    """Index and cause of each row left out."""
    new: frozenset[str] | None = None
    """Keys of the rows that are new, where that was asked; None where it was not."""

    def followed_by(self, other: "Storable") -> "Storable":
        """What became of both, of the same table."""
        stored, duplicates = self.counts
        new = None if self.new is None or other.new is None else self.new | other.new
        counts = Stored(stored + other.counts.stored, duplicates + other.counts.duplicates)
        return Storable(counts, self.refused + other.refused, new)


def _copy_type(column_type: TypeEngine[Any]) -> str:
    return next(name for kind, name in _COPY_TYPES if isinstance(column_type, kind))
