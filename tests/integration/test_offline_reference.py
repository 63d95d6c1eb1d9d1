"""The ceiling is honest: nobody is scored by a model that saw any of his or her hours."""

import numpy as np
import pytest

from evaluation import offline_reference
from tests.support.recorded_sets import recorded

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]


def test_the_offline_reference_never_learned_from_whom_it_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sklearn", reason=offline_reference.MISSING)
    monkeypatch.setitem(offline_reference._TREES, "max_iter", 4)
    monkeypatch.setitem(offline_reference._TREES, "min_samples_leaf", 20)
    generator = np.random.default_rng(4)
    ill = [patient % 3 == 0 for patient in range(30)]
    courses = [(generator.normal(110 if one else 80, 8, 16)).tolist() for one in ill]
    made = recorded(courses, onset_hours=[10 if one else None for one in ill])
    assert made.truth is not None
    *_, (folds, scores) = offline_reference.scores(made, seed=1)
    assert folds == offline_reference.FOLDS
    assert np.isfinite(scores).all(), "everybody is scored by the one fold that left him or her out"
    assert scores[made.truth.positive].mean() > scores[~made.truth.positive].mean() + 0.1
    told = made.truth.positive.copy()
    told[:16] = ~told[:16]
    *_, (_, again) = offline_reference.scores(made._replace(truth=made.truth._replace(positive=told)), seed=1)
    assert np.array_equal(scores[:16], again[:16]), "a patient's own labels change nothing of the own scores"
    assert not np.array_equal(scores[16:], again[16:])
