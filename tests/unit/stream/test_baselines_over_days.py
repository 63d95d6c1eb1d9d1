"""What is usual, as timetables of days: nights, deteriorations, recoveries and true changes of state."""

import math
import random
from collections.abc import Callable, Iterable

import msgspec
import pytest

from stream.baseline import BaselineParameters, PersonalBaselines, SignBaseline
from stream.context import ContextParameters, context_of
from stream.departures import departures
from vitals.sign import Sign

HOUR_MS = 3_600_000
PULSE, BREATHING, SATURATION = Sign.HEART_RATE, Sign.RESPIRATORY_RATE, Sign.SPO2
SPREADS = {PULSE: 4.0, BREATHING: 1.5, SATURATION: 0.8, Sign.SYSTOLIC: 8.0}
WELL = {PULSE: 72.0, BREATHING: 15.0, SATURATION: 97.0}
ILL = {PULSE: 98.0, BREATHING: 24.0, SATURATION: 92.0}
EVERY_S = 120


class Days:
    """One patient's baselines, told hour by hour; the days begin at midnight."""

    def __init__(self, *, seed: int = 1, every_s: int = EVERY_S) -> None:
        self.baselines = PersonalBaselines(BaselineParameters())
        self.hour = 0.0
        self.relearned: list[tuple[int, Sign]] = []
        self._source = random.Random(seed)
        self._wander = dict.fromkeys(SPREADS, 0.0)
        self._every_ms = every_s * 1000

    def lives(
        self,
        hours: float,
        means: dict[Sign, float] | Callable[[float], dict[Sign, float]],
        *,
        dip: float = 0.0,
        active: bool = False,
        alarming: bool = False,
    ) -> list[set[Sign]]:
        """So many hours around these means, heart rate lower by `dip` at night; which signs were away, reading by reading."""
        away: list[set[Sign]] = []
        at_ms, end_ms = round(self.hour * HOUR_MS), round((self.hour + hours) * HOUR_MS)
        for moment_ms in range(at_ms, end_ms, self._every_ms):
            wanted = means(moment_ms / HOUR_MS - self.hour) if callable(means) else means
            context = context_of(moment_ms, ContextParameters(), active=active)
            signs = {sign: mean + self._noise(sign) for sign, mean in wanted.items()}
            if context.night and PULSE in signs:
                signs[PULSE] -= dip
            self.baselines.enter(context)
            away.append({driver.sign for driver in departures(self.baselines, signs).departed})
            self.baselines.learn(signs, moment_ms, alarming=alarming)
            self.relearned += [(moment_ms // HOUR_MS, sign) for sign in self.baselines.take_relearned()]
        self.hour += hours
        return away

    def usual(self, sign: Sign = PULSE) -> float:
        """What is usual now."""
        return self.baselines.signs[sign].usual

    def _noise(self, sign: Sign) -> float:
        """Half of it wanders over half an hour, as vital signs do; half is new each time."""
        gauss, keep = self._source.gauss, math.exp(-self._every_ms / 1_800_000)
        self._wander[sign] = keep * self._wander[sign] + (1 - keep**2) ** 0.5 * gauss(0, 1)
        return SPREADS[sign] * (self._wander[sign] + gauss(0, 1)) / 2**0.5


def share(away: Iterable[set[Sign]], sign: Sign) -> float:
    """In how many of the readings a sign was away."""
    told = list(away)
    return sum(sign in signs for signs in told) / len(told)


@pytest.mark.parametrize("known_h", [2, 6, 20])
@pytest.mark.parametrize("alarming", [False, True], ids=["quiet", "alarming"])
def test_a_deterioration_that_lasts_a_day_stays_one_whatever_the_hour_it_began(known_h: int, *, alarming: bool) -> None:
    for seed in range(2):
        days = Days(seed=seed)
        days.lives(known_h, WELL)
        away = days.lives(25, ILL, alarming=alarming)
        last_hour = away[-30:]
        for sign in WELL:
            assert share(away[15:], sign) > 0.9, sign
            assert share(last_hour, sign) > 0.9, sign
        assert not days.relearned


@pytest.mark.parametrize("over_h", [6, 12])
def test_a_slow_deterioration_is_not_followed(over_h: int) -> None:
    days = Days()
    days.lives(24, WELL)
    days.lives(over_h, lambda hour: {sign: WELL[sign] + (ILL[sign] - WELL[sign]) * hour / over_h for sign in WELL})
    away = days.lives(24 - over_h, ILL)
    for sign in WELL:
        assert share(away, sign) > 0.9, sign


def test_a_patient_is_as_usual_again_when_the_deterioration_is_over() -> None:
    days = Days()
    days.lives(30, WELL)
    before = days.usual()
    days.lives(24, ILL)
    away = days.lives(6, WELL)
    assert days.usual() == pytest.approx(before, abs=2)
    assert share(away, PULSE) < 0.1


def test_a_level_kept_for_two_days_is_learned_anew_once_and_said_so() -> None:
    days = Days()
    days.lives(48, WELL)
    days.lives(72, {**WELL, PULSE: 92.0})
    assert [sign for _, sign in days.relearned] == [PULSE]
    ((hour, _),) = days.relearned
    assert 48 + 48 <= hour <= 48 + 54
    assert days.usual() == pytest.approx(92, abs=2)
    assert share(days.lives(6, {**WELL, PULSE: 92.0}), PULSE) < 0.1
    assert share(days.lives(6, WELL), PULSE) > 0.9


def test_who_came_ill_and_gets_well_is_learned_anew_after_a_day_at_most() -> None:
    days = Days()
    days.lives(48, {**WELL, PULSE: 108.0, SATURATION: 91.0})
    days.lives(30, WELL)
    away = days.lives(6, WELL)
    assert share(away, PULSE) < 0.15
    assert days.usual() == pytest.approx(WELL[PULSE], abs=4)


def test_who_was_upset_on_admission_is_known_within_hours() -> None:
    days = Days()
    days.lives(1.5, {**WELL, PULSE: 88.0})
    days.lives(12, WELL)
    assert share(days.lives(3, WELL), PULSE) < 0.15


def test_a_level_that_wanders_is_no_change_of_state() -> None:
    days = Days()
    days.lives(48, WELL)
    for cycle in range(12):
        days.lives(6, {**WELL, PULSE: 95.0 if cycle % 2 else 110.0})
    assert not days.relearned


def test_a_dip_at_night_is_no_departure_from_the_second_night_on() -> None:
    days = Days()
    days.lives(22, WELL)
    first_night = days.lives(8, WELL, dip=12)
    days.lives(16, WELL)
    second_night = days.lives(8, WELL, dip=12)
    morning = days.lives(6, WELL)
    assert share(second_night, PULSE) < 0.15
    assert share(first_night[-60:], PULSE) < 0.5
    assert share(morning, PULSE) < 0.1


def test_who_is_admitted_at_night_is_no_departure_in_the_morning() -> None:
    days = Days()
    days.hour = 23
    days.lives(7, WELL, dip=12)
    days.lives(4, WELL)
    assert share(days.lives(6, WELL), PULSE) < 0.15
    assert not days.relearned


def test_illness_is_never_put_down_to_the_night() -> None:
    days = Days()
    days.lives(22, WELL)
    days.lives(8, ILL)
    baseline = days.baselines.signs[PULSE]
    assert baseline.day is not None
    assert baseline.night is not None
    assert baseline.night.value <= baseline.day.value
    assert share(days.lives(16, ILL), PULSE) > 0.95


def test_what_walking_adds_is_learned_apart_from_rest() -> None:
    days = Days()
    days.lives(12, WELL)
    for _ in range(12):
        days.lives(0.2, {**WELL, PULSE: 100.0}, active=True)
        days.lives(0.3, WELL)
    assert days.usual() == pytest.approx(WELL[PULSE], abs=2)
    assert share(days.lives(0.5, {**WELL, PULSE: 100.0}, active=True), PULSE) < 0.3
    assert share(days.lives(0.5, {**WELL, PULSE: 100.0}), PULSE) > 0.9


@pytest.mark.parametrize("every_s", [60, 300, 3600])
def test_hours_count_and_not_readings(every_s: int) -> None:
    days = Days(every_s=every_s)
    days.lives(48, WELL)
    away = days.lives(24, ILL)
    assert share(away[len(away) // 24 + 1 :], PULSE) > 0.9
    days.lives(48, ILL)
    assert {sign for _, sign in days.relearned} == set(WELL)
    assert days.usual() == pytest.approx(ILL[PULSE], abs=3)


@pytest.mark.parametrize("at_h", [20, 21.9, 22, 29.9, 30])
def test_a_snapshot_around_the_change_of_day_and_night_goes_on_bit_identically(at_h: float) -> None:
    days, twin = Days(), Days()
    for each in (days, twin):
        each.lives(19, WELL)
        each.lives(at_h - 19, ILL)
    state = msgspec.msgpack.decode(msgspec.msgpack.encode(days.baselines.dump()), type=dict[Sign, SignBaseline])
    days.baselines = PersonalBaselines.load(BaselineParameters(), state)
    assert days.lives(12, ILL) == twin.lives(12, ILL)
    assert msgspec.msgpack.encode(days.baselines.dump()) == msgspec.msgpack.encode(twin.baselines.dump())


def test_a_snapshot_in_the_middle_of_a_change_goes_on_bit_identically_and_is_small() -> None:
    days, twin = Days(), Days()
    for each in (days, twin):
        each.lives(60, {**WELL, Sign.SYSTOLIC: 120.0})
        each.lives(20, {**ILL, Sign.SYSTOLIC: 98.0})
    blob = msgspec.msgpack.encode(days.baselines.dump())
    assert len(blob) < 6000
    state = msgspec.msgpack.decode(blob, type=dict[Sign, SignBaseline])
    days.baselines = PersonalBaselines.load(BaselineParameters(), state)
    for each in (days, twin):
        each.lives(100, {**ILL, Sign.SYSTOLIC: 98.0})
    assert days.relearned == twin.relearned != []
    assert msgspec.msgpack.encode(days.baselines.dump()) == msgspec.msgpack.encode(twin.baselines.dump())
