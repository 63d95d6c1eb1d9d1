"""Recorded people who were well enough to stand for a ward, as evenly spaced columns; from files that users fetch themselves.

*Well* means: never called septic where the set says so; by the signs that were recorded nearly always at most 2 NEWS2
points, never 5, and 0 for the person's own median of each. That is what a simulated healthy patient promises, too. Absent is NaN here, and stays inside evaluation.
"""

import csv
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from vitals.errors import InvalidArgument
from vitals.news2 import points_of
from vitals.sign import SIGN_FACTS, Sign

Array = NDArray[np.float64]

PEOPLE_MAX = 300
"""Of one set; the first ones, in its order."""
_DAYS_MAX = 10
"""Of one smartwatch: the first ones, before anybody fell ill."""
_DAY_MINUTES = 1440
_REST_AFTER_MINUTES = 10
"""So long after a step the heart is not at rest; our choice."""
_REST_MINUTES_MIN = 300
_VALUES_MIN = 20
"""A person with fewer values of a sign says nothing of it."""
_WELL_SHARE = 0.95
_USUAL_POINTS_MAX = 2
_POINTS_MAX = 4
SCORED_SIGNS = (Sign.HEART_RATE, Sign.RESPIRATORY_RATE, Sign.SPO2, Sign.TEMPERATURE, Sign.SYSTOLIC)
"""Measured signs that NEWS2 scores."""


class Person(NamedTuple):
    """One recorded person; all columns of one length, NaN where there is no value."""

    name: str
    signs: Mapping[Sign, Array]


class RecordedSet(NamedTuple):
    """The well people of one set."""

    name: str
    every_s: float
    """Between two values."""
    people: tuple[Person, ...]
    recorded: int
    """How many people the set has in all."""
    rounds_to_whole: bool
    """Whether values come as devices round them; otherwise as they are."""


def read_sets(directory: Path) -> tuple[RecordedSet, ...]:
    """Every set of `SETS` that lies in `directory`; raises InvalidArgument where none does."""
    found = tuple(read(directory / name) for name, (file, read) in SETS.items() if (directory / name / file).exists())
    if not found:
        raise InvalidArgument(
            f"There are no recordings in {directory}: it needs folders such as {', '.join(SETS)} (docs/realism.md)."
        )
    return found


def bidmc(folder: Path) -> RecordedSet:
    """Intensive care, 8 minutes each, every second."""
    table = pq.read_table(folder / "numerics.parquet").to_pydict()
    columns = {"HR": Sign.HEART_RATE, "RESP": Sign.RESPIRATORY_RATE, "SpO2": Sign.SPO2}
    return _by_person("bidmc", table, key=("record",), at="Time [s]", every_s=1.0, columns=columns, whole=True)


def sepsis2019(folder: Path) -> RecordedSet:
    """Intensive care, every hour; only who never became septic."""
    columns = {
        "HR": Sign.HEART_RATE,
        "Resp": Sign.RESPIRATORY_RATE,
        "O2Sat": Sign.SPO2,
        "Temp": Sign.TEMPERATURE,
        "SBP": Sign.SYSTOLIC,
        "DBP": Sign.DIASTOLIC,
    }
    table = pq.read_table(folder / "set_a.parquet", columns=["patient", "ICULOS", "SepsisLabel", *columns])
    table = table.sort_by([("patient", "ascending"), ("ICULOS", "ascending")])
    whole = table.to_pydict()
    septic = {name for name, label in zip(whole["patient"], whole["SepsisLabel"], strict=True) if label}
    return _by_person(
        "sepsis2019",
        whole,
        key=("patient",),
        at="ICULOS",
        every_s=3600.0,
        columns=columns,
        whole=False,
        per_second=1 / 3600,
        skip=septic,
    )


def mimic2_minute(folder: Path) -> RecordedSet:
    """Intensive care, every minute, with dropouts written as 0; taken whole, since there are two."""
    columns = {"HR": Sign.HEART_RATE, "RESP": Sign.RESPIRATORY_RATE, "SpO2": Sign.SPO2}
    people = []
    for file in sorted(folder.glob("*.csv")):
        with file.open(encoding="utf-8") as lines:
            rows = list(csv.DictReader(lines))
        people.append(
            Person(
                file.stem[:6],
                {
                    sign: _possible(sign, np.array([float(row.get(column) or 0) for row in rows]))
                    for column, sign in columns.items()
                },
            )
        )
    return RecordedSet("mimic2_minute", 60.0, tuple(people), len(people), rounds_to_whole=False)


def smartwatch_covid(folder: Path) -> RecordedSet:
    """Smartwatches at home, heart rate a minute at rest: minutes soon after a step are left out; a person is a day."""
    people: list[Person] = []
    recorded = 0
    steps = _minutes(folder / "steps.parquet", "steps")
    for name, (first, rates) in _minutes(folder / "hr.parquet", "heartrate").items():
        recorded += 1
        moved = _moved(steps.get(name), first, len(rates))
        at_rest = _possible(Sign.HEART_RATE, np.where(moved, np.nan, rates))
        for day in range(min(len(at_rest) // _DAY_MINUTES, _DAYS_MAX)):
            of_day = at_rest[day * _DAY_MINUTES : (day + 1) * _DAY_MINUTES]
            if int(np.isfinite(of_day).sum()) >= _REST_MINUTES_MIN and is_well({Sign.HEART_RATE: of_day}):
                people.append(Person(f"{name}-{day}", {Sign.HEART_RATE: of_day}))
    return RecordedSet("smartwatch_covid", 60.0, tuple(people[:PEOPLE_MAX]), recorded, rounds_to_whole=False)


def _minutes(file: Path, column: str) -> dict[str, tuple[int, Array]]:
    """Per participant the first minute and the mean of each minute from there on."""
    table = pq.read_table(file)
    names = np.array(table["participant"].to_pylist())
    minutes = table["datetime"].to_numpy().astype("datetime64[m]").astype(np.int64)
    values = table[column].to_numpy().astype(np.float64)
    found = {}
    for name in dict.fromkeys(names.tolist()):
        mine = names == name
        slots = minutes[mine] - minutes[mine].min()
        count = np.bincount(slots)
        total = np.bincount(slots, weights=values[mine])
        found[str(name)] = int(minutes[mine].min()), np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return found


def _moved(steps: tuple[int, Array] | None, first: int, length: int) -> NDArray[np.bool_]:
    moved = np.zeros(length, dtype=bool)
    if steps is not None:
        for minute in np.flatnonzero(np.nan_to_num(steps[1]) > 0) + steps[0] - first:
            moved[max(0, minute) : max(0, minute + _REST_AFTER_MINUTES)] = True
    return moved


SETS: Mapping[str, tuple[str, Callable[[Path], RecordedSet]]] = {
    "bidmc": ("numerics.parquet", bidmc),
    "mimic2_minute": ("", mimic2_minute),
    "sepsis2019": ("set_a.parquet", sepsis2019),
    "smartwatch_covid": ("hr.parquet", smartwatch_covid),
}
"""By folder: the file that shows the set is there, and its reader."""


def _by_person(
    name: str,
    table: Mapping[str, list[Any]],
    *,
    key: tuple[str, ...],
    at: str,
    every_s: float,
    columns: Mapping[str, Sign],
    whole: bool,
    per_second: float = 1.0,
    skip: frozenset[str] | set[str] = frozenset(),
) -> RecordedSet:
    values = {sign: np.array(table[column], dtype=np.float64) for column, sign in columns.items()}
    at_s = np.array(table[at], dtype=np.float64) / per_second
    people: list[Person] = []
    recorded = 0
    for label, first, last in runs([table[column] for column in key]):
        recorded += 1
        if len(people) >= PEOPLE_MAX or label[0] in skip:
            continue
        slots = np.round((at_s[first:last] - at_s[first]) / every_s).astype(np.int64)
        signs = {}
        for sign, column in values.items():
            grid = np.full(slots[-1] + 1, np.nan)
            grid[slots] = column[first:last]
            signs[sign] = _possible(sign, grid)
        if is_well(signs):
            people.append(Person("-".join(map(str, label)), signs))
    return RecordedSet(name, every_s, tuple(people), recorded, rounds_to_whole=whole)


def is_well(signs: Mapping[Sign, Array]) -> bool:
    """Whether these columns are of somebody who was well; a moment without a sign counts it as 0 points."""
    scored = [points(sign, values) for sign, values in signs.items() if sign in SCORED_SIGNS and _enough(values)]
    if not scored or not all(_scores_nothing(sign, values) for sign, values in signs.items()):
        return False
    totals = np.sum(scored, axis=0)
    return float(np.mean(totals <= _USUAL_POINTS_MAX)) >= _WELL_SHARE and int(totals.max()) <= _POINTS_MAX


def _scores_nothing(sign: Sign, values: Array) -> bool:
    """Whether the median of a scored sign is worth no points."""
    return sign not in SCORED_SIGNS or not _enough(values) or points_of(sign, float(np.nanmedian(values))) == 0


def points(sign: Sign, values: Array) -> NDArray[np.int64]:
    """NEWS2 points of a column, 0 where there is no value."""
    per_unit = 10 if sign is Sign.TEMPERATURE else 1
    steps = np.floor(np.where(np.isfinite(values), values, 0.0) * per_unit + 0.5).astype(np.int64)
    found: NDArray[np.int64] = np.where(np.isfinite(values), _points_by_step(sign, per_unit)[steps], 0)
    return found


@cache
def _points_by_step(sign: Sign, per_unit: int) -> NDArray[np.int64]:
    high = SIGN_FACTS[sign].possible_high
    return np.array(
        [points_of(sign, step / per_unit) or 0 for step in range(round(high * per_unit) + 2)], dtype=np.int64
    )


def _enough(values: Array) -> bool:
    return int(np.isfinite(values).sum()) >= _VALUES_MIN


def _possible(sign: Sign, values: Array) -> Array:
    facts = SIGN_FACTS[sign]
    kept: Array = np.where((values >= facts.possible_low) & (values <= facts.possible_high), values, np.nan)
    return kept


def runs(keys: list[list[Any]]) -> Iterator[tuple[tuple[Any, ...], int, int]]:
    """Rows of equal keys that follow one another: the key, its first row, and the one after its last."""
    labels = list(zip(*keys, strict=True))
    first = 0
    for index in range(1, len(labels) + 1):
        if index == len(labels) or labels[index] != labels[first]:
            yield labels[first], first, index
            first = index
