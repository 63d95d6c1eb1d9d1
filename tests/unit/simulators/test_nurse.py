"""The simulated nurse charts on rounds, tells what changes when it changes, and what she says is a valid entry."""

import pytest

from simulators.nurse import NAME, PERSON_ID, ROUND_EVERY_S, Nurse, observed
from simulators.scenarios import SCENARIOS, Variant, scenario
from vitals.charting import chart
from vitals.reading import PatientId
from vitals.sign import Sign

START_MS = 1_700_000_000_000


def test_a_healthy_patient_is_charted_alert_and_on_air_on_every_round() -> None:
    nurse = Nurse(scenario("healthy").truth(), phase_s=600)
    entries = nurse.due(until_s=9 * 3600)
    assert [entry.at_s for entry in entries] == [0, 600, 600 + ROUND_EVERY_S, 600 + 2 * ROUND_EVERY_S]
    assert {(entry.consciousness, entry.supplemental_oxygen) for entry in entries} == {("A", False)}
    assert nurse.due(until_s=9 * 3600) == []


def test_what_changes_is_charted_when_it_changes_and_holds_on_later_rounds() -> None:
    course = scenario("sepsis", onset_s=0, variant=Variant(severity=1))
    confused_s = course.truth().charted[0].at_s
    entries = Nurse(course.truth()).due(until_s=12 * 3600)
    assert [entry.at_s for entry in entries] == sorted(entry.at_s for entry in entries)
    assert {entry.consciousness for entry in entries if entry.at_s < confused_s} == {"A"}
    assert {entry.consciousness for entry in entries if entry.at_s >= confused_s} == {"C"}
    assert confused_s in [entry.at_s for entry in entries]


def test_the_scale_is_prescribed_once_and_oxygen_stays() -> None:
    entries = Nurse(scenario("copd-oxygen", onset_s=36_000).truth(), phase_s=60).due(until_s=30_000)
    assert [entry.spo2_scale for entry in entries] == [2] + [None] * (len(entries) - 1)
    assert all(entry.supplemental_oxygen and entry.oxygen_l_per_min == 1 for entry in entries)


@pytest.mark.parametrize("name", list(SCENARIOS))
def test_every_entry_is_one_that_charting_takes(name: str) -> None:
    truth = scenario(name, onset_s=600, variant=Variant(severity=1, pace=1)).truth()
    for entry in Nurse(truth).due(until_s=200_000):
        said = observed(entry, started_at_ms=START_MS)
        now_ms = START_MS + round(entry.at_s * 1000)
        reading = chart(said, patient_id=PatientId("p"), person_id=PERSON_ID, by=NAME, now_ms=now_ms, age_ms_max=60_000)
        assert reading.signs[Sign.CONSCIOUSNESS] in {0, 1, 2, 3}
        assert reading.measured_at_ms == now_ms
