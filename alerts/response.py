"""What a person's order does to an open episode, or why it does nothing. Pure."""

from enum import StrEnum
from typing import Final

from alerts.episode import Cause, Episode, Moved, acknowledged, resolved
from alerts.life import TECHNICAL_KINDS, LifeRule
from vitals.alert import Acknowledgement, Action, Command, Reason

ACKNOWLEDGED_BY_MAX: Final = 16
"""People who can have one episode in hand; one more is told that it is acknowledged already."""


class Refusal(StrEnum):
    """Why a command changed nothing; bounded, used as metric label."""

    REPEATED = "repeated"
    """This command id was obeyed before."""
    CLOSED = "closed"
    """The episode has ended."""
    UNKNOWN = "unknown"
    """No such episode yet; kept in case the log delivers its beginning later, as a replay may."""
    ALREADY_ACKNOWLEDGED = "already_acknowledged"
    """This person has it in hand for as long already, or as many people as there may be have."""
    OUTDATED = "outdated"
    """It was given before the alert became worse than it was: it covers nothing that stands now."""
    STILL_ACTIVE = "still_active"
    """A person cannot resolve what the patient's signs still say."""


def obeyed(
    episode: Episode, command: Command, life: LifeRule, *, is_unworn: bool = False
) -> tuple[Moved, ...] | Refusal:
    """What a command does to an open episode; `is_unworn`: the patient wears no device, so nothing can say that it ended."""
    if command.action is Action.ACKNOWLEDGE:
        return _acknowledged(episode, command, life)
    if command.action is Action.PATIENT_LEFT:
        return (_ended(episode, command, Reason.PATIENT_LEFT, "Patient left"),)
    if episode.latched:
        return (_ended(episode, command, Reason.LATCH_RESET, f"Seen by {command.by}: {episode.text}"),)
    if is_unworn or episode.kind in TECHNICAL_KINDS:
        return (_ended(episode, command, Reason.PERSON, f"Resolved by {command.by}"),)
    return Refusal.STILL_ACTIVE


def _acknowledged(episode: Episode, command: Command, life: LifeRule) -> tuple[Moved, ...] | Refusal:
    if command.at_ms < episode.worse_ms:
        return Refusal.OUTDATED
    given = _given(episode, command, life)
    mine = [held for held in episode.acknowledgements if held.person_id == given.person_id]
    if mine and mine[0].until_ms >= given.until_ms:
        return Refusal.ALREADY_ACKNOWLEDGED
    if not mine and len(episode.acknowledgements) >= ACKNOWLEDGED_BY_MAX:
        return Refusal.ALREADY_ACKNOWLEDGED
    seen = acknowledged(episode, given, Cause.ordered(command))
    if not episode.latched:
        return (seen,)
    text = f"Seen by {command.by}: {episode.text}"
    return seen, _ended(seen.episode, command, Reason.LATCH_RESET, text)


def _given(episode: Episode, command: Command, life: LifeRule) -> Acknowledgement:
    """The acknowledgement, with its end: what was chosen, within bounds, or what the rules give."""
    times = life.of(episode.priority)
    until_ms = command.at_ms + round(times.acknowledged_s * 1000)
    if command.until_ms is not None and command.until_ms > command.at_ms:
        until_ms = min(command.until_ms, command.at_ms + round(times.acknowledged_s_max * 1000))
    return Acknowledgement(
        person_id=command.by if command.person_id is None else command.person_id,
        by=command.by,
        at_ms=command.at_ms,
        until_ms=until_ms,
        note=command.note,
    )


def _ended(episode: Episode, command: Command, reason: Reason, text: str) -> Moved:
    cause = Cause.ordered(command)
    # Who was discharged may be heard of for a moment more: no alert ends before it began.
    cause = cause._replace(at_ms=max(cause.at_ms, episode.raised_at_ms))
    return resolved(episode, reason, text, cause, by=command.by)
