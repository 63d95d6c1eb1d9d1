"""A simulated ward staged to hold unusual patterns and trends against the truth: the well, the ill, and those who mimic. Pure.

Everybody is well for half a day to a day before anything begins, as patients are who get worse on a ward; so the models
know them. The courses are those of `simulators.scenarios`, at life's own pace, each bed a variant of its own.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from evaluation.alarm_load_beds import SimulatedBed
from simulators.scenarios import SCENARIOS, Scenario, Variant
from simulators.truth import Severity

ONSETS_H = (12.0, 24.0)
"""When courses begin; our choice."""
AFTER_H = 12.0
"""How long a bed is watched after the worst has begun, or after a mimic's first bout; our choice."""
BEDS: Mapping[str, int] = MappingProxyType(
    {
        "healthy": 12,
        "sepsis": 6,
        "pneumonia": 4,
        "haemorrhage": 5,
        "opioid": 4,
        "desaturation": 4,
        "copd-oxygen": 3,
        "exercise": 5,
        "fever": 5,
        "motion-artefact": 5,
    }
)
"""How many beds of each scenario make a ward."""
SLOW = frozenset({"sepsis", "pneumonia", "haemorrhage"})
"""Deteriorations that take hours; the others are over within one."""
_AGAIN_S: Mapping[str, float] = MappingProxyType({"exercise": 14_400.0, "motion-artefact": 21_600.0})
"""After which time benign things come again."""
_HEALTHY_H = 48.0


class Span(NamedTuple):
    """A stretch of a course, in seconds since its start."""

    from_s: float
    until_s: float

    def covers(self, second: float) -> bool:
        """Whether this second lies in it."""
        return self.from_s <= second <= self.until_s


class StagedBed(SimulatedBed):
    """One bed of the staged ward: which scenario it plays follows from its number."""

    def course(self) -> Scenario:
        """What happens in this bed."""
        return staged(self.bed, seed=self.seed)


def staged(bed: int, *, seed: int) -> Scenario:
    """The course of one bed."""
    names = [name for name, count in BEDS.items() for _ in range(count)]
    make, variant = SCENARIOS[names[bed % len(names)]], Variant.drawn(seed=seed, bed=bed)
    if make.name == "healthy":
        return make(variant=variant)
    onset_s = round(float(np.random.default_rng([seed, bed, 5]).uniform(*ONSETS_H)) * 3600, 0)
    again_s = _AGAIN_S.get(make.name)
    if again_s is None:
        return make(onset_s=onset_s, variant=variant)
    return make(onset_s=onset_s, variant=variant, every_s=again_s)  # type: ignore[call-arg]


def ward(*, seed: int, every_s: float, share: float = 1.0) -> list[StagedBed]:
    """All beds; of each scenario the first `share`, at least one."""
    beds, first, total = [], 0, sum(BEDS.values())
    for count in BEDS.values():
        for bed in range(first, first + max(1, round(count * share))):
            hours = _hours(staged(bed, seed=seed), every_s)
            beds.append(StagedBed(total, bed, seed, hours, every_s))
        first += count
    return beds


def healthy_beds(*, seed: int, every_s: float, hours: float, count: int) -> list[StagedBed]:
    """Patients who stay well; other people than those of the ward."""
    total, wards = sum(BEDS.values()), range(1000, 1000 + -(-count // BEDS["healthy"]))
    numbers = [total * number + bed for number in wards for bed in range(BEDS["healthy"])]
    return [StagedBed(total, bed, seed, hours, every_s) for bed in numbers[:count]]


def is_deterioration(course: Scenario) -> bool:
    """Whether it is dangerous for the patient."""
    return course.truth().severity in {Severity.SERIOUS, Severity.CRITICAL}


def danger(course: Scenario, every_s: float) -> Span:
    """From the onset of a deterioration until the patient gets better."""
    truth = course.truth(every_s)
    return Span(course.onset_s, truth.phases[-1].from_s)


def bouts(course: Scenario, hours: float) -> list[Span]:
    """Each stretch that mimics a deterioration: a walk with its recovery, a restless spell, a fever that falls."""
    phases = course.truth().phases
    if course.name == "fever":
        return [Span(phases[-1].from_s, phases[-1].until_s or hours * 3600)]
    again_s = _AGAIN_S.get(course.name)
    if again_s is None:
        return []
    lasts_s = (phases[-1].until_s or course.onset_s) - course.onset_s
    begins = np.arange(course.onset_s, hours * 3600 - lasts_s, again_s).tolist()
    return [Span(begin_s, begin_s + lasts_s) for begin_s in begins]


def _hours(course: Scenario, every_s: float) -> float:
    truth = course.truth(every_s)
    if not truth.phases:
        return _HEALTHY_H
    if course.name == "fever":
        return (truth.phases[-1].until_s or 0.0) / 3600 + 1
    if not is_deterioration(course):
        return _HEALTHY_H
    worst = truth.phases[-2]
    return min(worst.from_s / 3600 + AFTER_H, (truth.phases[-1].from_s) / 3600)
