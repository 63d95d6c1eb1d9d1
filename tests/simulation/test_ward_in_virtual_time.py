"""The whole ward under faults, in virtual time: what was promised holds after every second, and at the end sets are equal."""

import pytest

from runtime.virtual_loop import run_virtual
from storage import episodes
from tests.support.memory_mqtt import Faults
from tests.support.simulated_ward import Outcome, Plan, SimulatedWard
from vitals.alert import AlertKind

UNKIND = Faults(delay_s_max=0.4, duplicate=0.05)
CAUSED_BY_FAULTS = {AlertKind.LOST_CONTACT}
"""A ward that stands still loses contact: such episodes tell of the fault itself."""


def nothing_receipted_is_missing_from_the_log(ward: SimulatedWard) -> None:
    receipted = set(ward.fleet.receipted_ids())
    assert receipted <= ward.readings_in_log, (
        f"receipted, yet not in the log: {sorted(receipted - ward.readings_in_log)[:3]}"
    )


def no_assessment_was_ever_said_differently(ward: SimulatedWard) -> None:
    differing = [reading_id for reading_id, bodies in ward.assessments.items() if len(bodies) > 1]
    assert not differing, f"assessed twice with different results: {differing[:3]}"


def at_most_one_episode_is_open_per_patient_and_kind(ward: SimulatedWard) -> None:
    with ward.database.snapshot() as conn:
        open_now = [(episode.patient_id, episode.kind) for episode in episodes.open_episodes(conn)]
    assert len(open_now) == len(set(open_now))


def memory_is_bounded(ward: SimulatedWard) -> None:
    waiting = sum(device.outbox.unreceipted for device in ward.fleet.links.devices)
    assert waiting <= ward.plan.beds * (ward.plan.seconds + 1)


CHECKERS = (
    nothing_receipted_is_missing_from_the_log,
    no_assessment_was_ever_said_differently,
    at_most_one_episode_is_open_per_patient_and_kind,
    memory_is_bounded,
)


def simulate(plan: Plan) -> Outcome:
    print(f"simulation plan: {plan}")

    async def run() -> Outcome:
        return await SimulatedWard(plan, checkers=CHECKERS).run()

    return run_virtual(run())


def clinical_episodes(outcome: Outcome) -> set[tuple[str, str]]:
    return {
        (episode.patient_id, episode.episode_id) for episode in outcome.episodes if episode.kind not in CAUSED_BY_FAULTS
    }


@pytest.mark.parametrize("seed", [1, 2])
def test_a_ward_under_faults_ends_as_an_undisturbed_one(seed: int) -> None:
    quiet = simulate(Plan(seed=seed))
    stormy = simulate(Plan(seed=seed, faults=UNKIND, crash_every_s=5, broker_crash_at_s=30))

    assert stormy.crashes["broker"] == 1
    assert sum(stormy.crashes.values()) > 3
    for outcome in (quiet, stormy):
        assert outcome.published == outcome.receipted == outcome.stored == outcome.assessed
    assert stormy.stored == quiet.stored
    assert clinical_episodes(stormy) == clinical_episodes(quiet)
    assert clinical_episodes(quiet), "a ward in which nothing happens proves nothing"


def test_the_same_seed_gives_the_same_ward_to_the_last_byte() -> None:
    plan = Plan(seed=3, seconds=30, faults=UNKIND, crash_every_s=4)

    first, second = simulate(plan), simulate(plan)

    assert first == second
