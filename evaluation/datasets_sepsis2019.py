"""PhysioNet/CinC Challenge 2019, early prediction of sepsis: hourly rows, as .psv files or as one table with a column `patient`.

Read are vital signs, age, sex, the unit, SaO2 (only to hold SpO2 against) and the label, which turns 1 six hours before the
clinical onset. No laboratory value reaches a scorer.
"""

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from evaluation.datasets import Progress, listed, names_in, numbers, said_of, table_of, texts
from evaluation.labelled import HOUR_MS, ROWS_MAX, UNKNOWN, Array, Columns, Ints, Recorded, in_order, truth_before
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
NEEDED = frozenset({*SIGNS, "Age", "Gender", "ICULOS", "SepsisLabel"})
LABEL_HOURS_BEFORE = 6
"""The label turns 1 so many hours before onset."""
EARLY_HOURS = 12
"""t_early of the challenge: an alarm sooner than this before onset counts as false."""
_WANTED = (*SIGNS, "SaO2", "Age", "Gender", "Unit1", "Unit2", "ICULOS", "SepsisLabel")
_FILES_MAX = 200_000
_TELL_EVERY = 500


def is_table(path: Path) -> bool:
    """Whether this is a table of the set, or a folder with some."""
    return bool(_tables_in(path))


def is_psv(path: Path) -> bool:
    """Whether this is a folder of the challenge's own files, or one of them."""
    file = path if path.is_file() else next(_psv_files(path), None)
    return file is not None and file.suffix == ".psv" and names_in(file) >= NEEDED


def read_table(path: Path, progress: Progress) -> Recorded:
    """The set from tables with a column `patient`, and `set` for the hospital where there is one."""
    files = _tables_in(path)
    if not files:
        raise InvalidArgument(f"{path} holds no table of the set.")
    parts: list[pa.Table] = []
    patient: list[str] = []
    site: list[str] = []
    for number, file in enumerate(files):
        present = names_in(file)
        table = table_of(file, [name for name in ("patient", "set", *_WANTED) if name in present])
        hospital = texts(table, "set") if "set" in present else [_site_of(file.name.split(".")[0])] * table.num_rows
        names = texts(table, "patient")
        patient += names if len(files) == 1 else [f"{one}/{name}" for one, name in zip(hospital, names, strict=True)]
        site += hospital
        parts.append(pa.table({name: numbers(table, name) for name in _WANTED}))
        progress(number + 1, len(files))
    return _recorded(pa.concat_tables(parts), np.array(patient), site, source=str(path))


def read_psv(path: Path, progress: Progress) -> Recorded:
    """The set from the challenge's own files, one patient each; the hospital is the folder's name."""
    files = [path] if path.is_file() else list(_psv_files(path))
    if len(files) > _FILES_MAX:
        raise InvalidArgument(f"{path} holds {len(files)} files; {_FILES_MAX} is the most that is read.")
    parts: list[pa.Table] = []
    patient: list[str] = []
    site: list[str] = []
    for number, file in enumerate(files):
        part = _psv(file)
        parts.append(part)
        patient += [file.stem] * part.num_rows
        site += [_site_of(file.parent.name)] * part.num_rows
        if len(patient) > ROWS_MAX:
            raise InvalidArgument(f"{path} has more than {ROWS_MAX} rows; that is the most that is read.")
        if number % _TELL_EVERY == 0:
            progress(number, len(files))
    named = [f"{one}/{name}" for one, name in zip(site, patient, strict=True)]
    return _recorded(pa.concat_tables(parts), np.array(named), site, source=str(path))


def _psv(file: Path) -> pa.Table:
    types = dict.fromkeys(_WANTED, pa.float64())
    with said_of(file):
        options = pa_csv.ConvertOptions(column_types=types, include_columns=list(_WANTED), null_values=["NaN", ""])
        parsing = pa_csv.ParseOptions(delimiter="|")
        return pa_csv.read_csv(io.BytesIO(file.read_bytes()), parse_options=parsing, convert_options=options)


def _psv_files(path: Path) -> Any:  # noqa: ANN401 - an iterator whose end nobody needs
    if not path.is_dir():
        return iter(())
    direct = listed(path, "*.psv")
    return iter(direct or listed(path, "*/*.psv"))


def _tables_in(path: Path) -> list[Path]:
    files = [path] if path.is_file() else listed(path, "*.parquet", "*.csv", "*.csv.gz")
    return [file for file in files if names_in(file) >= NEEDED | {"patient"}]


def _site_of(name: str) -> str:
    """`training_setA`, `set_a` and `A` are hospital A."""
    last = name.rsplit("_", 1)[-1].removeprefix("set")
    return last.upper() if len(last) == 1 else name


def _recorded(table: pa.Table, patient: Any, site: list[str], *, source: str) -> Recorded:  # noqa: ANN401 - array of texts
    hours = numbers(table, "ICULOS")
    if not np.isfinite(hours).all():
        raise InvalidArgument(f"{source} has rows without their hour (ICULOS).")
    rows = in_order(
        Columns(patient, (hours * HOUR_MS).astype(np.int64), {s: numbers(table, name) for name, s in SIGNS.items()}),
        source=source,
    )
    order, first = rows.order, rows.first
    label = numbers(table, "SepsisLabel")[order] > 0
    starts = first[:-1]
    sao2 = numbers(table, "SaO2")[order]
    sex = numbers(table, "Gender")[order][starts]
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
        groups={"unit": _units(table, order, starts)},
        sao2_percent=sao2 if np.isfinite(sao2).any() else None,
        has_utility=True,
        refused=rows.refused,
    )


def _onsets(label: Any, at_ms: Ints, first: Ints) -> Array:  # noqa: ANN401 - booleans
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
