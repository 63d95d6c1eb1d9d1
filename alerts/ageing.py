"""What time alone does to open alerts: acknowledgements and latches run out, rules lapse, silences begin and end. Pure."""

from typing import Final

from alerts.casebook import Casebook
from alerts.episode import Cause, Episode, resolved
from alerts.state import Machine
from alerts.suppression import LIMIT_KINDS
from vitals.alert import AlertKind, Reason, Transition
from vitals.reading import Tick


ASSESSED_KINDS: Final = (
    AlertKind.NEWS2_SINGLE_RED,
    AlertKind.NEWS2_URGENT,
    AlertKind.NEWS2_EMERGENCY,
    AlertKind.PEWS_HIGH,
    AlertKind.UNUSUAL_PATTERN,
    AlertKind.DETERIORATION_RISK,
    AlertKind.BASELINE_SHIFT,
)
"""Kinds that assessments raise. Their latches run out by the time of assessments, not of ticks, which stand in another
topic: whether a condition that comes back is the same episode must not depend on how the topics interleave."""


def step_assessed(book: Casebook, cause: Cause) -> list[Transition]:
    """Let the latches of scores run out that have by the time an assessment was heard."""
    transitions: list[Transition] = []
    for kind in ASSESSED_KINDS:
        machine = book.state.machines.get(kind)
        if machine is not None and machine.episode is not None and machine.episode.latched:
            transitions += _lapsed(book, machine, machine.episode, cause)
    return transitions


def step_time(book: Casebook, tick: Tick) -> list[Transition]:
    """Age every open episode of the patient to a tick."""
    cause = Cause(f"tick@{tick.at_ms}", tick.at_ms, tick.at_ms)
    return [
        transition
        for machine in book.state.machines.values()
        if machine.episode is not None
        for transition in _aged(book, machine, machine.episode, cause)
    ]


def _aged(book: Casebook, machine: Machine, episode: Episode, cause: Cause) -> list[Transition]:
    if episode.latched:
        return [] if episode.kind in ASSESSED_KINDS else _lapsed(book, machine, episode, cause)
    if episode.kind in LIMIT_KINDS and episode.kind not in book.limit_kinds:
        return book.close(machine, Reason.RULES_CHANGED, f"No limit any more; was: {episode.text}", cause)
    if episode.acknowledgements and not episode.is_in_hand(cause.heard_ms):
        return book.realarm(machine, Reason.ACKNOWLEDGEMENT_EXPIRED, cause)
    return []


def _lapsed(book: Casebook, machine: Machine, episode: Episode, cause: Cause) -> list[Transition]:
    latched_s = book.rules.life.of(episode.priority).latched_s
    if latched_s is None or cause.heard_ms - (episode.latched_ms or 0) < latched_s * 1000:
        return []
    return [book.keep(machine, resolved(episode, Reason.LATCH_EXPIRED, f"Not seen: {episode.text}", cause))]
