"""Evidence over time: how often a sign is heard, and how long a condition has held without a gap. Pure.

A gap never satisfies a duration rule: a condition's duration counts only across consecutive readings, whose distance is
at most the allowed gap. A sign that is heard more slowly than a delay is a spot check: the delay cannot filter it, so
one reading is enough.
"""

from statistics import median_low
from typing import NamedTuple

import msgspec

INTERVALS_KEPT = 5
"""How many past intervals make the usual one: their lower median, since a shorter one is the more cautious."""

BURSTS_KEPT = 3
BURSTS_MIN = 2
"""Pauses after which bursts are known as a sign's own rhythm; our choice."""


class GapRule(msgspec.Struct, frozen=True, kw_only=True):
    """Which distance between two readings still counts as consecutive."""

    floor_s: float = 15.0
    """Always allowed; our choice: the shortest delay that Pater 2020 gives to rates."""
    usual_factor: float = 2.5
    """Allowed in usual intervals: two readings in a row may be lost; our choice."""


class Moment(NamedTuple):
    """One reading's place in time among those of its kind."""

    at_ms: int
    is_consecutive: bool
    """Whether no gap lies between this reading and the one before."""
    gap_ms: int | None
    """Distance to the one before; None for the first ever."""
    cadence: "Cadence"
    """This reading included."""
    is_dense: bool = True
    """Whether readings came closely up to this one: no gap, and no pause between bursts either."""

    def is_spot_check(self, delay_ms: float) -> bool:
        """Whether readings come so slowly that a delay of `delay_ms` cannot filter them."""
        if self.gap_ms is None or self.gap_ms <= delay_ms:
            return False
        usual_ms = self.cadence.usual_ms()
        return usual_ms is not None and usual_ms > delay_ms

    def drained(self, since_ms: int | None) -> int | None:
        """Since when a condition counts as held after a contrary reading: it takes back as much time as it stands for.

        So one good sample between many bad ones delays an alert a little instead of beginning its delay anew, while
        good and bad in equal parts never fulfil one.
        """
        if since_ms is None or self.gap_ms is None:
            return None
        later_ms = since_ms + 2 * self.gap_ms
        return later_ms if later_ms < self.at_ms else None

    def has_held(self, since_ms: int | None, delay_s: float) -> bool:
        """Whether a condition that began at `since_ms` (None: it does not hold) has lasted for `delay_s`."""
        if since_ms is None:
            return False
        delay_ms = delay_s * 1000
        return self.at_ms - since_ms >= delay_ms or self.is_spot_check(delay_ms)


class Cadence(msgspec.Struct, omit_defaults=True):
    """When a sign was last heard and its last few intervals; mutable, bounded."""

    last_ms: int | None = None
    intervals_ms: list[int] = []
    burst_from_ms: int = 0
    """When the present run of close readings began."""
    bursts: list[tuple[int, int]] = []
    """The last few runs of close readings: how long each was, and how long the pause after it, in ms."""

    def usual_ms(self) -> int | None:
        """The lower median of the kept intervals; None before the second reading."""
        return median_low(self.intervals_ms) if self.intervals_ms else None

    def step(self, at_ms: int, rule: GapRule) -> Moment:
        """Take note of a reading at `at_ms`, which is not before the last one.

        Whether it is consecutive is judged by the cadence known before it, so that a gap cannot excuse itself.
        """
        last_ms, self.last_ms = self.last_ms, at_ms
        if last_ms is None:
            self.burst_from_ms = at_ms
            return Moment(at_ms, is_consecutive=False, gap_ms=None, cadence=self, is_dense=False)
        gap_ms = at_ms - last_ms
        is_dense = gap_ms <= rule.floor_s * 1000 or gap_ms <= rule.usual_factor * (self.usual_ms() or 0)
        is_consecutive = is_dense or self._is_usual_pause(gap_ms, rule)
        if not is_dense:
            self.bursts.append((last_ms - self.burst_from_ms, gap_ms))
            del self.bursts[:-BURSTS_KEPT]
            self.burst_from_ms = at_ms
        if gap_ms > 0:
            self.intervals_ms.append(gap_ms)
            del self.intervals_ms[:-INTERVALS_KEPT]
        return Moment(at_ms, is_consecutive=is_consecutive, gap_ms=gap_ms, cadence=self, is_dense=is_dense)

    def _is_usual_pause(self, gap_ms: int, rule: GapRule) -> bool:
        """Whether this sign comes in bursts, and this gap is the pause between two.

        A wearable that measures 10 s in each 2 min would otherwise begin every duration anew with every burst, and a
        delay longer than a burst could never be fulfilled. It must have been silent longer than it spoke, each time.
        """
        if len(self.bursts) < BURSTS_MIN or any(lasted_ms >= pause_ms for lasted_ms, pause_ms in self.bursts):
            return False
        return gap_ms <= rule.usual_factor * median_low([pause_ms for _, pause_ms in self.bursts])
