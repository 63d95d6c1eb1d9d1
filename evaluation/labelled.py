"""Labelled recordings as columns: who was recorded, what was measured when, and at which hours an alarm would have been right.

Absent is NaN here, and stays inside evaluation: what reaches a scorer is a reading without the sign. As ingest does at the
door, values no living patient has, and pressures of which one must be wrong, are refused; how many is said.
"""

import hashlib
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vitals.errors import InvalidArgument
from vitals.sign import SIGN_FACTS, Sign

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

HOUR_MS = 3_600_000
ROWS_MAX = 20_000_000
PATIENTS_MAX = 1_000_000
UNKNOWN = "unknown"
"""The group of whom a recording says nothing."""


class Truth(NamedTuple):
    """What a recording knows of each row's future, and what that makes of an alarm there."""

    outcome: str
    """What is to be foreseen, in words."""
    horizon_ms: int
    """So long after a row its label is known to anybody."""
    positive: Bools
    """Per row: the label."""
    right: Bools
    """Per row: an alarm that sounds here is no false one."""
    early: Bools
    """Per row: an alarm that sounds here comes before the outcome, and soon enough before it to belong to it."""
    onset_ms: Array
    """Per patient, since the first row; NaN where there was no outcome, or nobody knows when."""


class Recorded(NamedTuple):
    """One set of recordings: rows of one patient follow one another, in the order of their times."""

    name: str
    patients: tuple[str, ...]
    first: Ints
    """Per patient the first row, and at the end the number of rows."""
    at_ms: Ints
    """Per row, since the patient's first row."""
    signs: Mapping[Sign, Array]
    truth: Truth | None
    """None where nobody recorded an outcome: then only the load of alarms can be told."""
    site: tuple[str, ...]
    age_years: Array
    sex: tuple[str, ...]
    """`female`, `male` or `unknown`."""
    groups: Mapping[str, tuple[str, ...]]
    """Whatever else the set says of its patients, by the name of the grouping."""
    sao2_percent: Array | None
    """Arterial saturation, where it was measured."""
    has_utility: bool
    """Whether the labels are those for which PhysioNet 2019 defines its utility."""
    refused: int
    """Values that ingest would have refused."""
    without_rows: int = 0
    """Patients whose file holds a header and nothing else; nothing can be said of them."""

    @property
    def rows(self) -> int:
        """How many moments."""
        return len(self.at_ms)

    @property
    def patient_of(self) -> Ints:
        """Per row the index of its patient."""
        return np.repeat(np.arange(len(self.patients)), np.diff(self.first))

    def of(self, chosen: Bools) -> "Recorded":
        """The set of these patients only, a mask over all of them."""
        rows = chosen[self.patient_of]
        truth = self.truth

        def texts(values: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(np.array(values)[chosen].tolist())

        return self._replace(
            patients=texts(self.patients),
            first=np.append(0, np.cumsum(np.diff(self.first)[chosen])),
            at_ms=self.at_ms[rows],
            signs={sign: values[rows] for sign, values in self.signs.items()},
            truth=truth
            if truth is None
            else truth._replace(
                positive=truth.positive[rows],
                right=truth.right[rows],
                early=truth.early[rows],
                onset_ms=truth.onset_ms[chosen],
            ),
            site=texts(self.site),
            age_years=self.age_years[chosen],
            sex=texts(self.sex),
            groups={name: texts(values) for name, values in self.groups.items()},
            sao2_percent=None if self.sao2_percent is None else self.sao2_percent[rows],
        )

    def courses(self) -> tuple[bytes, ...]:
        """Per patient a hash of every time and value: the same person under another number has the same."""
        columns = (self.at_ms, *(self.signs[sign] for sign in sorted(self.signs)))
        return tuple(
            hashlib.blake2b(b"".join(column[begin:end].tobytes() for column in columns), digest_size=16).digest()
            for begin, end in pairwise(self.first.tolist())
        )

    def hours(self) -> Array:
        """Per row, for how many hours it stands: until the next of its patient, at most a sixth of a day.

        The last row of a patient stands for as long as the patient's rows usually do.
        """
        return hours_of(self.at_ms, self.first)


GAP_HOURS_MAX = 4.0
"""The most that a row stands for: after a longer pause nobody was looking."""


def hours_of(at_ms: Ints, first: Ints) -> Array:
    """See `Recorded.hours`."""
    following = np.append(np.diff(at_ms), 0) / HOUR_MS
    last = first[1:] - 1
    following[last] = np.nan
    usual = float(np.nanmedian(following)) if len(following) > len(last) else 1.0
    following[last] = usual
    return np.asarray(np.clip(following, 0.0, GAP_HOURS_MAX), dtype=np.float64)


class Columns(NamedTuple):
    """What a loader found, in any order of rows."""

    patient: Sequence[str] | NDArray[np.str_]
    at_ms: Ints
    signs: Mapping[Sign, Array]


class Sorted(NamedTuple):
    """Rows put in order."""

    patients: tuple[str, ...]
    first: Ints
    order: Ints
    """Which row of the file stands where."""
    at_ms: Ints
    signs: Mapping[Sign, Array]
    refused: int


def in_order(columns: Columns, *, source: str) -> Sorted:
    """Rows by patient and time, impossible values refused; raises InvalidArgument where there are none, or too many."""
    rows = len(columns.at_ms)
    if not rows:
        raise InvalidArgument(f"There is no row in {source}.")
    if rows > ROWS_MAX:
        raise InvalidArgument(f"{source} has {rows} rows; {ROWS_MAX} is the most that is read.")
    names, patient_of = np.unique(np.asarray(columns.patient), return_inverse=True)
    if len(names) > PATIENTS_MAX:
        raise InvalidArgument(f"{source} has {len(names)} patients; {PATIENTS_MAX} is the most that is read.")
    order = np.lexsort((columns.at_ms, patient_of))
    first = np.searchsorted(patient_of[order], np.arange(len(names) + 1))
    at_ms = columns.at_ms[order] - np.repeat(columns.at_ms[order][first[:-1]], np.diff(first))
    signs, refused = possible({sign: values[order] for sign, values in columns.signs.items()})
    return Sorted(tuple(map(str, names)), first, order, at_ms, signs, refused)


def possible(signs: Mapping[Sign, Array]) -> tuple[dict[Sign, Array], int]:
    """The values that ingest would let in, and how many it would not."""
    refused = 0
    kept: dict[Sign, Array] = {}
    for sign, values in signs.items():
        facts = SIGN_FACTS[sign]
        good = (values >= facts.possible_low) & (values <= facts.possible_high)
        refused += int((np.isfinite(values) & ~good).sum() + np.isinf(values).sum())
        kept[sign] = np.where(good, values, np.nan)
    if Sign.SYSTOLIC in kept and Sign.DIASTOLIC in kept:
        crossed = kept[Sign.SYSTOLIC] <= kept[Sign.DIASTOLIC]
        refused += 2 * int(crossed.sum())
        for sign in (Sign.SYSTOLIC, Sign.DIASTOLIC):
            kept[sign] = np.where(crossed, np.nan, kept[sign])
    return kept, refused


def truth_before(
    at_ms: Ints,
    first: Ints,
    onset_ms: Array,
    *,
    outcome: str,
    horizon_ms: int,
    early_ms: int,
    positive: Bools | None = None,
) -> Truth:
    """Truth of an outcome that has a moment: a row is positive from `horizon_ms` before it on, unless the set itself says.

    An alarm is early in the `early_ms` before the outcome, and right from there on.
    """
    until_ms = np.repeat(onset_ms, np.diff(first)) - at_ms
    right = until_ms <= early_ms
    return Truth(
        outcome=outcome,
        horizon_ms=horizon_ms,
        positive=until_ms <= horizon_ms if positive is None else positive,
        right=right if positive is None else right | positive,
        early=right & (until_ms > 0),
        onset_ms=onset_ms,
    )


def truth_of_stay(first: Ints, happened: Bools, *, outcome: str, horizon_ms: int) -> Truth:
    """Truth of an outcome of the whole stay whose moment nobody recorded: every row of the patient is positive."""
    positive = np.repeat(happened, np.diff(first))
    return Truth(outcome, horizon_ms, positive, positive, positive, np.full(len(happened), np.nan))
