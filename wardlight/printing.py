"""What commands print on stdout: a table for people, JSON for programs."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from runtime.terminal import harmless, harmless_line
from wardlight.arguments import moment_text

_PIPED_COLUMNS = 200
"""Width of tables that no terminal bounds."""


def print_json(value: object, *, stream: TextIO | None = None) -> None:
    """One JSON document on one line of stdout, or of `stream`."""
    target = sys.stdout if stream is None else stream
    target.write(harmless_line(json.dumps(value, ensure_ascii=False)) + "\n")
    target.flush()


def print_table(table: Table, *, stream: TextIO | None = None) -> None:
    """A table on stdout or `stream`, as wide as the terminal."""
    target = sys.stdout if stream is None else stream
    width = None if target.isatty() else _PIPED_COLUMNS
    Console(file=target, width=width, highlight=False, markup=False, emoji=False).print(table)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None) -> Table:
    """Rows under these columns; None prints as nothing."""
    made = Table(*columns, title=title)
    for row in rows:
        made.add_row(*("" if cell is None else harmless(str(cell)) for cell in row))
    return made


def print_rows(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool) -> None:
    """What the API answered: whole as a JSON array, or these columns as a table, moments as people read them."""
    if as_json:
        print_json(list(rows))
    else:
        titles = [column.removesuffix("_ms").replace("_", " ") for column in columns]
        print_table(table(titles, ([_shown(column, row.get(column)) for column in columns] for row in rows)))


@contextmanager
def progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr for as long as the block lasts, where that is a terminal; call what it yields with (done, total)."""
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as bars:
        bar = bars.add_task(title, total=None)

        def tell(done: int, total: int) -> None:
            bars.update(bar, completed=done, total=total)

        yield tell


def _shown(column: str, value: object) -> object:
    return moment_text(value) if column.endswith(("_at_ms", "_from_ms")) and isinstance(value, int) else value
