"""Which recording set a path holds, told by its content, and its reader; what is none of them is said in one sentence."""

import csv
import gzip
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
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
FILES_LOOKED_AT_MAX = 250_000
FOLDERS_LOOKED_AT_MAX = 2_000
"""What a set is looked for among; every set that is known has far fewer of both."""
UNPACKED_BYTES_MAX = 4 << 30
"""Of one table; more is no set that is known, but a file made to fill the memory."""
TABLES_MAX = 10_000
"""Of files that are opened one by one to see what they are."""
_TABLES = ("*.parquet", "*.csv", "*.csv.gz")
_WHAT_TO_DO = "fetch it anew, or move it out of the folder to go on without it"
_UNREADABLE = (OSError, EOFError, UnicodeDecodeError, zlib.error, pa.ArrowException)
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
    """Files of a folder that match any of the patterns (`*.psv`, `*/*.psv`), in order, without hidden ones.

    Nothing lower than the patterns is looked at; raises InvalidArgument where more lies there than any set has.
    """
    wanted: dict[int, list[str]] = {}
    for pattern in patterns:
        wanted.setdefault(pattern.count("/"), []).append(pattern.rsplit("/", 1)[-1])
    return sorted(
        Path(entry.path)
        for depth, entry in _entries(folder, max(wanted))
        if any(fnmatchcase(entry.name, name) for name in wanted.get(depth, ())) and entry.is_file()
    )


def _entries(folder: Path, depth_max: int) -> Iterator[tuple[int, os.DirEntry[str]]]:
    places, below = [str(folder)], list[str]()
    files = folders = 0
    for depth in range(depth_max + 1):
        for place in places:
            for entry in _in_folder(place, is_asked_for=depth == 0):
                if entry.name.startswith("."):
                    continue
                is_folder = entry.is_dir()
                files, folders = files + (not is_folder), folders + is_folder
                if files > FILES_LOOKED_AT_MAX or (folders > FOLDERS_LOOKED_AT_MAX and depth < depth_max):
                    raise InvalidArgument(
                        f"{folder} holds more than {FOLDERS_LOOKED_AT_MAX:,} folders or {FILES_LOOKED_AT_MAX:,} files, more than"
                        " any recording set: give the folder of the set itself (docs/evaluation.md)."
                    )
                if is_folder:
                    below.append(entry.path)
                yield depth, entry
        places, below = below, []


def _in_folder(place: str, *, is_asked_for: bool) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(place) as entries:
            yield from entries
    except OSError as error:
        if not is_asked_for:
            return
        raise InvalidArgument(f"{place} cannot be looked into: {error.strerror}.") from error


def tables_in(path: Path, *patterns: str) -> list[Path]:
    """The file itself, or the folder's files of these patterns; raises InvalidArgument where they are too many to open each."""
    files = [path] if path.is_file() else listed(path, *patterns)
    if len(files) > TABLES_MAX:
        raise InvalidArgument(
            f"{path} holds {len(files):,} tables; a set is looked for among {TABLES_MAX:,} at most: give its own folder or file."
        )
    return files


def header_of(file: Path) -> set[str]:
    """The column names of a CSV (also gzipped, also by bars) or Parquet file, none of other files.

    Raises InvalidArgument, saying what to do, where the file is empty or broken.
    """
    try:
        if file.stat().st_size == 0:
            raise InvalidArgument(f"{file} is empty (0 bytes): {_WHAT_TO_DO}.")
        if file.suffix == ".parquet":
            return set(pq.read_schema(file).names)
        if file.name.endswith((".csv", ".csv.gz", ".psv", ".txt")):
            with gzip.open(file, "rt") if file.suffix == ".gz" else file.open(encoding="utf-8") as lines:
                line = lines.readline(_LINE_CHARACTERS_MAX)
            return {str(name).strip().strip('"') for name in line.split("|" if file.suffix == ".psv" else ",")}
    except _UNREADABLE as error:
        raise InvalidArgument(f"{file} is broken or cut off: {one_line(error)}; {_WHAT_TO_DO}.") from error
    return set()


def names_in(file: Path) -> set[str]:
    """The column names, as `header_of`; empty where the file cannot be read."""
    try:
        return header_of(file)
    except InvalidArgument:
        return set()


def table_of(file: Path, columns: list[str] | None = None) -> pa.Table:
    """The table in a Parquet or CSV file, at most `ROWS_MAX` rows; raises InvalidArgument where it cannot be read."""
    with said_of(file):
        if file.suffix == ".parquet":
            rows = pq.read_metadata(file).num_rows
            if rows > ROWS_MAX:
                raise InvalidArgument(f"{file} has {rows} rows; {ROWS_MAX} is the most that is read.")
            _refuse_bomb(file, pq.read_metadata(file))
            return pq.read_table(file, columns=columns)
        options = pa_csv.ConvertOptions(
            include_columns=columns, null_values=ABSENT_TEXTS, strings_can_be_null=True, quoted_strings_can_be_null=True
        )
        if file.suffix != ".gz":
            _refuse_large(file, file.stat().st_size)
            return pa_csv.read_csv(file, convert_options=options)
        with gzip.open(file) as packed:
            return pa_csv.read_csv(_Unpacked(file, packed), convert_options=options)


class _Unpacked:
    """What a packed file holds, as long as that is not too much; as much of a file as the reader asks for."""

    closed = False

    def __init__(self, file: Path, packed: gzip.GzipFile) -> None:
        self._file = file
        self._packed = packed
        self._read_bytes = 0

    def read(self, size: int = -1) -> bytes:
        """The next bytes; raises InvalidArgument beyond the bound."""
        block = self._packed.read(size)
        self._read_bytes += len(block)
        _refuse_large(self._file, self._read_bytes)
        return block

    def close(self) -> None:
        """Whoever opened it closes it."""


def _refuse_large(file: Path, unpacked: int) -> None:
    if unpacked > UNPACKED_BYTES_MAX:
        raise InvalidArgument(f"{file} unpacks to more than {UNPACKED_BYTES_MAX:,} bytes, the most that is read.")


def _refuse_bomb(file: Path, declared: pq.FileMetaData) -> None:
    groups = range(declared.num_row_groups)
    _refuse_large(file, sum(declared.row_group(number).total_byte_size for number in groups))


@contextmanager
def said_of(file: Path) -> Iterator[None]:
    """Whatever is wrong with the file becomes one sentence that names it."""
    try:
        yield
    except (*_UNREADABLE, csv.Error, KeyError) as error:
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
    _refuse_broken(place)
    datasets_sepsis2019.refuse_incomplete(place)
    raise InvalidArgument(
        f"{place} holds no recording set that is known here: docs/evaluation.md lists them, with the files each needs."
    )


def _refuse_broken(place: Path) -> None:
    for file in tables_in(place, *_TABLES):
        try:
            header_of(file)
        except InvalidArgument as error:
            if place.is_file():
                raise
            raise InvalidArgument(f"{place} holds no recording set that is known here; in it {error}") from error
