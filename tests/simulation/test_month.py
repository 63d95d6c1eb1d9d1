"""Days of a ward before the alert engine, with crashes, held against an oracle; `make month` is the long run."""

import msgspec
import pytest

from alerts.rules import AlertRules
from tests.support.month_world import MonthPlan, World
from tests.support.simulated_month import MonthOutcome, SimulatedMonth, WorldPolicy
from vitals.alert import AlertKind
from vitals.reading import PatientId, Tick, WardId

PLAN = MonthPlan(beds=8, days=1.5, seed=3, partitions=2, crashes_per_day=12)


class SlowPolicy(WorldPolicy):
    """Rules of somebody who mistook minutes for seconds."""

    def rules(self, patient_id: PatientId, ward_id: WardId, at_ms: int) -> AlertRules:
        """See `Policy`."""
        rules = super().rules(patient_id, ward_id, at_ms)
        return msgspec.structs.replace(rules, emergency_delay_s=3600.0, single_red_delay_s=36_000.0)


@pytest.fixture(scope="module")
def outcome() -> MonthOutcome:
    """A short month of one partition."""
    print(f"simulation plan: {PLAN}")
    return SimulatedMonth(PLAN, 0).run()


def test_nothing_is_missed_made_up_or_told_twice_whatever_crashes(outcome: MonthOutcome) -> None:
    assert outcome.sentences == []
    assert outcome.complaints == {}
    assert outcome.crashes >= 5
    assert outcome.replayed > 100


def test_there_was_something_to_see(outcome: MonthOutcome) -> None:
    assert outcome.demands["told"] > 100
    assert len(outcome.raised) >= 5
    assert outcome.raised[AlertKind.LOST_CONTACT.value] >= 1
    assert outcome.steps["acknowledged"] >= 3


def test_the_same_plan_gives_the_same_log() -> None:
    one, other = World(PLAN, 1).day(0), World(PLAN, 1).day(0)
    assert one == other
    assert sum(isinstance(record, Tick) for _, record in one) == 1440


def test_the_checkers_see_rules_that_are_too_slow() -> None:
    month = SimulatedMonth(PLAN, 0, policy=SlowPolicy)
    assert month.run().complaints["not alarmed when due"] > 10
