"""What is known of how each sign varies in people, before anything is known of this one. Pure."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from vitals.sign import PHYSIOLOGICAL_SIGNS, Sign


class Range(NamedTuple):
    """From `low` to `high`, both in it."""

    low: float
    high: float

    def clipped(self, value: float) -> float:
        """The nearest value that lies in it."""
        return min(max(value, self.low), self.high)

    def outside(self, value: float) -> float:
        """How far a value lies outside; 0 inside."""
        return max(self.low - value, value - self.high, 0.0)


class Variation(NamedTuple):
    """One sign in an adult at rest, in the sign's unit."""

    expected: float
    """Standard deviation to start from; our choice."""
    least: float
    """Floor of the spread: what the sensor and the moment always add; our choice."""
    unremarkable: Range
    """Where NEWS2 gives no point (RCP 2017); for pressures that it does not score, the usual range of adults."""
    night: Range
    """What sleep may change: heart rate and pressure dip by a tenth to a fifth, temperature falls by up to half a degree,
    saturation by a percent or two. What rises in illness is never put down to the night."""
    active: Range
    """What walking may change."""
    calms: int = -1
    """Where the sign goes in who calms down: -1 downwards, 1 upwards."""


VARIATION: Mapping[Sign, Variation] = MappingProxyType(
    {
        Sign.HEART_RATE: Variation(8, 2, Range(51, 90), Range(-10, 0), Range(0, 40)),
        Sign.RESPIRATORY_RATE: Variation(3, 1, Range(12, 20), Range(-2, 0), Range(0, 10)),
        Sign.SPO2: Variation(1.5, 0.75, Range(96, 100), Range(-1.5, 0), Range(-2, 0), 1),
        Sign.TEMPERATURE: Variation(0.3, 0.1, Range(36.1, 38), Range(-0.5, 0), Range(0, 0.3)),
        Sign.SYSTOLIC: Variation(10, 4, Range(111, 219), Range(-20, 0), Range(0, 30)),
        Sign.DIASTOLIC: Variation(7, 3, Range(60, 90), Range(-14, 0), Range(0, 10)),
        Sign.MEAN_PRESSURE: Variation(8, 3, Range(70, 105), Range(-16, 0), Range(0, 17)),
    }
)

assert VARIATION.keys() == set(PHYSIOLOGICAL_SIGNS)  # noqa: S101 - holds at import or never
