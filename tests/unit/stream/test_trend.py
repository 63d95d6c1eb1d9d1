"""Trends: slopes over time windows, limits with intervals only where they can be trusted, and nothing from too little."""

import random
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.baseline import BaselineParameters, PersonalBaselines
from stream.trend import SignTrend, TrendForecasts, TrendParameters
from tests.support.examples import examples
from vitals.assessment import Trend
from vitals.sign import Sign

MINUTE_MS = 60_000
PULSE, OXYGEN = Sign.HEART_RATE, Sign.SPO2


def usual(**signs: float) -> PersonalBaselines:
    """Baselines of a patient who has long been so."""
    baselines = PersonalBaselines(BaselineParameters())
    for number in range(400):
        values = {Sign(name): value + (number % 3 - 1) * 0.5 for name, value in signs.items()}
        baselines.learn(values, number * MINUTE_MS)
    return baselines


WELL = usual(heart_rate_bpm=75.0, spo2_percent=97.0, temperature_celsius=36.9)


def told(model: TrendForecasts, at_ms: int, *, flagged: bool = True) -> dict[Sign, Trend]:
    return {trend.sign: trend for trend in model.tell(at_ms, WELL, flagged=flagged)}


def taught(values: list[tuple[float, float]], sign: Sign = OXYGEN) -> TrendForecasts:
    """Values by minute."""
    model = TrendForecasts(TrendParameters())
    for minute, value in values:
        model.take({sign: value}, round(minute * MINUTE_MS))
    return model


def falling(
    minutes: int, *, from_percent: float = 97.0, per_hour: float = -6.0, every_min: float = 1.0
) -> list[tuple[float, float]]:
    count = round(minutes / every_min)
    return [(number * every_min, from_percent + per_hour * number * every_min / 60) for number in range(count)]


def test_a_saturation_that_falls_is_told_with_the_interval_until_its_limit() -> None:
    trend = told(taught(falling(81)), 81 * MINUTE_MS)[OXYGEN]
    assert trend.per_hour == pytest.approx(-6.0, abs=0.1)
    assert trend.limit == 88
    # 97 - 6/h * 1.35 h = 88.9, nine minutes above 88.
    assert trend.minutes == pytest.approx(9, abs=2)
    assert trend.minutes_low is not None
    assert trend.minutes_high is not None
    assert trend.minutes is not None
    assert trend.minutes_low < trend.minutes < trend.minutes_high


@pytest.mark.parametrize("every_min", [1 / 60, 1 / 6, 1, 5])
def test_the_slope_is_per_hour_whatever_the_cadence(every_min: float) -> None:
    trend = told(taught(falling(70, every_min=every_min)), 70 * MINUTE_MS)[OXYGEN]
    assert trend.per_hour == pytest.approx(-6.0, abs=0.2)


def test_hourly_values_have_a_slope_from_the_third_on() -> None:
    values = [(60.0 * hour, 97.0 - 2 * hour) for hour in range(5)]
    assert told(taught(values[:2]), 60 * MINUTE_MS) == {}
    assert told(taught(values), 240 * MINUTE_MS)[OXYGEN].per_hour == pytest.approx(-2.0)


def test_nothing_is_told_from_two_means_or_across_a_gap_or_of_old_values() -> None:
    assert told(taught(falling(9)), 9 * MINUTE_MS) == {}
    pause = [(minute + 60, value) for minute, value in falling(10, from_percent=89)]
    assert told(taught([*falling(60), *pause]), 131 * MINUTE_MS) == {}
    assert told(taught(falling(80)), 110 * MINUTE_MS) == {}


def test_no_limit_is_told_of_a_patient_whose_pattern_is_as_usual() -> None:
    trend = told(taught(falling(81)), 81 * MINUTE_MS, flagged=False)[OXYGEN]
    assert (trend.limit, trend.minutes, trend.minutes_low, trend.minutes_high) == (None, None, None, None)


def test_no_limit_is_told_of_a_fall_that_slackens() -> None:
    slackening = [(float(minute), 97 - 8 * (1 - (1 - minute / 90) ** 2)) for minute in range(85)]
    trend = told(taught(slackening), 85 * MINUTE_MS).get(OXYGEN)
    assert trend is None or trend.limit is None


def test_nothing_is_told_of_a_sign_near_usual_or_on_its_way_back() -> None:
    rising = [(float(minute), 88 + minute / 15) for minute in range(80)]
    assert told(taught(rising), 80 * MINUTE_MS) == {}
    near = [(float(minute), 75 + minute / 20) for minute in range(80)]
    assert told(taught(near, PULSE), 80 * MINUTE_MS) == {}


def test_one_spoilt_mean_moves_no_slope() -> None:
    values = falling(81)
    spoilt = [(minute, 60.0 if 30 <= minute < 35 else value) for minute, value in values]
    clean, other = (told(taught(each), 81 * MINUTE_MS)[OXYGEN].per_hour for each in (values, spoilt))
    assert other == pytest.approx(clean, abs=1.5)


def test_a_patients_own_width_grows_where_forecasts_fail() -> None:
    model = TrendForecasts(TrendParameters())
    widths = []
    for second in range(0, 40 * 3600, 60):
        hour = second / 3600 % 4
        value = 97 - 6 * min(hour, 1.4) if hour < 3 else 97.0
        at_ms = second * 1000
        model.watch(model.tell(at_ms, WELL, flagged=True), at_ms)
        model.take({OXYGEN: value}, at_ms)
        widths.append(model.signs[OXYGEN].width)
    assert max(widths) > TrendParameters().width


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_a_number_is_refused_and_leaves_no_trace(bad: float) -> None:
    model = taught(falling(40))
    before = msgspec.msgpack.encode(model.dump())
    with pytest.raises(ValueError, match="reached a model"):
        model.take({OXYGEN: bad}, 41 * MINUTE_MS)
    assert msgspec.msgpack.encode(model.dump()) == before


@examples(8)
@given(seed=st.integers(0, 10**6), every_s=st.sampled_from([1, 20, 60, 700, 3600]), cut=st.integers(3, 100))
def test_a_snapshot_anywhere_changes_nothing_afterwards(seed: int, every_s: int, cut: int) -> None:
    source = random.Random(seed)
    straight, cut_short = (TrendForecasts(TrendParameters()) for _ in range(2))
    level, at_ms = 97.0, 0
    for number in range(250):
        level = min(100.0, max(80.0, level + source.gauss(-0.1, 0.4)))
        at_ms += round(every_s * 1000 * (30 if source.random() < 0.01 else 1))
        said = straight.tell(at_ms, WELL, flagged=True)
        assert said == cut_short.tell(at_ms, WELL, flagged=True)
        for model in (straight, cut_short):
            model.watch(said, at_ms)
            model.take({OXYGEN: level, PULSE: 75 + 2 * (97 - level)}, at_ms)
        if number % cut == 0:
            blob = msgspec.msgpack.encode(cut_short.dump())
            cut_short = TrendForecasts.load(TrendParameters(), msgspec.msgpack.decode(blob, type=dict[Sign, SignTrend]))
    assert msgspec.msgpack.encode(straight.dump()) == msgspec.msgpack.encode(cut_short.dump())
    assert len(blob) < 4000
    assert all(earlier < later for earlier, later in pairwise(straight.signs[OXYGEN].at_ms))
