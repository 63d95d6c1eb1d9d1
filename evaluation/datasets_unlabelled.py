"""Sets without a course of illness: monitors of a few minutes or days (load of alarms only), and surgical patients' rhythms."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from evaluation.datasets import Progress, header_of, names_in, numbers, table_of, tables_in, texts
from evaluation.datasets_published import bidmc_files, bidmc_table
from evaluation.labelled import UNKNOWN, Array, Columns, Recorded, Sorted, Truth, in_order
from vitals.errors import InvalidArgument
from vitals.sign import Sign

_MONITOR: Mapping[str, Sign] = {"HR": Sign.HEART_RATE, "RESP": Sign.RESPIRATORY_RATE, "SpO2": Sign.SPO2}
_MIMIC2: Mapping[str, Sign] = {
    **_MONITOR,
    "ABPSys": Sign.SYSTOLIC,
    "ABPDias": Sign.DIASTOLIC,
    "ABPMean": Sign.MEAN_PRESSURE,
}
_MIMIC2_CUFF: Mapping[str, Sign] = {
    "NBPSys": Sign.SYSTOLIC,
    "NBPDias": Sign.DIASTOLIC,
    "NBPMean": Sign.MEAN_PRESSURE,
}
_BIDMC = frozenset({"record", "Time [s]", *_MONITOR})
_EXAM: Mapping[str, Sign] = {
    "heart_rate_bpm": Sign.HEART_RATE,
    "skin_temperature_c": Sign.SKIN_TEMPERATURE,
}
_BEATS = frozenset({"case_id", "time_second", "rhythm_label", "bad_signal_quality"})
RHYTHM_WINDOW_S = 10.0
_BEATS_MIN = 5
"""Of a window; fewer give no rate."""
_INTERVAL_S_MIN = 0.2
_INTERVAL_S_MAX = 3.0
"""Intervals between beats outside are of beats that were not found; our choice: 20 to 300 a minute."""
_NOT_ODD = frozenset({"N", "", "Noise", "Unclassifiable"})
"""Sinus rhythm, and beats that say nothing of the rhythm."""


def is_bidmc(path: Path) -> bool:
    """Whether it holds the numerics of the set, in one table or as published."""
    return _first(path, _BIDMC) is not None or bool(bidmc_files(path))


def read_bidmc(path: Path, progress: Progress) -> Recorded:
    """36 patients in intensive care, every second for eight minutes."""
    files = bidmc_files(path)
    table = _the_table(path, _BIDMC) if _first(path, _BIDMC) is not None else bidmc_table(files, progress)
    at_ms = (numbers(table, "Time [s]") * 1000).astype(np.int64)
    signs = {sign: numbers(table, name) for name, sign in _MONITOR.items()}
    progress(1, 1)
    return _plain("bidmc", in_order(Columns(texts(table, "record"), at_ms, signs), source=str(path)))


def is_mimic2(path: Path) -> bool:
    """Whether it holds numerics with a row a minute."""
    return _first(path, {"minute", *_MONITOR}) is not None


def read_mimic2(path: Path, progress: Progress) -> Recorded:
    """A file a patient; what a monitor writes as 0 was no value. The cuff speaks where no arterial line does."""
    parts: list[Columns] = []
    files = tables_in(path, "*.csv")
    for number, file in enumerate(files):
        if not header_of(file) >= {"minute", *_MONITOR}:
            continue
        table = table_of(file)
        values = {sign: _not_zero(numbers(table, name)) for name, sign in _MIMIC2.items()}
        for name, sign in _MIMIC2_CUFF.items():
            values[sign] = np.where(np.isfinite(values[sign]), values[sign], _not_zero(numbers(table, name)))
        at_ms = (numbers(table, "minute") * 60_000).astype(np.int64)
        parts.append(Columns([file.stem] * table.num_rows, at_ms, values))
        progress(number + 1, len(files))
    joined = Columns(
        np.concatenate([np.asarray(part.patient) for part in parts]),
        np.concatenate([part.at_ms for part in parts]),
        {sign: np.concatenate([part.signs[sign] for part in parts]) for sign in parts[0].signs},
    )
    return _plain("mimic2_minute", in_order(joined, source=str(path)))


def is_exam(path: Path) -> bool:
    """Whether it holds wristbands of students in exams in one table."""
    return _first(path, {"student", "session", "unix_s", *_EXAM}) is not None


def read_exam(path: Path, progress: Progress) -> Recorded:
    """Healthy people in stress and motion, every second: whatever alarms, alarms falsely."""
    table = _the_table(path, {"student", "session", "unix_s", *_EXAM})
    who = [f"{one}-{other}" for one, other in zip(texts(table, "student"), texts(table, "session"), strict=True)]
    at_ms = (numbers(table, "unix_s") * 1000).astype(np.int64)
    signs = {sign: numbers(table, name) for name, sign in _EXAM.items()}
    progress(1, 1)
    return _plain("exam_e4", in_order(Columns(who, at_ms, signs), source=str(path)))


def is_rhythm(path: Path) -> bool:
    """Whether it holds annotated beats in one table."""
    return _first(path, _BEATS) is not None


def read_rhythm(path: Path, progress: Progress) -> Recorded:
    """Heart rates of 10 s from good beats; a row is positive while at least half of its beats are not in sinus rhythm."""
    table = _the_table(path, _BEATS)
    case = numbers(table, "case_id").astype(np.int64)
    at_s = numbers(table, "time_second")
    order = np.lexsort((at_s, case))
    case, at_s = case[order], at_s[order]
    odd = np.array([label not in _NOT_ODD for label in texts(table, "rhythm_label")])[order]
    bad = table["bad_signal_quality"].fill_null(False).to_numpy(zero_copy_only=False)[order]
    interval = np.append(np.nan, np.diff(at_s))
    follows = np.append(False, case[1:] == case[:-1])
    good = follows & ~bad & (interval >= _INTERVAL_S_MIN) & (interval <= _INTERVAL_S_MAX)
    slot = np.floor(at_s / RHYTHM_WINDOW_S).astype(np.int64)
    windows, window_of = np.unique(np.stack([case, slot]), axis=1, return_inverse=True)
    window_of = window_of.reshape(-1)
    length = windows.shape[1]
    beats = np.bincount(window_of[good], minlength=length)
    lasted_s = np.bincount(window_of[good], weights=interval[good], minlength=length)
    rate = np.where(beats >= _BEATS_MIN, 60 * beats / np.maximum(lasted_s, 1e-9), np.nan)
    odd_share = np.bincount(window_of, weights=odd, minlength=length) / np.bincount(window_of, minlength=length)
    progress(1, 1)
    at_ms = (windows[1] * round(RHYTHM_WINDOW_S * 1000)).astype(np.int64)
    rows = in_order(Columns(windows[0].astype(str), at_ms, {Sign.HEART_RATE: rate}), source=str(path))
    positive = odd_share[rows.order] >= 0.5
    truth = Truth(
        "a rhythm other than sinus, now", 0, positive, positive, positive, np.full(len(rows.patients), np.nan)
    )
    return _plain("rhythm", rows)._replace(truth=truth)


def _plain(name: str, rows: Sorted) -> Recorded:
    people = len(rows.patients)
    return Recorded(
        name=name,
        patients=rows.patients,
        first=rows.first,
        at_ms=rows.at_ms,
        signs=rows.signs,
        truth=None,
        site=tuple([name] * people),
        age_years=np.full(people, np.nan),
        sex=tuple([UNKNOWN] * people),
        groups={},
        sao2_percent=None,
        has_utility=False,
        refused=rows.refused,
    )


def _not_zero(values: Array) -> Array:
    return np.where(values == 0, np.nan, values)


def _first(path: Path, columns: set[str] | frozenset[str]) -> Path | None:
    files = tables_in(path, "*.parquet", "*.csv")
    return next((file for file in files if names_in(file) >= columns), None)


def _the_table(path: Path, columns: set[str] | frozenset[str]) -> pa.Table:
    file = _first(path, columns)
    if file is None:
        raise InvalidArgument(f"{path} lacks the columns {', '.join(sorted(columns))}.")
    return table_of(file)


KINDS: tuple[tuple[str, Callable[[Path], bool], Callable[[Path, Progress], Recorded]], ...] = (
    ("bidmc", is_bidmc, read_bidmc),
    ("mimic2_minute", is_mimic2, read_mimic2),
    ("exam_e4", is_exam, read_exam),
    ("rhythm", is_rhythm, read_rhythm),
)
"""Name, what recognises it, what reads it."""
