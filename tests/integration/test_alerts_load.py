"""How many alerts real recordings raise: few, and the right ones. Reads recordings that are no part of the project."""

import os
from pathlib import Path

import pytest

from alerts.rules import AlertRules
from alerts.unjudged import LOST_KINDS
from tests.support.alert_load import BIDMC, EXAM, Load, measured, minute_csv, parquet
from tests.support.servers import missing
from vitals.alert import AlertKind, Priority, TransitionKind

pytestmark = pytest.mark.integration
SHARED = Path(os.environ.get("WARDLIGHT_SHARED", Path(__file__).parents[3] / "shared"))


def recordings(name: str) -> Path:
    """A set of recordings, or a loud skip."""
    place = SHARED / "data" / name
    if not place.exists():
        missing(f"The recording set {name} (set WARDLIGHT_SHARED to where it lies)")
    return place


def test_second_by_second_intensive_care_stays_far_below_the_load_of_its_own_monitors() -> None:
    file = recordings("bidmc") / "numerics.parquet"
    load = measured(parquet(file, patient=("record",), time="Time [s]", per_second=1, columns=BIDMC), AlertRules())
    assert load.patients == 36
    assert load.per_hour < 1, told(load)
    assert load.chattering == 0
    assert load.raised[AlertKind.SPO2_LOW] >= 1, "patients below 88 % throughout must be told of"


def test_minute_by_minute_intensive_care_is_near_ten_alerts_a_day() -> None:
    files = sorted(recordings("mimic2_minute").glob("*.csv"))
    load = measured(map(minute_csv, files), AlertRules())
    assert load.patients == 2
    lost = sum(count for kind, count in load.raised.items() if kind in LOST_KINDS.values())
    assert load.per_hour * 24 - lost / load.hours * 24 < 12, told(load)
    assert 0 < lost / load.hours * 24 < 12, told(load)
    assert load.chattering == 0


TELLING = {TransitionKind.RAISED, TransitionKind.ESCALATED, TransitionKind.REALARMED}


def test_healthy_people_under_stress_with_a_moving_wristband_are_told_of_at_most_fifteen_times_a_day() -> None:
    file = recordings("exam_e4") / "hr_skin_temperature.parquet"
    load = measured(
        parquet(file, patient=("student", "session"), time="unix_s", per_second=1, columns=EXAM),
        AlertRules(),
        with_scores=False,
    )
    graver = [step for step in load.transitions if step.transition in TELLING and step.priority is not Priority.LOW]
    assert len(graver) / load.hours * 24 <= 15, told(load)
    assert load.chattering == 0


def told(load: Load) -> str:
    """What was raised, for people."""
    return f"{load.per_hour:.2f} alerts per patient-hour over {load.hours:.1f} h: {dict(load.raised)}"
