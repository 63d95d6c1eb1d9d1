"""Which recording set a path holds, told by its content, and its reader; what is none of them is said in one sentence."""

import csv
import gzip
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from evaluation.labelled import ROWS_MAX, Array, Recorded
from vitals.errors import InvalidArgument

Progress = Callable[[int, int], None]
"""Told (done, total) now and then."""
_LINE_CHARACTERS_MAX = 100_000
_SAID_CHARACTERS_MAX = 300
GROUP_COLUMNS = ("device_model", "ethnicity", "race", "skin_tone", "ward")
"""Columns of a table that say of a patient what figures are also told by, where there are any."""
ABSENT_TEXTS = ("", "NA", "NaN", "nan", "null", "NULL", "None", "-")


class Found:
    """A set that was recognised, and how to read it."""

    def __init__(
        self, kind: str, path: Path, read: Callable[[Path, Progress], Recorded], *, only: str | None = None
    ) -> None:
        self.kind = kind
        self.path = path
        self.only = only
        """The one group of patients that is wanted, such as `unit=medical`; None: all."""
        self._read = read

    def read(self, progress: Progress) -> Recorded:
        """The whole set, or the group that is wanted; raises InvalidArgument in one sentence."""
        recorded = self._read(self.path, progress)
        return recorded if self.only is None else _only(recorded, self.only)


def _only(recorded: Recorded, only: str) -> Recorded:
    from evaluation.groups import groupings_of

    grouping, _, value = only.partition("=")
    known = {"site": recorded.site, **groupings_of(recorded)}
    chosen = np.array(known.get(grouping, ())) == value
    if not chosen.any():
        there = ", ".join(f"{name}={each}" for name, values in known.items() for each in sorted({*values}))
        raise InvalidArgument(f"Nobody in {recorded.name} is of {only}; there are {there}.")
    return recorded.of(chosen)._replace(name=f"{recorded.name}#{only}")


def listed(folder: Path, *patterns: str) -> list[Path]:
    """Files of a folder that match any of the patterns, in order."""
    return sorted({file for pattern in patterns for file in folder.glob(pattern) if file.is_file()})


def names_in(file: Path) -> set[str]:
    """The column names of a CSV (also gzipped, also by bars) or Parquet file; empty where it is neither."""
    try:
        if file.suffix == ".parquet":
            return set(pq.read_schema(file).names)
        if file.name.endswith((".csv", ".csv.gz", ".psv", ".txt")):
            with gzip.open(file, "rt") if file.suffix == ".gz" else file.open(encoding="utf-8") as lines:
                line = lines.readline(_LINE_CHARACTERS_MAX)
            return {str(name).strip().strip('"') for name in line.split("|" if file.suffix == ".psv" else ",")}
    except (OSError, UnicodeDecodeError, pa.ArrowException):
        return set()
    return set()


def table_of(file: Path, columns: list[str] | None = None) -> pa.Table:
    """The table in a Parquet or CSV file, at most `ROWS_MAX` rows; raises InvalidArgument where it cannot be read."""
    with said_of(file):
        if file.suffix == ".parquet":
            rows = pq.read_metadata(file).num_rows
            if rows > ROWS_MAX:
                raise InvalidArgument(f"{file} has {rows} rows; {ROWS_MAX} is the most that is read.")
            return pq.read_table(file, columns=columns)
        options = pa_csv.ConvertOptions(
            include_columns=columns, null_values=ABSENT_TEXTS, strings_can_be_null=True, quoted_strings_can_be_null=True
        )
        return pa_csv.read_csv(file, convert_options=options)


@contextmanager
def said_of(file: Path) -> Iterator[None]:
    """Whatever is wrong with the file becomes one sentence that names it."""
    try:
        yield
    except (OSError, UnicodeDecodeError, csv.Error, KeyError, pa.ArrowException) as error:
        raise InvalidArgument(f"{file} cannot be read: {one_line(error)}.") from error


def one_line(error: Exception) -> str:
    """What an error says, however much that is, in one line without a full stop."""
    said = " ".join(str(error).split()).rstrip(".")
    return said if len(said) <= _SAID_CHARACTERS_MAX else f"{said[:_SAID_CHARACTERS_MAX]} …"


def numbers(table: pa.Table, column: str) -> Array:
    """A column of numbers, absent ones NaN; all NaN where the table has no such column; raises InvalidArgument."""
    if column not in table.column_names:
        return np.full(table.num_rows, np.nan)
    try:
        values = table[column].cast(pa.float64()).to_numpy()
    except pa.ArrowException as error:
        raise InvalidArgument(f"Column {column} holds something that is no number: {one_line(error)}.") from error
    return np.asarray(values, dtype=np.float64)


def texts(table: pa.Table, column: str) -> list[str]:
    """A column of texts; raises InvalidArgument where the table has no such column."""
    if column not in table.column_names:
        raise InvalidArgument(f"There is no column {column}.")
    return ["" if value is None else str(value) for value in table[column].to_pylist()]


def find_set(path: Path) -> Found:
    """What `path` holds, or the group of it that `path#grouping=value` names; raises InvalidArgument where it is nothing we know."""
    from evaluation import datasets_icu, datasets_sepsis2019, datasets_unlabelled, night_rows

    place, only = path, None
    if not path.exists() and "#" in path.name:
        folder, _, only = path.name.partition("#")
        place = path.with_name(folder)
    if not place.exists():
        raise InvalidArgument(f"There is no {place}: give the folder or file of a recording set (docs/evaluation.md).")
    for kind, recognise, read in (
        *datasets_sepsis2019.KINDS,
        *datasets_icu.KINDS,
        *datasets_unlabelled.KINDS,
        (night_rows.DATASET, night_rows.is_smartwatch, night_rows.refuse),
    ):
        if recognise(place):
            return Found(kind, place, read, only=only)
    raise InvalidArgument(
        f"{place} holds no recording set that is known here: docs/evaluation.md lists them, with the files each needs."
    )
