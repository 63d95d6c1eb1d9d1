"""What time alone does to open alerts: acknowledgements and latches run out, rules lapse, silences begin and end. Pure."""

from typing import Final

from alerts.casebook import Casebook
from alerts.episode import Cause, Episode, resolved
from alerts.state import Machine
from alerts.suppression import LIMIT_KINDS, SCORE_AWAITED_MS
from alerts.watchdog import CLOCK_STEP_MS
from vitals.alert import AlertKind, Priority, Reason, Transition
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
topic: whether a condition that comes back is the same episode must not depend on how the topics interleave. What
people have in hand runs out by either, and once the assessments that were to come by then have come."""


def step_assessed(book: Casebook, cause: Cause) -> list[Transition]:
    """Let the latches and acknowledgements of scores run out that have by the time an assessment was heard."""
    transitions: list[Transition] = []
    for kind in ASSESSED_KINDS:
        machine = book.state.machines.get(kind)
        if machine is None or machine.episode is None:
            continue
        if machine.episode.latched:
            transitions += _lapsed(book, machine, machine.episode, cause)
        elif machine.episode.acknowledgements and not machine.episode.is_in_hand(cause.heard_ms):
            transitions += _out_of_hand(book, machine, machine.episode, cause)
    return transitions


def step_time(book: Casebook, tick: Tick) -> list[Transition]:
    """Age every open episode of the patient to a tick."""
    _follow_clock(book, tick)
    cause = Cause(f"tick@{tick.at_ms}", tick.at_ms, tick.at_ms)
    return [
        transition
        for machine in book.state.machines.values()
        if machine.episode is not None
        for transition in _aged(book, machine, machine.episode, cause)
    ]


def _follow_clock(book: Casebook, tick: Tick) -> None:
    """Time does not run back where one topic is read ahead of another; what is further ahead was told by a wrong clock."""
    if book.state.reconciled_ms - tick.at_ms > CLOCK_STEP_MS:
        book.state.reconciled_ms = tick.at_ms


def _aged(book: Casebook, machine: Machine, episode: Episode, cause: Cause) -> list[Transition]:
    if episode.latched:
        return [] if episode.kind in ASSESSED_KINDS else _lapsed(book, machine, episode, cause)
    if episode.kind in LIMIT_KINDS and episode.kind not in book.limit_kinds:
        return book.close(machine, Reason.RULES_CHANGED, f"No limit any more; was: {episode.text}", cause)
    in_hand = episode.is_in_hand(cause.heard_ms) or _is_eased(book, machine, episode, cause.heard_ms)
    if episode.acknowledgements and not in_hand:
        return [] if _is_undecided(book, episode, cause) else _out_of_hand(book, machine, episode, cause)
    return []


def _out_of_hand(book: Casebook, machine: Machine, episode: Episode, cause: Cause) -> list[Transition]:
    """Told anew; the same step whichever record is the first to show it, as in a replay."""
    shown = cause._replace(record_id=f"acknowledged-until/{_ran_out_ms(episode)}")
    return book.realarm(machine, Reason.ACKNOWLEDGEMENT_EXPIRED, shown)


def _is_undecided(book: Casebook, episode: Episode, cause: Cause) -> bool:
    """Whether assessments are still to come that were due before it ran out, and may say that it was over by then."""
    ran_out_ms = _ran_out_ms(episode)
    if episode.kind not in ASSESSED_KINDS or cause.heard_ms - ran_out_ms >= SCORE_AWAITED_MS:
        return False
    newest_ms, assessed_ms = book.state.newest_ms or 0, book.state.assessed.last_ms or 0
    return assessed_ms < min(newest_ms, ran_out_ms)


def _ran_out_ms(episode: Episode) -> int:
    return max(given.until_ms for given in episode.acknowledgements)


def _is_eased(book: Casebook, machine: Machine, episode: Episode, heard_ms: int) -> bool:
    """Whether an alert of high priority is in hand for longer, since its sign is at no depth of that priority now.

    Its acknowledgement then holds as long as one of medium priority, unless its author chose a shorter time; back at the
    high depth, it is told anew at once.
    """
    if episode.kind not in LIMIT_KINDS or episode.priority is not Priority.HIGH or machine.holds is Priority.HIGH:
        return False
    life = book.rules.life
    usual_ms, eased_ms = life.of(Priority.HIGH).acknowledged_s * 1000, life.of(Priority.MEDIUM).acknowledged_s * 1000
    return any(
        given.until_ms - given.at_ms >= usual_ms and heard_ms < given.at_ms + eased_ms
        for given in episode.acknowledgements
    )


def _lapsed(book: Casebook, machine: Machine, episode: Episode, cause: Cause) -> list[Transition]:
    seen = next((given for given in episode.acknowledgements if given.at_ms <= cause.heard_ms), None)
    if seen is not None:
        text = f"Seen by {seen.by}: {episode.text}"
        return [book.keep(machine, resolved(episode, Reason.LATCH_RESET, text, cause, by=seen.by))]
    latched_s = book.rules.life.of(episode.priority).latched_s
    if latched_s is None or cause.heard_ms - (episode.latched_ms or 0) < latched_s * 1000:
        return []
    return [book.keep(machine, resolved(episode, Reason.LATCH_EXPIRED, f"Not seen: {episode.text}", cause))]
