"""Lost contact: no reading is an alert too. Pure; time is ticks of the log, held against `received_at`.

How long a patient may be silent follows the devices' own cadence, so that hourly spot checks do not alarm: the usual interval
between moments of contact, or, where contact comes in bursts, the usual pause between two. After a first reading alone
there is no cadence yet, and silence may last longer before it is told.
"""

from statistics import median_low
from typing import Final

import msgspec

from alerts.evidence import INTERVALS_KEPT
from vitals.reading import Origin

BURSTS_KEPT = 6
"""Bursts remembered: a gateway may cut each one into two or three."""
CLOCK_STEP_MS: Final = 3_600_000
"""Time that steps further than this was stepped by a clock, not by what was slow or late; our choice."""


class ContactRule(msgspec.Struct, frozen=True, kw_only=True):
    """How long silence may last."""

    silence_s: float = 120.0
    """At least this long; the extra delay that Pater 2020 gives to technical alarms."""
    usual_factor: float = 3.0
    """And at least this many usual intervals; our choice."""
    first_silence_s: float = 900.0
    """After one reading alone, or a first burst: neither makes a cadence. Our choice: as long as NEWS2 takes a continuous
    sign for fresh."""
    first_burst_s: float = 15.0
    """Contact no longer than this is a burst; longer, and it is missed after `silence_s`. Our choice: wearables that measure
    now and then do so for some ten seconds."""
    grace_s: float = 30.0
    """After the watch itself was away, time for the backlog to arrive before anyone is missed; our choice."""
    away_s: float = 30.0
    """A distance between ticks beyond which the watch was away."""
    burst_factor: float = 3.0
    """A burst that lasts this many times the pause after it is none, but contact that was lost; our choice."""

    @property
    def moment_ms(self) -> int:
        """Contact as close as this is one moment: shorter intervals cannot change how long silence may last."""
        return int(self.silence_s * 1000 / self.usual_factor)


class Contact(msgspec.Struct, omit_defaults=True):
    """When a patient was last heard of; mutable.

    Readings within `ContactRule.moment_ms` of one another are one moment of contact, so that a device that sends its backlog
    in a burst keeps its true cadence. Contact that goes on and on counts as a moment each so long.

    A burst that lasts longer than that, or that a gateway cuts into two moments, shows short intervals and one long pause in
    turn; so pauses longer than the silence that is always allowed are remembered by themselves.
    """

    heard_ms: int | None = None
    moment_ms: int = 0
    """When the present moment of contact began."""
    readings: int = 0
    """How many were heard, counted up to 2."""
    intervals_ms: list[int] = []
    """Between the last few moments of contact."""
    burst_from_ms: int | None = None
    """When the present burst, contact without a pause, began; None where that was not noted."""
    bursts: list[tuple[int, int]] = []
    """The last few bursts: how long each was, and how long the pause after it, in ms."""
    origin: Origin = Origin.REAL
    is_steady: bool = False
    """Contact has once lasted longer than `first_burst_s`."""
    dismissed: bool = False
    """A person resolved the alert of this silence: no other before contact is regained."""

    def hear(self, received_at_ms: int, origin: Origin, rule: ContactRule) -> None:
        """Take note of a reading."""
        self.origin = origin
        self.dismissed = False
        self.readings = min(self.readings + 1, 2)
        if self.heard_ms is None:
            self.heard_ms = self.moment_ms = self.burst_from_ms = received_at_ms
            return
        self._note_pause(self.heard_ms, received_at_ms, rule)
        pause_ms = received_at_ms - self.heard_ms
        self.heard_ms = max(self.heard_ms, received_at_ms)
        if self.burst_from_ms is None or self.heard_ms - self.burst_from_ms > rule.first_burst_s * 1000:
            self.is_steady = True
        if self.heard_ms - self.moment_ms >= rule.moment_ms:
            self.intervals_ms.append(self.heard_ms - self.moment_ms if pause_ms >= rule.moment_ms else rule.moment_ms)
            del self.intervals_ms[:-INTERVALS_KEPT]
            self.moment_ms = self.heard_ms

    def _note_pause(self, heard_ms: int, received_at_ms: int, rule: ContactRule) -> None:
        pause_ms = received_at_ms - heard_ms
        if self.burst_from_ms is None:
            self.burst_from_ms = received_at_ms
        elif pause_ms > rule.silence_s * 1000:
            burst_ms, self.burst_from_ms = heard_ms - self.burst_from_ms, received_at_ms
            if burst_ms > rule.burst_factor * pause_ms:
                self.bursts.clear()
                return
            self.bursts.append((burst_ms, pause_ms))
            del self.bursts[:-BURSTS_KEPT]

    def usual_ms(self, rule: ContactRule) -> int | None:
        """How long this patient's devices are usually silent; None while unknown or short."""
        known = [median_low(self.intervals_ms)] if self.intervals_ms else []
        if len(self.bursts) >= 2 and not self._outlasts_bursts(rule):
            known.append(sorted(pause_ms for _, pause_ms in self.bursts)[-2])
        return max(known, default=None)

    def _outlasts_bursts(self, rule: ContactRule) -> bool:
        """Whether contact lasts now as it never did in bursts: then its pauses say nothing any more."""
        if self.heard_ms is None or self.burst_from_ms is None:
            return True
        longest_ms = max(burst_ms for burst_ms, _ in self.bursts)
        return self.heard_ms - self.burst_from_ms > 2 * longest_ms + rule.silence_s * 1000

    def follow_clock(self, at_ms: int, rule: ContactRule) -> None:
        """A tick is at `at_ms`: what was heard far after it was heard by a clock that ran ahead.

        It counts as heard now, or silence would be no alert until then; and no rhythm is taken from such a clock.
        """
        if self.heard_ms is not None and self.heard_ms - at_ms > rule.silence_s * 1000:
            self.heard_ms = self.moment_ms = at_ms
            self.intervals_ms, self.burst_from_ms, self.bursts = [], None, []

    def is_lost(self, at_ms: int, rule: ContactRule) -> bool:
        """Whether at `at_ms` the silence is longer than this patient's devices' own cadence allows."""
        if self.heard_ms is None or self.dismissed:
            return False
        if self.readings < 2:
            return at_ms - self.heard_ms > rule.first_silence_s * 1000
        knows_rhythm = self.is_steady or self.burst_from_ms is None or len(self.bursts) >= 2
        least_s = rule.silence_s if knows_rhythm else rule.first_silence_s
        return at_ms - self.heard_ms > max(least_s * 1000, rule.usual_factor * (self.usual_ms(rule) or 0))


class Watch(msgspec.Struct):
    """The ticks of one partition; mutable. Decides whether a tick may judge silence.

    After a long outage the first tick may come before the readings that waited outside. That the watch was away shows in
    the ticks themselves, so a replay decides alike.
    """

    last_ms: int | None = None
    judges_from_ms: int = 0
    behind_ms: int | None = None
    """The tick before, where it was left out for lying far behind `last_ms`."""

    def step(self, at_ms: int, rule: ContactRule) -> bool:
        """Take note of a tick; True where it judges. A tick that is not newer than the last one never does.

        Two in a row that lie far behind, the second newer than the first, say that the last one was of a clock that ran
        ahead: the watch goes by theirs from then on. One alone is a tick that was late, as where two engines hand over.
        """
        last_ms = self.last_ms
        if last_ms is None:
            return self._judges(at_ms, goes_astray=True, rule=rule)
        if at_ms > last_ms:
            # While in grace a wide tick does not start it anew: slow ticks would otherwise blind the watch for good.
            wide_ms = CLOCK_STEP_MS if last_ms < self.judges_from_ms else rule.away_s * 1000
            return self._judges(at_ms, goes_astray=at_ms - last_ms > wide_ms, rule=rule)
        if last_ms - at_ms <= rule.away_s * 1000:
            return False
        if self.behind_ms is None or at_ms <= self.behind_ms:
            self.behind_ms = at_ms
            return False
        return self._judges(at_ms, goes_astray=True, rule=rule)

    def _judges(self, at_ms: int, *, goes_astray: bool, rule: ContactRule) -> bool:
        """Go by this tick; whether it judges, which after a step astray none does for a while."""
        self.last_ms, self.behind_ms = at_ms, None
        if goes_astray:
            self.judges_from_ms = at_ms + round(rule.grace_s * 1000)
        return at_ms >= self.judges_from_ms
