"""Steps in the life of one alert, as the engine writes them."""

import msgspec

from tests.support.builders import EPOCH_MS
from vitals.alert import Acknowledgement, AlertKind, Priority, Reason, Suppression, Transition, TransitionKind
from vitals.reading import PatientId, WardId

RAISED_MS = EPOCH_MS
"""When the alert is heard of first."""


def an_alert(
    *,
    episode: str = "e1",
    patient: str = "p1",
    ward: str = "west",
    priority: Priority = Priority.HIGH,
    at_s: float = 0.0,
    suppression: Suppression | None = None,
    heard: bool = True,
) -> Transition:
    """RAISED, `at_s` after the beginning, heard at once."""
    at_ms = RAISED_MS + round(at_s * 1000)
    return Transition(
        transition_id=f"{episode}-raised",
        episode_id=episode,
        patient_id=PatientId(patient),
        ward_id=WardId(ward),
        kind=AlertKind.SPO2_LOW,
        transition=TransitionKind.RAISED,
        reason=Reason.LIMIT_BREACHED,
        priority=priority,
        at_ms=at_ms,
        onset_ms=at_ms - 15_000,
        raised_at_ms=at_ms,
        active=True,
        acknowledged=False,
        text="SpO2 79 %, below 80 % for 15 s",
        suppression=suppression,
        heard_ms=at_ms if heard else None,
    )


def then(before: Transition, kind: TransitionKind, *, at_s: float, reason: Reason, **changes: object) -> Transition:
    """The same episode a step further."""
    at_ms = RAISED_MS + round(at_s * 1000)
    return msgspec.structs.replace(
        before,
        transition_id=f"{before.episode_id}-{kind.value}-{at_s:g}",
        transition=kind,
        reason=reason,
        at_ms=at_ms,
        heard_ms=at_ms,
        **changes,
    )


def acknowledged(before: Transition, *, at_s: float, by: str = "kim") -> Transition:
    """One more person has it in hand."""
    given = Acknowledgement(f"id-{by}", by.title(), RAISED_MS + round(at_s * 1000), RAISED_MS + 900_000)
    everybody = (*before.acknowledgements, given)
    return then(
        before,
        TransitionKind.ACKNOWLEDGED,
        at_s=at_s,
        reason=Reason.PERSON,
        acknowledged=True,
        acknowledgements=everybody,
        by=given.by,
    )


def realarmed(before: Transition, *, at_s: float, reason: Reason = Reason.ACKNOWLEDGEMENT_EXPIRED) -> Transition:
    """To be told anew, and nobody has it in hand any more."""
    return then(
        before,
        TransitionKind.REALARMED,
        at_s=at_s,
        reason=reason,
        active=True,
        latched=False,
        acknowledged=False,
        acknowledgements=(),
        round=before.round + 1,
    )


def escalated(before: Transition, *, at_s: float) -> Transition:
    """A priority higher."""
    return then(
        before,
        TransitionKind.ESCALATED,
        at_s=at_s,
        reason=Reason.LIMIT_BREACHED_DEEPER,
        priority=Priority.HIGH,
        acknowledged=False,
        acknowledgements=(),
        round=0,
    )


def silenced(before: Transition, *, at_s: float) -> Transition:
    """Told to nobody from now on."""
    why = Suppression(Reason.SILENCED, RAISED_MS + round(at_s * 1000), by="Kim", silence_id="s1")
    return then(before, TransitionKind.SUPPRESSED, at_s=at_s, reason=Reason.SILENCED, suppression=why)


def unsilenced(before: Transition, *, at_s: float) -> Transition:
    """Told again."""
    return then(before, TransitionKind.UNSUPPRESSED, at_s=at_s, reason=Reason.SILENCE_ENDED, suppression=None)


def latched(before: Transition, *, at_s: float) -> Transition:
    """Its condition has ended."""
    return then(before, TransitionKind.LATCHED, at_s=at_s, reason=Reason.BACK_WITHIN_LIMIT, active=False, latched=True)


def resolved(before: Transition, *, at_s: float) -> Transition:
    """Over."""
    return then(
        before, TransitionKind.RESOLVED, at_s=at_s, reason=Reason.BACK_WITHIN_LIMIT, active=False, latched=False
    )


def moved(before: Transition, *, at_s: float, ward: str) -> Transition:
    """With its patient to another ward."""
    return then(
        before,
        TransitionKind.MOVED,
        at_s=at_s,
        reason=Reason.TRANSFERRED,
        ward_id=WardId(ward),
        from_ward_id=before.ward_id,
        move=before.move + 1,
    )
