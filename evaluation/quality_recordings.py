"""Recordings as the quality gate would hear them, with every flaw left in, and what is known of each value.

Absent values are left out, as a device would; zeros and typing errors stay. What a value is called (`kind`) is only ever
compared with the gate's verdict: the gate does not see it.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from stream.quality_facts import MOVEMENTS
from vitals.sign import Sign, is_possible

Array = NDArray[np.float64]

VALUE = "value"
"""Nothing is known of it."""
CLEAN, NOISY, NOISY_FAR = "clean", "noisy", "noisy, far off"
FLAGGED, OUTLIER = "flagged as error", "there and back"
FAR_PER_MIN = 30.0
"""Far off is a noisy heart rate so far from the median of clean ones around it; where there are none nobody knows."""
_AROUND_S = 30.0
AVERAGED_S = 8.0
"""Over so many seconds a monitor's heart rate is averaged here."""
_BEATS_MIN = 3
_BACK_WITHIN_S = 3 * 3600.0

_MIMIC_SIGNS: Mapping[str, Sign] = {
    "hr": Sign.HEART_RATE,
    "resp": Sign.RESPIRATORY_RATE,
    "spo2": Sign.SPO2,
    "temp": Sign.TEMPERATURE,
    "sbp": Sign.SYSTOLIC,
    "dbp": Sign.DIASTOLIC,
    "map": Sign.MEAN_PRESSURE,
}
_MONITOR_SIGNS: Mapping[str, Sign] = {"HR": Sign.HEART_RATE, "RESP": Sign.RESPIRATORY_RATE, "SpO2": Sign.SPO2}


class Moment(NamedTuple):
    """One reading."""

    at_ms: int
    signs: dict[Sign, float]
    kinds: Mapping[Sign, str] = {}
    """What is known of a value; `VALUE` where it is not here."""


class Course(NamedTuple):
    """One patient, or one session of a device."""

    name: str
    moments: list[Moment]


class QualitySet(NamedTuple):
    """One set: the file that shows it is there, and its reader."""

    name: str
    file: str
    read: Callable[[Path], Iterator[Course]]


def bidmc(file: Path) -> Iterator[Course]:
    """Intensive care at 1 Hz, in whole numbers; a respiratory rate of 0 stands for none."""
    yield from _by_column(file, ("record",), "Time [s]", _MONITOR_SIGNS)


def exam_e4(file: Path) -> Iterator[Course]:
    """Students with a wristband at 1 Hz, heart rate in hundredths."""
    yield from _by_column(file, ("student", "session"), "unix_s", {"heart_rate_bpm": Sign.HEART_RATE})


def mimic3_demo(file: Path) -> Iterator[Course]:
    """Hourly charts with genuine typing errors; several values of a sign for one minute come one after another."""
    table = pa_csv.read_csv(file).to_pydict()
    columns = ("subject_id", "charttime", "vital", "valuenum", "error")
    rows = sorted(zip(*(table[name] for name in columns), strict=True), key=lambda row: (row[0], row[1]))
    for subject, of_subject in groupby(rows, key=lambda row: row[0]):
        values = [
            (round(row[1].timestamp() * 1000), _MIMIC_SIGNS[row[2]], float(row[3]), row[4] == 1)
            for row in of_subject
            if row[3] is not None
        ]
        outliers = _there_and_back(values)
        moments: list[Moment] = []
        for number, (at_ms, sign, value, flagged) in enumerate(values):
            kind = FLAGGED if flagged else OUTLIER if number in outliers else VALUE
            if not moments or moments[-1].at_ms != at_ms or sign in moments[-1].signs:
                moments.append(Moment(at_ms, {}, {}))
            moments[-1].signs[sign] = value
            moments[-1] = moments[-1]._replace(kinds={**moments[-1].kinds, sign: kind})
        yield Course(str(subject), moments)


def rhythm(file: Path) -> Iterator[Course]:
    """Heart rates of surgical patients each second, averaged over `AVERAGED_S`; noisy where an annotator says so of a beat."""
    yield from _rhythm(file, _averaged)


def rhythm_beats(file: Path) -> Iterator[Course]:
    """The same, as a device without averaging has it: a heart rate of each interval between two beats."""
    yield from _rhythm(file, _of_intervals)


SETS: tuple[QualitySet, ...] = (
    QualitySet("bidmc", "bidmc/numerics.parquet", bidmc),
    QualitySet("exam_e4", "exam_e4/hr_skin_temperature.parquet", exam_e4),
    QualitySet("mimic3_demo", "mimic3_demo/vitals_long.csv.gz", mimic3_demo),
    QualitySet("rhythm", "rhythm/beats.parquet", rhythm),
    QualitySet("rhythm, beat to beat", "rhythm/beats.parquet", rhythm_beats),
)


def _by_column(file: Path, keys: tuple[str, ...], at: str, signs: Mapping[str, Sign]) -> Iterator[Course]:
    table = pq.read_table(file).to_pydict()
    rows: dict[tuple[Any, ...], list[int]] = {}
    for number, key in enumerate(zip(*(table[name] for name in keys), strict=True)):
        rows.setdefault(key, []).append(number)
    for key, numbers in rows.items():
        moments = []
        for number in numbers:
            found = {sign: table[column][number] for column, sign in signs.items()}
            values = {sign: value for sign, value in found.items() if value is not None and not math.isnan(value)}
            if values:
                moments.append(Moment(round(table[at][number] * 1000), values))
        yield Course("-".join(map(str, key)), moments)


def _there_and_back(values: list[tuple[int, Sign, float, bool]]) -> set[int]:
    """Values that lie apart from both neighbours of their sign, which agree with each other within three hours."""
    found: set[int] = set()
    for wanted, movement in MOVEMENTS.items():
        series = [
            (number, at_ms, value)
            for number, (at_ms, sign, value, _) in enumerate(values)
            if sign is wanted and is_possible(sign, value)
        ]
        for before, here, after in zip(series, series[1:], series[2:], strict=False):
            apart = min(abs(here[2] - before[2]), abs(here[2] - after[2]))
            if not before[1] < here[1] < after[1] <= before[1] + _BACK_WITHIN_S * 1000:
                continue
            if abs(before[2] - after[2]) <= movement.sudden / 2 and apart > movement.at_most:
                found.add(here[0])
    return found


class _Rate(NamedTuple):
    at_s: float
    per_min: float
    noisy: bool


def _rhythm(file: Path, rates_of: Callable[[Array, NDArray[np.bool_]], list[_Rate]]) -> Iterator[Course]:
    names = ("case_id", "time_second", "rhythm_label", "bad_signal_quality")
    columns = pq.read_table(file, columns=list(names)).to_pydict()
    cases, at_s = np.array(columns["case_id"]), np.array(columns["time_second"], dtype=np.float64)
    noisy = np.array(columns["bad_signal_quality"], dtype=bool)
    noisy |= np.array([label == "Noise" for label in columns["rhythm_label"]])
    for case in dict.fromkeys(columns["case_id"]):
        mine = np.flatnonzero(cases == case)
        mine = mine[np.r_[True, np.diff(at_s[mine]) > 0]]
        rates = rates_of(at_s[mine], noisy[mine])
        yield Course(str(case), list(_told(rates)))


def _told(rates: list[_Rate]) -> Iterator[Moment]:
    clean = [rate for rate in rates if not rate.noisy]
    clean_s, clean_per_min = np.array([rate.at_s for rate in clean]), np.array([rate.per_min for rate in clean])
    for rate in rates:
        kind = CLEAN
        if rate.noisy:
            first, last = np.searchsorted(clean_s, (rate.at_s - _AROUND_S, rate.at_s + _AROUND_S))
            around = clean_per_min[first:last]
            far = len(around) > 0 and abs(rate.per_min - float(np.median(around))) > FAR_PER_MIN
            kind = NOISY_FAR if far else NOISY
        yield Moment(round(rate.at_s * 1000), {Sign.HEART_RATE: rate.per_min}, {Sign.HEART_RATE: kind})


def _averaged(at_s: Array, noisy: NDArray[np.bool_]) -> list[_Rate]:
    rates = []
    for second in np.arange(np.ceil(at_s[0] + AVERAGED_S), at_s[-1]):
        first, last = np.searchsorted(at_s, (second - AVERAGED_S, second), side="right")
        if last - first >= _BEATS_MIN:
            per_min = 60 * (last - first - 1) / (at_s[last - 1] - at_s[first])
            rates.append(_Rate(float(second), float(per_min), bool(noisy[first:last].any())))
    return rates


def _of_intervals(at_s: Array, noisy: NDArray[np.bool_]) -> list[_Rate]:
    return [
        _Rate(
            float(at_s[number]),
            float(60 / (at_s[number] - at_s[number - 1])),
            bool(noisy[number - 1 : number + 1].any()),
        )
        for number in range(1, len(at_s))
    ]
