"""A row in every table of an older schema, made from the schema itself, and what became of it."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Column, Connection, MetaData, Table

Rows = dict[str, list[dict[str, Any]]]
VERSION_TABLE = "alembic_version"
SPECIAL: Mapping[tuple[str, str], Any] = {
    ("audit_entries", "number"): 1,
    ("patients", "birth_date"): "1950-01-31",
    ("patients", "spo2_scale"): 1,
    ("destinations", "options"): "{}",
    ("destinations", "wanted"): "{}",
    ("episodes", "priority"): "high",
    ("episodes", "last_transition"): "raised",
    ("model_versions", "standing"): "champion",
    ("model_versions", "scores"): "{}",
    ("model_versions", "made_as"): "champion",
}
"""Columns that migrations read as what they are."""
_BY_KIND: Sequence[tuple[type | tuple[type, ...], Any]] = (
    (sa.Boolean, True),
    (sa.Integer, 3),
    ((sa.Numeric, sa.Float), 0.5),
    (sa.LargeBinary, b"{}"),
)


def reflected(conn: Connection) -> MetaData:
    """The schema as the database has it."""
    found = MetaData()
    found.reflect(conn)
    return found


def fill(conn: Connection) -> None:
    """One row in every table that has none, parents first; whatever refers to a parent refers to its row."""
    schema = reflected(conn)
    for table in schema.sorted_tables:
        if table.name == VERSION_TABLE or conn.execute(sa.select(table).limit(1)).first() is not None:
            continue
        conn.execute(table.insert().values({column.name: _value(conn, table, column) for column in table.columns}))


def contents(conn: Connection) -> Rows:
    """Every row of every table, by column."""
    schema = reflected(conn)
    return {
        table.name: [dict(row._mapping) for row in conn.execute(sa.select(table))]
        for table in schema.sorted_tables
        if table.name != VERSION_TABLE
    }


def missing(before: Rows, after: Rows) -> set[str]:
    """What of `before` is not in `after`: a table, a column (`table.column`), or a value that changed (the same)."""
    lost: set[str] = set()
    for table, rows in before.items():
        if table not in after:
            lost.add(table)
            continue
        for row in rows:
            columns = row.keys() & (after[table][0].keys() if after[table] else set())
            lost |= {f"{table}.{column}" for column in row.keys() - columns}
            lost |= _closest(table, {column: row[column] for column in columns}, after[table])
    return lost


def _closest(table: str, row: Mapping[str, Any], found: list[dict[str, Any]]) -> set[str]:
    """Columns in which the row of `found` that is most like `row` differs from it; the table where there is no row at all."""
    differences = [{f"{table}.{column}" for column, value in row.items() if one[column] != value} for one in found]
    return min(differences, key=len, default={table})


def _value(conn: Connection, table: Table, column: Column[Any]) -> Any:
    for key in column.foreign_keys:
        return conn.scalar(sa.select(key.column).limit(1))
    if (table.name, column.name) in SPECIAL:
        return SPECIAL[table.name, column.name]
    return next((made for kinds, made in _BY_KIND if isinstance(column.type, kinds)), f"{column.name} of {table.name}")
