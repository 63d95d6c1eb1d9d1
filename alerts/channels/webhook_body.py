"""The JSON of a webhook: the same bytes at every attempt. Pure; new fields may be added, none changes its meaning."""

import msgspec

from alerts.channels.texts import place_of
from alerts.notification import Link, Notification, NotificationKind, Place
from vitals.alert import AlertKind, Priority, Reason, Transition, TransitionKind
from vitals.outside import outside_text
from vitals.reading import Origin, PatientId, WardId
from vitals.sign import SIGN_FACTS, Sign

SCHEMA = "wardlight.notification.v1"


class HookSuppression(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why an alert is told to nobody; not by whom, who is staff."""

    reason: Reason
    until_ms: int | None = None


class HookEvent(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step of one alert, with the alert's whole state after it. `patient_id` is Wardlight's own random id."""

    number: int
    transition_id: str
    episode_id: str
    patient_id: PatientId
    ward_id: WardId
    ward: str
    bed: str
    kind: AlertKind
    transition: TransitionKind
    reason: Reason
    priority: Priority
    at_ms: int
    onset_ms: int
    raised_at_ms: int
    active: bool
    latched: bool
    acknowledged: bool
    text: str
    origin: Origin
    sign: Sign | None = None
    value: float | None = None
    limit: float | None = None
    unit: str | None = None
    """UCUM, of `value` and `limit`."""
    retrospective: bool = False
    suppression: HookSuppression | None = None


class HookBody(msgspec.Struct, frozen=True):
    """What is posted."""

    schema: str
    notification_id: str
    kind: NotificationKind
    created_ms: int
    subscription_id: str | None
    number: int
    """Of the newest event in it; without events, how many there have been."""
    events: tuple[HookEvent, ...]
    links: dict[Link, str]
    step: str | None = None


def body_of(notification: Notification) -> bytes:
    """The notification as JSON."""
    numbers = notification.numbers or (notification.number,) * len(notification.transitions)
    events = tuple(
        _event(step, number, place_of(step, notification.places))
        for step, number in zip(notification.transitions, numbers, strict=True)
    )
    return msgspec.json.encode(
        HookBody(
            SCHEMA,
            notification.notification_id,
            notification.kind,
            notification.created_ms,
            notification.subscription_id,
            notification.number,
            events,
            dict(notification.links),
            notification.step,
        )
    )


def _event(step: Transition, number: int, place: Place) -> HookEvent:
    suppression = step.suppression
    return HookEvent(
        number=number,
        transition_id=step.transition_id,
        episode_id=step.episode_id,
        patient_id=step.patient_id,
        ward_id=step.ward_id,
        ward=place.ward_name,
        bed=place.label,
        kind=step.kind,
        transition=step.transition,
        reason=step.reason,
        priority=step.priority,
        at_ms=step.at_ms,
        onset_ms=step.onset_ms,
        raised_at_ms=step.raised_at_ms,
        active=step.active,
        latched=step.latched,
        acknowledged=step.acknowledged,
        text=outside_text(step),
        origin=step.origin,
        sign=step.sign,
        value=step.value,
        limit=step.limit,
        unit=None if step.sign is None else SIGN_FACTS[step.sign].ucum,
        retrospective=step.retrospective,
        suppression=None if suppression is None else HookSuppression(suppression.reason, suppression.until_ms),
    )
