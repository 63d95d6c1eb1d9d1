"""Hard limits for children, by age: where Bedside PEWS begins to give 2 and 4 points, with the delays of adult limits.

Limits: Parshuram 2009 (`vitals.pews`), strictly beyond its bounds. Delays as for adults (`vitals.limits`, after Pater 2020,
which was a paediatric ward), priorities our choice: medium from 2 points on, high from 4. SpO2 and temperature as for
adults: their dangers do not depend on age as rates and pressures do.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from vitals.age import AgeBand
from vitals.alert import AlertKind, Priority
from vitals.limits import HARD_LIMITS, LimitDepth, LimitRule, Side, within
from vitals.pews import ranges
from vitals.sign import Sign

_SOURCE: Final = "limits: Bedside PEWS, Parshuram 2009, 2 and 4 points; delays and priorities: our choice"
_DELAYS_S: Final[Mapping[AlertKind, tuple[float, float]]] = {
    AlertKind.HEART_RATE_LOW: (60, 15),
    AlertKind.HEART_RATE_HIGH: (300, 60),
    AlertKind.RESPIRATORY_RATE_LOW: (60, 15),
    AlertKind.RESPIRATORY_RATE_HIGH: (120, 30),
    AlertKind.SYSTOLIC_LOW: (60, 0),
    AlertKind.SYSTOLIC_HIGH: (60, 0),
}
"""Of the medium and of the high band; a child that cries or runs passes the shallow one of heart rate for minutes."""


def _rule(adult: LimitRule, band: AgeBand) -> LimitRule:
    delays_s = _DELAYS_S.get(adult.kind)
    if delays_s is None:
        return adult
    _, medium, high = ranges(adult.sign, band)
    low_side = adult.side is Side.LOW
    depths = (
        LimitDepth(medium.low if low_side else medium.high, delays_s[0], Priority.MEDIUM),
        LimitDepth(high.low if low_side else high.high, delays_s[1], Priority.HIGH),
    )
    return LimitRule(adult.kind, adult.sign, adult.side, depths, _SOURCE)


CHILD_LIMITS: Mapping[AgeBand, tuple[LimitRule, ...]] = MappingProxyType(
    {band: tuple(_rule(adult, band) for adult in HARD_LIMITS) for band in AgeBand}
)
"""One rule per alert kind of a limit, as for adults."""

LIMITED_BY_AGE: Final = frozenset(rule.sign for rule in HARD_LIMITS if rule.kind in _DELAYS_S)
"""Signs whose limits differ by age."""


_WITHIN_BY_AGE: Final = {band: within(rules) for band, rules in CHILD_LIMITS.items()}


def any_beyond_child_limits(signs: Mapping[Sign, float], band: AgeBand) -> bool:
    """Whether any of a child's values lies beyond the shallowest hard limit of its sign at that age, however briefly.

    >>> [any_beyond_child_limits({Sign.HEART_RATE: 75}, band) for band in (AgeBand.UNDER_3_MONTHS, AgeBand.UNDER_12_YEARS)]
    [True, False]
    """
    bounds_of = _WITHIN_BY_AGE[band].get
    for sign, value in signs.items():
        bounds = bounds_of(sign)
        if bounds is not None and not bounds[0] <= value <= bounds[1]:
            return True
    return False
