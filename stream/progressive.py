"""How well a candidate does on lessons before it learns from them, older ones fading. Pure.

AUROC comes from two histograms of the log-odds, one of each label; 0.1 wide, so that it is right to about 0.001.
"""

import math
from typing import Final

import msgspec

from vitals.model_version import (
    CALIBRATION_LESSONS_MIN,
    CALIBRATION_POSITIVES_MIN,
    CalibrationBin,
    ProgressiveScores,
)

FADE_LESSONS: Final = 5000.0
"""Lessons in which an old one fades to 1/e; our choice: some weeks of a ward of 24 beds at one example an hour."""
LESSONS_MIN: Final = 50
"""Before so many, nothing is said."""
POSITIVES_MIN: Final = 5
CALIBRATION_BINS: Final = 10
CALIBRATION_BIN_MIN: Final = 20.0
"""Fewer whole lessons make no bin of their own."""
_BINS_PER_UNIT: Final = 10
_LOG_ODDS_MAX: Final = 12.0
_GROWTH: Final = math.exp(1 / FADE_LESSONS)
_RESCALE_ABOVE: Final = 1e9
_PROBABILITY_MIN: Final = 1e-6
"""Closer to 0 or 1 no probability counts as: one sure mistake would outweigh every other lesson."""


class ProgressState(msgspec.Struct):
    """Sums over lessons, each weighing more than the one before by what those fade; mutable."""

    lessons: int = 0
    positives: int = 0
    unit: float = 1.0
    """What a lesson of weight 1 counts now."""
    total: float = 0.0
    total_positive: float = 0.0
    squared_error: float = 0.0
    log_loss: float = 0.0
    base_log_loss: float = 0.0
    bins_positive: dict[int, float] = {}
    bins_negative: dict[int, float] = {}


class Progress:
    """Takes in scores made before learning; `state` may be stored after any step and a new object made from it."""

    def __init__(self, state: ProgressState | None = None) -> None:
        self.state = ProgressState() if state is None else state

    def take(self, probability: float, label: bool, weight: float) -> None:  # noqa: FBT001 - the label is the matter
        """Take in one score and what turned out to be so."""
        state = self.state
        counted = weight * state.unit
        told = min(max(probability, _PROBABILITY_MIN), 1 - _PROBABILITY_MIN)
        base = (state.total_positive + 0.5 * state.unit) / (state.total + state.unit)
        state.squared_error += counted * (told - label) ** 2
        state.log_loss -= counted * math.log(told if label else 1 - told)
        state.base_log_loss -= counted * math.log(base if label else 1 - base)
        bins = state.bins_positive if label else state.bins_negative
        place = _bin(told)
        bins[place] = bins.get(place, 0.0) + counted
        state.total += counted
        state.total_positive += counted * label
        state.lessons += 1
        state.positives += label
        state.unit *= _GROWTH
        if state.unit > _RESCALE_ABOVE:
            self._rescale()

    def scores(self) -> ProgressiveScores:
        """What it comes to; without figures while too few lessons are known."""
        state = self.state
        if state.lessons < LESSONS_MIN or state.positives < POSITIVES_MIN:
            return ProgressiveScores(lessons=state.lessons, positives=state.positives)
        return ProgressiveScores(
            lessons=state.lessons,
            positives=state.positives,
            auroc=_rounded(_auroc(state.bins_positive, state.bins_negative)),
            brier=_rounded(state.squared_error / state.total),
            log_loss=_rounded(state.log_loss / state.total),
            base_log_loss=_rounded(state.base_log_loss / state.total),
            calibration=self._calibration(),
        )

    def threshold(self, share: float) -> float | None:
        """The least probability that at most this share of lessons reached, older ones fading; None while too few are known."""
        state = self.state
        if self.scores().auroc is None:
            return None
        above = 0.0
        for place in sorted(state.bins_positive.keys() | state.bins_negative.keys(), reverse=True):
            above += state.bins_positive.get(place, 0.0) + state.bins_negative.get(place, 0.0)
            if above > share * state.total:
                return _probability((place + 1) / _BINS_PER_UNIT)
        raise AssertionError("The bins hold less than their total.")

    def _calibration(self) -> tuple[CalibrationBin, ...]:
        """Bins of about equal weight, filled from the highest probability down, so that the highest are not thinned out."""
        state = self.state
        if state.lessons < CALIBRATION_LESSONS_MIN or state.positives < CALIBRATION_POSITIVES_MIN:
            return ()
        full = max(state.total / CALIBRATION_BINS, CALIBRATION_BIN_MIN * state.unit)
        sums: list[list[float]] = []
        left = state.total
        for place in sorted(state.bins_positive.keys() | state.bins_negative.keys(), reverse=True):
            if not sums or (sums[-1][0] >= full and left >= full / 2):
                sums.append([0.0, 0.0, 0.0])
            positive = state.bins_positive.get(place, 0.0)
            here = positive + state.bins_negative.get(place, 0.0)
            for index, more in enumerate((here, here * _probability((place + 0.5) / _BINS_PER_UNIT), positive)):
                sums[-1][index] += more
            left -= here
        return tuple(
            CalibrationBin(
                lessons=round(worth / state.unit, 1), predicted=round(told / worth, 5), observed=round(came / worth, 5)
            )
            for worth, told, came in reversed(sums)
            if worth > 0
        )

    def _rescale(self) -> None:
        state, by = self.state, self.state.unit
        for name in ("total", "total_positive", "squared_error", "log_loss", "base_log_loss"):
            setattr(state, name, getattr(state, name) / by)
        for bins in (state.bins_positive, state.bins_negative):
            for place in bins:
                bins[place] /= by
        state.unit = 1.0


def _bin(probability: float) -> int:
    log_odds = math.log(probability / (1 - probability))
    return math.floor(min(max(log_odds, -_LOG_ODDS_MAX), _LOG_ODDS_MAX) * _BINS_PER_UNIT)


def _probability(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds))


def _auroc(positive: dict[int, float], negative: dict[int, float]) -> float | None:
    """The share of pairs ordered rightly, ties counting half; None while either label is missing."""
    all_positive, all_negative = sum(positive.values()), sum(negative.values())
    if all_positive <= 0 or all_negative <= 0:
        return None
    below = right = 0.0
    for place in sorted(positive.keys() | negative.keys()):
        here = negative.get(place, 0.0)
        right += positive.get(place, 0.0) * (below + here / 2)
        below += here
    return right / (all_positive * all_negative)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 5)
