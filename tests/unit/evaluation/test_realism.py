"""How far simulated people are from recorded ones: nothing where they are the same, and more the more they differ."""

import math
from collections.abc import Sequence

import numpy as np
import pytest

from evaluation.realism import autocorrelation, distances, marginals, simulate_like, wasserstein
from evaluation.recordings import Array, Person, RecordedSet, is_well, points
from vitals.news2 import points_of
from vitals.sign import Sign


def people(count: int, *, shift: float = 0.0, seed: int = 1) -> tuple[Person, ...]:
    generator = np.random.default_rng(seed)
    return tuple(
        Person(
            str(number),
            {
                Sign.HEART_RATE: 72 + shift + generator.normal(0, 5, 300),
                Sign.RESPIRATORY_RATE: 16 + generator.normal(0, 1, 300),
            },
        )
        for number in range(count)
    )


def recorded(of: Sequence[Person], *, every_s: float = 60.0) -> RecordedSet:
    return RecordedSet("made", every_s, tuple(of), len(of), rounds_to_whole=False)


def test_a_set_is_at_no_distance_from_itself_and_farther_from_a_shifted_one() -> None:
    theirs = people(20)
    same = {(each.sign, each.measure): each for each in distances(recorded(theirs), theirs)}
    assert all(each.distance == 0 for each in same.values())
    far = {(each.sign, each.measure): each for each in distances(recorded(theirs), people(20, shift=10, seed=2))}
    values, within = "Wasserstein, values, in sd", "Wasserstein, within person, in sd"
    assert far[Sign.HEART_RATE.value, values].distance == pytest.approx(2, abs=0.2)
    assert far[Sign.HEART_RATE.value, within].distance < 0.1
    assert 0 < far[Sign.HEART_RATE.value, values].floor < 0.2


def test_memory_and_coupling_are_measured_over_what_is_present() -> None:
    steps: Array = np.repeat(np.arange(50.0), 2)
    steps[7] = np.nan
    assert autocorrelation(steps, 1) > 0.99
    assert math.isnan(autocorrelation(steps, 200))
    assert math.isnan(autocorrelation(np.ones(100), 1))


def test_measures_the_recording_cannot_tell_are_left_out_and_few_people_have_no_floor() -> None:
    measured = list(distances(recorded(people(2), every_s=3600), people(2, seed=3)))
    names = {each.measure for each in measured}
    assert "autocorrelation 3600 s" in names
    assert "autocorrelation 60 s" not in names
    assert all(math.isnan(each.floor) for each in measured)


def test_simulated_counterparts_are_as_long_and_miss_the_same_values() -> None:
    gap = people(1)[0].signs[Sign.HEART_RATE].copy()
    gap[10:20] = np.nan
    theirs = recorded([Person("gap", {Sign.HEART_RATE: gap})])
    ours = simulate_like(theirs, seed=5)
    assert np.array_equal(np.isnan(ours[0].signs[Sign.HEART_RATE]), np.isnan(gap))
    assert np.array_equal(simulate_like(theirs, seed=5)[0].signs[Sign.HEART_RATE], ours[0].signs[Sign.HEART_RATE], True)
    sides = {each.side: each for each in marginals(theirs, ours)}
    assert sides["recorded"].mean == pytest.approx(72, abs=1)
    assert sides["simulated"].quantiles == tuple(sorted(sides["simulated"].quantiles))


def test_the_distance_is_in_the_unit_of_the_values() -> None:
    one: Array = np.linspace(0, 1, 500)
    assert wasserstein(one, one + 3) == pytest.approx(3)


def test_who_is_well_scores_little_nearly_always() -> None:
    well = {Sign.HEART_RATE: np.full(100, 70.0), Sign.SPO2: np.full(100, 97.0)}
    assert is_well(well)
    assert not is_well({**well, Sign.SPO2: np.full(100, 94.0)}), "the median scores"
    once = np.full(100, 97.0)
    once[:3] = 91
    assert is_well({**well, Sign.SPO2: once})
    once[:10] = 91
    assert not is_well({**well, Sign.SPO2: once}), "too often more than 2 points"
    assert not is_well({Sign.HEART_RATE: np.full(5, 70.0)}), "too little is known"


def test_points_of_columns_are_those_of_the_chart() -> None:
    for sign, values in (
        (Sign.RESPIRATORY_RATE, [8, 9, 11.5, 12, 20, 21, 24, 25, 40]),
        (Sign.TEMPERATURE, [34.9, 35.0, 35.1, 36.0, 36.1, 38.0, 38.1, 39.04, 39.1]),
        (Sign.SYSTOLIC, [90, 91, 100.4, 101, 110, 111, 219, 220]),
    ):
        assert points(sign, np.array(values)).tolist() == [points_of(sign, value) for value in values]
    assert points(Sign.SPO2, np.array([np.nan, 90.0])).tolist() == [0, 3]
