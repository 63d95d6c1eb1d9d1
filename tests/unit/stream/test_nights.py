"""The resting heart rate of nights: what is usual, when two nights stand out, and what is never learned."""

import random
from collections.abc import Iterable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.nights import Night, NightParameters, Nights
from tests.support.examples import examples

PARAMETERS = NightParameters()
MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000


def judged(rates: Iterable[float], *, nights: Nights | None = None) -> list[Night]:
    """Nights in a row with these resting heart rates."""
    kept = Nights() if nights is None else nights
    return [kept.judge(day, rate, PARAMETERS) for day, rate in enumerate(rates)]


def test_nobody_is_judged_before_a_week_is_known() -> None:
    said = judged([60, 61, 59, 60, 62, 60, 61, 90])
    assert [night.usual_bpm for night in said[:7]] == [None] * 7
    assert (said[7].usual_bpm, said[7].distance_bpm) == (60, 30)


def test_one_high_night_says_nothing_and_the_second_stands_out() -> None:
    said = judged([60] * 10 + [66, 60, 66, 66, 66, 60])
    assert [night.stands_out for night in said[10:]] == [False, False, False, True, True, False]
    assert said[13].deviation is not None
    assert said[13].deviation > 2


def test_two_high_nights_with_one_missing_between_them_are_not_two_in_a_row() -> None:
    nights = Nights()
    judged([60] * 10, nights=nights)
    assert not nights.judge(10, 70, PARAMETERS).stands_out
    assert not nights.judge(12, 70, PARAMETERS).stands_out


def test_who_varies_more_must_rise_by_more() -> None:
    source = random.Random(1)
    steady = judged([60 + source.gauss(0, 0.5) for _ in range(28)] + [64, 64])
    restless = judged([60 + source.gauss(0, 6) for _ in range(28)] + [64, 64])
    assert (steady[-1].stands_out, restless[-1].stands_out) == (True, False)


def test_nights_that_stand_out_are_not_learned_until_a_fortnight_of_them_is_usual() -> None:
    said = judged([60] * 20 + [70] * 18)
    assert all(night.usual_bpm == 60 for night in said[21:35])
    (relearned,) = [night for night in said if night.relearned]
    assert relearned.day == 20 + 14
    assert said[-1].usual_bpm == 70
    assert not said[-1].stands_out


def heard(nights: Nights, day: int, rate: float, *, steps: Iterable[int] = (), hours: float = 8) -> Night | None:
    """A night from 22:00 UTC of the day before, a value each minute; in minutes of `steps` somebody walks about at 110."""
    walked, count, said = set(steps), 1000.0 * day, None
    for minute in range(round(hours * 60)):
        at_ms = day * DAY_MS - 2 * HOUR_MS + minute * MINUTE_MS
        walks = minute in walked
        count += 60 * walks
        night = nights.step(at_ms, PARAMETERS, heart_rate_bpm=110 if walks else rate, steps_count=count)
        said = night if said is None else said
    late = nights.step(day * DAY_MS + 8 * HOUR_MS, PARAMETERS, heart_rate_bpm=None)
    return late if said is None else said


def test_a_night_is_the_median_at_rest_between_two_and_six() -> None:
    night = heard(Nights(), 20_000, 58, steps=range(260, 280))
    assert night is not None
    assert night.day == 20_000
    assert night.resting_bpm == pytest.approx(58, abs=0.6)
    assert night.rested_s < (4 * 60 - 20) * 60


def test_a_night_with_less_than_an_hour_of_rest_says_nothing() -> None:
    assert heard(Nights(), 20_000, 58, steps=range(230, 480)) is None
    assert heard(Nights(), 20_000, 58, hours=4.5) is None


def test_a_value_that_is_not_a_number_leaves_no_trace() -> None:
    nights, twin = Nights(), Nights()
    for bad in (float("nan"), float("inf")):
        nights.step(20_000 * DAY_MS + 3 * HOUR_MS, PARAMETERS, heart_rate_bpm=bad)
    assert heard(nights, 20_000, 60) == heard(twin, 20_000, 60)


@examples(25)
@given(seed=st.integers(0, 10**6), cut=st.integers(1, 600))
def test_a_snapshot_anywhere_goes_on_bit_identically_and_stays_small(seed: int, cut: int) -> None:
    source = random.Random(seed)
    readings = [
        (20_000 * DAY_MS + number * 20 * MINUTE_MS, source.gauss(60, 5), float(number // 3))
        for number in range(40 * 24)
    ]
    straight, broken = Nights(), Nights()
    parameters = msgspec.structs.replace(PARAMETERS, value_s_max=1200, time_zone="Europe/Berlin")
    for number, (at_ms, rate, steps) in enumerate(readings):
        said = straight.step(at_ms, parameters, heart_rate_bpm=rate, steps_count=steps)
        assert broken.step(at_ms, parameters, heart_rate_bpm=rate, steps_count=steps) == said
        if number % cut == 0:
            blob = msgspec.msgpack.encode(broken)
            assert len(blob) < 1500
            broken = msgspec.msgpack.decode(blob, type=Nights)
    assert straight == broken
