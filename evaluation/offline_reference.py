"""The ceiling: gradient boosting fitted offline on the whole set, each patient scored by a model that never saw him or her.

It sees what no online learner does, all other patients at once, and is none of the product: scikit-learn is there for
development only. Where it is missing the row is left out. Features are of vital signs, age, sex and missingness; none grows
with the stay.
"""

import importlib.util
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.labelled import HOUR_MS, Array, Bools, Ints, Recorded
from vitals.sign import PHYSIOLOGICAL_SIGNS

FOLDS = 5
NAME = "gradient_boosting_offline"
MISSING = "scikit-learn is not installed, so that the offline reference is left out: it comes with the development environment."
WINDOW_HOURS = 12
AGE_HOURS_MAX = 24.0
"""How long ago a sign was measured is told up to so many hours."""
_NEGATIVES_KEPT = 4
_RARE = 0.1
_TREES = {
    "max_iter": 120,
    "learning_rate": 0.08,
    "max_leaf_nodes": 31,
    "min_samples_leaf": 200,
    "l2_regularization": 5.0,
}


def is_available() -> bool:
    """Whether scikit-learn is here."""
    return importlib.util.find_spec("sklearn") is not None


def scores(recorded: Recorded, *, seed: int) -> Iterator[tuple[int, Array]]:
    """Fold after fold: how many are done, and the probabilities so far (NaN where the fold is still to come)."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    if recorded.truth is None:
        return
    positive = recorded.truth.positive
    patients = len(recorded.patients)
    fold_of = (np.random.default_rng(seed).permutation(patients) % FOLDS)[recorded.patient_of]
    weight = _weights(positive, seed)
    table = features(recorded)
    found = np.full(recorded.rows, np.nan)
    for fold in range(FOLDS):
        test = fold_of == fold
        if test.any() and positive[~test].any() and not positive[~test].all():
            model = HistGradientBoostingClassifier(**_TREES, early_stopping=False, random_state=seed)
            taught = ~test & (weight > 0)
            varies = _varies(table[taught])
            if varies.any():
                model.fit(table[taught][:, varies], positive[taught], sample_weight=weight[taught])
                found[test] = model.predict_proba(table[test][:, varies])[:, 1]
        yield fold + 1, found


def features(recorded: Recorded) -> NDArray[np.float32]:
    """Per row and sign: the value, the last one and its age, mean, spread and trend of 12 h; age and sex."""
    patient_of = recorded.patient_of
    columns: list[Any] = []
    for sign in PHYSIOLOGICAL_SIGNS:
        values = recorded.signs.get(sign)
        if values is not None:
            columns += _of_sign(values, recorded, patient_of)
    columns.append(recorded.age_years[patient_of])
    columns.append(np.array([{"male": 1.0, "female": 0.0}.get(sex, np.nan) for sex in recorded.sex])[patient_of])
    return np.stack([np.asarray(column, dtype=np.float32) for column in columns], axis=1)


def _weights(positive: Bools, seed: int) -> Array:
    """Every positive row teaches; of the others one in `_NEGATIVES_KEPT`, weighing for the rest: as good, and faster."""
    if positive.mean() > _RARE:
        return np.ones(len(positive))
    kept = np.random.default_rng(seed).random(len(positive)) < 1 / _NEGATIVES_KEPT
    return np.where(positive, 1.0, np.where(kept, float(_NEGATIVES_KEPT), 0.0))


def _varies(table: NDArray[np.float32]) -> NDArray[np.bool_]:
    """The columns with more than one value."""
    highest = np.where(np.isfinite(table), table, -np.inf).max(axis=0)
    lowest = np.where(np.isfinite(table), table, np.inf).min(axis=0)
    varies: NDArray[np.bool_] = highest > lowest
    return varies


def _of_sign(values: Array, recorded: Recorded, patient_of: Ints) -> list[Array]:
    row = np.arange(len(values))
    starts = recorded.first[:-1][patient_of]
    last = np.maximum.accumulate(np.where(np.isfinite(values), row, -1))
    known = last >= starts
    last = np.maximum(last, 0)
    value = np.where(known, values[last], np.nan)
    age = np.where(known, (recorded.at_ms - recorded.at_ms[last]) / HOUR_MS, np.nan)
    columns = [values, value, np.minimum(age, AGE_HOURS_MAX)]
    stride = int(recorded.at_ms.max()) + 2 * WINDOW_HOURS * HOUR_MS
    key = patient_of * stride + recorded.at_ms
    present = np.flatnonzero(np.isfinite(values))
    centre = float(values[present].mean()) if len(present) else 0.0
    centred, hours = values[present] - centre, recorded.at_ms[present] / HOUR_MS
    sums = [_running(each) for each in (np.ones(len(present)), centred, centred**2, hours, hours**2, hours * centred)]
    until = np.searchsorted(key[present], key, side="right")
    first = np.searchsorted(key[present], key - WINDOW_HOURS * HOUR_MS, side="right")
    return columns + _moments([total[until] - total[first] for total in sums], centre)


def _moments(sums: list[Array], centre: float) -> list[Array]:
    n, total, squares, hours, hours_squares, products = sums
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = total / n
        variance = squares / n - mean**2
        slope = (products - hours * mean) / (hours_squares - hours**2 / n)
    return [
        np.where(n > 0, mean + centre, np.nan),
        np.where(n > 1, np.sqrt(np.maximum(variance, 0.0)), np.nan),
        np.where((n > 2) & np.isfinite(slope), slope, np.nan),
    ]


def _running(values: Array) -> Array:
    return np.append(0.0, np.cumsum(values))
