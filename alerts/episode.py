"""One alert from onset to end: the state machine of an episode. Pure.

`active` and `acknowledged` are two facts, kept apart (after ISA-18.2): what the patient does moves the one, what a
person does moves the other. The table of states, events and what is sent stands in docs/alerts.md.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from alerts.unjudged import LOST_KINDS
from vitals.alert import Action, AlertKind, Command, Priority, Reason, Transition, TransitionKind
from vitals.fault import FAULT_KINDS
from vitals.identity import episode_id, transition_id
from vitals.reading import DeviceId, Origin, PatientId, Reading, RefusedSigns, WardId, Withdrawn
from vitals.sign import Sign

RANK: Mapping[Priority, int] = MappingProxyType({Priority.LOW: 0, Priority.MEDIUM: 1, Priority.HIGH: 2})
"""Priorities by urgency."""

RESOLVABLE_BY_PERSON = frozenset(
    {AlertKind.LOST_CONTACT, AlertKind.LEDGER_IMBALANCE, *LOST_KINDS.values(), *FAULT_KINDS}
)
"""Technical conditions; a physiological one ends with contrary evidence or with the patient's stay, never by order."""


class Refusal(StrEnum):
    """Why a command changed nothing; bounded, used as metric label."""

    REPEATED = "repeated"
    """This command id was obeyed before."""
    CLOSED = "closed"
    """The episode has ended."""
    UNKNOWN = "unknown"
    """No such episode yet; kept in case the log delivers its beginning later, as a replay may."""
    ALREADY_ACKNOWLEDGED = "already_acknowledged"
    STILL_ACTIVE = "still_active"
    """A person cannot resolve what the patient's signs still say."""


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


class Finding(NamedTuple):
    """A condition that has lasted long enough to be told."""

    priority: Priority
    reason: Reason
    onset_ms: int
    text: str
    sign: Sign | None = None
    value: float | None = None
    limit: float | None = None


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
    """When the cause of the last raise or escalation reached us."""
    text: str
    active: bool = True
    acknowledged: bool = False
    acknowledged_at_ms: int | None = None
    sign: Sign | None = None
    value: float | None = None
    limit: float | None = None
    origin: Origin = Origin.REAL
    move: int = 0
    """Number of the patient's last move that it has followed."""
    device_id: DeviceId | None = None
    """Whose reading raised it, or escalated it last."""


class Moved(NamedTuple):
    """An episode after a step, and what is sent about it."""

    episode: Episode
    transition: Transition


def opened(
    patient_id: PatientId, ward_id: WardId, kind: AlertKind, finding: Finding, cause: Cause, *, move: int = 0
) -> Moved:
    """A new episode: active, not acknowledged."""
    episode = Episode(
        episode_id=episode_id(patient_id, kind, cause.record_id),
        patient_id=patient_id,
        ward_id=ward_id,
        kind=kind,
        priority=finding.priority,
        onset_ms=finding.onset_ms,
        raised_at_ms=cause.at_ms,
        heard_ms=cause.heard_ms,
        text=finding.text,
        sign=finding.sign,
        value=finding.value,
        limit=finding.limit,
        origin=cause.origin,
        move=move,
        device_id=cause.device_id,
    )
    return _moved(episode, TransitionKind.RAISED, finding.reason, cause.record_id, cause.at_ms)


def escalated(episode: Episode, finding: Finding, cause: Cause) -> Moved:
    """The priority rose: an acknowledgement given before the cause was heard no longer covers it."""
    covered = episode.acknowledged_at_ms is not None and episode.acknowledged_at_ms >= cause.heard_ms
    changed = msgspec.structs.replace(
        episode,
        priority=finding.priority,
        heard_ms=cause.heard_ms,
        acknowledged=covered,
        acknowledged_at_ms=episode.acknowledged_at_ms if covered else None,
        text=finding.text,
        sign=finding.sign,
        value=finding.value,
        limit=finding.limit,
        device_id=cause.device_id,
    )
    return _moved(changed, TransitionKind.ESCALATED, finding.reason, cause.record_id, cause.at_ms)


def resolved(
    episode: Episode, reason: Reason, text: str, cause: Cause, *, value: float | None = None, by: str | None = None
) -> Moved:
    """The condition ended; whether anyone had acknowledged it stays on record."""
    changed = msgspec.structs.replace(episode, active=False, text=text, value=episode.value if value is None else value)
    return _moved(changed, TransitionKind.RESOLVED, reason, cause.record_id, cause.at_ms, by=by)


def transferred(episode: Episode, command: Command, ward_id: WardId) -> Moved:
    """The patient lies on `ward_id` now: the alert goes along, everything else as it was."""
    changed = msgspec.structs.replace(episode, ward_id=ward_id, move=max(episode.move, command.move))
    moved = _moved(changed, TransitionKind.MOVED, Reason.TRANSFERRED, command.command_id, command.at_ms)
    told = msgspec.structs.replace(moved.transition, from_ward_id=episode.ward_id, by=command.by)
    return Moved(changed, told)


def retracted(episode: Episode, withdrawn: Withdrawn) -> Moved:
    """It was never this patient's: over, and not because anything got better."""
    text = f"Taken back, not this patient's: {episode.text}"
    reason = Reason.WRONG_PATIENT
    if withdrawn.reading_id is not None:
        text, reason = f"Taken back, charted in error: {episode.text}", Reason.CHARTED_IN_ERROR
    changed = msgspec.structs.replace(episode, active=False, text=text)
    at_ms = max(withdrawn.at_ms, episode.raised_at_ms)
    moved = _moved(changed, TransitionKind.RETRACTED, reason, withdrawn.correction_id, at_ms, by=withdrawn.by)
    return Moved(changed, msgspec.structs.replace(moved.transition, correction_id=withdrawn.correction_id))


def obeyed(episode: Episode, command: Command, *, is_unworn: bool = False) -> Moved | Refusal:
    """What a command does to an open episode; `is_unworn`: the patient wears no device, so nothing can say that it ended."""
    if command.action is Action.ACKNOWLEDGE:
        return _acknowledged(episode, command)
    if command.action is Action.PATIENT_LEFT:
        return _ended(episode, command, Reason.PATIENT_LEFT, "Patient left")
    if command.action is Action.DEVICES_RELEASED:
        return _ended(episode, command, Reason.DEVICES_RELEASED, "All devices taken off")
    if is_unworn or episode.kind in RESOLVABLE_BY_PERSON:
        return _ended(episode, command, Reason.PERSON, f"Resolved by {command.by}")
    return Refusal.STILL_ACTIVE


def seen_again(episode: Episode, command: Command) -> Episode:
    """A refused order; of a second acknowledgement stays what it covers: all that was heard until it was given."""
    if command.action is not Action.ACKNOWLEDGE:
        return episode
    seen_ms = max(command.at_ms, episode.acknowledged_at_ms or 0)
    return msgspec.structs.replace(episode, acknowledged_at_ms=seen_ms)


def _acknowledged(episode: Episode, command: Command) -> Moved | Refusal:
    if episode.acknowledged:
        return Refusal.ALREADY_ACKNOWLEDGED
    changed = msgspec.structs.replace(episode, acknowledged=True, acknowledged_at_ms=command.at_ms)
    return _moved(changed, TransitionKind.ACKNOWLEDGED, Reason.PERSON, command.command_id, command.at_ms, by=command.by)


def _ended(episode: Episode, command: Command, reason: Reason, text: str) -> Moved:
    cause = Cause(command.command_id, command.at_ms, command.at_ms)
    return resolved(episode, reason, text, cause, by=command.by)


def _moved(
    episode: Episode, step: TransitionKind, reason: Reason, caused_by: str, at_ms: int, *, by: str | None = None
) -> Moved:
    transition = Transition(
        transition_id=transition_id(episode.episode_id, step, caused_by),
        episode_id=episode.episode_id,
        patient_id=episode.patient_id,
        ward_id=episode.ward_id,
        kind=episode.kind,
        transition=step,
        reason=reason,
        priority=episode.priority,
        at_ms=at_ms,
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
    )
    return Moved(episode, transition)
