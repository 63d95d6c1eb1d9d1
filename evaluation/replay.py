"""Replays recorded patients in arrival order: each is scored whole, then its labels are told, before the next one comes.

A seed decides the order. On the common clock the next patient comes after the horizon of the last one's last row has
passed, so that no label is ever told before it could be known.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np

from evaluation.labelled import HOUR_MS, UNKNOWN, Array, Ints, Recorded
from evaluation.scorers import Arrival, Scorer
from vitals.age import YEARS_TOLD_MAX, AgeBand, age_band
from vitals.reading import DeviceId, Origin, PatientId, Reading
from vitals.sex import Sex
from vitals.sign import Sign

CLOCK_FROM_MS = 1_577_836_800_000
"""1 January 2020: any moment would do."""
_CLOCK_FROM = date(2020, 1, 1)
_YEAR_DAYS = 365.25
_DEVICE = DeviceId("recording")
_BOOT = "recorded"


class Replayed(NamedTuple):
    """What the scorers said of every row of a set."""

    seed: int
    arrival: Ints
    """Per patient its place in the order of arrival."""
    scores: dict[str, Array]
    """Per scorer a score a row; NaN where it says nothing."""


class Replay:
    """One set in one order; `steps` goes on as far as it is asked, so that whoever shows progress can be interrupted.

    `scored` is told the rows of each patient that were scored, before anything is learned from them.
    """

    def __init__(
        self,
        recorded: Recorded,
        scorers: Sequence[Scorer],
        *,
        seed: int,
        from_ms: int = CLOCK_FROM_MS,
        scored: Callable[[Sequence[int]], None] | None = None,
    ) -> None:
        self._recorded = recorded
        self._scorers = scorers
        self._order = order_of(recorded, seed)
        self._seed = seed
        self._scored_rows = scored
        self._now_ms = from_ms
        names = [name for scorer in scorers for name in scorer.names]
        self._scores = {name: np.full(recorded.rows, np.nan) for name in names}

    @property
    def now_ms(self) -> int:
        """Where the common clock stands."""
        return self._now_ms

    def steps(self) -> Iterator[int]:
        """Patient after patient; yields how many rows are done."""
        done = 0
        for patient in self._order.tolist():
            self._one(patient)
            done += int(self._recorded.first[patient + 1] - self._recorded.first[patient])
            yield done

    def result(self) -> Replayed:
        """Once all have passed: a row without a reading keeps the score of the reading before it."""
        scores = {name: with_hours_between(self._recorded, values) for name, values in self._scores.items()}
        return Replayed(self._seed, arrival_places(self._order), scores)

    def _one(self, patient: int) -> None:
        last = int(self._recorded.first[patient + 1])
        arrival = arrival_of(self._recorded, patient)
        rows: list[int] = []
        said: list[list[float | None]] = []
        for scorer in self._scorers:
            scorer.begin(arrival)
        for row, reading in readings_of(self._recorded, patient, arrival, from_ms=self._now_ms):
            rows.append(row)
            said.append([figure for scorer in self._scorers for figure in scorer.score(reading)])
        if self._scored_rows is not None:
            self._scored_rows(rows)
        for name, column in zip(self._scores, zip(*said, strict=True), strict=False):
            self._scores[name][rows] = np.array(column, dtype=np.float64)
        truth = self._recorded.truth
        known_ms = self._now_ms + int(self._recorded.at_ms[last - 1]) + (0 if truth is None else truth.horizon_ms)
        self._now_ms = known_ms + HOUR_MS
        if truth is None:
            return
        labels = truth.positive[rows].tolist()
        for scorer in self._scorers:
            scorer.learn(labels, known_ms)


def order_of(recorded: Recorded, seed: int) -> Ints:
    """The patients in the order of their arrival."""
    return np.random.default_rng(seed).permutation(len(recorded.patients))


def arrival_places(order: Ints) -> Ints:
    """Per patient the place in the order."""
    places = np.empty(len(order), dtype=np.int64)
    places[order] = np.arange(len(order))
    return places


def with_hours_between(recorded: Recorded, scores: Array) -> Array:
    """A row without a reading keeps the score of the patient's reading before it; before the first there is none."""
    held = _last_reading(recorded)
    return np.where(held >= 0, scores[np.maximum(held, 0)], np.nan)


def arrival_of(recorded: Recorded, patient: int) -> Arrival:
    """Who comes."""
    age = float(recorded.age_years[patient])
    known = np.isfinite(age)
    sex = recorded.sex[patient]
    return Arrival(
        patient_id=PatientId(recorded.patients[patient]),
        age_years=min(int(age), YEARS_TOLD_MAX) if known else None,
        sex=None if sex == UNKNOWN else Sex(sex),
        age_band=_band(age) if known else None,
    )


def readings_of(recorded: Recorded, patient: int, arrival: Arrival, *, from_ms: int) -> Iterator[tuple[int, Reading]]:
    """The patient's rows as the readings that ingest would have let in; a row without a value is no reading."""
    part = slice(int(recorded.first[patient]), int(recorded.first[patient + 1]))
    names = list(recorded.signs)
    columns = [recorded.signs[sign][part].tolist() for sign in names]
    times = (recorded.at_ms[part] + from_ms).tolist()
    for row, (at_ms, *values) in enumerate(zip(times, *columns, strict=True)):
        signs: dict[Sign, float] = {
            sign: value
            for sign, value in zip(names, values, strict=True)
            if value == value  # noqa: PLR0124 - not NaN
        }
        if signs:
            yield (
                part.start + row,
                Reading(
                    reading_id=f"{arrival.patient_id}/{row}",
                    patient_id=arrival.patient_id,
                    device_id=_DEVICE,
                    measured_at_ms=at_ms,
                    received_at_ms=at_ms,
                    signs=signs,
                    boot=_BOOT,
                    sequence=row,
                    origin=Origin.REPLAY,
                    age_band=arrival.age_band,
                    age_years=arrival.age_years,
                    sex=arrival.sex,
                ),
            )


def _band(age_years: float) -> AgeBand | None:
    return age_band(_CLOCK_FROM - timedelta(days=age_years * _YEAR_DAYS), CLOCK_FROM_MS)


def _last_reading(recorded: Recorded) -> Ints:
    """Per row the last row of the patient, up to itself, that holds a value; -1 where there was none yet."""
    present = np.logical_or.reduce([np.isfinite(values) for values in recorded.signs.values()])
    row = np.arange(recorded.rows)
    last = np.maximum.accumulate(np.where(present, row, -1))
    return np.where(last >= np.repeat(recorded.first[:-1], np.diff(recorded.first)), last, -1)
