"""One step of the risk model: the mode of what lessons before left as a curvature, and of the likelihood of a block. Pure.

A lone Newton step overshoots where few lessons are behind it: at a probability of 1 % the curvature is small, and a handful
of deteriorations would carry everybody far beyond their mode. So steps are short (no lesson's log-odds move further than
`STRIDE`) and repeated until one is small. With many lessons behind it the first one is.
"""

from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STRIDE: Final = 1.0
"""Log-odds by which a lesson may move in one step."""
NEAR: Final = 0.5
"""A step in which none moves further than this is the last: what it misses is of the order of its square."""
STEPS_MAX: Final = 40
"""Of one block; from -30 to 30 log-odds it is a long way, and nobody has come that far."""
LOG_ODDS_MAX: Final = 30.0


class Block(NamedTuple):
    """Lessons that are learned together."""

    design: Floats
    """Shares of each weight, a row per lesson."""
    labels: Floats
    """1 for deteriorated, 0 for not."""
    counted: Floats
    """What each lesson weighs."""


class Mode(NamedTuple):
    """Where a block leads, and what it leaves."""

    weights: Floats
    """Not finite where there is no mode."""
    information: Floats
    """Curvature, the lessons before included, the prior not."""
    anchor: Floats
    """`information` times the weights at which the lessons alone would rest."""


class Shift(msgspec.Struct):
    """How far all log-odds are moved so that the mean probability is right of late, by the same steps as the weights; mutable."""

    value: float = 0.0
    information: float = 0.0
    anchor: float = 0.0


def mode_of(block: Block, weights: Floats, information: Floats, anchor: Floats, prior: tuple[Floats, Floats]) -> Mode:
    """From these weights; `information` and `anchor` are of the lessons before, `prior` its precision and its mode."""
    precision, prior_weights = prior
    pull = precision @ prior_weights
    design, labels, counted = block
    for left in range(STEPS_MAX, 0, -1):
        log_odds, told = _told(design @ weights)
        curvature = counted * told * (1 - told)
        upper = np.triu(design.T @ (design * curvature[:, None]))
        seen = Mode(
            weights,
            information + upper + np.triu(upper, 1).T,
            anchor + design.T @ (curvature * log_odds + counted * (labels - told)),
        )
        found = _solved(seen.information + precision, seen.anchor + pull)
        moved = float(np.abs(design @ (found - weights)).max(initial=0.0))
        if not moved > NEAR or left == 1:  # also where it is no number
            break
        weights = weights + (found - weights) * min(1.0, STRIDE / moved)
    return seen._replace(weights=found)


def shifted(shift: Shift, block: Block, log_odds: Floats, *, keep: float, precision: float) -> Shift:
    """The shift once it is held to a block: to what these log-odds, of weights that know the block, leave unexplained.

    `keep` is what remains of older lessons, `precision` that of its prior around 0.
    """
    value = shift.value
    for left in range(STEPS_MAX, 0, -1):
        _, told = _told(log_odds + value)
        curvature = float(block.counted @ (told * (1 - told)))
        information = keep * shift.information + curvature
        anchor = keep * shift.anchor + curvature * value + float(block.counted @ (block.labels - told))
        moved = anchor / (information + precision) - value
        if not abs(moved) > NEAR or left == 1:
            break
        value += max(-STRIDE, min(moved, STRIDE))
    return Shift(value + moved, information, anchor)


def _told(log_odds: Floats) -> tuple[Floats, Floats]:
    """Log-odds within bounds, and their probabilities."""
    held = np.clip(log_odds, -LOG_ODDS_MAX, LOG_ODDS_MAX)
    return held, 1 / (1 + np.exp(-held))


def _solved(left: Floats, right: Floats) -> Floats:
    """What solves it; not finite where nothing does."""
    try:
        return np.asarray(np.linalg.solve(left, right), dtype=np.float64)
    except np.linalg.LinAlgError:
        return np.full(len(right), np.nan)
