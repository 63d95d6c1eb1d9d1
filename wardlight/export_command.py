"""`wardlight export`: series of a ward for research, under the pseudonyms of one recipient."""

import csv
import json
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from runtime.clock import SystemClock
from runtime.spreadsheet import as_cell
from vitals.errors import InvalidArgument
from vitals.sign import Sign
from wardlight.api_client import DEFAULT_URL, ApiClient, UrlOption, api
from wardlight.arguments import moment_ms, moment_text
from wardlight.written_files import new_file

PAGE_ROWS = 5000
"""Rows asked of the API at once."""


class ResearchFormat(StrEnum):
    """How rows are written."""

    CSV = "csv"
    JSONL = "jsonl"


def add_to(app: typer.Typer) -> None:
    """Register `export`."""

    @app.command()
    def export(
        recipient: Annotated[str, typer.Option("--recipient", metavar="NAME", help="who is given it")],
        ward: Annotated[str, typer.Option("--ward", help="the ward's id")],
        from_: Annotated[str, typer.Option("--from", help="a time, or how long ago")] = "24h",
        to: Annotated[str | None, typer.Option("--to", help="a time, or how long ago; now without it")] = None,
        format_: Annotated[ResearchFormat, typer.Option("--format")] = ResearchFormat.CSV,
        output: Annotated[Path | None, typer.Option("--output", help="file to write; it must not exist")] = None,
        rows_max: Annotated[int, typer.Option("--rows-max", min=1, help="more than this is refused")] = 1_000_000,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """Signs of a ward for research, pseudonymised for one recipient: no names, ids, beds, notes or true dates.

        It stays personal data: see "Research exports" in docs/operations.md before you hand it out.
        """
        now_ms = SystemClock().now_ms()
        window = (moment_ms(from_, now_ms=now_ms), now_ms + 1 if to is None else moment_ms(to, now_ms=now_ms))
        if window[0] >= window[1]:
            raise InvalidArgument("--from must lie before --to.")
        with api(url) as client:
            rows = _bounded(_pages(client, recipient, ward, window, format_), rows_max)
            if output is None:
                _write(rows, format_, sys.stdout)
            else:
                with new_file(output) as stream:
                    _write(rows, format_, stream)


def _pages(
    client: ApiClient, recipient: str, ward: str, window: tuple[int, int], format_: ResearchFormat
) -> Iterator[dict[str, Any]]:
    """All rows, page by page, one page in memory."""
    cursor: str | None = None
    asked = {"recipient": recipient, "ward": ward, "to": window[1], "format": format_.value, "limit": PAGE_ROWS}
    while True:
        page = client.get("research-export", **asked, **{"from": window[0]}, after=cursor)
        yield from page["rows"]
        cursor = page["next"]
        if cursor is None:
            return


def _bounded(rows: Iterator[dict[str, Any]], rows_max: int) -> Iterator[dict[str, Any]]:
    for number, row in enumerate(rows):
        if number >= rows_max:
            raise InvalidArgument(f"These are more than {rows_max:,} rows: narrow the window, or raise --rows-max.")
        yield row


def _write(rows: Iterator[dict[str, Any]], format_: ResearchFormat, stream: TextIO) -> None:
    signs = [sign.value for sign in Sign]
    if format_ is ResearchFormat.CSV:
        writer = csv.writer(stream)
        writer.writerow(("subject", "at", *signs))
        writer.writerows(_line(row, signs) for row in rows)
    else:
        stream.writelines(
            json.dumps({"subject": row["subject"], "at": moment_text(row["at_ms"]), **row["signs"]}) + "\n"
            for row in rows
        )
    stream.flush()


def _line(row: dict[str, Any], signs: list[str]) -> list[object]:
    return [
        as_cell(cell)
        for cell in (row["subject"], moment_text(row["at_ms"]), *(row["signs"].get(name) for name in signs))
    ]
