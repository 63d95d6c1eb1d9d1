"""Simulated healthy patients beside the recordings that lie beside the project, where they do."""

from pathlib import Path

import pytest

from evaluation.courses import changes_around_sepsis, irregularity
from evaluation.realism import distances, simulate_like
from evaluation.recordings import read_sets
from tests.support.tree import ROOT

RECORDINGS = ROOT.parent / "shared" / "data"
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not RECORDINGS.exists(), reason=f"the recordings are not in {RECORDINGS}"),
]


def test_healthy_patients_stay_close_to_recorded_ones() -> None:
    measured = [each for one in read_sets(Path(RECORDINGS)) for each in distances(one, simulate_like(one, seed=1))]
    hourly = {(each.sign, each.measure): each.distance for each in measured if each.recording == "sepsis2019"}
    assert len(measured) > 60
    for (sign, measure), distance in hourly.items():
        if measure == "Wasserstein, values, in sd":
            assert distance < 0.45, sign
        if measure == "correlation":
            assert distance < 0.1, sign


def test_the_figures_that_scenarios_stand_on() -> None:
    changes = {
        (each.column, each.hour): each.mean for each in changes_around_sepsis(RECORDINGS / "sepsis2019/set_a.parquet")
    }
    assert changes["HR", 0] == pytest.approx(3.7, abs=0.1)
    assert changes["Resp", -12] > 0.5
    assert abs(changes["SBP", -12]) < 1
    quartiles, patients = irregularity(RECORDINGS / "rhythm/beats.parquet")
    assert [round(value, 2) for value in quartiles] == [0.21, 0.23, 0.27]
    assert patients == 53
