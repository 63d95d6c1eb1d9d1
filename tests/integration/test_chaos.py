"""A short sitting of the chaos campaign, whole: servers, services, load, two faults, verifier, result file, table.

The campaign itself is `make chaos`; its table stands in docs/delivery.md.
"""

import asyncio
import itertools
import random
from pathlib import Path

import pytest

from runtime.clock import SystemClock
from tests.chaos import results
from tests.chaos.campaign import Campaign, dues_of
from tests.chaos.cluster import Cluster
from tests.chaos.faults import Fault, Heal
from tests.chaos.faults.catalogue import FAULTS
from tests.chaos.load import Plan

pytestmark = [pytest.mark.integration, pytest.mark.timeout(420)]

PLAN = Plan(course_s_max=60)
TURNS = ("kill-stream", "poison")


def test_a_sitting_of_two_faults_loses_doubles_and_invents_nothing(tmp_path: Path) -> None:
    file = tmp_path / "chaos.jsonl"
    dues = dues_of(PLAN, tmp_path)
    campaign = Campaign([in_turn()], repetitions=len(TURNS), file=file, clock=SystemClock(), seed=1, until_s=None)

    asyncio.run(campaign.run(PLAN, dues, brokers=1))

    found = results.read(file)
    assert found == campaign.new
    print("\n".join(results.table(found, ["in-turn"], {"in-turn": " then ".join(TURNS)})))
    assert len(found) == len(TURNS)
    assert all(each.is_clean for each in found), [each.examples for each in found]
    assert [each.exits for each in found] == [0, 0]
    assert sum(each.readings for each in found) >= PLAN.beds * PLAN.course_s_min
    assert min(due.sequence for due in dues) < PLAN.course_s_min, "nobody fell ill: no alert could be wrong"


def in_turn() -> Fault:
    """Each of the faults once, in one course."""
    turns = itertools.cycle(FAULTS[name] for name in TURNS)

    async def inject(cluster: Cluster, chance: random.Random) -> Heal:
        return await next(turns).inject(cluster, chance)

    return Fault(name="in-turn", what=" then ".join(TURNS), inject=inject, hold_s=1.0, late_after_s=90.0)
