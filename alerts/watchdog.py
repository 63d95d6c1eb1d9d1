"""Lost contact: no reading is an alert too. Pure; time is ticks of the log, held against `received_at`.

How long a patient may be silent follows the devices' own cadence, so that hourly spot checks do not alarm. After a first
reading alone there is no cadence yet, and silence may last longer before it is told.
"""

from statistics import median_low

import msgspec

from alerts.evidence import INTERVALS_KEPT
from vitals.reading import Origin


class ContactRule(msgspec.Struct, frozen=True, kw_only=True):
    """How long silence may last."""

    silence_s: float = 120.0
    """At least this long; the extra delay that Pater 2020 gives to technical alarms."""
    usual_factor: float = 3.0
    """And at least this many usual intervals; our choice."""
    first_silence_s: float = 900.0
    """After one reading alone; our choice: as long as NEWS2 takes a continuous sign for fresh."""
    grace_s: float = 30.0
    """After the watch itself was away, time for the backlog to arrive before anyone is missed; our choice."""
    away_s: float = 30.0
    """A distance between ticks beyond which the watch was away."""


class Contact(msgspec.Struct, omit_defaults=True):
    """When a patient was last heard of; mutable.

    Readings within a third of the allowed silence of one another are one moment of contact: shorter intervals cannot
    change what is allowed, and a device that sends its backlog in a burst keeps its true cadence.
    """

    heard_ms: int | None = None
    moment_ms: int = 0
    """When the present moment of contact began."""
    readings: int = 0
    """How many were heard, counted up to 2."""
    intervals_ms: list[int] = []
    """Between the last few moments of contact."""
    origin: Origin = Origin.REAL
    dismissed: bool = False
    """A person resolved the alert of this silence: no other before contact is regained."""

    def hear(self, received_at_ms: int, origin: Origin, rule: ContactRule) -> None:
        """Take note of a reading."""
        self.origin = origin
        self.dismissed = False
        self.readings = min(self.readings + 1, 2)
        if self.heard_ms is None:
            self.heard_ms = self.moment_ms = received_at_ms
            return
        self.heard_ms = max(self.heard_ms, received_at_ms)
        if self.heard_ms - self.moment_ms >= rule.silence_s * 1000 / rule.usual_factor:
            self.intervals_ms.append(self.heard_ms - self.moment_ms)
            del self.intervals_ms[:-INTERVALS_KEPT]
            self.moment_ms = self.heard_ms

    def usual_ms(self) -> int | None:
        """The usual interval between moments of contact; None while unknown or short."""
        return median_low(self.intervals_ms) if self.intervals_ms else None

    def is_lost(self, at_ms: int, rule: ContactRule) -> bool:
        """Whether at `at_ms` the silence is longer than this patient's devices' own cadence allows."""
        if self.heard_ms is None or self.dismissed:
            return False
        if self.readings < 2:
            return at_ms - self.heard_ms > rule.first_silence_s * 1000
        return at_ms - self.heard_ms > max(rule.silence_s * 1000, rule.usual_factor * (self.usual_ms() or 0))


class Watch(msgspec.Struct):
    """The ticks of one partition; mutable. Decides whether a tick may judge silence.

    After a long outage the first tick may come before the readings that waited outside. That the watch was away shows in
    the ticks themselves, so a replay decides alike.
    """

    last_ms: int | None = None
    judges_from_ms: int = 0

    def step(self, at_ms: int, rule: ContactRule) -> bool:
        """Take note of a tick; True where it judges. A tick that is not newer than the last one never does."""
        last_ms = self.last_ms
        if last_ms is not None and at_ms <= last_ms:
            return False
        self.last_ms = at_ms
        # While in grace a wide tick does not start it anew: slow ticks would otherwise blind the watch for good.
        was_judging = last_ms is None or last_ms >= self.judges_from_ms
        if was_judging and (last_ms is None or at_ms - last_ms > rule.away_s * 1000):
            self.judges_from_ms = at_ms + round(rule.grace_s * 1000)
        return at_ms >= self.judges_from_ms
