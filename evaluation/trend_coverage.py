"""Whether limits are reached within the interval that trends told of, for staged beds and recordings. Pure.

A limit counts as reached when the mean of five minutes lies at or beyond it: single values pass it by chance. A forecast
whose interval ends after the watch does, unreached, is not judged.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from vitals.assessment import Trend
from vitals.sign import Sign

SLOT_S = 300.0
EVERY_S = 300.0
"""One forecast of each sign in so long is judged."""
SLACK_MIN = SLOT_S / 60
"""A mean of five minutes cannot say more exactly when."""

Moment = tuple[float, dict[Sign, float]]


class Forecast(NamedTuple):
    """One forecast and what came."""

    at_s: float
    trend: Trend
    reached_min: float | None
    """Minutes until the limit was reached; None where it was not."""

    @property
    def is_kept(self) -> bool:
        """Whether the limit was reached within the interval."""
        low, high = self.trend.minutes_low, self.trend.minutes_high
        reached = self.reached_min
        return (
            reached is not None
            and low is not None
            and high is not None
            and low - SLACK_MIN <= reached <= high + SLACK_MIN
        )


def forecasts(told: Iterable[tuple[float, Trend]], moments: Sequence[Moment]) -> list[Forecast]:
    """The judged ones of what was told, each at its second, of the moments of one patient, both in order."""
    chosen: list[tuple[float, Trend]] = []
    last_s: dict[Sign, float] = {}
    for second, trend in told:
        if trend.limit is not None and second - last_s.get(trend.sign, -EVERY_S) >= EVERY_S:
            chosen.append((second, trend))
            last_s[trend.sign] = second
    if not chosen:
        return []
    means = {sign: _means(moments, sign) for sign in last_s}
    end_s = moments[-1][0]
    judged = (Forecast(second, trend, _reached_min(means[trend.sign], second, trend)) for second, trend in chosen)
    return [each for each in judged if each.reached_min is not None or _ends_s(each) <= end_s]


def coverage(found: Iterable[Forecast]) -> tuple[int, int]:
    """How many kept their interval, of how many."""
    kept = [each.is_kept for each in found]
    return sum(kept), len(kept)


def _ends_s(forecast: Forecast) -> float:
    return forecast.at_s + 60 * ((forecast.trend.minutes_high or 0.0) + SLACK_MIN)


def _means(moments: Sequence[Moment], sign: Sign) -> list[tuple[float, float]]:
    slots: dict[int, list[float]] = {}
    for second, signs in moments:
        value = signs.get(sign)
        if value is not None:
            slots.setdefault(int(second // SLOT_S), []).append(value)
    return [((slot + 0.5) * SLOT_S, sum(values) / len(values)) for slot, values in sorted(slots.items())]


def _reached_min(means: Sequence[tuple[float, float]], since_s: float, trend: Trend) -> float | None:
    limit = trend.limit
    assert limit is not None  # noqa: S101 - only such are judged
    rising = trend.per_hour > 0
    return next(
        (
            (second - since_s) / 60
            for second, mean in means
            if second >= since_s and (mean >= limit if rising else mean <= limit)
        ),
        None,
    )
