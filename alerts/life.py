"""How long things last in an alert's life, by its priority: latching, acknowledgements, silences. Pure.

After IEC 60601-1-8, 6.8 and 6.10: what was high and nobody saw stays until somebody has, and no order to be quiet lasts
for ever. Latching by priority is the convention of Dräger's monitors (high until acknowledged, medium as a status, low
not at all); every time is our choice, to be set by the house.
"""

from typing import Final

import msgspec

from alerts.unjudged import LOST_KINDS
from vitals.alert import AlertKind, Priority
from vitals.fault import FAULT_KINDS

TECHNICAL_KINDS: Final = frozenset(
    {
        AlertKind.LOST_CONTACT,
        AlertKind.LEDGER_IMBALANCE,
        AlertKind.IRREGULAR_DATA,
        AlertKind.LOW_BATTERY,
        AlertKind.CLOCK_WRONG,
        *LOST_KINDS.values(),
        *FAULT_KINDS,
    }
)
"""Conditions of equipment, not of a patient: they never latch, nothing technical inhibits them, and a person may end them."""


class PriorityLife(msgspec.Struct, frozen=True, kw_only=True):
    """The times of one priority."""

    latches: bool
    """Whether a condition that ended before anybody had acknowledged it keeps its alert open."""
    latched_s: float | None = None
    """For how long; None: until somebody acknowledges it."""
    acknowledged_s: float
    """How long an acknowledgement holds where its author chose no time."""
    acknowledged_s_max: float
    """And the longest time that may be chosen."""


class LifeRule(msgspec.Struct, frozen=True, kw_only=True):
    """The times of all three."""

    high: PriorityLife = PriorityLife(latches=True, acknowledged_s=900, acknowledged_s_max=3600)
    medium: PriorityLife = PriorityLife(latches=True, latched_s=1800, acknowledged_s=3600, acknowledged_s_max=14_400)
    low: PriorityLife = PriorityLife(latches=False, acknowledged_s=28_800, acknowledged_s_max=86_400)
    silence_high_s_max: float = 1800.0
    """A silence covers alerts of high priority for so long after it began, whatever else it orders."""

    def of(self, priority: Priority) -> PriorityLife:
        """The times of `priority`."""
        if priority is Priority.HIGH:
            return self.high
        return self.medium if priority is Priority.MEDIUM else self.low

    def latches(self, kind: AlertKind, priority: Priority) -> bool:
        """Whether an unseen alert of this kind and priority stays open when its condition ends."""
        return kind not in TECHNICAL_KINDS and self.of(priority).latches
