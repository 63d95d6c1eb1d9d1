"""A sign that nobody judges is an alert too: refused as impossible, or gone while others are heard. Pure.

Lost contact speaks of patients of whom nothing arrives. Here something does, and yet no limit watches one of the signs:
a respiratory rate of 0 is refused as impossible, and may be a patient who does not breathe; an oximeter falls off while
the patch goes on. All is judged on arrival, by the readings themselves. Readings whose time is wrong are the matter of
`alerts.clocks`.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

import msgspec

from alerts.evidence import INTERVALS_KEPT, Cadence, GapRule, Moment
from vitals.alert import AlertKind
from vitals.sign import Sign

LOST_KINDS: Mapping[Sign, AlertKind] = MappingProxyType(
    {
        Sign.HEART_RATE: AlertKind.HEART_RATE_LOST,
        Sign.RESPIRATORY_RATE: AlertKind.RESPIRATORY_RATE_LOST,
        Sign.SPO2: AlertKind.SPO2_LOST,
        Sign.TEMPERATURE: AlertKind.TEMPERATURE_LOST,
        Sign.SYSTOLIC: AlertKind.SYSTOLIC_LOST,
    }
)
"""The signs that have limits. A kind each, so that one acknowledged alert hides no other sign's."""

CONTINUOUS_SIGNS = frozenset({Sign.HEART_RATE, Sign.RESPIRATORY_RATE, Sign.SPO2})
"""Of these mere absence is told; temperature and pressure are measured when somebody measures them."""


class Why(StrEnum):
    """Why a sign was not judged."""

    REFUSED = "refused"
    ABSENT = "absent"
    MISTIMED = "mistimed"
    """It came, late or ahead of time: the device's clock is told of, not the sign."""


class UnjudgedRule(msgspec.Struct, frozen=True, kw_only=True):
    """How long a sign may go without being judged."""

    refused_s: float = 30.0
    """Refused as impossible, with nothing believable in between; our choice: it may be the patient."""
    absent_s: float = 300.0
    """Longer, since others are heard and sensors are taken off for a while; our choice."""
    usual_factor: float = 3.0
    """An absent sign also this many of its usual intervals; as for lost contact."""
    usual_s_max: float = 300.0
    """A sign that is usually heard more rarely is a spot check, and its absence tells nothing; our choice."""


class SignWatch(msgspec.Struct, omit_defaults=True):
    """One sign of one patient; mutable."""

    judged: Cadence = msgspec.field(default_factory=Cadence)
    """Arrivals of values that the limits judged."""
    since_ms: dict[Why, int] = {}
    """Since when it was not judged for that reason, without a judged value or a gap in contact."""
    dismissed: bool = False
    """A person ended the alert of this loss: no other before the sign is judged again."""

    def judge(self, at_ms: int, gap: GapRule) -> None:
        """The limits judged a value."""
        self.judged.step(at_ms, gap)
        self.since_ms.clear()
        self.dismissed = False

    def miss(self, sign: Sign, why: Why, moment: Moment, rule: UnjudgedRule) -> int | None:
        """The patient was heard, and the sign not judged; since when, if that is too long."""
        if not moment.is_consecutive:
            self.since_ms.clear()
        if not moment.is_dense:
            self.since_ms.pop(Why.ABSENT, None)
        if why is Why.ABSENT and not self._is_continuous(sign, rule):
            return None
        since_ms = self.since_ms.setdefault(why, moment.at_ms)
        if self.dismissed or not self._is_due(why, since_ms, moment, rule):
            return None
        return since_ms

    def _is_continuous(self, sign: Sign, rule: UnjudgedRule) -> bool:
        if sign not in CONTINUOUS_SIGNS or len(self.judged.intervals_ms) < INTERVALS_KEPT:
            return False
        return (self.judged.usual_ms() or 0) <= rule.usual_s_max * 1000

    def _is_due(self, why: Why, since_ms: int, moment: Moment, rule: UnjudgedRule) -> bool:
        lasted_ms = moment.at_ms - since_ms
        if why is Why.REFUSED:
            return moment.has_held(since_ms, rule.refused_s)
        return lasted_ms >= max(rule.absent_s * 1000, rule.usual_factor * (self.judged.usual_ms() or 0))
