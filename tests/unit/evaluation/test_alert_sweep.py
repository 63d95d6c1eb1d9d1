"""What a threshold does to patients: alerts are told once a shift, and only what comes before the outcome catches."""

import numpy as np
import pytest

from evaluation.alert_sweep import Sweep, at_threshold, course_of
from evaluation.labelled import Array
from tests.support.recorded_sets import recorded

EVERYBODY = np.array([True])


def scores_of(*hours: float) -> Array:
    return np.array(hours, dtype=np.float64)


def test_one_alert_however_a_score_flickers_within_a_shift_and_one_a_shift_however_long_it_lasts() -> None:
    course = course_of(recorded([[70.0] * 24], onset_hours=[None]))
    flickering = at_threshold(course, np.array([1.0, 0.0] * 4 + [0.0] * 16), 1)
    lasting = at_threshold(course, np.ones(24), 1)
    assert flickering.alerts.tolist() == [1]
    assert lasting.alerts.tolist() == [3]
    assert lasting.hours_in_alarm.tolist() == [24]


def test_alarms_of_one_patient_never_run_into_the_next() -> None:
    course = course_of(recorded([[70.0] * 3, [70.0] * 3], onset_hours=[None, None]))
    assert at_threshold(course, np.ones(6), 1).alerts.tolist() == [1, 1]
    assert at_threshold(course, scores_of(0, 0, 0, 1, 0, 0), 1).alerts.tolist() == [0, 1]


def test_caught_is_who_is_in_alarm_within_twelve_hours_before_the_outcome_and_lead_is_from_there() -> None:
    course = course_of(recorded([[70.0] * 30], onset_hours=[24]))
    hour = np.arange(30)
    for alarm, caught, lead in (
        (hour == 20, 1, 4),
        ((hour == 14) | (hour == 20), 1, 10),
        (hour == 11, 0, None),
        (hour == 24, 0, None),
        (hour == 12, 1, 12),
    ):
        found = at_threshold(course, alarm.astype(np.float64), 1)
        assert found.caught.tolist() == [caught]
        assert (None if np.isnan(found.lead_hours[0]) else found.lead_hours[0]) == lead


def test_an_alert_is_right_in_time_before_the_outcome_and_after_it() -> None:
    course = course_of(recorded([[70.0] * 40], onset_hours=[24]))
    hour = np.arange(40)
    right = at_threshold(course, np.isin(hour, (0, 20, 30)).astype(np.float64), 1)
    assert (right.alerts.tolist(), right.right_alerts.tolist()) == ([3], [2])


def test_whoever_is_ill_from_the_first_row_on_is_not_to_be_foreseen() -> None:
    course = course_of(recorded([[70.0] * 10, [70.0] * 30], onset_hours=[5, 20]))
    assert course.catchable.tolist() == [False, True]


def test_the_threshold_within_a_budget_is_the_lowest_that_keeps_it() -> None:
    course = course_of(recorded([[70.0] * 48] * 4, onset_hours=[None] * 4))
    generator = np.random.default_rng(1)
    sweep = Sweep(course, generator.random(192), np.ones(4, dtype=bool))
    threshold = sweep.threshold_at_rate(1.0)
    assert threshold is not None
    assert sweep.alerts_per_day(threshold) <= 1.0
    assert sweep.alerts_per_day(threshold - 0.05) > 1.0
    assert sweep.threshold_at_rate(0.0) is None


def test_a_score_of_few_points_is_read_between_its_points_where_half_are_caught() -> None:
    course = course_of(recorded([[70.0] * 24] * 4, onset_hours=[24] * 4))
    scores = np.zeros(96)
    scores[23], scores[24 + 22], scores[48 + 22], scores[72 + 22] = 2, 1, 1, 1
    half = Sweep(course, scores, np.ones(4, dtype=bool)).at_recall(0.5)
    assert half is not None
    assert (half.threshold, half.caught, half.alerts_per_day) == (1, 1.0, 1.0)
    assert half.interpolated_alerts_per_day == pytest.approx(0.25 + (1 - 0.25) / 3)


def test_nobody_to_be_caught_costs_nothing_to_catch() -> None:
    course = course_of(recorded([[70.0] * 24], onset_hours=[None]))
    assert Sweep(course, np.arange(24.0), EVERYBODY).at_recall(0.5) is None
