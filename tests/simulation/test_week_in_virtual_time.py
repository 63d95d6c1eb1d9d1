"""A ward through hours of event time, every story at life's pace: nothing lost or doubled, every due alarm in time."""

import resource

from runtime.virtual_loop import run_virtual
from tests.support.simulated_week import SimulatedWeek, WeekOutcome, WeekPlan
from vitals.alert import AlertKind

HOURS = 3
"""`make week` is the long run; this one keeps the fast loop fast."""


def simulate(plan: WeekPlan) -> WeekOutcome:
    print(f"simulation plan: {plan}")

    async def run() -> WeekOutcome:
        return await SimulatedWeek(plan).run()

    return run_virtual(run())


def test_hours_of_a_ward_with_a_story_in_most_beds() -> None:
    before_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    outcome = simulate(WeekPlan(beds=12, hours=HOURS, onsets_within_h=1.0))

    assert outcome.complaints() == []
    assert len(outcome.published) == len(outcome.stored) == 12 * HOURS * 60
    assert [verdict.scenario for verdict in outcome.verdicts if verdict.missed] == []
    assert sum(verdict.due for verdict in outcome.verdicts) >= 5
    physiological = [
        (verdict.scenario, kind)
        for verdict in outcome.verdicts
        for kind in verdict.false
        if kind is not AlertKind.LOST_CONTACT
    ]
    assert physiological == []
    assert outcome.seen[-1].rss_mb - before_mb < 450, "of the process's peak: other tests may have raised it before"
