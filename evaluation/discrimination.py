"""How well scores tell positive moments from others, and whether probabilities are what they say. Vectorised, exact, with ties.

An absent score is no score: such moments are left out here, and their share is told beside the figures. To rank them lowest
would reward a score for being silent early in a stay, where recordings hold few outcomes.
"""

from typing import NamedTuple

import numpy as np

from evaluation.labelled import Array, Bools, Ints

RELIABILITY_BINS = 15


class Curve(NamedTuple):
    """At each distinct score, from the highest down: how many positive and negative moments lie at or above it."""

    threshold: Array
    hits: Ints
    false: Ints


class Reliability(NamedTuple):
    """One bin of moments of like probability."""

    predicted: float
    """Mean probability."""
    observed: float
    """Share of positives."""
    n: int


def curve(positive: Bools, scores: Array) -> Curve:
    """The operating points of scores without NaN."""
    order = np.argsort(-scores, kind="stable")
    return curve_of_ordered(positive[order], scores[order])


def curve_of_ordered(positive: Bools, descending: Array) -> Curve:
    """The operating points of scores that stand in their order, the highest first."""
    last = np.append(np.flatnonzero(descending[1:] != descending[:-1]), len(descending) - 1)[: len(descending)]
    hits = np.cumsum(positive, dtype=np.int64)[last]
    return Curve(descending[last], hits, last + 1 - hits)


def auroc(points: Curve) -> float | None:
    """Area under the receiver operating characteristic, ties counted half; None without both kinds of moments."""
    if not len(points.hits) or not points.hits[-1] or not points.false[-1]:
        return None
    hits, false = np.append(0, points.hits), np.append(0, points.false)
    area = float(np.sum(np.diff(false) * (hits[1:] + hits[:-1]) / 2.0))
    return area / (float(hits[-1]) * float(false[-1]))


def auprc(points: Curve) -> float | None:
    """Average precision: precision at each operating point, weighted by the recall it adds; None without both kinds of moments."""
    if not len(points.hits) or not points.hits[-1] or not points.false[-1]:
        return None
    precision = points.hits / (points.hits + points.false)
    return float(np.sum(np.diff(points.hits, prepend=0) * precision) / points.hits[-1])


def brier(positive: Bools, probability: Array) -> float:
    """Mean squared distance of probability and what came of it."""
    return float(np.mean((probability - positive) ** 2))


def reliability(positive: Bools, probability: Array, *, bins: int = RELIABILITY_BINS) -> list[Reliability]:
    """Bins of about equally many moments, in the order of their probabilities; equal probabilities share a bin."""
    bin_of = bins_of(probability, bins=bins)
    n = np.bincount(bin_of)
    predicted = np.bincount(bin_of, weights=probability, minlength=len(n))
    observed = np.bincount(bin_of, weights=positive, minlength=len(n))
    return [
        Reliability(float(predicted[i] / n[i]), float(observed[i] / n[i]), int(n[i])) for i in range(len(n)) if n[i]
    ]


def bins_of(probability: Array, *, bins: int = RELIABILITY_BINS) -> Ints:
    """The bin of each moment."""
    edges = np.unique(np.quantile(probability, np.linspace(0, 1, bins + 1)[1:-1]))
    return np.asarray(np.searchsorted(edges, probability, side="left"), dtype=np.int64)


def expected_calibration_error(bins: list[Reliability]) -> float:
    """Mean distance of probability and observed share over bins, weighted by their size."""
    total = sum(each.n for each in bins)
    return sum(each.n * abs(each.predicted - each.observed) for each in bins) / total
