"""Which step of its ladder an alert takes next, when, and on what evidence. Pure: facts in, a decision out.

A *round* is one telling of an alert: from being raised, escalated, told anew, told again after a silence, or coming with
its patient to another ward. Each round climbs the ladder from its first step.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from vitals.alert import Priority, Transition, TransitionKind, order_of
from vitals.ladder import Ladder

_BEGINS: Final = frozenset(
    {
        TransitionKind.RAISED,
        TransitionKind.ESCALATED,
        TransitionKind.REALARMED,
        TransitionKind.UNSUPPRESSED,
        TransitionKind.MOVED,
    }
)
"""Steps of an episode that begin a round; with a move the ward that takes the patient over hears of it from the first."""


class Evidence(StrEnum):
    """Why a step is taken: the same word in SQL row, API, metric label and screen."""

    FIRST = "first"
    NOT_DELIVERED = "not_delivered"
    """Nothing of the step before has been delivered, or it could be sent to nobody."""
    NOT_SEEN = "not_seen"
    NOT_ACKNOWLEDGED = "not_acknowledged"
    """Somebody has seen it, and too few have taken it in hand."""


class Over(StrEnum):
    """Why no further step follows."""

    ENDED = "ended"
    SUPPRESSED = "suppressed"
    ACKNOWLEDGED = "acknowledged"
    LATCHED = "latched"
    """Its condition has ended, and its priority is not high: it stands as a status."""
    NEVER_TOLD = "never_told"
    """It has been suppressed from its beginning, or was found afterwards."""
    CLIMBED = "climbed"
    """Every step has been taken, as often as is allowed."""


class Reached(StrEnum):
    """Whom a step could tell."""

    TOLD = "told"
    """It was handed to at least one destination."""
    SCREEN = "screen"
    """To nobody beyond the ward's own screens, as it was meant to or since nobody else could be told."""
    NOBODY = "nobody"


class Round(msgspec.Struct, frozen=True):
    """One telling of an episode, as its newest state has it."""

    round_id: str
    """The transition that began it."""
    began_ms: int
    """When that was heard: what its steps are counted from."""
    state: Transition
    """The episode's furthest transition."""
    told: Transition
    """The transition that began it."""


class Taken(msgspec.Struct, frozen=True):
    """A step of the round that was taken, and what became of its deliveries."""

    step: int
    """0 is the first; beyond the ladder's last it is that one again."""
    at_ms: int
    reached: Reached
    is_sent: bool = False
    """A destination has it."""
    failed_at_ms: int | None = None
    """Since when every one of its deliveries has failed at least once and none has been sent."""


class Case(msgspec.Struct, frozen=True):
    """What is known of an episode's round."""

    round: Round
    taken: tuple[Taken, ...] = ()
    """In order, without a gap."""
    is_seen: bool = False
    """Somebody has seen it since the round began: on a page, or through a notification."""


class Due(msgspec.Struct, frozen=True):
    """The step that follows."""

    step: int
    at_ms: int
    """Taken then, if nothing changes before; in the past where it is late."""
    why: Evidence


def round_of(transitions: Iterable[Transition]) -> Round | Over:
    """The round an episode is in, from all its transitions; why it is in none.

    Raises ValueError where there are no transitions.
    """
    steps = sorted(transitions, key=order_of)
    if not steps:
        raise ValueError("an episode has at least one transition")
    state = steps[-1]
    begun = [step for step in steps if step.transition in _BEGINS and step.suppression is None and step.is_open]
    if not state.is_open:
        return Over.ENDED
    if state.retrospective or (not begun and state.suppression is None):
        return Over.NEVER_TOLD
    if state.suppression is not None:
        return Over.SUPPRESSED
    told = begun[-1]
    return Round(told.transition_id, told.at_ms if told.heard_ms is None else told.heard_ms, state, told)


def rung(ladder: Ladder, step: int) -> int:
    """Which of the ladder's steps this is, once it repeats its last."""
    return min(step, len(ladder.steps) - 1)


def acknowledgements_of(state: Transition) -> int:
    """How many people have it in hand; records older than their list count as one."""
    return max(len(state.acknowledgements), int(state.acknowledged))


def next_step(ladder: Ladder, case: Case, *, repeats_max: int) -> Due | Over:
    """The step that follows by what is known now, or why none does."""
    state = case.round.state
    if acknowledgements_of(state) >= ladder.acknowledgements:
        return Over.ACKNOWLEDGED
    if not state.active and state.priority is not Priority.HIGH:
        return Over.LATCHED
    if not case.taken:
        return Due(0, case.round.began_ms, Evidence.FIRST)
    before = case.taken[-1]
    if before.step + 1 >= len(ladder.steps):
        return _repeated(ladder, case, before, repeats_max)
    return _higher(ladder, case, before)


def _higher(ladder: Ladder, case: Case, before: Taken) -> Due:
    """The rung above; evidence brings it forward, and never puts it off beyond the time it has."""
    number = before.step + 1
    step = ladder.steps[number]
    planned_ms = case.round.began_ms + _ms(step.after_s)
    if before.reached is Reached.NOBODY:
        return Due(number, before.at_ms, Evidence.NOT_DELIVERED)
    if before.failed_at_ms is not None:
        failed_ms = max(before.failed_at_ms, before.at_ms) + _ms(step.undelivered_after_s)
        return Due(number, min(planned_ms, failed_ms), Evidence.NOT_DELIVERED)
    if step.unseen_after_s is not None and not case.is_seen:
        planned_ms = min(planned_ms, before.at_ms + _ms(step.unseen_after_s))
    return Due(number, planned_ms, _evidence(case, before))


def _repeated(ladder: Ladder, case: Case, before: Taken, repeats_max: int) -> Due | Over:
    number = before.step + 1
    repeats = number - len(ladder.steps) + 1
    if ladder.repeat_every_s is None or repeats > min(ladder.repeats_max, repeats_max):
        return Over.CLIMBED
    return Due(number, before.at_ms + _ms(ladder.repeat_every_s), _evidence(case, before))


def _evidence(case: Case, before: Taken) -> Evidence:
    if case.is_seen:
        return Evidence.NOT_ACKNOWLEDGED
    if before.reached is Reached.NOBODY or (before.reached is Reached.TOLD and not before.is_sent):
        return Evidence.NOT_DELIVERED
    return Evidence.NOT_SEEN


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def failed_at(deliveries: Sequence[tuple[bool, int | None]]) -> int | None:
    """Since when none of a step's deliveries has arrived: of each whether it was sent, and when it first failed."""
    if not deliveries or any(is_sent for is_sent, _ in deliveries):
        return None
    failures = [failed_ms for _, failed_ms in deliveries if failed_ms is not None]
    return max(failures) if len(failures) == len(deliveries) else None
