"""How far an episode had come by what was told of it: an engine that knows less goes on from there. Pure.

A replay mostly comes to the very steps that were told before it. Where two topics meet it may not: a score judged before the
reading that absorbed it was never kept quiet, so nothing ends that, and no new round begins. What it told next would stand
behind what had been told, and whoever keeps the furthest step (`vitals.alert.order_of`) would never hear of it.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from alerts.episode import RANK, Episode
from vitals.alert import Priority, Transition
from vitals.reading import PatientId


class Reached(NamedTuple):
    """The highest priority and its latest round that were told of an episode, and when their cause was heard."""

    priority: Priority
    round: int
    heard_ms: int


def reached_by(steps: Iterable[Transition]) -> dict[PatientId, dict[str, Reached]]:
    """How far these steps say that episodes had come, by patient and episode; of equal steps the first heard counts."""
    found: dict[PatientId, dict[str, Reached]] = {}
    for step in steps:
        theirs = found.setdefault(step.patient_id, {})
        heard_ms = step.at_ms if step.heard_ms is None else step.heard_ms
        reached = Reached(step.priority, step.round, heard_ms)
        held = theirs.get(step.episode_id)
        if held is None or _order(reached) > _order(held):
            theirs[step.episode_id] = reached
    return found


def caught_up(episode: Episode, told: Mapping[str, Reached], heard_ms: int) -> Episode:
    """The episode, no less far than it was told, before something moves it that was heard after that."""
    reached = told.get(episode.episode_id)
    if reached is None or heard_ms <= reached.heard_ms:
        return episode
    if (RANK[reached.priority], reached.round) <= (RANK[episode.priority], episode.round):
        return episode
    return msgspec.structs.replace(episode, priority=reached.priority, round=reached.round)


def _order(reached: Reached) -> tuple[int, int, int]:
    return RANK[reached.priority], reached.round, -reached.heard_ms
