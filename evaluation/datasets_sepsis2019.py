"""PhysioNet/CinC Challenge 2019, early prediction of sepsis: hourly rows, as .psv files or as one table with a column `patient`.

Read are vital signs, age, sex, the unit, SaO2 (only to hold SpO2 against) and the label, which turns 1 six hours before the
clinical onset. No laboratory value reaches a scorer. A hospital that lacks a column never measured it.
"""

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
from numpy.typing import NDArray

from evaluation.datasets import (
    GROUP_COLUMNS,
    Progress,
    header_of,
    listed,
    names_in,
    numbers,
    said_of,
    table_of,
    tables_in,
    texts,
)
from evaluation.labelled import (
    HOUR_MS,
    ROWS_MAX,
    UNKNOWN,
    Array,
    Bools,
    Columns,
    Ints,
    Recorded,
    Sorted,
    in_order,
    truth_before,
)
from vitals.errors import InvalidArgument
from vitals.sign import Sign

SIGNS: Mapping[str, Sign] = {
    "HR": Sign.HEART_RATE,
    "O2Sat": Sign.SPO2,
    "Temp": Sign.TEMPERATURE,
    "SBP": Sign.SYSTOLIC,
    "MAP": Sign.MEAN_PRESSURE,
    "DBP": Sign.DIASTOLIC,
    "Resp": Sign.RESPIRATORY_RATE,
}
NEEDED = frozenset({"ICULOS", "SepsisLabel"})
"""And one sign at the least."""
PATIENT_COLUMNS = ("patient", "patient_id", "Patient_ID", "PatientID")
"""Under any of these names a table says whose row it is."""
LABEL_HOURS_BEFORE = 6
"""The label turns 1 so many hours before onset."""
EARLY_HOURS = 12
"""t_early of the challenge: an alarm sooner than this before onset counts as false."""
_WANTED = (*SIGNS, "SaO2", "Age", "Gender", "Unit1", "Unit2", "ICULOS", "SepsisLabel")
_TABLES = ("*.parquet", "*.csv", "*.csv.gz")
_FILES_MAX = 200_000
PSV_BYTES_MAX = 64 << 20
"""One patient's file has some kilobytes."""
_HOURS_MAX = 100_000.0
"""No stay is longer: eleven years."""
_REPEATED_SHARE_MAX = 0.01
"""Of moments told twice of one patient; where there are more, people under one number were taken for one."""
_TELL_EVERY = 500


def is_table(path: Path) -> bool:
    """Whether this is a table of the set, or a folder with some."""
    return bool(_tables_in(path))


def is_psv(path: Path) -> bool:
    """Whether this is a folder of the challenge's own files, or one of them."""
    file = path if path.is_file() else next(_psv_files(path), None)
    return file is not None and file.suffix == ".psv" and _is_of_set(names_in(file))


def read_table(path: Path, progress: Progress) -> Recorded:
    """The set from tables with a column `patient`, and `set` for the hospital where there is one.

    Patients of several hospitals are kept apart by its name, whatever their numbers. A broken file beside good ones is refused.
    """
    files = _tables_in(path)
    if not files:
        raise InvalidArgument(f"{path} holds no table of the set.")
    parts: list[pa.Table] = []
    patient: list[str] = []
    site: list[str] = []
    groups: dict[str, list[str]] = {}
    for file in tables_in(path, *_TABLES):
        if file.suffix in {each.suffix for each in files}:
            header_of(file)
    for number, file in enumerate(files):
        present = names_in(file)
        of_patient = next(name for name in PATIENT_COLUMNS if name in present)
        wanted = (of_patient, "set", *_WANTED, *GROUP_COLUMNS)
        table = table_of(file, [name for name in wanted if name in present])
        hospital = texts(table, "set") if "set" in present else [_site_of(file.name.split(".")[0])] * table.num_rows
        names = texts(table, of_patient)
        if "" in names:
            raise InvalidArgument(f"{file} has rows without their patient.")
        for name in GROUP_COLUMNS:
            told = texts(table, name) if name in present else [UNKNOWN] * table.num_rows
            groups.setdefault(name, []).extend(each or UNKNOWN for each in told)
        patient += names
        site += hospital
        parts.append(pa.table({name: numbers(table, name) for name in _WANTED}))
        progress(number + 1, len(files))
    if len(files) > 1 or len(set(site)) > 1:
        patient = [f"{one}/{name}" for one, name in zip(site, patient, strict=True)]
    return _recorded(pa.concat_tables(parts), np.array(patient), site, groups, source=str(path))


def read_psv(path: Path, progress: Progress) -> Recorded:
    """The set from the challenge's own files, one patient each; the hospital is the folder's name. A file without rows is counted."""
    files = [path] if path.is_file() else list(_psv_files(path))
    if len(files) > _FILES_MAX:
        raise InvalidArgument(f"{path} holds {len(files)} files; {_FILES_MAX} is the most that is read.")
    parts: list[pa.Table] = []
    patient: list[str] = []
    site: list[str] = []
    without_rows = 0
    for number, file in enumerate(files):
        part = _psv(file)
        without_rows += not part.num_rows
        parts.append(part)
        patient += [file.stem] * part.num_rows
        site += [_site_of(file.parent.name)] * part.num_rows
        if len(patient) > ROWS_MAX:
            raise InvalidArgument(f"{path} has more than {ROWS_MAX} rows; that is the most that is read.")
        if number % _TELL_EVERY == 0:
            progress(number, len(files))
    named = [f"{one}/{name}" for one, name in zip(site, patient, strict=True)]
    recorded = _recorded(pa.concat_tables(parts), np.array(named), site, {}, source=str(path))
    return recorded._replace(without_rows=without_rows)


def _psv(file: Path) -> pa.Table:
    with said_of(file):
        _refuse_lacking(file, header_of(file))
        if file.stat().st_size > PSV_BYTES_MAX:
            raise InvalidArgument(
                f"{file} has {file.stat().st_size:,} bytes; of one patient's file {PSV_BYTES_MAX:,} at most are read."
            )
        options = pa_csv.ConvertOptions(
            column_types=dict.fromkeys(_WANTED, pa.float64()),
            include_columns=list(_WANTED),
            include_missing_columns=True,
            null_values=["NaN", "nan", ""],
        )
        parsing = pa_csv.ParseOptions(delimiter="|")
        return pa_csv.read_csv(io.BytesIO(file.read_bytes()), parse_options=parsing, convert_options=options)


def refuse_incomplete(path: Path) -> None:
    """Raises InvalidArgument where a table, or the first file by bars, is nearly one of the set, naming what it lacks."""
    by_bars = path if path.suffix == ".psv" else next(_psv_files(path), None)
    if by_bars is not None:
        _refuse_lacking(by_bars, header_of(by_bars))
    for file in tables_in(path, *_TABLES):
        names = names_in(file)
        if not names.isdisjoint(SIGNS) and not names.isdisjoint(NEEDED):
            _refuse_lacking(file, names)
            if names.isdisjoint(PATIENT_COLUMNS):
                raise InvalidArgument(f"{file} lacks a column that says whose row it is: {', '.join(PATIENT_COLUMNS)}.")


def _refuse_lacking(file: Path, names: set[str]) -> None:
    missing = sorted(NEEDED - names)
    if missing:
        columns = f"column {missing[0]}" if len(missing) == 1 else f"columns {' and '.join(missing)}"
        raise InvalidArgument(f"{file} lacks the {columns} of PhysioNet/CinC 2019 (docs/evaluation.md).")
    if names.isdisjoint(SIGNS):
        raise InvalidArgument(f"{file} has none of the vital signs {', '.join(SIGNS)}.")


def _psv_files(path: Path) -> Any:  # noqa: ANN401 - an iterator whose end nobody needs
    if not path.is_dir():
        return iter(())
    return iter(listed(path, "*.psv") or listed(path, "*/*.psv") or listed(path, "*/*/*.psv"))


def _tables_in(path: Path) -> list[Path]:
    files = tables_in(path, *_TABLES)
    named = ((file, names_in(file)) for file in files)
    return [file for file, names in named if _is_of_set(names) and not names.isdisjoint(PATIENT_COLUMNS)]


def _is_of_set(names: set[str]) -> bool:
    return names >= NEEDED and not names.isdisjoint(SIGNS)


def _site_of(name: str) -> str:
    """`training_setA`, `set_a` and `A` are hospital A."""
    last = name.rsplit("_", 1)[-1].removeprefix("set")
    return last.upper() if len(last) == 1 else name


def _recorded(
    table: pa.Table,
    patient: NDArray[np.str_],
    site: list[str],
    groups: Mapping[str, list[str]],
    *,
    source: str,
) -> Recorded:
    rows = _rows(table, patient, source)
    order, first = rows.order, rows.first
    starts = first[:-1]
    label = _labels(table, source)[order]
    sao2 = numbers(table, "SaO2")[order]
    sex = numbers(table, "Gender")[order][starts]
    told = {name: tuple(np.array(values)[order][starts].tolist()) for name, values in groups.items()}
    return Recorded(
        name="sepsis2019",
        patients=rows.patients,
        first=first,
        at_ms=rows.at_ms,
        signs=rows.signs,
        truth=truth_before(
            rows.at_ms,
            first,
            _onsets(label, rows.at_ms, first),
            outcome="sepsis within 6 h",
            horizon_ms=LABEL_HOURS_BEFORE * HOUR_MS,
            early_ms=EARLY_HOURS * HOUR_MS,
            positive=label,
        ),
        site=tuple(np.array(site)[order][starts].tolist()),
        age_years=numbers(table, "Age")[order][starts],
        sex=tuple("male" if one == 1 else "female" if one == 0 else UNKNOWN for one in sex),
        groups={"unit": _units(table, order, starts)}
        | {name: values for name, values in told.items() if {*values} - {UNKNOWN}},
        sao2_percent=sao2 if np.isfinite(sao2).any() else None,
        has_utility=True,
        refused=rows.refused,
    )


def _rows(table: pa.Table, patient: NDArray[np.str_], source: str) -> Sorted:
    hours = numbers(table, "ICULOS")
    if not np.isfinite(hours).all():
        raise InvalidArgument(f"{source} has rows without their hour (ICULOS).")
    if len(hours) and np.abs(hours).max() > _HOURS_MAX:
        raise InvalidArgument(f"{source} has rows in hour {np.abs(hours).max():g} of a stay (ICULOS).")
    rows = in_order(
        Columns(patient, (hours * HOUR_MS).astype(np.int64), {s: numbers(table, name) for name, s in SIGNS.items()}),
        source=source,
    )
    again = np.diff(rows.at_ms) == 0
    again[rows.first[1:-1] - 1] = False
    repeated = int(again.sum())
    if repeated > _REPEATED_SHARE_MAX * len(rows.at_ms):
        raise InvalidArgument(
            f"{source} tells {repeated} hours twice of one patient: patients of several hospitals need a column `set`,"
            " or a table or folder for each hospital."
        )
    return rows


def _labels(table: pa.Table, source: str) -> Bools:
    label = numbers(table, "SepsisLabel")
    if not np.isin(label, (0.0, 1.0)).all():
        raise InvalidArgument(f"{source} has rows whose SepsisLabel is neither 0 nor 1.")
    return np.asarray(label > 0, dtype=bool)


def _onsets(label: Bools, at_ms: Ints, first: Ints) -> Array:
    """Clinical onset: six hours after the label's first 1."""
    onset = np.full(len(first) - 1, np.nan)
    positive = np.flatnonzero(label)
    patient, where = np.unique(np.searchsorted(first, positive, side="right") - 1, return_index=True)
    onset[patient] = at_ms[positive[where]] + LABEL_HOURS_BEFORE * HOUR_MS
    return onset


def _units(table: pa.Table, order: Ints, starts: Ints) -> tuple[str, ...]:
    medical, surgical = (numbers(table, name)[order][starts] for name in ("Unit1", "Unit2"))
    return tuple(
        "medical" if one == 1 else "surgical" if other == 1 else UNKNOWN
        for one, other in zip(medical, surgical, strict=True)
    )


KINDS: tuple[tuple[str, Callable[[Path], bool], Callable[[Path, Progress], Recorded]], ...] = (
    ("sepsis2019", is_table, read_table),
    ("sepsis2019", is_psv, read_psv),
)
"""Name, what recognises it, what reads it."""
