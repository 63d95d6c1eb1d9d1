"""Healthy patients: one course per seed and bed, whatever the sampling rate, plausible and mostly without NEWS2 points."""

import functools
import json
import subprocess
import sys

import numpy as np
import pytest

from simulators.physiology import BOUNDS, DAY_S, Array, Signs, as_reported, healthy
from tests.support.tree import ROOT
from vitals.news2 import score
from vitals.sign import SIGN_FACTS, Sign

DAY: Array = np.arange(0, DAY_S, 60.0)


def drawn(bed: int, *, seed: int = 7) -> Signs:
    return healthy(seed=seed, bed=bed).signs(DAY, DAY)


@functools.cache
def day_of(bed: int) -> Signs:
    """As `drawn`, kept for every test that only looks at it."""
    return drawn(bed)


def test_the_same_seed_and_bed_are_the_same_person_and_others_are_not() -> None:
    again, neighbour, of_another_seed = drawn(3), drawn(4), drawn(3, seed=8)
    for sign, values in drawn(3).items():
        assert np.array_equal(values, again[sign])
        assert not np.allclose(values, neighbour[sign])
        assert not np.allclose(values, of_another_seed[sign])


def test_the_course_does_not_depend_on_the_sampling_rate() -> None:
    person = healthy(seed=1, bed=1)
    often, seldom = np.arange(0, 600, 0.25), np.arange(0, 600, 5.0)
    dense, sparse = person.signs(often, often), person.signs(seldom, seldom)
    for sign in sparse:
        assert np.allclose(dense[sign][::20], sparse[sign])


def test_values_are_possible_and_rounded_as_devices_report() -> None:
    for bed in range(10):
        for sign, values in as_reported(day_of(bed)).items():
            assert values.min() >= SIGN_FACTS[sign].possible_low
            assert values.max() <= SIGN_FACTS[sign].possible_high
            assert np.allclose(values * 10, np.round(values * 10))


def test_ward_patients_mostly_have_news2_0_to_2() -> None:
    totals = []
    for bed in range(20):
        signs = as_reported(day_of(bed))
        for moment in range(0, len(DAY), 60):
            observed = {sign: float(values[moment]) for sign, values in signs.items()}
            total = score({**observed, Sign.CONSCIOUSNESS: 0, Sign.SUPPLEMENTAL_OXYGEN: 0}).total
            assert total is not None
            totals.append(total)
    assert max(totals) <= 4
    assert np.mean([total <= 2 for total in totals]) > 0.97


def test_temperature_and_heart_rate_are_lower_before_dawn_than_in_the_afternoon() -> None:
    night, afternoon = (DAY > 3 * 3600) & (DAY < 5 * 3600), (DAY > 15 * 3600) & (DAY < 18 * 3600)
    days = [day_of(bed) for bed in range(30)]
    for sign in (Sign.TEMPERATURE, Sign.HEART_RATE, Sign.SYSTOLIC):
        rises = [day[sign][afternoon].mean() - day[sign][night].mean() for day in days]
        assert np.mean(rises) > 0
        assert np.mean([rise > 0 for rise in rises]) > 0.7


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Sign.HEART_RATE, Sign.RESPIRATORY_RATE),
        (Sign.SYSTOLIC, Sign.DIASTOLIC),
    ],
)
def test_signs_of_one_person_move_together(one: Sign, other: Sign) -> None:
    together = [np.corrcoef(day_of(bed)[one], day_of(bed)[other])[0, 1] for bed in range(30)]
    assert np.mean(together) > 0.1


def test_saturation_falls_a_little_where_breathing_quickens() -> None:
    together = [np.corrcoef(day_of(bed)[Sign.RESPIRATORY_RATE], day_of(bed)[Sign.SPO2])[0, 1] for bed in range(30)]
    assert -0.3 < np.mean(together) < 0


def test_a_healthy_patient_never_looks_ill_by_a_single_sign() -> None:
    for bed in range(20):
        signs = day_of(bed)
        for sign, (low, high, _) in BOUNDS.items():
            assert low <= signs[sign].min()
            assert signs[sign].max() <= high
        assert (signs[Sign.SYSTOLIC] - signs[Sign.DIASTOLIC]).min() >= 22


def test_the_same_seed_gives_the_same_bytes_in_another_process() -> None:
    values = as_reported(healthy(seed=1, bed=1).signs(DAY, DAY))[Sign.HEART_RATE]
    code = (
        "import numpy as np; from simulators.physiology import *; day = np.arange(0, DAY_S, 60.0);"
        "values = as_reported(healthy(seed=1, bed=1).signs(day, day));"
        "print([int(value) for name, value in values.items() for value in value.tolist() if name == 'heart_rate_bpm'])"
    )
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, cwd=ROOT, text=True).stdout
    assert json.loads(told) == [int(value) for value in values]


def test_neighbouring_seconds_are_alike_and_distant_ones_are_not() -> None:
    moments: Array = np.arange(0, 7200, 1.0)
    near, far = [], []
    for bed in range(20):
        values = healthy(seed=2, bed=bed).signs(moments, np.zeros_like(moments))[Sign.RESPIRATORY_RATE]
        near.append(np.corrcoef(values[:-1], values[1:])[0, 1])
        far.append(np.corrcoef(values[:-3600], values[3600:])[0, 1])
    assert np.mean(near) > 0.8
    assert abs(np.mean(far)) < 0.3
