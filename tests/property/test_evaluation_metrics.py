"""Areas against counting every pair, whatever the scores; thresholds and intervals keep their order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.alert_sweep import alerts_of, at_threshold, course_of
from evaluation.discrimination import auprc, auroc, curve
from evaluation.labelled import hours_of
from tests.support.examples import examples
from tests.support.recorded_sets import recorded

moments = st.lists(st.tuples(st.booleans(), st.integers(-3, 3)), min_size=1, max_size=40)


@examples(40)
@given(moments)
def test_auroc_is_the_share_of_pairs_in_the_right_order(given_moments: list[tuple[bool, int]]) -> None:
    positive = np.array([label for label, _ in given_moments])
    scores = np.array([float(score) for _, score in given_moments])
    pairs = [
        1.0 if one > other else 0.5 if one == other else 0.0 for one in scores[positive] for other in scores[~positive]
    ]
    found = auroc(curve(positive, scores))
    if not pairs:
        assert found is None
    else:
        assert found == pytest.approx(np.mean(pairs))


@examples(40)
@given(moments)
def test_auprc_is_the_mean_precision_over_positives_of_equal_scores_together(
    given_moments: list[tuple[bool, int]],
) -> None:
    positive = np.array([label for label, _ in given_moments])
    scores = np.array([float(score) for _, score in given_moments])
    found = auprc(curve(positive, scores))
    if positive.all() or not positive.any():
        assert found is None
    else:
        assert found == pytest.approx(np.mean([positive[scores >= score].mean() for score in scores[positive]]))


@examples(40)
@given(moments, st.floats(0.1, 10), st.floats(-5, 5))
def test_areas_ask_only_for_the_order(given_moments: list[tuple[bool, int]], scale: float, shift: float) -> None:
    positive = np.array([label for label, _ in given_moments])
    scores = np.array([float(score) for _, score in given_moments])
    assert auroc(curve(positive, scores)) == auroc(curve(positive, scores * scale + shift))


@examples(40)
@given(st.lists(st.lists(st.booleans(), min_size=1, max_size=40), min_size=1, max_size=5))
def test_alerts_of_a_patient_are_a_shift_apart_and_every_alarm_lies_within_one(courses: list[list[bool]]) -> None:
    made = recorded([[70.0] * len(course) for course in courses], onset_hours=[None] * len(courses))
    course = course_of(made)
    alarm = np.array([value for each in courses for value in each])
    told = alerts_of(course, alarm, np.ones(len(courses), dtype=bool))
    rows = np.sort(told.row)
    assert alarm[rows].all()
    same = course.patient_of[rows][1:] == course.patient_of[rows][:-1]
    assert (np.diff(rows)[same] >= 8).all()
    covered = {row for begin, end in zip(told.row, told.until, strict=True) for row in range(begin, end)}
    assert set(np.flatnonzero(alarm)) <= covered
    assert at_threshold(course, alarm.astype(np.float64), 1).alerts.sum() == len(rows)


@examples(40)
@given(st.lists(st.integers(0, 100), min_size=1, max_size=30))
def test_a_row_stands_until_the_next_and_never_longer_than_a_gap(steps: list[int]) -> None:
    at_ms = np.cumsum(steps) * 600_000
    hours = hours_of(at_ms, np.array([0, len(steps)]))
    assert (hours >= 0).all()
    assert (hours <= 4).all()
