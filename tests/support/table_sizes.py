"""How many rows the tables of a simulated ward hold, and how large its files are."""

from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from storage import tables
from storage.operations_tables import reading_minutes

COUNTED = (
    tables.readings,
    tables.assessments,
    reading_minutes,
    tables.rejections,
    tables.episodes,
    tables.transitions,
)


class TableSizes(NamedTuple):
    """Rows by table, and megabytes by file."""

    rows: dict[str, int]
    files_mb: dict[str, float]


def table_sizes(conn: Connection, directory: Path | None) -> TableSizes:
    """Of the tables that grow with time, and of what lies in `directory`."""
    rows = {table.name: int(conn.scalar(select(func.count()).select_from(table)) or 0) for table in COUNTED}
    files = [] if directory is None else sorted(file for file in directory.iterdir() if file.is_file())
    return TableSizes(rows, {file.name: round(file.stat().st_size / 2**20, 1) for file in files})
