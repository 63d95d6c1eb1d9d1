"""Confidence intervals by a seeded bootstrap of patients: whole patients are drawn, since their hours belong together.

A resampled AUROC or AUPRC is taken over some hundred bins of scores, by two matrix products for all resamples at once; the
interval is moved by what the bins cost on the whole sample, which is below 0.001.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evaluation.labelled import Array, Bools, Ints

RESAMPLES = 200
CONFIDENCE = 0.95
_BODY_BINS = 160
_TAIL_BINS = 80
_TAIL_SHARE = 0.1
"""The highest tenth of the scores has bins of its own, finer to the top: there precision is decided."""
_TAIL_END = 1e-5

Interval = tuple[float, float]
Floats = NDArray[np.float32]


class Areas(NamedTuple):
    """A resample's areas, or many."""

    auroc: Array
    auprc: Array


class Bootstrap:
    """Resamples of one set's patients, the same for every scorer and group, so that differences can be compared."""

    def __init__(self, patients: int, *, seed: int, resamples: int = RESAMPLES) -> None:
        generator = np.random.default_rng(seed)
        drawn = [np.bincount(generator.integers(0, patients, patients), minlength=patients) for _ in range(resamples)]
        self._weights: Floats = np.array(drawn, dtype=np.float32)

    def ratio(self, over: Array, under: Array, chosen: Bools) -> Interval | None:
        """Of a sum over patients by another sum over them."""
        sums = np.stack([np.where(chosen, over, 0.0), np.where(chosen, under, 0.0)], axis=1).astype(np.float32)
        above, below = (self._weights @ sums).T
        drawn = below > 0
        return _interval((above[drawn] / below[drawn]).astype(np.float64)) if drawn.any() else None

    def median(self, values: Array, chosen: Bools) -> Interval | None:
        """Of a value a patient; patients without one (NaN) are left out."""
        known = np.flatnonzero(chosen & np.isfinite(values))
        if not len(known):
            return None
        order = known[np.argsort(values[known], kind="stable")]
        drawn = np.cumsum(self._weights[:, order], axis=1, dtype=np.float64)
        drawn = drawn[drawn[:, -1] > 0]
        at = (drawn < drawn[:, -1:] / 2).sum(axis=1)
        return _interval(values[order][at]) if len(at) else None

    def calibration_error(self, off: Array, n: Array, chosen: Bools, *, exact: float) -> Interval:
        """Of the mean distance over bins, from sums a patient and bin of what was told less what came, and of moments.

        A resample's distance is larger than the sample's by chance alone: the interval is moved to lie around the exact one.
        """
        weights = self._weights[:, chosen].astype(np.float64)
        moments = (weights @ n[chosen]).sum(axis=1)
        drawn = np.abs(weights @ off[chosen]).sum(axis=1) / np.maximum(moments, 1.0)
        low, high = _interval(drawn + exact - float(drawn.mean()))
        return max(low, 0.0), high

    def areas(self, histogram: "Histogram", chosen: Bools) -> Areas:
        """AUROC and AUPRC of every resample of the chosen patients; NaN where one kind of moments was not drawn."""
        counts = histogram.counts[chosen]
        weights = self._weights[:, chosen]
        bins = counts.shape[1] // 2
        return _areas(
            (weights @ counts[:, :bins]).astype(np.float64),
            (weights @ counts[:, bins:]).astype(np.float64),
        )


class Histogram:
    """Per patient the number of negative and positive moments in each bin of the score."""

    def __init__(self, scores: Array, positive: Bools, patient_of: Ints, patients: int) -> None:
        edges = _edges(scores)
        bins = len(edges) + 1
        bin_of = np.searchsorted(edges, scores, side="right")
        slot = (patient_of * 2 + positive) * bins + bin_of
        counted = np.bincount(slot, minlength=patients * 2 * bins)
        self.counts: Floats = counted.reshape(patients, 2 * bins).astype(np.float32)

    def whole(self, chosen: Bools) -> Areas:
        """Areas of the sample itself, by bins."""
        bins = self.counts.shape[1] // 2
        total = self.counts[chosen].sum(axis=0, dtype=np.float64)
        return _areas(total[None, :bins], total[None, bins:])


def around(drawn: Array, *, exact: float | None, binned: float) -> Interval | None:
    """The interval of a resampled area, moved to where the exact one lies."""
    known = drawn[np.isfinite(drawn)]
    if exact is None or not len(known) or not np.isfinite(binned):
        return None
    low, high = _interval(known)
    return max(low + exact - binned, 0.0), min(high + exact - binned, 1.0)


def between(one: Array, other: Array, *, exact: float, binned: float) -> Interval | None:
    """The interval of the difference of two areas over the same resamples, moved to where the exact difference lies."""
    drawn = one - other
    drawn = drawn[np.isfinite(drawn)]
    if not len(drawn) or not np.isfinite(binned):
        return None
    low, high = _interval(drawn)
    return low + exact - binned, high + exact - binned


def _interval(drawn: Array) -> Interval:
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def _edges(scores: Array) -> Array:
    if not len(scores):
        return np.zeros(1)
    body = np.linspace(0, 1 - _TAIL_SHARE, _BODY_BINS)
    tail = 1 - np.geomspace(_TAIL_SHARE, _TAIL_END, _TAIL_BINS)
    return np.unique(np.quantile(scores, np.concatenate([body, tail])))


def _areas(negative: Array, positive: Array) -> Areas:
    """Of rows of bins, lowest score first."""
    negatives, positives = negative.sum(axis=1), positive.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        below = np.cumsum(negative, axis=1) - negative / 2
        roc = (positive * below).sum(axis=1) / (negatives * positives)
        hits = np.cumsum(positive[:, ::-1], axis=1)
        false = np.cumsum(negative[:, ::-1], axis=1)
        precision = np.where(hits > 0, hits / np.maximum(hits + false, 1e-12), 0.0)
        prc = (positive[:, ::-1] * precision).sum(axis=1) / positives
    return Areas(np.where(negatives > 0, roc, np.nan), prc)
