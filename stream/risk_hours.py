"""One quantity by hours: the mean of each hour in which it was measured, and what can be said of the last two days.

By hours whatever the rate of readings, so that a monitor's stream and a nurse's rounds give features of one meaning. Every
statistic looks back over a bounded time and none counts it: of a patient who does not change, and is measured at an even
pace, all stay the same. Differences are taken from the newest value, so that they are exactly 0 for one who does not change.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from operator import mul
from typing import Final

import msgspec

KEPT_H: Final = 48
"""How far back anything looks, but for the two levels, which fade."""
HELD_H: Final = 24
"""For how long a value stands where no newer one was measured: vital signs are charted once a shift, at the least."""
FAST_H: Final = 24.0
SLOW_H: Final = 72.0
"""Time constants of the two levels: a day, and three."""
SLOPE_VALUES_MIN: Final = 3
"""A slope of fewer hours is none: 0."""

_FADES: Final = {
    tau: tuple(1 - math.exp(-elapsed_h / tau) for elapsed_h in range(KEPT_H + 1)) for tau in (FAST_H, SLOW_H)
}
_FAST, _SLOW = _FADES[FAST_H], _FADES[SLOW_H]
_COUNT_MAX: Final = 1000
"""Beyond it one more hour weighs by its time alone."""


def _moments(ago: list[int]) -> tuple[list[int], int, int]:
    """What least squares needs of the times alone: they, their sum, and the count times their scatter; exact."""
    total = sum(ago)
    return ago, total, len(ago) * sum(map(mul, ago, ago)) - total * total


_WITHOUT_GAPS: Final = tuple(_moments(list(range(1 - count, 1))) for count in range(KEPT_H + 1))
"""By the number of hours, the newest last."""


class Hours(msgspec.Struct):
    """The hours in which one quantity was measured, oldest first, at most `KEPT_H`; mutable. Hours count from the epoch."""

    hours: list[int] = []
    means: list[float] = []
    readings: int = 0
    """In the newest hour."""
    has_levels: bool = False
    """Whether the two fading levels are kept."""
    first_hour: int = 0
    closed: int = 0
    """Hours that the levels know, up to `_COUNT_MAX`; the newest is not among them."""
    closed_hour: int = 0
    fast: float = 0.0
    slow: float = 0.0

    def take(self, value: float, hour: int) -> None:
        """Take in one finite value; of an hour before the newest it is passed over."""
        hours, means = self.hours, self.means
        if hours:
            newest = hours[-1]
            if hour == newest:
                self.join(value)
                return
            if hour < newest:
                return
            if self.has_levels:
                self._close()
            gone = bisect_left(hours, hour - KEPT_H + 1)
            if gone:
                del hours[:gone], means[:gone]
        elif not self.readings:
            self.first_hour = hour
        hours.append(hour)
        means.append(value)
        self.readings = 1

    def join(self, value: float) -> None:
        """Take in one more finite value of the newest hour; there must be one."""
        means, self.readings = self.means, self.readings + 1
        means[-1] += (value - means[-1]) / self.readings

    def put(self, value: float, hour: int) -> None:
        """Let an hour's value be this one, whatever was taken of it before."""
        if self.hours and self.hours[-1] == hour:
            self.means[-1] = value
            return
        self.take(value, hour)

    def since(self, hour: int, width_h: int) -> int:
        """Where the last `width_h` hours up to `hour` begin."""
        return bisect_left(self.hours, hour - width_h + 1)

    def held(self, hour: int) -> float | None:
        """The newest value, if it still stands at `hour`."""
        hours = self.hours
        return self.means[-1] if hours and hour - hours[-1] < HELD_H else None

    def age_h(self, hour: int) -> float:
        """Hours since the newest value, at most `HELD_H`; so many too where there never was one."""
        return float(min(hour - self.hours[-1], HELD_H)) if self.hours else float(HELD_H)

    def pace(self, begin: int, hour: int) -> float:
        """Hours measured per hour, from place `begin` on: 1 over the mean gap, the open one too once it is the longer; 0 for never.

        By gaps, not by counts over the time so far: those would fall for two days of anybody measured every fourth hour, and so
        tell how long the patient has been there.
        """
        hours = self.hours
        count = len(hours) - begin
        if not count:
            return 0.0
        newest, oldest = hours[-1], hours[begin]
        span_h, gaps = newest - oldest, count - 1
        if (hour - newest) * gaps > span_h or not gaps:
            span_h, gaps = hour - oldest, count
        return gaps / span_h if span_h > gaps else 1.0

    def levels(self) -> tuple[float, float]:
        """The two fading levels, with the newest hour as far as it has come; there must be a value, and levels be kept."""
        newest = self.means[-1]
        if not self.closed:
            return newest, newest
        elapsed_h, least = self._move()
        fast = self.fast + max(_FAST[elapsed_h], least) * (newest - self.fast)
        return fast, self.slow + max(_SLOW[elapsed_h], least) * (newest - self.slow)

    def over(self, begin: int) -> list[float]:
        """The hours from place `begin` on, as differences from the newest; there must be one."""
        newest = self.means[-1]
        return [each - newest for each in self.means[begin:]]

    def slope(self, begin: int) -> float:
        """Per hour, by least squares over the hours from place `begin` on; 0 where they are too few."""
        return self.slope_of(self.over(begin)) if len(self.hours) - begin >= SLOPE_VALUES_MIN else 0.0

    def slope_of(self, over: Sequence[float]) -> float:
        """The slope of the last hours, given as what `over` told of them."""
        hours, count = self.hours, len(over)
        if count < SLOPE_VALUES_MIN:
            return 0.0
        begin, at = len(hours) - count, hours[-1]
        if at - hours[begin] == count - 1:
            ago, total_ago, spread = _WITHOUT_GAPS[count]
        else:
            ago, total_ago, spread = _moments([each - at for each in hours[begin:]])
        slope: float = (count * sum(map(mul, ago, over)) - total_ago * sum(over)) / spread
        return slope

    def spread(self, begin: int) -> float:
        """Standard deviation of the hours from place `begin` on; 0 of fewer than two."""
        count = len(self.hours) - begin
        if count < 2:
            return 0.0
        over = self.over(begin)
        total = sum(over)
        return math.sqrt(max(sum(map(mul, over, over)) - total * total / count, 0.0) / (count - 1))

    def spread_with_gaps(self, hour: int, width_h: int) -> float:
        """Standard deviation of the last hours, of those since it first was measured; one without a value counts as 0."""
        count = min(hour - self.first_hour + 1, width_h)
        if count < 2 or not self.hours:
            return 0.0
        values = self.means[self.since(hour, width_h) :]
        total = sum(values)
        return math.sqrt(max(sum(map(mul, values, values)) - total * total / count, 0.0) / (count - 1))

    def _close(self) -> None:
        newest = self.means[-1]
        if self.closed:
            self.fast, self.slow = self.levels()
        else:
            self.fast = self.slow = newest
        self.closed = min(self.closed + 1, _COUNT_MAX)
        self.closed_hour = self.hours[-1]

    def _move(self) -> tuple[int, float]:
        return min(self.hours[-1] - self.closed_hour, KEPT_H), 1 / (self.closed + 1)
