"""A few of the random event sequences that `make sequences` runs by the hundred thousand."""

import pytest

from tests.simulation.sequences import Tally, tally
from tests.support.sequence_checks import checked
from vitals.alert import TransitionKind


@pytest.fixture(scope="module")
def done() -> Tally:
    return tally(1, 0, 100)


def test_no_sequence_of_events_breaks_what_an_alert_engine_never_does(done: Tally) -> None:
    assert done.broken is None
    assert done.sequences == 100


def test_these_few_reach_every_transition_but_the_retrospective_one(done: Tally) -> None:
    assert {transition for transition, _ in done.steps} == set(TransitionKind) - {TransitionKind.FOUND}


def test_the_same_seed_draws_the_same_sequence() -> None:
    assert checked("1-7") == checked("1-7")
