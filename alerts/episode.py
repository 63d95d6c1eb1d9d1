"""One alert from onset to end: the state machine of an episode. Pure.

`active` and `acknowledged` are two facts, kept apart (after ISA-18.2): what the patient does moves the one, what a
person does moves the other. Beside them stand *latched* (over, and nobody has seen it) and *suppressed* (told to nobody).
The table of states, events and what is sent stands in docs/alerts.md.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from vitals.alert import (
    Acknowledgement,
    AlertKind,
    Command,
    Priority,
    Reason,
    Suppression,
    Transition,
    TransitionKind,
    progress_of,
)
from vitals.identity import episode_id, transition_id
from vitals.reading import DeviceId, Origin, PatientId, Reading, RefusedSigns, WardId, Withdrawn
from vitals.sign import Sign

RANK: Mapping[Priority, int] = MappingProxyType({Priority.LOW: 0, Priority.MEDIUM: 1, Priority.HIGH: 2})
"""Priorities by urgency."""


class Cause(NamedTuple):
    """The log record that moves an episode."""

    record_id: str
    """A reading id or `tick@ms`; deterministic, so that ids made of it are."""
    at_ms: int
    """Event time."""
    heard_ms: int
    """When it reached us; what an acknowledgement's time is held against."""
    origin: Origin = Origin.REAL
    device_id: DeviceId | None = None
    """Whose reading it is, or is about; None for time and orders."""

    @classmethod
    def of(cls, record: Reading | RefusedSigns, at_ms: int, heard_ms: int) -> "Cause":
        """A device's record, at its place in time."""
        return cls(record.reading_id, at_ms, heard_ms, record.origin, record.device_id)

    @classmethod
    def ordered(cls, command: Command) -> "Cause":
        """An order."""
        return cls(command.command_id, command.at_ms, command.at_ms)


class Finding(NamedTuple):
    """A condition that has lasted long enough to be told."""

    priority: Priority
    reason: Reason
    onset_ms: int
    text: str
    sign: Sign | None = None
    value: float | None = None
    limit: float | None = None
    depth: float = 0.0
    """How bad it is among findings of its kind; greater is worse, 0 where the kind knows no depths."""


class Episode(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The whole state of one episode."""

    episode_id: str
    patient_id: PatientId
    ward_id: WardId
    """Where the patient lies; part of its MQTT topic."""
    kind: AlertKind
    priority: Priority
    """The highest so far: it never falls within one episode."""
    onset_ms: int
    raised_at_ms: int
    heard_ms: int
    """When the cause of the last raise, escalation or deepening reached us."""
    text: str
    active: bool = True
    latched: bool = False
    latched_ms: int | None = None
    """When it was heard that the condition had ended."""
    acknowledgements: tuple[Acknowledgement, ...] = ()
    """Who has it in hand; one that has run out stays until the last one has."""
    suppression: Suppression | None = None
    round: int = 0
    depth: float = 0.0
    """How bad it has been; see `Finding.depth`."""
    worse_ms: int = 0
    """When was heard what made it worse than it was raised as; an acknowledgement given before covers nothing now."""
    last_at_ms: int = 0
    """The latest time of any step."""
    progress: int = -1
    """How far the last step had come."""
    last_move: int = 0
    """And the move it had followed."""
    sign: Sign | None = None
    value: float | None = None
    limit: float | None = None
    origin: Origin = Origin.REAL
    move: int = 0
    """Number of the patient's last move that it has followed."""
    device_id: DeviceId | None = None
    """Whose reading raised it, or escalated it last."""
    rules_version: str | None = None
    """Of the rules by which it was raised or escalated."""

    @property
    def acknowledged(self) -> bool:
        """Whether anybody has it in hand."""
        return bool(self.acknowledgements)

    def is_in_hand(self, at_ms: int) -> bool:
        """Whether somebody's acknowledgement still holds at `at_ms`."""
        return any(acknowledgement.until_ms > at_ms for acknowledgement in self.acknowledgements)


class Moved(NamedTuple):
    """An episode after a step, and what is sent about it."""

    episode: Episode
    transition: Transition

    def with_changes(self, **changes: Any) -> "Moved":  # noqa: ANN401 - fields of many types
        """The same step with these fields of the transition changed."""
        return Moved(self.episode, msgspec.structs.replace(self.transition, **changes))


class Subject(NamedTuple):
    """Whose alert it is, and by which rules."""

    patient_id: PatientId
    ward_id: WardId
    move: int = 0
    rules_version: str | None = None


def opened(
    subject: Subject, kind: AlertKind, finding: Finding, cause: Cause, suppression: Suppression | None = None
) -> Moved:
    """A new episode: active, not acknowledged."""
    episode = Episode(
        episode_id=episode_id(subject.patient_id, kind, cause.record_id),
        patient_id=subject.patient_id,
        ward_id=subject.ward_id,
        kind=kind,
        priority=finding.priority,
        onset_ms=finding.onset_ms,
        raised_at_ms=cause.at_ms,
        heard_ms=cause.heard_ms,
        text=finding.text,
        suppression=suppression,
        depth=finding.depth,
        sign=finding.sign,
        value=finding.value,
        limit=finding.limit,
        origin=cause.origin,
        move=subject.move,
        device_id=cause.device_id,
        rules_version=subject.rules_version,
    )
    return stepped(episode, TransitionKind.RAISED, finding.reason, cause)


def escalated(
    episode: Episode,
    finding: Finding,
    cause: Cause,
    *,
    acknowledged_s_max: float,
    suppression: Suppression | None = None,
    rules_version: str | None = None,
) -> Moved:
    """The priority rose: what was acknowledged before the cause was heard is no longer covered.

    An acknowledgement that was given after it, and only came to be read before it, holds for as long as one of the new
    priority would.
    """
    held = tuple(
        msgspec.structs.replace(given, until_ms=min(given.until_ms, given.at_ms + round(acknowledged_s_max * 1000)))
        for given in episode.acknowledgements
        if given.at_ms >= cause.heard_ms
    )
    changed = _told(episode, finding, cause, rules_version)
    changed = msgspec.structs.replace(
        changed, priority=finding.priority, round=0, acknowledgements=held, suppression=suppression
    )
    return stepped(changed, TransitionKind.ESCALATED, finding.reason, cause)


def realarmed(
    episode: Episode,
    reason: Reason,
    cause: Cause,
    *,
    finding: Finding | None = None,
    suppression: Suppression | None = None,
    rules_version: str | None = None,
) -> Moved:
    """Told anew at its priority: back while latched or worse, by a `finding`; or its acknowledgement ran out."""
    held: tuple[Acknowledgement, ...] = ()
    changed = episode
    if finding is not None:
        held = tuple(given for given in episode.acknowledgements if given.at_ms >= cause.heard_ms)
        changed = _told(episode, finding, cause, rules_version)
    changed = msgspec.structs.replace(changed, round=episode.round + 1, acknowledgements=held, suppression=suppression)
    return stepped(changed, TransitionKind.REALARMED, reason, cause)


def deepened(episode: Episode, finding: Finding, cause: Cause) -> Episode:
    """Worse, while nobody has it in hand yet: it pages already, and an acknowledgement must be younger than this."""
    heard_ms = max(cause.heard_ms, episode.worse_ms)
    return msgspec.structs.replace(episode, depth=finding.depth, worse_ms=heard_ms)


def latched(episode: Episode, reason: Reason, text: str, cause: Cause, *, value: float | None = None) -> Moved:
    """The condition ended and nobody had seen it: it stays open.

    An acknowledgement that a replay delivered before its time waits for that (`alerts.ageing`).
    """
    changed = msgspec.structs.replace(
        episode,
        active=False,
        latched=True,
        latched_ms=cause.heard_ms,
        acknowledgements=tuple(given for given in episode.acknowledgements if given.at_ms > cause.heard_ms),
        text=f"{text}; was: {episode.text}",
        value=episode.value if value is None else value,
    )
    return stepped(changed, TransitionKind.LATCHED, reason, cause)


def resolved(
    episode: Episode, reason: Reason, text: str, cause: Cause, *, value: float | None = None, by: str | None = None
) -> Moved:
    """It is over; whether anyone had acknowledged it, or kept it quiet, stays on record."""
    changed = msgspec.structs.replace(
        episode,
        active=False,
        latched=False,
        text=text,
        value=episode.value if value is None else value,
    )
    return stepped(changed, TransitionKind.RESOLVED, reason, cause, by=by)


def suppressed(episode: Episode, suppression: Suppression, cause: Cause) -> Moved:
    """Open still, and told to nobody from now on."""
    changed = msgspec.structs.replace(episode, suppression=suppression)
    return stepped(changed, TransitionKind.SUPPRESSED, suppression.reason, cause, by=suppression.by)


def unsuppressed(episode: Episode, reason: Reason, cause: Cause) -> Moved:
    """What kept it quiet has ended; where nobody has it in hand, a new round begins."""
    rounds = episode.round if episode.is_in_hand(cause.heard_ms) else episode.round + 1
    changed = msgspec.structs.replace(episode, suppression=None, round=rounds)
    return stepped(changed, TransitionKind.UNSUPPRESSED, reason, cause)


def acknowledged(episode: Episode, given: Acknowledgement, cause: Cause) -> Moved:
    """One person has it in hand; an earlier acknowledgement of the same person is renewed, others' stay."""
    people = [held.person_id for held in episode.acknowledgements]
    if given.person_id in people:
        held = tuple(given if held.person_id == given.person_id else held for held in episode.acknowledgements)
    else:
        held = (*episode.acknowledgements, given)
    changed = msgspec.structs.replace(episode, acknowledgements=held)
    return stepped(changed, TransitionKind.ACKNOWLEDGED, Reason.PERSON, cause, by=given.by)


def transferred(episode: Episode, command: Command, ward_id: WardId) -> Moved:
    """The patient lies on `ward_id` now: the alert goes along, everything else as it was."""
    changed = msgspec.structs.replace(episode, ward_id=ward_id, move=max(episode.move, command.move))
    moved = stepped(changed, TransitionKind.MOVED, Reason.TRANSFERRED, Cause.ordered(command), by=command.by)
    return moved.with_changes(from_ward_id=episode.ward_id)


def retracted(episode: Episode, withdrawn: Withdrawn) -> Moved:
    """It was never this patient's: over, and not because anything got better."""
    text = f"Taken back, not this patient's: {episode.text}"
    reason = Reason.WRONG_PATIENT
    if withdrawn.reading_id is not None:
        text, reason = f"Taken back, charted in error: {episode.text}", Reason.CHARTED_IN_ERROR
    changed = msgspec.structs.replace(episode, active=False, latched=False, text=text)
    cause = Cause(withdrawn.correction_id, max(withdrawn.at_ms, episode.raised_at_ms), withdrawn.at_ms)
    moved = stepped(changed, TransitionKind.RETRACTED, reason, cause, by=withdrawn.by)
    return moved.with_changes(correction_id=withdrawn.correction_id)


def stepped(episode: Episode, step: TransitionKind, reason: Reason, cause: Cause, *, by: str | None = None) -> Moved:
    """The step that left an episode in this state.

    Where it is no further along than the step before (`vitals.alert.order_of`), its time is later than that one's.
    """
    transition = Transition(
        transition_id=transition_id(episode.episode_id, step, cause.record_id),
        episode_id=episode.episode_id,
        patient_id=episode.patient_id,
        ward_id=episode.ward_id,
        kind=episode.kind,
        transition=step,
        reason=reason,
        priority=episode.priority,
        at_ms=cause.at_ms,
        onset_ms=episode.onset_ms,
        raised_at_ms=episode.raised_at_ms,
        active=episode.active,
        acknowledged=episode.acknowledged,
        text=episode.text,
        sign=episode.sign,
        value=episode.value,
        limit=episode.limit,
        by=by,
        origin=episode.origin,
        move=episode.move,
        device_id=episode.device_id,
        latched=episode.latched,
        suppression=episode.suppression,
        acknowledgements=episode.acknowledgements,
        round=episode.round,
        heard_ms=cause.heard_ms,
        rules_version=episode.rules_version,
    )
    progress = progress_of(transition)
    at_ms = cause.at_ms
    if (progress, episode.move) <= (episode.progress, episode.last_move):
        at_ms = max(at_ms, episode.last_at_ms + 1)
        transition = msgspec.structs.replace(transition, at_ms=at_ms)
    kept = msgspec.structs.replace(
        episode, last_at_ms=max(at_ms, episode.last_at_ms), progress=progress, last_move=episode.move
    )
    return Moved(kept, transition)


def _told(episode: Episode, finding: Finding, cause: Cause, rules_version: str | None) -> Episode:
    """What a finding makes of an open episode, whatever it is told as."""
    return msgspec.structs.replace(
        episode,
        active=True,
        latched=False,
        latched_ms=None,
        heard_ms=cause.heard_ms,
        worse_ms=max(cause.heard_ms, episode.worse_ms),
        depth=max(finding.depth, episode.depth),
        text=finding.text,
        sign=finding.sign,
        value=finding.value,
        limit=finding.limit,
        device_id=cause.device_id,
        rules_version=rules_version,
    )
