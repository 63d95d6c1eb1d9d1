"""What is known of how each sign varies in people, before anything is known of this one. Pure."""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from vitals.age import AgeBand
from vitals.pews import ranges
from vitals.sign import PHYSIOLOGICAL_SIGNS, Sign

RECOVERY_INTO = 2.0
"""A level outside what is unremarkable has recovered until it is so many times as far inside as it was outside: who was
barely outside comes back a little way, and what goes on from there is another change. Our choice."""
OVERSHOOT = 4.0
"""Past what is unremarkable on the other side each unit counts like so many, up to the whole way from the near side: about
where early-warning scores begin to give points such a patient stands out. Our choice."""


class Range(NamedTuple):
    """From `low` to `high`, both in it."""

    low: float
    high: float

    def clipped(self, value: float) -> float:
        """The nearest value that lies in it."""
        return min(max(value, self.low), self.high)

    def contains(self, value: float) -> bool:
        """Whether a value lies in it."""
        return self.low <= value <= self.high


class Variation(NamedTuple):
    """One sign in somebody at rest, in the sign's unit."""

    expected: float
    """Standard deviation to start from; our choice."""
    least: float
    """Floor of the spread: what the sensor and the moment always add; our choice."""
    unremarkable: Range
    """Where NEWS2 gives no point (RCP 2017); for pressures that it does not score, the usual range of adults. Of children
    where Bedside PEWS gives none (Parshuram 2009); of what it does not score nothing is known, and anything may be."""
    night: Range
    """What sleep may change: heart rate and pressure dip by a tenth to a fifth, temperature falls by up to half a degree,
    saturation by a percent or two. What rises in illness is never put down to the night."""
    active: Range
    """What walking may change."""
    calms: int = -1
    """Where the sign goes in who calms down: -1 downwards, 1 upwards, 0 nobody knows."""
    harmless_above: bool = False
    """Whether no value is too high."""

    def way_back(self, usual: float) -> float:
        """How far a sign that is outside what is unremarkable may go back and be called better; `usual` itself inside.

        >>> adult = VARIATION[Sign.HEART_RATE]
        >>> adult.way_back(110), adult.way_back(93), adult.way_back(70)
        (51, 84.0, 70)
        """
        healthy = self.unremarkable
        if usual > healthy.high:
            return max(healthy.low, healthy.high - RECOVERY_INTO * (usual - healthy.high))
        if usual < healthy.low:
            into = healthy.low + RECOVERY_INTO * (healthy.low - usual)
            return healthy.high if self.harmless_above else min(healthy.high, into)
        return usual

    def is_recovery(self, usual: float, level: float) -> bool:
        """Whether going from `usual` to `level` is getting better: a way back, and not past health."""
        end = self.way_back(usual)
        return end <= level < usual or usual < level <= end

    def towards_harm(self, value: float, usual: float) -> float:
        """How far a value is from usual, in the sign's unit, where that can mean harm; else 0.

        On the way back from an unhealthy usual nothing is; what goes on from its end counts from there, and past what is
        unremarkable faster, until the whole way since it became so counts.

        >>> adult = VARIATION[Sign.HEART_RATE]
        >>> [adult.towards_harm(rate, usual) for rate, usual in ((80, 110), (45, 110), (30, 110), (99, 70), (60, 93))]
        [0.0, -24.0, -60.0, 29.0, -24.0]
        """
        away, healthy = value - usual, self.unremarkable
        low, high = healthy
        if low <= usual <= high and not (away > 0 and self.harmless_above):
            return float(away)
        if away > 0:
            if self.harmless_above:
                return 0.0
            if usual >= healthy.low:
                return float(away)
            past = value - self.way_back(usual)
            faster = (OVERSHOOT - 1) * max(value - healthy.high, 0.0)
            return float(max(0.0, min(value - healthy.low, past + faster)))
        if usual <= healthy.high:
            return float(away)
        past = self.way_back(usual) - value
        faster = (OVERSHOOT - 1) * max(healthy.low - value, 0.0)
        return float(min(0.0, -min(healthy.high - value, past + faster)))


VARIATION: Mapping[Sign, Variation] = MappingProxyType(
    {
        Sign.HEART_RATE: Variation(8, 2, Range(51, 90), Range(-10, 0), Range(0, 40)),
        Sign.RESPIRATORY_RATE: Variation(3, 1, Range(12, 20), Range(-2, 0), Range(0, 10)),
        Sign.SPO2: Variation(1.5, 0.75, Range(96, 100), Range(-1.5, 0), Range(-2, 0), 1, harmless_above=True),
        Sign.TEMPERATURE: Variation(0.3, 0.1, Range(36.1, 38), Range(-0.5, 0), Range(0, 0.3)),
        Sign.SYSTOLIC: Variation(10, 4, Range(111, 219), Range(-20, 0), Range(0, 30)),
        Sign.DIASTOLIC: Variation(7, 3, Range(60, 90), Range(-14, 0), Range(0, 10)),
        Sign.MEAN_PRESSURE: Variation(8, 3, Range(70, 105), Range(-16, 0), Range(0, 17)),
    }
)
"""Of adults."""

_MIDDLE = {Sign.HEART_RATE: 72.0, Sign.RESPIRATORY_RATE: 16.0, Sign.SYSTOLIC: 125.0}
"""Of adults at rest."""
_CHILDS_TEMPERATURE_LEAST = 0.2
"""Under the arm and in the ear, repeated within minutes, a child's temperature scatters by that much; our choice."""
_UNSCORED_PRESSURES = frozenset({Sign.DIASTOLIC, Sign.MEAN_PRESSURE})
_ANYTHING = Range(-math.inf, math.inf)


def _of_age(band: AgeBand) -> Mapping[Sign, Variation]:
    """What lies elsewhere at that age varies by the root of that; the rest is as in adults. Our choice.

    What is expected of heart rate is as in adults, for whom it is generous.
    """
    found = dict(VARIATION)
    for sign, middle in _MIDDLE.items():
        one = ranges(sign, band)[0]
        share = (one.low + one.high) / 2 / middle
        found[sign] = _scaled(VARIATION[sign], share, Range(one.low + 1, one.high - 1))
        if sign is Sign.HEART_RATE:
            found[sign] = found[sign]._replace(expected=VARIATION[sign].expected)
        if sign is Sign.SYSTOLIC:
            for pressure in _UNSCORED_PRESSURES:
                found[pressure] = _scaled(VARIATION[pressure], share, _ANYTHING)._replace(calms=0)
    found[Sign.SPO2] = VARIATION[Sign.SPO2]._replace(unremarkable=Range(95, 100))
    found[Sign.TEMPERATURE] = VARIATION[Sign.TEMPERATURE]._replace(least=_CHILDS_TEMPERATURE_LEAST)
    return MappingProxyType(found)


def _scaled(adult: Variation, share: float, unremarkable: Range) -> Variation:
    return adult._replace(
        expected=adult.expected * math.sqrt(share),
        least=adult.least * math.sqrt(share),
        unremarkable=unremarkable,
        night=Range(adult.night.low * share, adult.night.high * share),
        active=Range(adult.active.low * share, adult.active.high * share),
    )


VARIATION_AT: Mapping[AgeBand | None, Mapping[Sign, Variation]] = MappingProxyType(
    {None: VARIATION, **{band: _of_age(band) for band in AgeBand}}
)
"""By age band; None: an adult, or of unknown age."""

assert VARIATION.keys() == set(PHYSIOLOGICAL_SIGNS)  # noqa: S101 - holds at import or never
