"""Where each sign is going: a robust level and slope over the last hour, and when the limit will be reached if it goes on.

Values are gathered into means over five minutes at most, of which an hour is kept (of signs heard more rarely: single values
over six hours); the slope is the median of slopes between means half the window apart (Theil and Sen's estimator on
disjoint pairs), so that one spoilt mean moves nothing. A pause that is a gap in the sign's own rhythm begins the window anew.

Most slopes do not last: physiology turns. On simulated wards and recordings one in five that would reach a limit within
the hour does. So a limit is told only of a sign that is far from usual, of a patient whose pattern is unusual, by a slope
that is not slackening; its interval is as wide as four in five of those needed, and each patient's own width grows where
their forecasts failed and shrinks where they held (adaptive conformal inference, Gibbs and Candes, NeurIPS 2021).
"""

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from operator import sub
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from stream.baseline import PersonalBaselines
from vitals.assessment import Trend
from vitals.limits import WITHIN_LIMITS
from vitals.sign import Sign


class TrendFacts(NamedTuple):
    """How one sign's slope behaves, in its unit; tuned on simulated wards (docs/learning.md)."""

    noise: float
    """Least standard deviation of a mean over some minutes."""
    drift_per_h: float
    """Standard deviation by which the slope of the next hour differs from that of the last."""


TREND_FACTS: Mapping[Sign, TrendFacts] = MappingProxyType(
    {
        Sign.HEART_RATE: TrendFacts(1.0, 5.0),
        Sign.RESPIRATORY_RATE: TrendFacts(0.5, 1.8),
        Sign.SPO2: TrendFacts(0.3, 1.0),
        Sign.TEMPERATURE: TrendFacts(0.05, 0.15),
        Sign.SYSTOLIC: TrendFacts(2.0, 8.0),
    }
)


_APART_MS = 10_000
"""Values of one sign closer together are heard once."""
_SIGMA_PER_MAD = 1.4826
_SIGMA_OF_MEDIAN = 1.2533
"""Standard deviation of a median over that of a mean, of a normal distribution."""


class TrendParameters(msgspec.Struct, frozen=True, kw_only=True):
    """Windows and what is told of them; all our choice."""

    slot_s: float = 300.0
    """Values closer together than this are told as one mean."""
    window_s: float = 3600.0
    rare_window_s: float = 6 * 3600.0
    """The window of a sign that is heard more rarely than `slot_s`."""
    slots_max: int = 12
    slots_min: int = 3
    gap_floor_s: float = 900.0
    """No pause shorter than this is a gap."""
    gap_intervals: float = 2.5
    """Nor one of fewer usual intervals."""
    age_s_max: float = 900.0
    """Nothing is told by a slope whose last mean is older, or older than 1.5 intervals of a sign that is heard rarely."""
    ahead_s_max: float = 2400.0
    """A limit farther ahead is not told: of those half never come …"""
    late_s_max: float = 3 * 3600.0
    """… nor one whose interval ends later than this: too uncertain to act on."""
    away_spreads: float = 2.0
    """A slope is told of a sign that is already so far from usual, in its direction …"""
    limit_away_spreads: float = 3.0
    """… and a limit of one that is so far …"""
    limit_slots_min: int = 6
    """… has so many means …"""
    recent_share_min: float = 1.0
    """… and whose slope over the last six means is at least this share of the whole window's …"""
    last_share_min: float = 0.3
    """… and over the last three this."""
    width: float = 1.25
    """Half the logarithm's interval around the minutes until the limit, to begin with: from 0.37 to 3.5 times."""
    low_share: float = 0.8
    """The interval is narrower by this towards sooner."""
    missed_share: float = 0.2
    """How many of a patient's forecasts may fail."""
    width_step: float = 0.15
    width_max: float = 2.5


class SignTrend(msgspec.Struct, array_like=True):
    """One sign's last means; mutable."""

    at_ms: list[int] = []
    values: list[float] = []
    from_ms: int = 0
    """When the mean in progress began …"""
    until_ms: int = 0
    """… when its last value was measured …"""
    total: float = 0.0
    """… their sum …"""
    count: int = 0
    """… and how many they are."""
    usual_ms: float = 0.0
    """The median interval between the means; 0 where none is known."""
    width: float = 0.0
    """How wide this patient's intervals are; 0: as in general."""
    due_low_ms: int = 0
    """Of the forecast that is being watched …"""
    due_high_ms: int = 0
    """… its interval; 0: none is."""
    limit: float = 0.0
    rising: bool = False


class Slope(NamedTuple):
    """What a window says."""

    at_ms: int
    level: float
    """As of `at_ms`."""
    per_s: float
    recent_per_s: float
    """Of the last six means."""
    last_per_s: float
    """Of the last three."""
    error_per_s: float
    """Standard deviation of the slope of what comes next."""
    means: int
    interval_ms: int


class TrendForecasts:
    """One patient's trends. `tell` changes nothing; about 1 us where nothing is trending."""

    __slots__ = ("_paced", "_parameters", "_slopes", "signs")

    def __init__(self, parameters: TrendParameters, signs: dict[Sign, SignTrend] | None = None) -> None:
        self._parameters = parameters
        self.signs = {} if signs is None else signs
        self._slopes: dict[Sign, Slope] = {}
        self._paced: tuple[list[int], float] = ([], 0.0)
        for sign in self.signs:
            self._fit(sign)

    def tell(self, at_ms: int, baselines: PersonalBaselines, *, flagged: bool) -> tuple[Trend, ...]:
        """The signs that are going away from what is usual, with the interval until their limit where one is near.

        `flagged` says that the patient's pattern is unusual.
        """
        told = []
        for sign in TREND_FACTS if self._slopes else ():
            slope, baseline = self._slopes.get(sign), baselines.warm.get(sign)
            if slope is None or baseline is None:
                continue
            away = (slope.level - baseline.usual) / baseline.spread
            away = away if slope.per_s > 0 else -away
            if away >= self._parameters.away_spreads and self._is_fresh(slope, at_ms):
                told.append(
                    self._told(sign, slope, at_ms, may_limit=flagged and away >= self._parameters.limit_away_spreads)
                )
        return tuple([trend for trend in told if trend is not None])

    def take(self, signs: Mapping[Sign, float], at_ms: int) -> None:
        """Take values in, in the order of time; raises ValueError on NaN and infinities, before anything moved."""
        known, slot_ms = self.signs, self._parameters.slot_s * 1000
        for sign in TREND_FACTS:
            value = signs.get(sign)
            if value is None:
                continue
            held = known.get(sign)
            if held is not None and held.count and at_ms - held.until_ms < _APART_MS:
                continue
            if not math.isfinite(value):
                raise ValueError(f"{sign.value} {value} reached a model; the codec must refuse it.")
            if held is None:
                held = known[sign] = SignTrend(from_ms=at_ms, until_ms=at_ms)
            count = held.count
            closes = count > 0 and at_ms - held.from_ms >= slot_ms
            if closes:
                self._close(held, at_ms)
            if closes or not count:
                held.from_ms, held.total, held.count = at_ms, value, 1
            else:
                held.total += value
                held.count = count + 1
            held.until_ms = at_ms
            if closes or not 0 < held.usual_ms <= 2 * slot_ms:
                self._fit(sign)

    def dump(self) -> dict[Sign, SignTrend]:
        """The whole state, as plain records."""
        return self.signs

    @classmethod
    def load(cls, parameters: TrendParameters, signs: dict[Sign, SignTrend]) -> "TrendForecasts":
        """The trends that `dump` described; their future is bit-identical."""
        return cls(parameters, signs)

    def _close(self, held: SignTrend, at_ms: int) -> None:
        """The mean in progress joins the window; what is too old leaves it, and after a gap all does."""
        parameters, mean = self._parameters, held.total / held.count
        if held.due_high_ms:
            self._watch(held, mean)
        held.at_ms.append((held.from_ms + held.until_ms) // 2)
        held.values.append(mean)
        pause_ms, usual_ms = at_ms - held.until_ms, self._usual_ms(held.at_ms)
        held.usual_ms = usual_ms
        gap_ms = max(parameters.gap_floor_s * 1000, parameters.gap_intervals * usual_ms)
        window_ms = 1000 * (parameters.rare_window_s if self._is_rare(held) else parameters.window_s)
        is_gap = usual_ms and pause_ms > gap_ms
        first = len(held.at_ms) if is_gap else bisect_left(held.at_ms, at_ms - window_ms)
        first = max(first, len(held.at_ms) - parameters.slots_max)
        del held.at_ms[:first], held.values[:first]
        if not held.at_ms:
            held.due_high_ms, held.usual_ms = 0, 0.0

    def _usual_ms(self, at_ms: list[int]) -> float:
        """The median interval between means; the signs of one reading mostly share their times."""
        known, usual_ms = self._paced
        if at_ms != known:
            usual_ms = _usual_ms(at_ms)
            self._paced = at_ms.copy(), usual_ms
        return usual_ms

    def _is_rare(self, held: SignTrend) -> bool:
        """Whether a sign comes so rarely that each value is one of its own; also while nobody knows."""
        return not held.usual_ms or held.usual_ms > 2000 * self._parameters.slot_s

    def _fit(self, sign: Sign) -> None:
        held = self.signs[sign]
        at_ms, values = held.at_ms, held.values
        if held.count and self._is_rare(held):
            # The next mean of a sign heard hourly would be done in an hour.
            at_ms, values = [*at_ms, (held.from_ms + held.until_ms) // 2], [*values, held.total / held.count]
        if len(values) < self._parameters.slots_min:
            self._slopes.pop(sign, None)
            return
        slope = fitted(at_ms, values, TREND_FACTS[sign])
        if slope is None:
            self._slopes.pop(sign, None)
        else:
            self._slopes[sign] = slope

    def _is_fresh(self, slope: Slope, at_ms: int) -> bool:
        return 0 <= at_ms - slope.at_ms <= max(self._parameters.age_s_max * 1000, 1.5 * slope.interval_ms)

    def _told(self, sign: Sign, slope: Slope, at_ms: int, *, may_limit: bool) -> Trend | None:
        if abs(slope.per_s) <= slope.error_per_s:
            return None
        per_hour = round(slope.per_s * 3600, 2)
        parameters, age_s = self._parameters, (at_ms - slope.at_ms) / 1000
        low, high = WITHIN_LIMITS[sign]
        limit = float(high if slope.per_s > 0 else low)
        seconds = (limit - slope.level) / slope.per_s - age_s
        if not (may_limit and 0 < seconds <= parameters.ahead_s_max and self._lasts(slope)):
            return Trend(sign, per_hour)
        width = self.signs[sign].width or parameters.width
        about_s = seconds + parameters.slot_s
        low_s = max(about_s * math.exp(-parameters.low_share * width) - parameters.slot_s, 0.0)
        high_s = about_s * math.exp(width) - parameters.slot_s
        if high_s > parameters.late_s_max:
            return Trend(sign, per_hour)
        return Trend(sign, per_hour, limit, round(seconds / 60), math.floor(low_s / 60), math.ceil(high_s / 60))

    def _lasts(self, slope: Slope) -> bool:
        """Whether a slope is not slackening."""
        parameters = self._parameters
        return (
            slope.means >= parameters.limit_slots_min
            and slope.recent_per_s / slope.per_s >= parameters.recent_share_min
            and slope.last_per_s / slope.per_s >= parameters.last_share_min
        )

    def watch(self, told: Sequence[Trend], at_ms: int) -> None:
        """Watch whether what was told of a limit holds; of each sign one forecast at a time."""
        for trend in told:
            held = self.signs.get(trend.sign)
            if held is None or held.due_high_ms or trend.limit is None:
                continue
            held.limit, held.rising = trend.limit, trend.per_hour > 0
            held.due_low_ms = at_ms + round((trend.minutes_low or 0.0) * 60_000)
            held.due_high_ms = at_ms + round((trend.minutes_high or 0.0) * 60_000)

    def _watch(self, held: SignTrend, mean: float) -> None:
        """Widen or narrow what is told by how the watched forecast fared."""
        parameters, at_ms = self._parameters, held.until_ms
        is_reached = mean >= held.limit if held.rising else mean <= held.limit
        if not is_reached and at_ms <= held.due_high_ms:
            return
        slack_ms = parameters.slot_s * 1000
        missed = not is_reached or not held.due_low_ms - slack_ms <= at_ms <= held.due_high_ms + slack_ms
        width = (held.width or parameters.width) * math.exp(parameters.width_step * (missed - parameters.missed_share))
        held.width = min(max(width, parameters.width / 2), parameters.width_max)
        held.due_high_ms = 0


def fitted(at_ms: Sequence[int], values: Sequence[float], facts: TrendFacts) -> Slope | None:
    """The slope of at least three values, its level at the last one, and how far to trust it; None if it is in its drift."""
    per_s = _median_slope(at_ms, values)
    if abs(per_s) * 3600 <= facts.drift_per_h:
        return None
    last_ms = at_ms[-1]
    levels = [value - per_s * (measured_ms - last_ms) / 1000 for measured_ms, value in zip(at_ms, values, strict=True)]
    level = _median(levels)
    noise = max(_SIGMA_PER_MAD * _median([abs(each - level) for each in levels]), facts.noise)
    pairs = len(values) // 2
    span_s = (at_ms[-pairs] - at_ms[0]) / 1000
    error = _SIGMA_OF_MEDIAN * math.sqrt(2 / pairs) * noise / span_s
    return Slope(
        at_ms=last_ms,
        level=level,
        per_s=per_s,
        recent_per_s=_median_slope(at_ms[-6:], values[-6:]),
        last_per_s=1000 * (values[-1] - values[-3]) / (last_ms - at_ms[-3]),
        error_per_s=math.hypot(error, facts.drift_per_h / 3600),
        means=len(values),
        interval_ms=(last_ms - at_ms[0]) // (len(values) - 1),
    )


def _median_slope(at_ms: Sequence[int], values: Sequence[float]) -> float:
    """Per second, of pairs half the window apart."""
    lag = len(values) - len(values) // 2
    rises, times_ms = map(sub, values[lag:], values), map(sub, at_ms[lag:], at_ms)
    return _median([1000 * rise / time_ms for rise, time_ms in zip(rises, times_ms, strict=True)])


def _usual_ms(at_ms: Sequence[int]) -> float:
    """The median interval; 0 where none is known."""
    return float(_median(list(map(sub, at_ms[1:], at_ms)))) if len(at_ms) > 1 else 0.0


def _median(values: list[float]) -> float:
    """As the standard library's, in a third of its time; sorts `values`."""
    values.sort()
    half = len(values) // 2
    return values[half] if len(values) % 2 else (values[half - 1] + values[half]) / 2
