"""Resting heart rate by night: how far a night lies above what is usual for this person, and whether two do in a row. Pure.

Infections raise the resting heart rate of the night by a few beats for some nights, often before anything is felt (Mishra
et al., Nat Biomed Eng 2020; Alavi et al., Nat Med 2022, whose NightSignal tells two nights in a row at least 3 or 4 beats
above the median of all before). As there, one night says nothing. Other than there: nobody is judged before a week is
known, who varies more from night to night must rise by more, the median is of four weeks, and nights that stand out are
not learned; after a fortnight of them that is this person's usual, and learned anew.
"""

import math
from functools import lru_cache
from statistics import median
from typing import NamedTuple

import msgspec

from stream.context import local_ms

_DAY_MS = 86_400_000
_HOUR_MS = 3_600_000
_SIGMA_PER_MAD = 1.4826


@lru_cache(maxsize=16)
def nights_in(time_zone: str) -> "NightParameters":
    """The parameters of a house in this zone."""
    return NightParameters(time_zone=time_zone)


class NightParameters(msgspec.Struct, frozen=True, kw_only=True):
    """What a night is, and when it stands out."""

    time_zone: str = "UTC"
    from_h: int = 2
    until_h: int = 6
    """The hours, by the house's clock, in which most people sleep, whenever they go to bed, and wards are quiet."""
    still_s: float = 300.0
    """So long after a step heart rate is not one of rest; our choice, as for walking (`stream.exertion`)."""
    value_s_max: float = 60.0
    """The most time that one value stands for."""
    rest_s_min: float = 3600.0
    """A night with less rest heard says nothing; our choice."""
    nights_min: int = 7
    """Nights before any is judged: a week, with its weekend."""
    nights_max: int = 28
    """Nights that usual is the median of: four weeks."""
    expected_sigma_bpm: float = 2.0
    """Of one person's nights, to start from; it weighs as much as a week. Our choice."""
    rise_bpm: float = 3.0
    """The least rise that counts: NightSignal's yellow …"""
    rise_sigmas: float = 1.0
    """… and at least so many robust standard deviations of this person's nights."""
    relearn_nights: int = 14
    """Nights that stand out without a break after which they are usual; our choice."""


class Night(NamedTuple):
    """What is said of one night when it is over."""

    day: int
    """Days since 1970-01-01 by the house's clock, of the morning."""
    resting_bpm: float
    """The median at rest."""
    rested_s: float
    usual_bpm: float | None
    """None while too few nights are known."""
    deviation: float | None
    """In robust standard deviations of this person's nights."""
    stands_out: bool
    """This night and the one before it lie high."""
    relearned: bool = False

    @property
    def distance_bpm(self) -> float | None:
        """How far above (+) or below (-) usual, in beats per minute; None where usual is not known."""
        return None if self.usual_bpm is None else self.resting_bpm - self.usual_bpm


class Nights(msgspec.Struct):
    """One person's nights; mutable, well under 1 kB."""

    day: int | None = None
    """The night in progress."""
    rest_s: dict[int, float] = {}
    """Seconds at rest in it, by heart rate rounded to whole beats."""
    heard_ms: int | None = None
    """The last heart rate."""
    steps: float | None = None
    moved_ms: int | None = None
    """When a step was last counted."""
    learned: list[float] = []
    """Resting heart rate of the nights that make up usual, oldest first."""
    outstanding: list[float] = []
    """Of the nights that stand out without a break."""
    high_day: int | None = None
    """The last night that lay high."""

    def step(
        self, at_ms: int, parameters: NightParameters, *, heart_rate_bpm: float | None, steps_count: float | None = None
    ) -> Night | None:
        """Take note of a reading, in the order of time; the night that it shows to be over, if there was enough rest in it.

        `steps_count` is the wearable's counter, which only rises but for a restart.
        """
        if steps_count is not None:
            if self.steps is not None and steps_count != self.steps:
                self.moved_ms = at_ms
            self.steps = steps_count
        local = local_ms(at_ms, parameters.time_zone)
        day = local // _DAY_MS
        is_night = parameters.from_h <= local % _DAY_MS // _HOUR_MS < parameters.until_h
        said = None
        if self.day is not None and (not is_night or day != self.day):
            said = self._close(parameters)
        if heart_rate_bpm is None or not math.isfinite(heart_rate_bpm):
            return said
        if is_night:
            self._hear(at_ms, day, heart_rate_bpm, parameters)
        self.heard_ms = at_ms
        return said

    def _hear(self, at_ms: int, day: int, heart_rate_bpm: float, parameters: NightParameters) -> None:
        if self.day is None:
            self.day, self.rest_s = day, {}
        if self.moved_ms is not None and at_ms - self.moved_ms < parameters.still_s * 1000:
            return
        since_s = parameters.value_s_max if self.heard_ms is None else (at_ms - self.heard_ms) / 1000
        beats = round(heart_rate_bpm)
        self.rest_s[beats] = self.rest_s.get(beats, 0.0) + min(max(since_s, 0.0), parameters.value_s_max)

    def _close(self, parameters: NightParameters) -> Night | None:
        day, rest_s = self.day, self.rest_s
        self.day, self.rest_s = None, {}
        rested_s = sum(rest_s.values())
        if day is None or rested_s < parameters.rest_s_min:
            return None
        return self.judge(day, _median_of(rest_s), parameters, rested_s=rested_s)

    def judge(self, day: int, resting_bpm: float, parameters: NightParameters, *, rested_s: float = 0.0) -> Night:
        """Say of a night whether it stands out, then learn from it unless it does; in the order of days."""
        if len(self.learned) < parameters.nights_min:
            self._learn(resting_bpm, parameters)
            return Night(day, resting_bpm, rested_s, None, None, stands_out=False)
        usual = median(self.learned)
        sigma = self._sigma(usual, parameters)
        rise = resting_bpm - usual
        is_high = rise >= max(parameters.rise_bpm, parameters.rise_sigmas * sigma)
        stands_out = is_high and self.high_day == day - 1
        self.high_day = day if is_high else None
        relearned = False
        if stands_out:
            relearned = self._keep_out(resting_bpm, parameters)
        else:
            self.outstanding = []
            self._learn(resting_bpm, parameters)
        return Night(day, resting_bpm, rested_s, usual, rise / sigma, stands_out, relearned)

    def _keep_out(self, resting_bpm: float, parameters: NightParameters) -> bool:
        """Do not learn from a night that stands out; whether there were so many that they are usual from now on."""
        self.outstanding.append(resting_bpm)
        if len(self.outstanding) < parameters.relearn_nights:
            return False
        self.learned, self.outstanding, self.high_day = self.outstanding, [], None
        return True

    def _learn(self, resting_bpm: float, parameters: NightParameters) -> None:
        self.learned.append(resting_bpm)
        del self.learned[: -parameters.nights_max]

    def _sigma(self, usual: float, parameters: NightParameters) -> float:
        """Robust standard deviation of the learned nights, drawn towards what is expected while they are few."""
        own = _SIGMA_PER_MAD * median(abs(night - usual) for night in self.learned)
        count, prior = len(self.learned), parameters.nights_min
        return math.sqrt((count * own**2 + prior * parameters.expected_sigma_bpm**2) / (count + prior))


def _median_of(rest_s: dict[int, float]) -> float:
    """The median of values with durations, to a fraction of a beat: each whole beat is spread over its width."""
    half, below = sum(rest_s.values()) / 2, 0.0
    for beats in sorted(rest_s):
        if below + rest_s[beats] >= half:
            return round(beats - 0.5 + (half - below) / rest_s[beats], 2)
        below += rest_s[beats]
    raise AssertionError("A night without rest has no median.")
