"""Intensive-care sets whose outcome is death: PhysioNet/CinC Challenge 2012 (in the hospital), and the MIMIC-III demo (within a day)."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from evaluation.datasets import Progress, listed, names_in, numbers, said_of, table_of, tables_in, texts
from evaluation.datasets_published import icu2012_files, icu2012_outcomes, icu2012_values
from evaluation.labelled import (
    HOUR_MS,
    UNKNOWN,
    Array,
    Columns,
    Ints,
    Recorded,
    Sorted,
    in_order,
    truth_before,
    truth_of_stay,
)
from vitals.errors import InvalidArgument
from vitals.sign import Sign

_ICU2012_FIRST: Mapping[str, Sign] = {
    "HR": Sign.HEART_RATE,
    "RespRate": Sign.RESPIRATORY_RATE,
    "Temp": Sign.TEMPERATURE,
    "SysABP": Sign.SYSTOLIC,
    "DiasABP": Sign.DIASTOLIC,
    "MAP": Sign.MEAN_PRESSURE,
}
_ICU2012_ELSE: Mapping[str, Sign] = {
    "NISysABP": Sign.SYSTOLIC,
    "NIDiasABP": Sign.DIASTOLIC,
    "NIMAP": Sign.MEAN_PRESSURE,
}
"""By cuff: where no arterial line measured."""
_ICU2012_COLUMNS = frozenset({"record_id", "minute", "parameter", "value"})
_ICU2012_UNITS = {1: "coronary", 2: "cardiac surgery", 3: "medical", 4: "surgical"}
_MIMIC3_SIGNS: Mapping[str, Sign] = {
    "hr": Sign.HEART_RATE,
    "resp": Sign.RESPIRATORY_RATE,
    "spo2": Sign.SPO2,
    "temp": Sign.TEMPERATURE,
    "sbp": Sign.SYSTOLIC,
    "dbp": Sign.DIASTOLIC,
    "map": Sign.MEAN_PRESSURE,
}
_MIMIC3_COLUMNS = frozenset({"icustay_id", "charttime", "vital", "valuenum"})
_MIMIC3_BESIDE = ("admissions", "icustays", "patients")
DEATH_HORIZON_MS = 24 * HOUR_MS
_YEAR_DAYS = 365.25
_AGE_HIDDEN_FROM_YEARS = 200.0
"""MIMIC-III moves the birth of whoever is older than 89 so far back; the median age of theirs is 91.4."""
_AGE_OF_THE_OLDEST_YEARS = 91.4


class _Long:
    """A table with a row per value, made into rows per patient and moment; of two values of one sign the first listed stays."""

    def __init__(self, stay: Sequence[str] | NDArray[np.str_], at_ms: Ints) -> None:
        self._names, stay_of = np.unique(np.asarray(stay), return_inverse=True)
        keys = np.stack([stay_of.astype(np.int64), at_ms])
        self._moments, self._row_of = np.unique(keys, axis=1, return_inverse=True)
        self._row_of = self._row_of.reshape(-1)
        self._signs: dict[Sign, Array] = {}

    def put(self, sign: Sign, chosen: NDArray[np.bool_], values: Array) -> None:
        """Fill the sign where it is still absent; later values of one moment win over earlier ones of the same call."""
        filled = np.full(self._moments.shape[1], np.nan)
        filled[self._row_of[chosen]] = values[chosen]
        known = self._signs.get(sign)
        self._signs[sign] = filled if known is None else np.where(np.isfinite(known), known, filled)

    def rows(self, source: str) -> Sorted:
        """In order."""
        stays = self._names[self._moments[0]]
        return in_order(Columns(stays, self._moments[1], self._signs), source=source)


def is_icu2012(path: Path) -> bool:
    """Whether the folder holds the long table and its outcomes, or the files as published."""
    return path.is_dir() and (_icu2012_files(path) is not None or bool(icu2012_files(path)[0]))


def read_icu2012(path: Path, progress: Progress) -> Recorded:
    """The first 48 h of stays; every row of who died in the hospital is positive, and nobody knows when it was."""
    values, outcomes = _icu2012_tables(path, progress)
    stay = numbers(values, "record_id").astype(np.int64)
    parameter = np.array(texts(values, "parameter"))
    value = numbers(values, "value")
    charted = np.isin(parameter, [*_ICU2012_FIRST, *_ICU2012_ELSE])
    long = _Long(stay[charted].astype(str), (numbers(values, "minute")[charted] * 60_000).astype(np.int64))
    for names in (_ICU2012_FIRST, _ICU2012_ELSE):
        for name, sign in names.items():
            long.put(sign, parameter[charted] == name, value[charted])
    rows = long.rows(str(path))
    died = dict(zip(texts(outcomes, "RecordID"), numbers(outcomes, "In-hospital_death"), strict=True))
    constant = {name: _constants(stay, parameter, value, name) for name in ("Age", "Gender", "ICUType")}
    progress(2, 2)
    return Recorded(
        name="icu2012",
        patients=rows.patients,
        first=rows.first,
        at_ms=rows.at_ms,
        signs=rows.signs,
        truth=truth_of_stay(
            rows.first,
            np.array([died.get(name, 0.0) > 0 for name in rows.patients]),
            outcome="death in the hospital",
            horizon_ms=48 * HOUR_MS,
        ),
        site=tuple(["A"] * len(rows.patients)),
        age_years=np.array([constant["Age"].get(name, np.nan) for name in rows.patients]),
        sex=tuple(
            {0.0: "female", 1.0: "male"}.get(constant["Gender"].get(name, -1.0), UNKNOWN) for name in rows.patients
        ),
        groups={
            "unit": tuple(_ICU2012_UNITS.get(int(constant["ICUType"].get(name, 0)), UNKNOWN) for name in rows.patients)
        },
        sao2_percent=None,
        has_utility=False,
        refused=rows.refused,
    )


def _constants(stay: Ints, parameter: NDArray[np.str_], value: Array, name: str) -> dict[str, float]:
    chosen = (parameter == name) & (value >= 0)
    return dict(zip(map(str, stay[chosen].tolist()), value[chosen].tolist(), strict=True))


def _icu2012_tables(path: Path, progress: Progress) -> tuple[pa.Table, pa.Table]:
    files = _icu2012_files(path)
    if files is not None:
        return table_of(files[0]), table_of(files[1])
    records, outcomes = icu2012_files(path)
    if not records:
        raise InvalidArgument(f"{path} lacks the table or the outcomes of the set.")
    return icu2012_values(records, progress), icu2012_outcomes(outcomes)


def _icu2012_files(path: Path) -> tuple[Path, Path] | None:
    tables = [file for file in tables_in(path, "*.parquet", "*.csv") if names_in(file) >= _ICU2012_COLUMNS]
    outcomes = [file for file in tables_in(path, "*.csv") if names_in(file) >= {"RecordID", "In-hospital_death"}]
    return (tables[0], outcomes[0]) if tables and outcomes else None


def is_mimic3(path: Path) -> bool:
    """Whether the folder holds the charted values and the registers beside them."""
    return path.is_dir() and _mimic3_values(path) is not None


def read_mimic3(path: Path, progress: Progress) -> Recorded:
    """Charted vital signs; a row is positive in the 24 h before death. What was entered wrongly is left in, as it came."""
    file = _mimic3_values(path)
    if file is None:
        raise InvalidArgument(f"{path} lacks the charted values of the set.")
    beside = {name: _register(path, name) for name in _MIMIC3_BESIDE}
    values = table_of(file)
    progress(1, 2)
    stays, charted_ms = texts(values, "icustay_id"), _times_ms(values, "charttime")
    vital, value = np.array(texts(values, "vital")), numbers(values, "valuenum")
    known = np.array([bool(stay) for stay in stays]) & (charted_ms > 0)
    names = np.array([stay.removesuffix(".0") for stay in stays])[known]
    long = _Long(names, charted_ms[known])
    for name, sign in _MIMIC3_SIGNS.items():
        long.put(sign, vital[known] == name, value[known])
    rows = long.rows(str(file))
    started = {name: int(charted_ms[known][names == name].min()) for name in rows.patients}
    register = _Register(beside)
    onset = np.array([register.died_ms(name) - started[name] for name in rows.patients])
    progress(2, 2)
    return Recorded(
        name="mimic3_demo",
        patients=rows.patients,
        first=rows.first,
        at_ms=rows.at_ms,
        signs=rows.signs,
        truth=truth_before(
            rows.at_ms,
            rows.first,
            onset,
            outcome="death within 24 h",
            horizon_ms=DEATH_HORIZON_MS,
            early_ms=DEATH_HORIZON_MS,
        ),
        site=tuple(["Boston"] * len(rows.patients)),
        age_years=np.array([register.age_years(name, started[name]) for name in rows.patients]),
        sex=tuple(register.sex(name) for name in rows.patients),
        groups={
            "ethnicity": tuple(register.of_admission(name, "ethnicity") for name in rows.patients),
            "unit": tuple(register.of_stay(name, "first_careunit") for name in rows.patients),
        },
        sao2_percent=None,
        has_utility=False,
        refused=rows.refused,
    )


class _Register:
    """What the registers say of a stay."""

    def __init__(self, tables: Mapping[str, pa.Table]) -> None:
        self._stays = {str(row["icustay_id"]): row for row in tables["icustays"].to_pylist()}
        self._admissions = {row["hadm_id"]: row for row in tables["admissions"].to_pylist()}
        self._patients = {row["subject_id"]: row for row in tables["patients"].to_pylist()}

    def of_stay(self, stay: str, column: str) -> str:
        """A column of the stay, lower case."""
        return str(self._stays.get(stay, {}).get(column) or UNKNOWN).lower()

    def of_admission(self, stay: str, column: str) -> str:
        """A column of the admission, lower case."""
        return str(self._admission(stay).get(column) or UNKNOWN).lower()

    def sex(self, stay: str) -> str:
        """As everywhere here."""
        return {"F": "female", "M": "male"}.get(str(self._person(stay).get("gender")), UNKNOWN)

    def died_ms(self, stay: str) -> float:
        """When, in the recording's time; NaN for who left alive."""
        died = self._admission(stay).get("deathtime")
        return float("nan") if died is None else _ms_of(died)

    def age_years(self, stay: str, at_ms: int) -> float:
        """At the first value; whoever is older than 89 counts as the median of those."""
        born = self._person(stay).get("dob")
        if born is None:
            return float("nan")
        years = (at_ms - _ms_of(born)) / (_YEAR_DAYS * 24 * HOUR_MS)
        return _AGE_OF_THE_OLDEST_YEARS if years > _AGE_HIDDEN_FROM_YEARS else years

    def _admission(self, stay: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._admissions.get(self._stays.get(stay, {}).get("hadm_id"), {})
        return found

    def _person(self, stay: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._patients.get(self._stays.get(stay, {}).get("subject_id"), {})
        return found


def _register(path: Path, name: str) -> pa.Table:
    files = [file for file in listed(path, "*.csv", "*.csv.gz") if file.name.lower().startswith(name)]
    if not files:
        raise InvalidArgument(f"{path} lacks the register {name}.csv of the set.")
    return table_of(files[0])


def _mimic3_values(path: Path) -> Path | None:
    return next((f for f in tables_in(path, "*.csv", "*.csv.gz", "*.parquet") if names_in(f) >= _MIMIC3_COLUMNS), None)


def _times_ms(table: pa.Table, column: str) -> Ints:
    with said_of(Path(column)):
        times = table[column].cast(pa.timestamp("ms")).cast(pa.int64()).fill_null(0).to_numpy()
    return np.asarray(times, dtype=np.int64)


def _ms_of(moment: Any) -> float:  # noqa: ANN401 - a date and time as the table holds it
    return float(np.datetime64(moment, "ms").astype(np.int64))


KINDS: tuple[tuple[str, Callable[[Path], bool], Callable[[Path, Progress], Recorded]], ...] = (
    ("icu2012", is_icu2012, read_icu2012),
    ("mimic3_demo", is_mimic3, read_mimic3),
)
"""Name, what recognises it, what reads it."""
