"""`python -m evaluation.unusual_children [--seed S]`: what unusual patterns are worth in children, on staged children.

Levels by age are the medians of Fleming et al. (Lancet 2011;377:1011) for heart rate and breathing, and pressures of those
ages; how they wander is the simulated adult's (`simulators.physiology`), more by the root of the level, and infants sleep and wake by turns
and cry (two hours a day in the first three months, one later: Wolke et al., J Pediatr 2017;185:55). Courses are ours: no
recording of a child was at hand. Pure but for the command line.
"""

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from statistics import median
from typing import NamedTuple

import msgspec
import numpy as np

from alerts.partition import PartitionAlerts
from alerts.place import Place
from alerts.policy import FixedPolicy
from alerts.rules import AlertRules
from evaluation.alarm_load_beds import START_MS
from evaluation.alarm_load_run import TELLING
from evaluation.unusual_run import PATIENT_KINDS
from runtime.lifecycle import EXIT_OK
from simulators.bedside import CUFF_EVERY_S
from simulators.physiology import as_reported, healthy
from stream.pipeline import PatientPipeline, PipelineParameters
from stream.scoring import PatientState, assess
from vitals.age import AgeBand
from vitals.alert import AlertKind
from vitals.assessment import Assessment
from vitals.identity import sequenced_reading_id
from vitals.reading import DeviceId, PatientId, Reading, WardId
from vitals.sign import Sign

DAY_S = 86_400.0
_ADULT = {Sign.HEART_RATE: 73.5, Sign.RESPIRATORY_RATE: 16.0, Sign.SYSTOLIC: 131.0}
_CYCLE_S = 3_300.0
"""Of an infant's sleep: fifty to sixty minutes."""
_CRY_S = 900.0
_KINDS = PATIENT_KINDS | {AlertKind.PEWS_HIGH}


class Age(NamedTuple):
    """One age: medians at rest, what a cry or a game adds, and for what share of the time."""

    band: AgeBand
    heart_rate_bpm: float
    respiratory_rate_bpm: float
    systolic_mmhg: float
    excited_share: float
    excited_heart_bpm: float
    excited_breaths_per_min: float


AGES = (
    Age(AgeBand.UNDER_3_MONTHS, 140, 42, 74, 2 / 24, 25, 6),
    Age(AgeBand.UNDER_1_YEAR, 128, 38, 90, 1 / 24, 22, 6),
    Age(AgeBand.UNDER_4_YEARS, 112, 29, 97, 1 / 24, 20, 5),
    Age(AgeBand.UNDER_12_YEARS, 86, 21, 105, 1 / 24, 20, 4),
    Age(AgeBand.UNDER_16_YEARS, 78, 17, 114, 1 / 24, 20, 4),
)


class Course(NamedTuple):
    """A deterioration: what it adds in the end, as a share of the level for rates, and over how long it comes."""

    name: str
    over_h: float
    heart_share: float
    breathing_share: float
    spo2: float
    temperature: float


COURSES = (
    Course("slowing", 1.0, -0.34, -0.1, 0, -0.3),
    Course("airway", 8.0, 0.22, 0.5, -5, 0.3),
    Course("sepsis", 6.0, 0.28, 0.35, -1.5, 1.3),
)
ONSET_H = 20.0
WATCHED_H = 12.0
"""From the onset on."""


class Child(NamedTuple):
    """One simulated child."""

    age: Age
    number: int
    seed: int
    course: Course | None = None


class Watched(NamedTuple):
    """What came of one child."""

    child: Child
    told_s: tuple[float, ...]
    """When an unusual pattern was told."""
    any_s: tuple[float, ...]
    """When any alert about the patient began."""
    flagged_s: tuple[float, ...]
    learned_share: float
    """Of the second half of the readings."""


def readings(child: Child, *, hours: float, every_s: float) -> Iterator[Reading]:
    """A child's readings, in order."""
    age = child.age
    generator = np.random.default_rng([child.seed, AGES.index(age), child.number])
    seconds = np.arange(0.0, hours * 3600, every_s)
    person = healthy(seed=child.seed, bed=5000 + 1000 * AGES.index(age) + child.number)
    signs = dict(person.signs(seconds, seconds % DAY_S))
    means, level = person.means, generator.normal(1, 0.05, 3)
    wanted = (age.heart_rate_bpm, age.respiratory_rate_bpm, age.systolic_mmhg)
    known = (means.heart_rate_bpm, means.respiratory_rate_bpm, means.systolic_mmhg)
    for number, sign in enumerate((Sign.HEART_RATE, Sign.RESPIRATORY_RATE, Sign.SYSTOLIC)):
        share = math.sqrt(wanted[number] / _ADULT[sign])
        signs[sign] = wanted[number] * level[number] + share * (signs[sign] - known[number])
    excited = _excited(age, generator, seconds)
    signs[Sign.HEART_RATE] = signs[Sign.HEART_RATE] + age.excited_heart_bpm * excited
    signs[Sign.RESPIRATORY_RATE] = signs[Sign.RESPIRATORY_RATE] + age.excited_breaths_per_min * excited
    if age.band in {AgeBand.UNDER_3_MONTHS, AgeBand.UNDER_1_YEAR}:
        asleep = np.sin(2 * math.pi * (seconds / _CYCLE_S + generator.uniform()))
        signs[Sign.HEART_RATE] = signs[Sign.HEART_RATE] - 5 * asleep
        signs[Sign.RESPIRATORY_RATE] = signs[Sign.RESPIRATORY_RATE] - 3 * asleep
    if child.course is not None:
        ill = np.clip((seconds / 3600 - ONSET_H) / child.course.over_h, 0, 1)
        signs[Sign.HEART_RATE] = signs[Sign.HEART_RATE] * (1 + child.course.heart_share * ill)
        signs[Sign.RESPIRATORY_RATE] = signs[Sign.RESPIRATORY_RATE] * (1 + child.course.breathing_share * ill)
        signs[Sign.SPO2] = signs[Sign.SPO2] + child.course.spo2 * ill
        signs[Sign.TEMPERATURE] = signs[Sign.TEMPERATURE] + child.course.temperature * ill
    reported = as_reported({sign: signs[sign] for sign in (*_ADULT, Sign.SPO2, Sign.TEMPERATURE)})
    cuff_every = max(1, round(CUFF_EVERY_S / every_s))
    for number, second in enumerate(seconds.tolist()):
        values = {sign: float(column[number]) for sign, column in reported.items()}
        if number % cuff_every:
            del values[Sign.SYSTOLIC]
        yield _reading(child, number, second, values)


def watch(child: Child, *, hours: float, every_s: float, parameters: PipelineParameters) -> Watched:
    """Send a child through scorer and alert engine as they run live."""
    state = PatientState(_patient(child), PatientPipeline(parameters))
    engine = PartitionAlerts(FixedPolicy(AlertRules()), lambda _: Place(WardId("ward")), patients_max=2)
    told, flagged, learned = list[tuple[float, AlertKind]](), list[float](), list[bool]()
    for record in readings(child, hours=hours, every_s=every_s):
        assessment = assess(state, record)
        steps = engine.step(record)
        if assessment is not None:
            steps += engine.step(assessment)
            _note(assessment, flagged, learned)
        told += [
            ((step.at_ms - START_MS) / 1000, step.kind)
            for step in steps
            if step.transition in TELLING and not step.retrospective
        ]
    late = learned[len(learned) // 2 :]
    unusual = tuple(second for second, kind in told if kind is AlertKind.UNUSUAL_PATTERN)
    of_patient = tuple(second for second, kind in told if kind in _KINDS)
    return Watched(child, unusual, of_patient, tuple(flagged), sum(late) / len(late))


def healthy_lines(age: Age, *, seed: int, children: int, hours: float, every_s: float) -> Iterator[str]:
    """How often children who are well are told of."""
    watched = [
        watch(Child(age, number, seed), hours=hours, every_s=every_s, parameters=PipelineParameters())
        for number in range(children)
    ]
    for name, from_s in (("from the first reading", 0.0), ("held out after 24 h", DAY_S)):
        days = (hours * 3600 - from_s) / DAY_S
        rates = sorted(sum(second >= from_s for second in each.told_s) / days for each in watched)
        yield (
            f"well, {age.band.value}, a reading each {every_s:g} s, {name}: {sum(rates) / len(rates):.2f} unusual patterns a child"
            f" and day; over {len(rates)} children: median {median(rates):.2f}, most {rates[-1]:.2f}"
        )
    yield f"  readings flagged {_share(watched, hours, every_s):.1f} %; learned of the later half {100 * min(each.learned_share for each in watched):.0f} % at least"


def ill_line(age: Age, course: Course, *, seed: int, children: int, every_s: float) -> str:
    """How soon a deterioration is flagged."""
    watched = [
        watch(
            Child(age, 100 + number, seed, course),
            hours=ONSET_H + WATCHED_H,
            every_s=every_s,
            parameters=PipelineParameters(),
        )
        for number in range(children)
    ]
    flagged = _first_min([each.flagged_s for each in watched])
    told = _first_min([each.any_s for each in watched])
    return (
        f"{course.name}, {age.band.value}, over {course.over_h:g} h: flagged {_after(flagged)} of {len(watched)};"
        f" any alert {_after(told)}"
    )


def _first_min(seconds: Sequence[Sequence[float]]) -> list[float]:
    """Of each child in which it came, minutes from the onset to the first."""
    onset_s = ONSET_H * 3600
    first = [min((second for second in each if second >= onset_s), default=None) for each in seconds]
    return [(second - onset_s) / 60 for second in first if second is not None]


def _after(minutes: Sequence[float]) -> str:
    return f"{median(minutes):.0f} min after its onset in {len(minutes)}" if minutes else "in 0"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; an exit code."""
    parser = argparse.ArgumentParser(prog="python -m evaluation.unusual_children", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--children", type=int, default=6, help="of each age who stay well; half as many of each course"
    )
    parser.add_argument("--hours", type=float, default=72.0, help="of those who stay well")
    parser.add_argument("--every", type=float, default=60.0, help="seconds between readings")
    options = parser.parse_args(arguments)
    for age in AGES:
        for line in healthy_lines(
            age, seed=options.seed, children=options.children, hours=options.hours, every_s=options.every
        ):
            sys.stdout.write(line + "\n")
        for course in COURSES:
            few = max(1, options.children // 2)
            sys.stdout.write(ill_line(age, course, seed=options.seed, children=few, every_s=options.every) + "\n")
        sys.stdout.flush()
    return EXIT_OK


def _excited(age: Age, generator: np.random.Generator, seconds: np.ndarray) -> np.ndarray:
    """From 0 to 1: cries and games, each about a quarter of an hour, rising and falling over two minutes."""
    hours = (seconds[-1] if len(seconds) else 0.0) / 3600
    count = generator.poisson(hours / 24 * age.excited_share * DAY_S / _CRY_S)
    found = np.zeros_like(seconds)
    for start_s in generator.uniform(0, hours * 3600, count):
        lasts_s = _CRY_S * generator.uniform(0.5, 1.5)
        rise = np.clip((seconds - start_s) / 120, 0, 1)
        fall = np.clip((start_s + lasts_s - seconds) / 120, 0, 1)
        found = np.maximum(found, np.minimum(rise, fall))
    return found


def _note(assessment: Assessment, flagged: list[float], learned: list[bool]) -> None:
    learned.append(assessment.learned)
    if assessment.flagged:
        flagged.append((assessment.measured_at_ms - START_MS) / 1000)


def _share(watched: Sequence[Watched], hours: float, every_s: float) -> float:
    return 100 * sum(len(each.flagged_s) for each in watched) / (len(watched) * hours * 3600 / every_s)


def _patient(child: Child) -> PatientId:
    return PatientId(f"child-{child.age.band.value}-{child.number}")


def _reading(child: Child, number: int, second: float, values: dict[Sign, float]) -> Reading:
    at_ms, device = START_MS + round(second * 1000), DeviceId(f"cot-{child.number}")
    made = Reading(
        reading_id=sequenced_reading_id(device, "b1", number),
        patient_id=_patient(child),
        device_id=device,
        measured_at_ms=at_ms,
        received_at_ms=at_ms + 50,
        signs=values,
        boot="b1",
        sequence=number,
    )
    return msgspec.structs.replace(made, age_band=child.age.band)


if __name__ == "__main__":
    sys.exit(main())
