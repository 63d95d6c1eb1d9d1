"""What a threshold on a score does to patients: alerts a day, who is caught before the outcome, how early, how many are right.

A score at or above the threshold is an *alarm*. An *alert* is told when an alarm begins, and told again after a shift
(`REPEAT_HOURS`) if there is an alarm then, or at the next one; in between somebody has been told. So neither a score that
flickers nor one that never falls looks better than it is. An alert is right where any alarm until the next one may sound
lies in the time before the outcome that belongs to it, or after. A patient is *caught* where there is an alarm at any
moment of that time before the outcome.
"""

from typing import NamedTuple

import numpy as np

from evaluation.labelled import HOUR_MS, Array, Bools, Ints, Recorded, Truth

HOURS_A_DAY = 24.0
REPEAT_HOURS = 8.0
"""A shift; our choice."""


class Course(NamedTuple):
    """What of a set the sweep needs, for all its patients."""

    first: Ints
    patient_of: Ints
    at_ms: Ints
    hours: Array
    right: Bools
    early: Bools
    onset_ms: Array
    catchable: Bools
    """Per patient: an outcome came, was not there from the first row on, and there are moments in time before it."""
    again: Ints
    """Per row, if an alert is told there, the first row at which the next may be told."""

    @property
    def patients(self) -> int:
        """How many."""
        return len(self.first) - 1


def course_of(recorded: Recorded) -> Course:
    """The set's course; nobody is to be caught where no outcome was recorded."""
    truth = recorded.truth
    patient_of = recorded.patient_of
    patients = len(recorded.patients)
    nowhere = np.zeros(recorded.rows, dtype=bool)
    early = nowhere if truth is None else truth.early
    there = nowhere[:patients] if truth is None else from_first_row(truth, recorded.first)
    stride = int(recorded.at_ms.max()) + 1
    key = patient_of * stride + recorded.at_ms
    after = np.searchsorted(key, key + round(REPEAT_HOURS * HOUR_MS))
    return Course(
        first=recorded.first,
        patient_of=patient_of,
        at_ms=recorded.at_ms,
        hours=recorded.hours(),
        right=nowhere if truth is None else truth.right,
        early=early,
        onset_ms=np.full(patients, np.nan) if truth is None else truth.onset_ms,
        catchable=(np.bincount(patient_of[early], minlength=patients) > 0) & ~there,
        again=np.minimum(after, recorded.first[1:][patient_of]),
    )


def from_first_row(truth: Truth, first: Ints) -> Bools:
    """Per patient: the label was there in the first row, so that nothing could be foreseen; none where moments are unknown."""
    known = np.isfinite(truth.onset_ms)
    return np.asarray(known & truth.positive[first[:-1]], dtype=bool)


class Alerts(NamedTuple):
    """Alerts told, in the order of their rounds."""

    row: Ints
    until: Ints
    """The row at which the next may be told."""


def alerts_of(course: Course, alarm: Bools, chosen: Bools) -> Alerts:
    """Every alert that alarms at these moments make of the chosen patients: round by round, all patients at once."""
    rows = np.flatnonzero(alarm)
    patients = np.flatnonzero(chosen)
    begin, end = course.first[:-1][patients], course.first[1:][patients]
    told: list[Ints] = []
    while len(rows) and len(begin):
        place = np.searchsorted(rows, begin)
        row = rows[np.minimum(place, len(rows) - 1)]
        sounds = (place < len(rows)) & (row < end)
        row, end = row[sounds], end[sounds]
        told.append(row)
        begin = course.again[row]
    row = np.concatenate(told) if told else np.empty(0, dtype=np.int64)
    return Alerts(row, course.again[row])


class Sweep:
    """One score over the chosen patients; thresholds are its distinct values. Scores hold no NaN, and -inf alarms never."""

    def __init__(self, course: Course, scores: Array, chosen: Bools) -> None:
        self._course = course
        self._scores = scores
        self._chosen = chosen
        rows = chosen[course.patient_of]
        mine = scores[rows]
        self._levels = np.unique(mine[np.isfinite(mine)])
        self._days = float(course.hours[rows].sum()) / HOURS_A_DAY
        best = np.full(course.patients, -np.inf)
        np.maximum.at(best, course.patient_of[course.early], scores[course.early])
        self._best = np.sort(best[chosen & course.catchable])

    def alerts_per_day(self, threshold: float) -> float:
        """Per patient-day."""
        return len(alerts_of(self._course, self._scores >= threshold, self._chosen).row) / self._days

    def threshold_at_rate(self, alerts_per_day: float) -> float | None:
        """The lowest threshold within the budget, found by halving; None where even the highest passes it."""
        levels = self._levels
        low, high = -1, len(levels) - 1
        if not len(levels) or self.alerts_per_day(levels[high]) > alerts_per_day:
            return None
        while high - low > 1:
            middle = (low + high) // 2
            if self.alerts_per_day(levels[middle]) > alerts_per_day:
                low = middle
            else:
                high = middle
        return float(levels[high])

    def at_recall(self, share: float) -> "AtRecall | None":
        """The highest threshold that catches at least `share` of the catchable; None where none does."""
        best = self._best
        if not len(best):
            return None
        threshold = float(best[len(best) - int(np.ceil(share * len(best)))])
        if not np.isfinite(threshold):
            return None
        caught, rate = self._caught(threshold), self.alerts_per_day(threshold)
        above = self._levels[np.searchsorted(self._levels, threshold, side="right") :]
        caught_above, rate_above = (self._caught(above[0]), self.alerts_per_day(above[0])) if len(above) else (0.0, 0.0)
        part = (share - caught_above) / (caught - caught_above)
        return AtRecall(threshold, caught, rate, rate_above + part * (rate - rate_above))

    def _caught(self, threshold: float) -> float:
        return float((self._best >= threshold).mean())


class AtRecall(NamedTuple):
    """What it costs to catch a share of the patients."""

    threshold: float
    caught: float
    """At that threshold: at least what was asked."""
    alerts_per_day: float
    interpolated_alerts_per_day: float
    """At exactly the share asked for, between this threshold and the one above: a score of few points overshoots."""


class PerPatient(NamedTuple):
    """What one threshold does, per patient."""

    alerts: Array
    right_alerts: Array
    hours_in_alarm: Array
    hours: Array
    caught: Array
    catchable: Array
    lead_hours: Array
    """From the first moment of alarm in the time before the outcome to the outcome; NaN for who was not caught."""


def at_threshold(course: Course, scores: Array, threshold: float) -> PerPatient:
    """What an alarm at `threshold` would have meant to each patient."""
    return of_alarms(course, scores >= threshold)


def of_alarms(course: Course, alarm: Bools) -> PerPatient:
    """What alarms at these moments would have meant to each patient."""
    patients, patient_of = course.patients, course.patient_of
    told = alerts_of(course, alarm, np.ones(patients, dtype=bool))
    right_so_far = np.append(0, np.cumsum(alarm & course.right))
    right = right_so_far[told.until] > right_so_far[told.row]
    where = np.flatnonzero(alarm & course.early)
    caught_patient, index = np.unique(patient_of[where], return_index=True)
    lead = np.full(patients, np.nan)
    lead[caught_patient] = (course.onset_ms[caught_patient] - course.at_ms[where[index]]) / HOUR_MS
    return PerPatient(
        alerts=per_patient(patient_of[told.row], patients),
        right_alerts=per_patient(patient_of[told.row[right]], patients),
        hours_in_alarm=per_patient(patient_of, patients, course.hours * alarm),
        hours=per_patient(patient_of, patients, course.hours),
        caught=per_patient(caught_patient, patients) * course.catchable,
        catchable=course.catchable.astype(np.float64),
        lead_hours=np.where(course.catchable, lead, np.nan),
    )


def per_patient(patient: Ints, patients: int, weights: Array | None = None) -> Array:
    """The sum of weights, or the count, of each patient."""
    return np.bincount(patient, weights=weights, minlength=patients).astype(np.float64)
