"""What commands print on stdout: a table for people, JSON for programs."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

_PIPED_COLUMNS = 200
"""Width of tables that no terminal bounds."""


def print_json(value: object) -> None:
    """One JSON document on one line."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def print_table(table: Table) -> None:
    """A table, as wide as the terminal."""
    Console(width=None if sys.stdout.isatty() else _PIPED_COLUMNS, highlight=False, markup=False).print(table)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None) -> Table:
    """Rows under these columns; None prints as nothing."""
    made = Table(*columns, title=title)
    for row in rows:
        made.add_row(*("" if cell is None else str(cell) for cell in row))
    return made


def print_rows(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool) -> None:
    """What the API answered: whole as a JSON array, or these columns as a table."""
    if as_json:
        print_json(list(rows))
    else:
        print_table(table(columns, ([row.get(column) for column in columns] for row in rows)))
