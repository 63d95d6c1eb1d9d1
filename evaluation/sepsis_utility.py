"""The utility of PhysioNet/CinC 2019, normalised: doing nothing is 0, the best possible is 1.

An alarm is worth most six hours before onset (t_optimal), nothing twelve hours before (t_early) and three hours after
(t_late); a false one costs 0.05 an hour, a septic hour without alarm up to 2. Source: Reyna et al., Crit Care Med
2020;48:210, and the challenge's `evaluate_sepsis_score.py`, whose figures this gives.
"""

from typing import NamedTuple

import numpy as np

from evaluation.alert_sweep import per_patient
from evaluation.discrimination import curve_of_ordered
from evaluation.labelled import HOUR_MS, Array, Bools, Ints

EARLY_HOURS = -12.0
OPTIMAL_HOURS = -6.0
LATE_HOURS = 3.0
HIT_MAX = 1.0
MISS_MIN = -2.0
FALSE_ALARM = -0.05
BLOCK_GROWTH = 1.25
FIRST_BLOCK_PATIENTS = 256
_FIRST_BLOCK_SHARE = 8


class Utility(NamedTuple):
    """Per row what an alarm there gains over silence, and the most that each patient can gain."""

    gain: Array
    best: Array
    """Per patient."""


def utility_of(at_ms: Ints, first: Ints, onset_ms: Array) -> Utility:
    """The challenge's utility; `onset_ms` is the clinical onset, NaN for who had none."""
    hours = (at_ms - np.repeat(onset_ms, np.diff(first))) / HOUR_MS
    septic = np.isfinite(hours)
    hit = np.where(
        hours <= OPTIMAL_HOURS,
        np.maximum((hours - EARLY_HOURS) * HIT_MAX / (OPTIMAL_HOURS - EARLY_HOURS), FALSE_ALARM),
        (LATE_HOURS - hours) * HIT_MAX / (LATE_HOURS - OPTIMAL_HOURS),
    )
    miss = np.where(hours <= OPTIMAL_HOURS, 0.0, MISS_MIN * (hours - OPTIMAL_HOURS) / (LATE_HOURS - OPTIMAL_HOURS))
    gain = np.where(septic, np.where(hours <= LATE_HOURS, hit - miss, 0.0), FALSE_ALARM)
    worth = septic & (hours >= EARLY_HOURS) & (hours <= LATE_HOURS)
    patient_of = np.repeat(np.arange(len(first) - 1), np.diff(first))
    return Utility(gain, per_patient(patient_of, len(first) - 1, gain * worth))


class Progressive(NamedTuple):
    """Alarms whose threshold was chosen on earlier patients only."""

    alarm: Bools
    threshold: float | None
    """The last one chosen; None where silence was best."""


def progressive_alarms(scores: Array, utility: Utility, patient_of: Ints, arrival: Ints) -> Progressive:
    """Alarms in blocks of patients in the order of arrival, each at the threshold that was best on all patients before it.

    Blocks grow by a quarter; in the first one nothing alarms, since nothing is known. Scores hold no NaN.
    """
    patients = len(arrival)
    place = arrival[patient_of]
    alarm = np.zeros(len(scores), dtype=bool)
    threshold = np.inf
    begin = min(FIRST_BLOCK_PATIENTS, max(1, patients // _FIRST_BLOCK_SHARE))
    while begin < patients:
        end = min(patients, max(begin + 1, int(begin * BLOCK_GROWTH)))
        threshold = best_threshold(scores[place < begin], utility.gain[place < begin])
        block = (place >= begin) & (place < end)
        alarm[block] = scores[block] >= threshold
        begin = end
    return Progressive(alarm, float(threshold) if np.isfinite(threshold) else None)


def best_threshold(scores: Array, gain: Array) -> float:
    """The threshold with the greatest gain; infinity where silence gains most."""
    order = np.argsort(-scores, kind="stable")
    points = curve_of_ordered(np.zeros(len(order), dtype=bool), scores[order])
    gained = np.cumsum(gain[order])[points.false - 1]
    best = int(np.argmax(gained))
    if gained[best] <= 0 or not np.isfinite(points.threshold[best]):
        return float("inf")
    return float(points.threshold[best])
