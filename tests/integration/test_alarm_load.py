"""Alarm load over the ward of all scenarios and the recordings that lie beside the project, where they do."""

import pytest

from tests.support.tree import ROOT
from wardlight.alarm_load_report import Plan, Report, measure

RECORDINGS = ROOT.parent / "shared" / "data"
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not RECORDINGS.exists(), reason=f"the recordings are not in {RECORDINGS}"),
    pytest.mark.timeout(300),
]
FEWER_AT_EVERY_10_S = 0.7
"""A plain monitor that sees half as many values alarms less often; at every 5 s the target is 0.8 (docs/alarm-load.md)."""
BEDS = 19
"""One of each scenario."""


@pytest.fixture(scope="module")
def measured() -> Report:
    """A small ward for half a day, and every recording, by two processes."""
    return measure(Plan(beds=BEDS, hours=12, every_s=10, seed=1, data=(RECORDINGS,)), workers=2)


def test_the_load_stays_within_its_targets_on_ward_and_recordings(measured: Report) -> None:
    sets = {load.source: load for load in measured.sets}
    assert set(sets) == {"simulated", "bidmc", "mimic2_minute", "exam_e4"}
    ward = sets["simulated"]
    assert ward.fewer is not None
    assert ward.fewer_of_limits is not None
    assert ward.fewer >= FEWER_AT_EVERY_10_S
    assert ward.fewer_of_limits >= 0.8
    assert ward.engine.flood_windows == 0
    assert all(load.engine.chattering == 0 for load in measured.sets)
    assert sets["exam_e4"].plain_heart_rate_per_patient_day == pytest.approx(151, abs=1)
    assert sets["exam_e4"].medium_or_high_per_patient_day <= 15
    assert (sets["exam_e4"].fewer or 0) >= 0.8


def test_everything_that_must_alarm_does_and_nothing_that_a_plain_monitor_catches_is_missed(measured: Report) -> None:
    assert [event for event in measured.events if event.engine_s is None] == []
    assert sum(event.plain_s is not None for event in measured.events) <= len(measured.events)
    assert len(measured.events) >= 8
    assert {row.scenario: row.false for row in measured.scenarios if row.scenario == "healthy"} == {"healthy": 0}
