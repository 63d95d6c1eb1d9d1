"""Clocks so wrong that nothing a device sends can alarm: slow, so that all counts as the past, or far ahead, and refused. Pure.

One alert per patient, whatever the device measures: the fault is one. Judged on arrival, per device: another device that
keeps time says nothing of this one's clock.
"""

import msgspec

from alerts.evidence import Cadence, GapRule

DEVICES_MAX = 16
"""Devices whose clocks are remembered; the longest unheard goes first."""


class ClockRule(msgspec.Struct, frozen=True, kw_only=True):
    """How long a device's readings may all be unusable for their time."""

    late_s: float = 120.0
    """Late; the extra delay that Pater 2020 gives to technical alarms: a backlog is delivered by then."""
    ahead_s: float = 60.0
    """Refused as of the future, which no backlog explains; our choice, sooner than contact counts as lost."""
    unheard_s: float = 3600.0
    """A device not heard for so long, while others are, is worn no more; our choice."""


class DeviceClock(msgspec.Struct, omit_defaults=True):
    """A device of which nothing has come in time since its first late or refused reading; mutable."""

    arrivals: Cadence = msgspec.field(default_factory=Cadence)
    since_ms: int = 0
    behind_ms: int = 0
    """How far the last reading's time lay behind its arrival; negative: ahead."""
    wrong: bool = False
    """For so long that it was told."""

    def miss(self, at_ms: int, behind_ms: int, rule: ClockRule, gap: GapRule) -> None:
        """A reading came that cannot alarm for its time; a gap in contact, or the other way about, begins anew."""
        began = self.arrivals.last_ms is None or (behind_ms < 0) is not (self.behind_ms < 0)
        moment = self.arrivals.step(max(at_ms, self.arrivals.last_ms or 0), gap)
        if began or (not moment.is_consecutive and not self.wrong):
            self.since_ms = moment.at_ms
        self.behind_ms = behind_ms
        allowed_s = rule.ahead_s if behind_ms < 0 else rule.late_s
        self.wrong = self.wrong or moment.at_ms - self.since_ms >= allowed_s * 1000


class Clocks(msgspec.Struct, omit_defaults=True):
    """The clocks of one patient's devices that give cause for doubt; mutable."""

    devices: dict[str, DeviceClock] = {}
    """In order of use; a device that keeps time is none of them."""
    dismissed: bool = False
    """A person ended the alert: no other before every clock was right."""

    def miss(self, device_id: str, at_ms: int, behind_ms: int, rule: ClockRule, gap: GapRule) -> DeviceClock:
        """A reading of the device came that cannot alarm for its time."""
        clock = self.devices.pop(device_id, None) or DeviceClock()
        self.devices[device_id] = clock
        if len(self.devices) > DEVICES_MAX:
            del self.devices[next(iter(self.devices))]
        clock.miss(at_ms, behind_ms, rule, gap)
        return clock

    def keep_time(self, device_id: str, at_ms: int, rule: ClockRule) -> None:
        """A reading of the device came in time; devices unheard for long are forgotten."""
        if not self.devices:
            return
        self.devices.pop(device_id, None)
        gone = [
            other
            for other, clock in self.devices.items()
            if at_ms - (clock.arrivals.last_ms or 0) > rule.unheard_s * 1000
        ]
        for other in gone:
            del self.devices[other]
        if not self.devices:
            self.dismissed = False

    def any_wrong(self) -> bool:
        """Whether any clock is wrong."""
        return any(clock.wrong for clock in self.devices.values())
