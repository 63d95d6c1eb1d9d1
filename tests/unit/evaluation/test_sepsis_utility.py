"""The utility of PhysioNet 2019 against its rules, hour by hour, and a threshold that never saw whom it judges."""

import numpy as np
import pytest

from evaluation.sepsis_utility import best_threshold, progressive_alarms, utility_of
from tests.support.recorded_sets import recorded


def test_what_an_alarm_and_silence_are_worth_hour_by_hour() -> None:
    made = recorded([[70.0] * 30], onset_hours=[20])
    assert made.truth is not None
    gain = utility_of(made.at_ms, made.first, made.truth.onset_ms).gain
    assert gain[0] == pytest.approx(-0.05), "as false as any"
    assert gain[8] == pytest.approx(0), "t_early"
    assert gain[11] == pytest.approx(0.5)
    assert gain[14] == pytest.approx(1), "t_optimal"
    assert gain[20] == pytest.approx((1 / 3) + 2 * 6 / 9), "late alarm, and what the miss would have cost"
    assert gain[23] == pytest.approx(2), "t_late: nothing gained but the miss"
    assert gain[24:].tolist() == [0] * 6


def test_silence_is_0_and_the_best_is_1() -> None:
    made = recorded([[70.0] * 30, [70.0] * 10], onset_hours=[20, None])
    assert made.truth is not None
    utility = utility_of(made.at_ms, made.first, made.truth.onset_ms)
    hours = np.arange(30)
    best = np.append((hours >= 8) & (hours <= 23), np.zeros(10, dtype=bool))
    assert utility.gain[best].sum() == pytest.approx(utility.best.sum())
    assert utility.best[1] == 0


def test_the_threshold_of_a_patient_was_chosen_on_those_who_came_before() -> None:
    generator = np.random.default_rng(1)
    onsets: list[float | None] = [14 if patient % 2 else None for patient in range(40)]
    made = recorded([[70.0] * 20] * 40, onset_hours=onsets)
    assert made.truth is not None
    utility = utility_of(made.at_ms, made.first, made.truth.onset_ms)
    scores = made.truth.positive + generator.normal(0, 0.1, made.rows)
    arrival = generator.permutation(40)
    alarms = progressive_alarms(scores, utility, made.patient_of, arrival)
    first_block = arrival[made.patient_of] < 5
    assert not alarms.alarm[first_block].any(), "nothing was known yet"
    later = scores.copy()
    later[arrival[made.patient_of] >= 30] += 100
    again = progressive_alarms(later, utility, made.patient_of, arrival)
    before = arrival[made.patient_of] < 30
    assert np.array_equal(alarms.alarm[before], again.alarm[before]), "what comes later changes nothing before"


def test_where_every_alarm_is_false_silence_is_best() -> None:
    assert best_threshold(np.arange(5.0), np.full(5, -0.05)) == float("inf")
    assert best_threshold(np.array([1.0, 2.0, 3.0]), np.array([-1.0, 0.5, 1.0])) == 2.0


def challenge_utility(labels: list[int], alarms: list[int]) -> float:
    """The challenge's rules as its paper states them, hour by hour and patient by patient; t is counted from its first row."""
    septic = any(labels)
    onset = labels.index(1) + 6 if septic else 0
    total = 0.0
    for hour, alarm in enumerate(alarms):
        since = hour - onset
        if septic and since > 3:
            continue
        if alarm and not septic:
            total -= 0.05
        elif alarm:
            total += max((since + 12) / 6, -0.05) if since <= -6 else (3 - since) / 9
        elif septic and since > -6:
            total += -2 * (since + 6) / 9
    return total


def test_the_normalised_utility_is_that_of_the_challenge_counted_patient_by_patient() -> None:
    generator = np.random.default_rng(2)
    onsets: list[float | None] = [None, 20, 9, None, 30, 14]
    lengths = [25, 30, 20, 8, 36, 18]
    made = recorded([[70.0] * length for length in lengths], onset_hours=onsets)
    assert made.truth is not None
    alarms = generator.random(made.rows) < 0.4
    observed = best = silent = 0.0
    for patient, onset in enumerate(onsets):
        rows = slice(int(made.first[patient]), int(made.first[patient + 1]))
        labels = made.truth.positive[rows].astype(int).tolist()
        hours = range(lengths[patient])
        observed += challenge_utility(labels, alarms[rows].astype(int).tolist())
        best += challenge_utility(
            labels, [int(onset is not None and onset - 12 <= hour <= onset + 3) for hour in hours]
        )
        silent += challenge_utility(labels, [0 for _ in hours])
    utility = utility_of(made.at_ms, made.first, made.truth.onset_ms)
    ours = (utility.gain * alarms).sum() / utility.best.sum()
    assert ours == pytest.approx((observed - silent) / (best - silent))
