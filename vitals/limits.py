"""Hard limits: absolute bounds on single signs, held against whatever the models say, with delays that shrink with depth.

A deeper band waits less: a small excursion must last before it calls anyone, a crisis calls at once. The idea and the
SpO2 delays follow Pater et al., BMJ Quality & Safety 2020;29:717 (40 s from 80 %, 15 s in the 70s, 5 s in the 60s, none
below; 15 s for heart and respiratory rate), where notifications fell from 71 to 22 per bed-day. That SpO2 below 88 %
instead of 90 % spares most alarms: Masimo in BI&T 2011 (-63 %). Limits and other delays are our choice for adult wards,
set so that the shallowest lies at or beyond the NEWS2 red band, since NEWS2 speaks of milder trouble. Priorities follow
harm and onset after IEC 60601-1-8 clause 6.1.2.

Delays of 0 s stand at the deepest band of signs that are measured now and then (pressure by cuff, temperature): one
value can never last. Not for children, not for labour.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType

import msgspec

from vitals.alert import AlertKind, Priority
from vitals.sign import Sign


class Side(StrEnum):
    """On which side of a limit trouble lies."""

    LOW = "low"
    HIGH = "high"


class LimitDepth(msgspec.Struct, frozen=True):
    """One band: strictly beyond `limit`, without a gap, for at least `delay_s` is an alarm of `priority`."""

    limit: float
    """In the sign's unit."""
    delay_s: float
    priority: Priority


class LimitRule(msgspec.Struct, frozen=True):
    """The bands of one sign on one side."""

    kind: AlertKind
    sign: Sign
    side: Side
    depths: tuple[LimitDepth, ...]
    """Shallow to deep: limits go outwards, delays never grow, priorities never fall."""
    source: str
    clear_s: float | None = None
    """How long the sign must be back before the alert ends; None: as for all limits."""

    def is_beyond(self, value: float, limit: float) -> bool:
        """Whether `value` lies strictly beyond `limit` on this rule's side."""
        return value < limit if self.side is Side.LOW else value > limit

    def depth_of(self, value: float) -> LimitDepth | None:
        """The deepest band that `value` lies in, or None within the limits."""
        for depth in reversed(self.depths):
            if self.is_beyond(value, depth.limit):
                return depth
        return None


_PATER = "SpO2 delays: Pater 2020 BMJ Qual Saf 29:717; 88 % instead of 90 %: BI&T 2011"
_PATER_RATE = "15 s: Pater 2020 BMJ Qual Saf 29:717; limits and other delays: our choice beyond the NEWS2 red band"
_MOTION = (
    "our choice: beyond the NEWS2 red band; 300 s since healthy people pass 130 for 15 s many times a day; 165: what a heart"
    " of 55 years reaches at most in exertion (220 - age), so that sinus rhythm seldom explains more; back for 600 s,"
    " since stress and paroxysms come in waves of minutes"
)
_SPOT = "our choice: at or beyond the outer NEWS2 band; 0 s at the deepest since spot values cannot last"

HARD_LIMITS: tuple[LimitRule, ...] = (
    LimitRule(
        AlertKind.SPO2_LOW,
        Sign.SPO2,
        Side.LOW,
        (
            LimitDepth(88, 40, Priority.MEDIUM),
            LimitDepth(80, 15, Priority.HIGH),
            LimitDepth(70, 5, Priority.HIGH),
            LimitDepth(60, 0, Priority.HIGH),
        ),
        _PATER,
    ),
    LimitRule(
        AlertKind.HEART_RATE_LOW,
        Sign.HEART_RATE,
        Side.LOW,
        (
            LimitDepth(40, 60, Priority.MEDIUM),
            LimitDepth(35, 15, Priority.HIGH),
            LimitDepth(30, 5, Priority.HIGH),
        ),
        _PATER_RATE,
    ),
    LimitRule(
        AlertKind.HEART_RATE_HIGH,
        Sign.HEART_RATE,
        Side.HIGH,
        (
            LimitDepth(130, 300, Priority.MEDIUM),
            LimitDepth(150, 120, Priority.MEDIUM),
            LimitDepth(165, 60, Priority.MEDIUM),
            LimitDepth(180, 15, Priority.HIGH),
        ),
        _MOTION,
        clear_s=600,
    ),
    LimitRule(
        AlertKind.RESPIRATORY_RATE_LOW,
        Sign.RESPIRATORY_RATE,
        Side.LOW,
        (
            LimitDepth(8, 60, Priority.MEDIUM),
            LimitDepth(6, 30, Priority.HIGH),
            LimitDepth(4, 15, Priority.HIGH),
        ),
        _PATER_RATE,
    ),
    LimitRule(
        AlertKind.RESPIRATORY_RATE_HIGH,
        Sign.RESPIRATORY_RATE,
        Side.HIGH,
        (
            LimitDepth(30, 120, Priority.MEDIUM),
            LimitDepth(40, 30, Priority.HIGH),
        ),
        _PATER_RATE,
    ),
    LimitRule(
        AlertKind.TEMPERATURE_LOW,
        Sign.TEMPERATURE,
        Side.LOW,
        (
            LimitDepth(35, 600, Priority.LOW),
            LimitDepth(34, 300, Priority.MEDIUM),
            LimitDepth(32, 0, Priority.HIGH),
        ),
        _SPOT,
    ),
    LimitRule(
        AlertKind.TEMPERATURE_HIGH,
        Sign.TEMPERATURE,
        Side.HIGH,
        (
            LimitDepth(39, 600, Priority.LOW),
            LimitDepth(40, 300, Priority.MEDIUM),
            LimitDepth(41, 0, Priority.HIGH),
        ),
        _SPOT,
    ),
    LimitRule(
        AlertKind.SYSTOLIC_LOW,
        Sign.SYSTOLIC,
        Side.LOW,
        (
            LimitDepth(90, 60, Priority.MEDIUM),
            LimitDepth(80, 0, Priority.HIGH),
        ),
        _SPOT,
    ),
    LimitRule(
        AlertKind.SYSTOLIC_HIGH,
        Sign.SYSTOLIC,
        Side.HIGH,
        (
            LimitDepth(219, 60, Priority.MEDIUM),
            LimitDepth(250, 0, Priority.HIGH),
        ),
        _SPOT,
    ),
)
"""Adult ward defaults; one rule per alert kind."""


def within(rules: Iterable[LimitRule]) -> Mapping[Sign, tuple[float, float]]:
    """Per limited sign the closed range in which no rule's shallowest band begins; delays play no part."""
    bounds: dict[Sign, tuple[float, float]] = {}
    for rule in rules:
        low, high = bounds.get(rule.sign, (float("-inf"), float("inf")))
        shallowest = rule.depths[0].limit
        bounds[rule.sign] = (shallowest, high) if rule.side is Side.LOW else (low, shallowest)
    return MappingProxyType(bounds)


WITHIN_LIMITS: Mapping[Sign, tuple[float, float]] = within(HARD_LIMITS)
"""Of adults."""


_BOUNDS = dict(WITHIN_LIMITS)


def is_beyond_limits(sign: Sign, value: float) -> bool:
    """Whether `value` lies beyond the shallowest hard limit of `sign`, however briefly.

    >>> is_beyond_limits(Sign.SPO2, 87.9), is_beyond_limits(Sign.SPO2, 88)
    (True, False)
    """
    bounds = WITHIN_LIMITS.get(sign)
    return bounds is not None and not bounds[0] <= value <= bounds[1]


def any_beyond_limits(signs: Mapping[Sign, float]) -> bool:
    """Whether any of these values lies beyond the shallowest hard limit of its sign, however briefly."""
    for sign, value in signs.items():
        bounds = _BOUNDS.get(sign)
        if bounds is not None and not bounds[0] <= value <= bounds[1]:
            return True
    return False
