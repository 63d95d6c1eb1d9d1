"""What every scenario keeps, and the arithmetic they share."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, NamedTuple

import numpy as np

from simulators.physiology import Array, Signs
from simulators.truth import ChartedTruth, MustAlarm, Phase, Severity, Truth
from vitals.alert import AlertKind
from vitals.sign import Sign

LIMIT_KINDS: tuple[AlertKind, ...] = (
    AlertKind.HEART_RATE_LOW,
    AlertKind.HEART_RATE_HIGH,
    AlertKind.RESPIRATORY_RATE_LOW,
    AlertKind.RESPIRATORY_RATE_HIGH,
    AlertKind.SPO2_LOW,
    AlertKind.TEMPERATURE_LOW,
    AlertKind.TEMPERATURE_HIGH,
    AlertKind.SYSTOLIC_LOW,
    AlertKind.SYSTOLIC_HIGH,
)
"""Alerts that hold a single sign against a limit."""
SCORE_KINDS: tuple[AlertKind, ...] = (
    AlertKind.NEWS2_SINGLE_RED,
    AlertKind.NEWS2_URGENT,
    AlertKind.NEWS2_EMERGENCY,
)
SIGN_LOST_KINDS: tuple[AlertKind, ...] = (
    AlertKind.HEART_RATE_LOST,
    AlertKind.RESPIRATORY_RATE_LOST,
    AlertKind.SPO2_LOST,
    AlertKind.TEMPERATURE_LOST,
    AlertKind.SYSTOLIC_LOST,
)
JUDGED_KINDS: tuple[AlertKind, ...] = (
    *LIMIT_KINDS,
    *SCORE_KINDS,
    *SIGN_LOST_KINDS,
    AlertKind.CONSCIOUSNESS,
    AlertKind.LOST_CONTACT,
    AlertKind.CLOCK_WRONG,
    AlertKind.LEDGER_IMBALANCE,
)
"""All that truth speaks of: what a model thinks nobody can call false by the course alone; that data are irregular or a
battery is low is true of many a healthy patient's device."""

DECISION_MARGIN_S = 10.0
"""What an alarm's own delay may be exceeded by: noise around the limit, transport."""
READINGS_ALLOWED = 3
"""So many intervals between readings are allowed on top: the first look, and rounding the delay up to whole intervals."""
CUFF_S = 60.0
"""Pressure is measured once in this time, or with every reading where they come more slowly."""
URGENT_DELAY_S = 120.0
EMERGENCY_DELAY_S = 60.0
"""NEWS2's delays before it pages, by default."""


USUAL: Mapping[Sign, float] = MappingProxyType(
    {
        Sign.HEART_RATE: 73.5,
        Sign.RESPIRATORY_RATE: 16.0,
        Sign.SPO2: 98.0,
        Sign.TEMPERATURE: 36.95,
        Sign.SYSTOLIC: 131.0,
        Sign.DIASTOLIC: 66.0,
        Sign.MEAN_PRESSURE: 87.7,
        Sign.SKIN_TEMPERATURE: 33.2,
    }
)
"""The usual patient's values in health (`simulators.physiology`)."""
KEPT = 0.2
"""How much of what is a person's own, mean and noise, is left at the depth of an illness; our choice."""


class Variant(NamedTuple):
    """Which of a scenario's many possible courses: how bad, how fast, and the seed of its chance events."""

    severity: float = 0.5
    """From 0, the mildest within the scenario's bounds, to 1."""
    pace: float = 0.5
    """From 0, the slowest within its bounds, to 1."""
    seed: int = 0

    @classmethod
    def drawn(cls, *, seed: int, bed: int) -> "Variant":
        """The variant of this bed in the ward that `seed` names; always the same one."""
        generator = np.random.default_rng([seed, bed, 1])
        severity, pace = generator.uniform(0, 1, 2).round(3).tolist()
        return cls(severity, pace, int(generator.integers(2**31)))

    def by_severity(self, mildest: float, gravest: float) -> float:
        """The value between these two that this severity has."""
        return mildest + (gravest - mildest) * self.severity

    def by_pace(self, slowest: float, fastest: float) -> float:
        """The value between these two that this pace has."""
        return slowest + (fastest - slowest) * self.pace

    def generator(self) -> np.random.Generator:
        """Where chance events are drawn from; the same ones each time."""
        return np.random.default_rng([self.seed, 2])


class Span(NamedTuple):
    """A stretch of the course, in seconds since its start; `until_s` does not belong to it."""

    from_s: float
    until_s: float

    def covers(self, second: float) -> bool:
        """Whether this second lies in it."""
        return self.from_s <= second < self.until_s


class DeviceCourse(NamedTuple):
    """What befalls the device, not the patient; all times in seconds since the start of the course."""

    out_of_reach: Span | None = None
    """It measures and keeps, and sends later; it hears no receipts."""
    unpowered: Span | None = None
    """It does not even measure; it comes back under a new boot."""
    clock_gain: float = 0.0
    """Seconds that its clock gains in each second of `clock_runs_free`."""
    clock_runs_free: Span | None = None
    """At its end the clock is set right."""
    swapped_s: float | None = None
    """From then on another device is worn."""

    def clock_error_s(self, second: float) -> float:
        """How far its clock is ahead (negative: behind) at this second."""
        free = self.clock_runs_free
        return self.clock_gain * (second - free.from_s) if free is not None and free.covers(second) else 0.0


MIDDLE = Variant()
"""Neither mild nor grave, neither slow nor fast."""
STEADY = DeviceCourse()
"""A device that just works."""


@dataclass(frozen=True, kw_only=True)
class Scenario(ABC):
    """One named course, and what is true of it; pure. A subclass says what it does to patient, sensor or device."""

    onset_s: float = 600.0
    """When it begins, in seconds since the start."""
    time_scale: float = 1.0
    """How many seconds of the course pass in one second; greater than 0."""
    variant: Variant = MIDDLE
    name: ClassVar[str]
    """On the command line and in the truth."""
    summary: ClassVar[str]
    """One line for people."""

    def shape(self, elapsed_s: Array, signs: Signs) -> Signs:  # noqa: ARG002
        """The patient's signs as this course makes them, at `elapsed_s` since the start; does not change `signs`."""
        return signs

    def sense(self, elapsed_s: Array, signs: Signs) -> Signs:  # noqa: ARG002
        """What the sensors make of the patient's signs, NaN where they have nothing to report; does not change `signs`."""
        return signs

    @property
    def device(self) -> DeviceCourse:
        """What befalls the device."""
        return STEADY

    @abstractmethod
    def truth(self, every_s: float = 1.0) -> Truth:
        """What is true of it, where devices measure once in `every_s`."""

    def _since_s(self, elapsed_s: Array) -> Array:
        """Seconds of the course since its onset; negative before it."""
        result: Array = (elapsed_s - self.onset_s) * self.time_scale
        return result

    def _at_s(self, course_s: float) -> float:
        """Second since the start at which so many seconds of the course have passed since the onset."""
        return self.onset_s + course_s / self.time_scale

    def _phases(self, *lasting: tuple[str, float]) -> tuple[Phase, ...]:
        """Phases from the onset on, each with how many seconds of the course it lasts."""
        phases, begun_s = [], 0.0
        for name, lasts_s in lasting:
            phases.append(Phase(name, self._at_s(begun_s), self._at_s(begun_s + lasts_s)))
            begun_s += lasts_s
        return tuple(phases)

    def _due(self, kind: AlertKind, course_s: float, delay_s: float, every_s: float, *or_kinds: AlertKind) -> MustAlarm:
        """The condition is there for certain once `course_s` of the course have passed; alerts wait `delay_s` themselves."""
        allowed_s = delay_s + READINGS_ALLOWED * every_s + DECISION_MARGIN_S
        return MustAlarm(kind, round(course_s / self.time_scale + allowed_s, 1), or_kinds)

    def _truth(
        self,
        severity: Severity,
        *,
        ends_s: float | None = None,
        must_alarm: tuple[MustAlarm, ...] = (),
        must_not_alarm: tuple[AlertKind, ...] = (),
        phases: tuple[Phase, ...] = (),
        charted: tuple[ChartedTruth, ...] = (),
    ) -> Truth:
        """Truth with what every scenario has in common filled in."""
        return Truth(
            scenario=self.name,
            severity=severity,
            onset_s=self.onset_s,
            ends_s=ends_s,
            must_alarm=must_alarm,
            must_not_alarm=must_not_alarm,
            phases=phases,
            charted=charted,
            severity_share=self.variant.severity,
            pace_share=self.variant.pace,
        )


def all_but(*kinds: AlertKind) -> tuple[AlertKind, ...]:
    """Every judged kind but these."""
    return tuple(kind for kind in JUDGED_KINDS if kind not in kinds)


def smooth(share: Array) -> Array:
    """From 0 to 1 without a kink, for `share` from 0 to 1; constant outside.

    >>> smooth(np.array([-1.0, 0.0, 0.5, 1.0, 2.0])).tolist()
    [0.0, 0.0, 0.5, 1.0, 1.0]
    """
    bounded = np.clip(share, 0.0, 1.0)
    result: Array = bounded * bounded * (3 - 2 * bounded)
    return result


def rise_and_fall(since_s: Array, *, rise_s: float, hold_s: float, fall_s: float) -> Array:
    """From 0 to 1 in `rise_s`, there for `hold_s`, and back in `fall_s`."""
    result: Array = smooth(since_s / rise_s) - smooth((since_s - rise_s - hold_s) / fall_s)
    return result


def drawn(signs: Signs, sign: Sign, *, target: float, share: Array, kept: float = KEPT) -> Array:
    """A sign drawn towards `target` by `share` (0 to 1), keeping a part of how the person differs from what is usual."""
    values = signs[sign]
    result: Array = values * (1 - share) + (target + kept * (values - USUAL[sign])) * share
    return result


def levelled(signs: Signs, sign: Sign, share: Array) -> Array:
    """A sign of which by `share` (0 to 1) only so much of the person's own is left as illness leaves."""
    values = signs[sign]
    result: Array = values - (1 - KEPT) * share * (values - USUAL[sign])
    return result


def flutter(elapsed_s: Array, generator: np.random.Generator, *, shortest_s: float, longest_s: float) -> Array:
    """Irregular noise of mean 0 and standard deviation 1 as a function of time, so the same at every sampling rate."""
    count = 24
    periods_s = np.exp(generator.uniform(np.log(shortest_s), np.log(longest_s), count))
    phases = generator.uniform(0, 2 * np.pi, count)
    angles = (2 * np.pi / periods_s)[:, None] * elapsed_s + phases[:, None]
    result: Array = np.sqrt(2 / count) * np.cos(angles).sum(axis=0)
    return result


class Bouts(NamedTuple):
    """Chance events in time: when each begins, how long it lasts, and how strong it is (0 to 1); in course seconds."""

    begins_s: Array
    lasts_s: Array
    strength: Array

    @classmethod
    def drawn(
        cls, generator: np.random.Generator, *, within_s: float, apart_s: float, lasts_s: Sequence[float]
    ) -> "Bouts":
        """Events `apart_s` apart on average from second 0 on, each lasting between the two of `lasts_s`."""
        count = max(1, round(within_s / apart_s))
        # Spread by even shares rather than at random altogether: two events never overlap where each has its share.
        share_s = within_s / count
        longest_s = min(lasts_s[1], 0.8 * share_s)
        lengths = generator.uniform(min(lasts_s[0], longest_s), longest_s, count)
        begins = (np.arange(count) + generator.uniform(0, 1, count) * (1 - lengths / share_s)) * share_s
        return cls(begins, lengths, generator.uniform(0, 1, count))

    def at(self, since_s: Array) -> tuple[Array, Array]:
        """Per moment: seconds since the last event began (negative: none yet), and its index."""
        index = np.searchsorted(self.begins_s, since_s, side="right") - 1
        known = np.maximum(index, 0)
        return np.where(index < 0, -1.0, since_s - self.begins_s[known]), known
