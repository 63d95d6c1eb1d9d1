"""The judge of a soak finds a leak and lets a sawtooth pass: a check that cannot fail is none."""

import random
from collections.abc import Callable

import pytest

from tests.soak.flatness import DESCRIPTORS, MB, MEMORY, Verdict, judge, judge_disk, judge_lag

HOURS = 2
EVERY_S = 30.0
WARM_UP_S = 1200.0
Series = list[tuple[float, float]]


def series(value: Callable[[float], float]) -> Series:
    """Two hours of a quantity, by its course in hours."""
    return [(n * EVERY_S, value(n * EVERY_S / 3600)) for n in range(int(HOURS * 3600 / EVERY_S))]


def memory(value: Callable[[float], float]) -> Verdict:
    verdict = judge("memory", series(lambda hour: value(hour) * MB), warm_up_s=WARM_UP_S, bound=MEMORY)
    assert verdict is not None
    return verdict


def test_a_leak_is_found_and_its_rate_told() -> None:
    verdict = memory(lambda hour: 100 + 20 * hour)
    assert not verdict.flat
    assert verdict.per_hour == pytest.approx(20 * MB, rel=0.05)


def test_a_leak_under_noise_is_found() -> None:
    chance = random.Random(1)
    assert not memory(lambda hour: 100 + 20 * hour + chance.gauss(0, 5)).flat


def test_a_leak_under_a_sawtooth_is_found() -> None:
    assert not memory(lambda hour: 100 + 15 * hour + 30 * (hour * 7 % 1)).flat


def test_a_leak_that_comes_in_steps_is_found() -> None:
    assert not memory(lambda hour: 100 + 10 * int(hour * 4)).flat


def test_a_leak_of_descriptors_is_found() -> None:
    verdict = judge("descriptors", series(lambda hour: 20 + int(hour * 6)), warm_up_s=WARM_UP_S, bound=DESCRIPTORS)
    assert verdict is not None
    assert not verdict.flat


@pytest.mark.parametrize("per_hour", [3.0, 12.0, 40.0])
def test_a_sawtooth_comes_back_to_its_floor_and_passes(per_hour: float) -> None:
    """Where it does so in each third of the time; of a slower one a third cannot tell."""
    assert memory(lambda hour: 100 + 60 * (hour * per_hour % 1)).flat


def test_noise_around_a_level_passes() -> None:
    chance = random.Random(2)
    assert memory(lambda _hour: 100 + chance.gauss(0, 8)).flat


def test_bursts_of_work_pass() -> None:
    chance = random.Random(3)
    assert memory(lambda _hour: 100 + (80 if chance.random() < 0.1 else 0)).flat


def test_what_shrinks_passes() -> None:
    assert memory(lambda hour: 200 - 30 * hour).flat


def test_growth_in_the_warm_up_is_not_judged() -> None:
    assert memory(lambda hour: 100 + 300 * min(hour, 1 / 3)).flat


def test_too_little_to_judge_is_no_verdict() -> None:
    short = [(n * EVERY_S, 1.0) for n in range(int(WARM_UP_S / EVERY_S) + 5)]
    assert judge("memory", short, warm_up_s=WARM_UP_S, bound=MEMORY) is None


def test_lag_that_keeps_growing_is_found_and_one_that_comes_and_goes_passes() -> None:
    growing = judge_lag("lag", series(lambda hour: 4000 * hour), warm_up_s=WARM_UP_S, records_per_s=20)
    passing = judge_lag("lag", series(lambda hour: 500 * (hour * 9 % 1)), warm_up_s=WARM_UP_S, records_per_s=20)
    assert growing is not None
    assert passing is not None
    assert (growing.flat, passing.flat) == (False, True)


def disk(bytes_per_reading: Callable[[float], float]) -> Verdict | None:
    """20 readings a second, at a price that may change by the hour."""
    points, size = [], 0.0
    for n in range(int(HOURS * 3600 / EVERY_S)):
        size += 20 * EVERY_S * bytes_per_reading(n * EVERY_S / 3600)
        points.append((n * EVERY_S, size, 20 * EVERY_S * (n + 1)))
    return judge_disk("disk", points, warm_up_s=WARM_UP_S)


def test_a_constant_price_of_a_reading_is_flat_and_a_rising_one_is_not() -> None:
    constant, rising = disk(lambda _hour: 1500), disk(lambda hour: 1500 + 1000 * hour)
    assert constant is not None
    assert rising is not None
    assert (constant.flat, rising.flat) == (True, False)


def test_disk_without_readings_is_not_judged() -> None:
    assert judge_disk("disk", [(n * EVERY_S, 5.0, 0.0) for n in range(200)], warm_up_s=WARM_UP_S) is None
