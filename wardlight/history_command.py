"""`wardlight history`: what was measured of one patient, as a table, CSV, JSON, Parquet or FHIR."""

import csv
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, BinaryIO, TextIO

import typer

from runtime.clock import SystemClock
from runtime.spreadsheet import as_cell
from vitals.errors import InvalidArgument
from vitals.sign import Sign
from wardlight.api_client import DEFAULT_URL, ApiClient, UrlOption, api
from wardlight.arguments import moment_ms, moment_text, seconds, sign_named
from wardlight.fhir import bundle
from wardlight.printing import print_json, print_table, table
from wardlight.written_files import new_file

PAGE_ROWS = 5000
"""Rows asked of the API at once."""
CHARTED_BY = "charted_by"
"""The column that names who observed a row, where people did."""


class Format(StrEnum):
    """How to print history."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"
    FHIR = "fhir"


def add_to(app: typer.Typer) -> None:
    """Register `history`."""

    @app.command()
    def history(
        patient: Annotated[str, typer.Argument(metavar="PATIENT", help="the patient's id (wardlight patients list)")],
        sign: Annotated[list[str] | None, typer.Option("--sign", help="only this sign; may be repeated")] = None,
        from_: Annotated[str, typer.Option("--from", help="a time, or how long ago")] = "1h",
        to: Annotated[str | None, typer.Option("--to", help="a time, or how long ago; now without it")] = None,
        every: Annotated[str | None, typer.Option(help="one mean per this long, such as 1m")] = None,
        format_: Annotated[Format, typer.Option("--format")] = Format.TABLE,
        output: Annotated[
            Path | None, typer.Option("--output", help="file to write; it must not exist; needed for parquet")
        ] = None,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """What was measured of one patient, oldest first; absent is absent."""
        signs = [sign_named(name) for name in sign or ()] or list(Sign)
        now_ms = SystemClock().now_ms()
        window = (moment_ms(from_, now_ms=now_ms), now_ms + 1 if to is None else moment_ms(to, now_ms=now_ms))
        if window[0] >= window[1]:
            raise InvalidArgument("--from must lie before --to.")
        if format_ is Format.PARQUET and output is None:
            raise InvalidArgument("Parquet is not text: name a file with --output.")
        every_ms = None if every is None else round(seconds(every) * 1000)
        with api(url) as client, nullcontext(sys.stdout) if output is None else new_file(output) as stream:
            _write(list(_pages(client, patient, signs, window, every_ms, format_)), signs, patient, format_, stream)


def _pages(
    client: ApiClient, patient: str, signs: list[Sign], window: tuple[int, int], every_ms: int | None, format_: Format
) -> Iterator[dict[str, Any]]:
    """All rows of the window, page by page; the audit trail is told what they are written as."""
    cursor: str | None = None
    names = ",".join(sign.value for sign in signs)
    while True:
        page = client.get(
            f"patients/{patient}/history",
            **{
                "sign": names,
                "from": window[0],
                "to": window[1],
                "every": every_ms,
                "format": format_.value,
                "limit": PAGE_ROWS,
                "after": cursor,
            },
        )
        yield from page["rows"]
        cursor = page.get("next")
        if cursor is None:
            return


def _write(rows: list[dict[str, Any]], signs: list[Sign], patient: str, format_: Format, stream: TextIO) -> None:
    present = [sign for sign in signs if any(sign.value in row["signs"] for row in rows)]
    match format_:
        case Format.TABLE:
            print_table(table(("measured at", *_columns(rows, present)), _lines(rows, present)), stream=stream)
        case Format.CSV:
            writer = csv.writer(stream)
            writer.writerow(("measured_at", *_columns(rows, present)))
            writer.writerows([as_cell(cell) for cell in line] for line in _lines(rows, present))
            stream.flush()
        case Format.JSON:
            print_json(rows, stream=stream)
        case Format.FHIR:
            print_json(bundle(patient, rows), stream=stream)
        case Format.PARQUET:
            _write_parquet(rows, present, stream.buffer)


def _columns(rows: list[dict[str, Any]], signs: list[Sign]) -> list[str]:
    """The signs, and who charted them, where somebody did."""
    return [*signs, *([CHARTED_BY] if any(map(_author, rows)) else [])]


def _lines(rows: list[dict[str, Any]], signs: list[Sign]) -> Iterator[list[object]]:
    with_author = len(_columns(rows, signs)) > len(signs)
    for row in rows:
        cells: list[object] = [moment_text(row["measured_at_ms"]), *(row["signs"].get(sign.value) for sign in signs)]
        yield [*cells, _author(row)] if with_author else cells


def _author(row: dict[str, Any]) -> str | None:
    charted = row.get("charted")
    return None if charted is None else str(charted["by"])


def _write_parquet(rows: list[dict[str, Any]], signs: list[Sign], stream: BinaryIO) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    columns: dict[str, Any] = {
        "measured_at": pa.array([row["measured_at_ms"] for row in rows], type=pa.timestamp("ms", tz="UTC"))
    }
    for sign in signs:
        columns[sign.value] = pa.array([row["signs"].get(sign.value) for row in rows], type=pa.float64())
    if any(map(_author, rows)):
        columns[CHARTED_BY] = pa.array([_author(row) for row in rows], type=pa.string())
    parquet.write_table(pa.table(columns), stream)
