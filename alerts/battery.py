"""Low battery: which device has to be charged or changed before it falls silent. Pure.

Only a charge that falls or stands still is low; one that rises is being mended. What turns a charge from falling to
rising is a few points, since gauges waver.
"""

from collections.abc import Mapping

import msgspec

DEVICES_MAX = 16
"""Devices whose charge is remembered; the longest unheard goes first."""


class BatteryRule(msgspec.Struct, frozen=True, kw_only=True):
    """When a charge is low; all our choice, for a device that runs for days and is charged for an hour or two."""

    low_percent: float = 15.0
    """At or below: low priority; hours are left."""
    critical_percent: float = 5.0
    """At or below: medium; contact may be lost at any moment."""
    clear_percent: float = 20.0
    """At or above it is not low any more."""
    charging_percent: float = 3.0
    """So far above its lowest the charge rises; so far below its highest it falls again."""
    unheard_s: float = 3600.0
    """A device not heard for so long, while others are, is worn no more."""


class Charge(msgspec.Struct, omit_defaults=True):
    """One device's charge; mutable."""

    percent: float
    heard_ms: int
    turn_percent: float
    """The lowest while it falls, the highest while it rises."""
    rises: bool = False
    since_ms: int | None = None
    """Since when it has been low."""

    def step(self, percent: float, at_ms: int, rule: BatteryRule) -> None:
        """Take note of a charge."""
        self.percent, self.heard_ms = percent, at_ms
        if self.rises:
            self.turn_percent = max(self.turn_percent, percent)
            turned = percent <= self.turn_percent - rule.charging_percent
        else:
            self.turn_percent = min(self.turn_percent, percent)
            turned = percent >= self.turn_percent + rule.charging_percent
        if turned:
            self.rises, self.turn_percent = not self.rises, percent
        if self.rises or percent >= rule.clear_percent:
            self.since_ms = None
        elif percent <= rule.low_percent and self.since_ms is None:
            self.since_ms = at_ms


class Batteries(msgspec.Struct, omit_defaults=True):
    """The charges of one patient's devices; mutable."""

    charges: dict[str, Charge] = {}
    """Per device, in order of use."""
    dismissed: bool = False
    """A person ended the alert: no other before a device was charged."""

    def step(self, device_id: str, percent: float, at_ms: int, rule: BatteryRule) -> Charge:
        """Take note of a device's charge."""
        charge = self.charges.pop(device_id, None)
        if charge is None:
            charge = Charge(percent, at_ms, percent)
        self.charges[device_id] = charge
        if len(self.charges) > DEVICES_MAX:
            del self.charges[next(iter(self.charges))]
        charge.step(percent, at_ms, rule)
        return charge

    def forget_unheard(self, newest_ms: Mapping[str, int], at_ms: int, rule: BatteryRule) -> None:
        """Forget devices that are heard of no more, by when each was heard last."""
        gone = [
            device_id
            for device_id, charge in self.charges.items()
            if at_ms - newest_ms.get(device_id, charge.heard_ms) > rule.unheard_s * 1000
        ]
        for device_id in gone:
            del self.charges[device_id]

    def lowest(self) -> tuple[str, Charge] | None:
        """The device with the least charge of those that are low."""
        low = [item for item in self.charges.items() if item[1].since_ms is not None]
        return min(low, key=lambda item: item[1].percent, default=None)
