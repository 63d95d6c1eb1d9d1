"""What every scenario keeps, and the arithmetic they share."""

from typing import Protocol

import numpy as np

from simulators.physiology import Array, Signs
from simulators.truth import Truth
from vitals.alert import AlertKind

LIMIT_KINDS: tuple[AlertKind, ...] = (
    AlertKind.HEART_RATE_LOW,
    AlertKind.HEART_RATE_HIGH,
    AlertKind.RESPIRATORY_RATE_LOW,
    AlertKind.RESPIRATORY_RATE_HIGH,
    AlertKind.SPO2_LOW,
    AlertKind.TEMPERATURE_LOW,
    AlertKind.TEMPERATURE_HIGH,
    AlertKind.SYSTOLIC_LOW,
    AlertKind.SYSTOLIC_HIGH,
)
"""Alerts that hold a single sign against a limit."""
SCORE_KINDS: tuple[AlertKind, ...] = (
    AlertKind.NEWS2_SINGLE_RED,
    AlertKind.NEWS2_URGENT,
    AlertKind.NEWS2_EMERGENCY,
)
DECISION_MARGIN_S = 10.0
"""What an alarm's own delay may be exceeded by: sampling, noise around the limit, transport."""


class Scenario(Protocol):
    """One named course: what it does to a healthy patient's signs, and what is true of it. Pure."""

    @property
    def name(self) -> str:
        """Its name on the command line and in the truth."""

    def shape(self, elapsed_s: Array, signs: Signs) -> Signs:
        """The signs as this course makes them, at `elapsed_s` since the start; does not change `signs`."""

    def truth(self) -> Truth:
        """What is true of it."""


def smooth(share: Array) -> Array:
    """From 0 to 1 without a kink, for `share` from 0 to 1; constant outside.

    >>> smooth(np.array([-1.0, 0.0, 0.5, 1.0, 2.0])).tolist()
    [0.0, 0.0, 0.5, 1.0, 1.0]
    """
    bounded = np.clip(share, 0.0, 1.0)
    result: Array = bounded * bounded * (3 - 2 * bounded)
    return result


def drawn(values: Array, *, usual: float, target: float, share: Array, kept: float = 0.35) -> Array:
    """`values` drawn towards `target` by `share` (0 to 1), keeping a part of how the person differs from `usual`."""
    result: Array = values * (1 - share) + (target + kept * (values - usual)) * share
    return result
