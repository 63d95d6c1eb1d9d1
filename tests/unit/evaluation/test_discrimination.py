"""Areas, calibration and their intervals against figures worked out by hand."""

import numpy as np
import pytest

from evaluation.discrimination import auprc, auroc, brier, curve, expected_calibration_error, reliability
from evaluation.intervals import Bootstrap, Histogram, around


def test_areas_of_a_small_example_worked_out_by_hand() -> None:
    positive = np.array([True, False, True, False, False])
    scores = np.array([0.9, 0.8, 0.7, 0.7, 0.1])
    points = curve(positive, scores)
    # pairs: 0.9 beats all three; 0.7 loses to 0.8, ties 0.7, beats 0.1
    assert auroc(points) == pytest.approx((3 + 1.5) / 6)
    # precision 1/1 at the first, 2/4 where the two 0.7 come together
    assert auprc(points) == pytest.approx(0.5 * 1 + 0.5 * 0.5)


def test_without_both_kinds_of_moments_there_is_no_area() -> None:
    assert auroc(curve(np.array([True, True]), np.array([1.0, 2.0]))) is None
    assert auprc(curve(np.array([False]), np.array([1.0]))) is None
    assert auroc(curve(np.zeros(0, dtype=bool), np.zeros(0))) is None


def test_a_calibrated_probability_has_no_error_and_a_sure_wrong_one_has_all() -> None:
    positive = np.array([True, False, False, False] * 25)
    quarter = np.full(100, 0.25)
    assert expected_calibration_error(reliability(positive, quarter)) == pytest.approx(0)
    assert brier(positive, quarter) == pytest.approx(0.25 * 0.75)
    assert expected_calibration_error(reliability(np.zeros(10, dtype=bool), np.ones(10))) == pytest.approx(1)


def test_bins_of_reliability_hold_every_moment_once_and_rise() -> None:
    generator = np.random.default_rng(1)
    probability = generator.beta(1, 20, 5_000)
    positive = generator.random(5_000) < probability
    bins = reliability(positive, probability)
    assert sum(each.n for each in bins) == 5_000
    assert [each.predicted for each in bins] == sorted(each.predicted for each in bins)
    assert expected_calibration_error(bins) < 0.02


def test_the_interval_holds_the_figure_is_the_same_for_a_seed_and_narrows_with_patients() -> None:
    widths = []
    for patients in (60, 600):
        generator = np.random.default_rng(2)
        patient_of = np.repeat(np.arange(patients), 10)
        positive = np.repeat(generator.random(patients) < 0.3, 10)
        scores = generator.normal(positive * 1.0, 1)
        everybody = np.ones(patients, dtype=bool)
        exact = auroc(curve(positive, scores))
        histogram = Histogram(scores, positive, patient_of, patients)
        whole = histogram.whole(everybody)
        low, high = (
            around(
                Bootstrap(patients, seed=seed).areas(histogram, everybody).auroc,
                exact=exact,
                binned=float(whole.auroc[0]),
            )
            or (1.0, 0.0)
            for seed in (5, 5)
        )
        assert low == high, "one seed, one interval"
        assert exact is not None
        assert low[0] < exact < low[1]
        assert abs(exact - float(whole.auroc[0])) < 0.002
        widths.append(low[1] - low[0])
    assert widths[1] < widths[0] / 2


def test_a_share_has_an_interval_over_patients() -> None:
    bootstrap = Bootstrap(100, seed=1)
    caught = np.array([1.0, 0.0] * 50)
    everybody = np.ones(100, dtype=bool)
    interval = bootstrap.ratio(caught, np.ones(100), everybody)
    assert interval is not None
    assert 0.35 < interval[0] < 0.5 < interval[1] < 0.65
    assert bootstrap.ratio(caught, np.zeros(100), everybody) is None
