"""Staged children: the same each time, of their age, and told of when they get worse."""

import pytest

from evaluation.unusual_children import AGES, COURSES, ONSET_H, Age, Child, healthy_lines, readings, watch
from stream.pipeline import PipelineParameters
from vitals.age import AgeBand
from vitals.pews import points_of
from vitals.sign import Sign


@pytest.mark.parametrize("age", AGES, ids=[age.band.value for age in AGES])
def test_a_child_who_is_well_scores_little_at_its_age(age: Age) -> None:
    child = Child(age, 3, seed=1)
    said = list(readings(child, hours=6, every_s=300))
    assert said == list(readings(child, hours=6, every_s=300))
    assert {each.age_band for each in said} == {age.band}
    points = [
        sum(points_of(sign, each.signs[sign], age.band) or 0 for sign in each.signs if _scored(sign)) for each in said
    ]
    assert sum(points) / len(points) < 2.5


def test_an_infant_whose_heart_slows_is_flagged() -> None:
    (infant,) = (age for age in AGES if age.band is AgeBand.UNDER_3_MONTHS)
    child = Child(infant, 101, 1, COURSES[0])
    watched = watch(child, hours=ONSET_H + 3, every_s=300, parameters=PipelineParameters())
    assert any(second > ONSET_H * 3600 for second in watched.flagged_s)
    assert watched.any_s


def test_what_was_measured_is_said_in_lines() -> None:
    lines = list(healthy_lines(AGES[0], seed=1, children=1, hours=26, every_s=600))
    assert len(lines) == 3
    assert lines[0].startswith("well, 0-3mo, a reading each 600 s, from the first reading: 0.")


def _scored(sign: Sign) -> bool:
    return sign in {Sign.HEART_RATE, Sign.RESPIRATORY_RATE, Sign.SYSTOLIC, Sign.SPO2}
