"""Sets as their publishers offer them, a file a patient: BIDMC's numerics and the PhysioNet/CinC Challenge of 2012, as one table."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from evaluation.datasets import Progress, listed, names_in, said_of, table_of
from vitals.errors import InvalidArgument

BIDMC_COLUMNS: Final = frozenset({"Time [s]", "HR", "RESP", "SpO2"})
ICU2012_COLUMNS: Final = frozenset({"Time", "Parameter", "Value"})
OUTCOME_COLUMNS: Final = frozenset({"RecordID", "In-hospital_death"})
FILES_MAX: Final = 100_000
ROWS_OF_A_STAY_MAX: Final = 100_000
_TELL_EVERY: Final = 200


def bidmc_files(path: Path) -> list[Path]:
    """`bidmc_01_Numerics.csv` and its like; none where the folder holds something else."""
    files = listed(path, "*Numerics.csv", "*/*Numerics.csv") if path.is_dir() else []
    return files if files and names_in(files[0]) >= BIDMC_COLUMNS else []


def bidmc_table(files: list[Path], progress: Progress) -> pa.Table:
    """One table with the record in each row; raises InvalidArgument where a file cannot be read."""
    parts = []
    for number, file in enumerate(_few(files)):
        table = table_of(file)
        table = table.rename_columns([name.strip() for name in table.column_names])
        lacking = BIDMC_COLUMNS - set(table.column_names)
        if lacking:
            raise InvalidArgument(f"{file} lacks the column {min(lacking)}.")
        record = pa.array([file.stem.removesuffix("_Numerics")] * table.num_rows, pa.string())
        columns = {name: _as_numbers(table[name], file) for name in sorted(BIDMC_COLUMNS)}
        parts.append(pa.table({"record": record, **columns}))
        progress(number + 1, len(files))
    return pa.concat_tables(parts)


def icu2012_files(path: Path) -> tuple[list[Path], list[Path]]:
    """Records as `set-a/132539.txt` and `Outcomes-a.txt`; none where the folder holds something else."""
    if not path.is_dir():
        return [], []
    texts = listed(path, "*.txt") or listed(path, "*/*.txt")
    everywhere = sorted({*texts, *listed(path, "*/*.txt"), *listed(path.parent, "Outcomes-*.txt")})
    outcomes = [file for file in everywhere if file.name.startswith("Outcomes") and names_in(file) >= OUTCOME_COLUMNS]
    records = [file for file in everywhere if file.stem.isdigit()]
    known = bool(records) and names_in(records[0]) >= ICU2012_COLUMNS
    return (records, outcomes) if known and outcomes else ([], [])


def icu2012_values(files: list[Path], progress: Progress) -> pa.Table:
    """One table with a row per value; raises InvalidArgument where a file cannot be read."""
    stay: list[int] = []
    minute: list[float] = []
    parameter: list[str] = []
    value: list[float] = []
    for number, file in enumerate(_few(files)):
        with said_of(file):
            for at, name, told in _rows(file):
                stay.append(int(file.stem))
                minute.append(at)
                parameter.append(name)
                value.append(told)
        if number % _TELL_EVERY == 0:
            progress(number, len(files))
    return pa.table({"record_id": stay, "minute": minute, "parameter": parameter, "value": value})


def icu2012_outcomes(files: list[Path]) -> pa.Table:
    """Who died, of all sets that are there."""
    return pa.concat_tables([table_of(file, sorted(OUTCOME_COLUMNS)) for file in files])


def _rows(file: Path) -> Iterator[tuple[float, str, float]]:
    with file.open(newline="", encoding="utf-8") as lines:
        for number, row in enumerate(csv.DictReader(lines)):
            if number >= ROWS_OF_A_STAY_MAX:
                raise InvalidArgument(f"{file} has more than {ROWS_OF_A_STAY_MAX} rows.")
            at, name, told = (row.get(column) or "" for column in ("Time", "Parameter", "Value"))
            hours, _, minutes = at.partition(":")
            try:
                yield int(hours) * 60 + int(minutes), name, float(told)
            except ValueError as error:
                raise InvalidArgument(f"{file} holds something that is no value in row {number + 2}.") from error


def _few(files: list[Path]) -> list[Path]:
    if len(files) > FILES_MAX:
        raise InvalidArgument(f"{files[0].parent} holds {len(files)} files; {FILES_MAX} is the most that is read.")
    return files


def _as_numbers(column: pa.ChunkedArray, file: Path) -> pa.Array:
    with said_of(file):
        if pa.types.is_null(column.type):
            return pa.array(np.full(len(column), np.nan))
        return column.cast(pa.float64()).combine_chunks()
