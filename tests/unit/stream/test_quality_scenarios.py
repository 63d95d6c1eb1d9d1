"""The gate over simulated courses: illness reaches the models whole, a restless hand does not."""

from collections import Counter
from collections.abc import Iterator

import pytest

from simulators.bedside import Bedside, Sampling
from simulators.physiology import healthy
from simulators.scenarios import SCENARIOS, Scenario, ward_mix
from simulators.scenarios.motion_artefact import MotionArtefact
from simulators.truth import Severity
from stream.quality import QualityGate, sift
from vitals.quality import WithheldCause
from vitals.sign import Sign

EVERY_S = 5
READINGS = 1500
"""Two hours, with onsets in the first half hour."""
ILL = (Severity.MODERATE, Severity.SERIOUS, Severity.CRITICAL)
COURSES = ward_mix(len(SCENARIOS), seed=11, onsets_within_s=1800)


def readings(course: Scenario) -> Iterator[tuple[int, dict[Sign, float]]]:
    sampling = Sampling(rate_hz=1 / EVERY_S, phase_s=0, day_s=9 * 3600, cuff_phase_s=0)
    device = Bedside(physiology=healthy(seed=11, bed=1), scenario=course, sampling=sampling, has_rounds=False)
    for number in range(READINGS):
        measured = device.reading(number)
        yield number * EVERY_S * 1000, {Sign(name): float(value) for name, value in measured.items()}


def causes_of(course: Scenario) -> Counter[WithheldCause]:
    gate = QualityGate()
    return Counter(
        each.cause for at_ms, signs in readings(course) for each in gate.judge(sift(signs).signs, at_ms).withheld
    )


@pytest.mark.parametrize(
    "course", [each for each in COURSES if each.truth().severity in ILL], ids=lambda each: each.name
)
def test_of_who_gets_worse_nothing_is_withheld(course: Scenario) -> None:
    assert causes_of(course) == {}


def test_what_a_restless_hand_says_is_withheld_as_poor_signal() -> None:
    (course,) = (each for each in COURSES if isinstance(each, MotionArtefact))
    assert causes_of(course)[WithheldCause.POOR_SIGNAL] > 20
