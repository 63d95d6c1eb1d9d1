"""Notifications of FHIR R4 subscriptions after the topic-based backport: Bundles of type history, a status first. Pure.

Shapes: HL7 fhir-subscription-backport-ig, profiles backport-subscription-notification-r4 and backport-subscription-status-r4.
"""

import uuid
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple

from vitals.alert import Transition, TransitionKind
from vitals.fhir_alert import Resource, flag, instant
from vitals.notification import NotificationKind, Place, SubscriptionState

TOPIC: Final = "urn:wardlight:subscription-topic:alert"
"""Canonical of the one topic: every step of an alert that concerns whoever is outside."""
BACKPORT: Final = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/"
FHIR_PATH: Final = "/fhir"
CONTENT_OPTION: Final = "content"
"""Name of a destination's option; its values are those of `Content`."""
BASE_OPTION: Final = "fhir_base"
"""Name of the option that holds the address the subscriber asked at: references lead back there."""
MEDIA_TYPE: Final = "application/fhir+json"

_TYPES: Final = {
    NotificationKind.EVENT: "event-notification",
    NotificationKind.HEARTBEAT: "heartbeat",
    NotificationKind.HANDSHAKE: "handshake",
    NotificationKind.STATUS: "query-status",
}


class Content(StrEnum):
    """How much a notification tells."""

    EMPTY = "empty"
    ID_ONLY = "id-only"
    FULL_RESOURCE = "full-resource"


class FhirEvent(NamedTuple):
    """One event of a subscription, ready to be told."""

    number: int
    step: Transition
    place: Place
    text: str
    is_hidden: bool = False
    """Whether whoever asks may not see its ward any more: then only its number is told, so that none seems to be missing."""


class FhirStatus(NamedTuple):
    """What a notification says of its subscription."""

    subscription_id: str
    state: SubscriptionState
    kind: NotificationKind
    events: int
    """How many there have been since the subscription began, those of this notification included."""
    error: str | None = None


def notification_bundle(
    status: FhirStatus, events: Sequence[FhirEvent], *, content: Content, base: str, identity: str, at_ms: int
) -> Resource:
    """The Bundle to send, or to answer `$events` with; `base` is the FHIR address of this Wardlight, `identity` names the Bundle."""
    entries = [_status_entry(status, events, content=content, base=base, identity=identity)]
    if content is Content.FULL_RESOURCE:
        entries += [_event_entry(event, base=base) for event in events if not event.is_hidden]
    return {
        "resourceType": "Bundle",
        "id": fhir_id(identity),
        "meta": {"profile": [BACKPORT + "backport-subscription-notification-r4"]},
        "type": "history",
        "timestamp": instant(at_ms),
        "entry": entries,
    }


def status_bundle(statuses: Sequence[FhirStatus], *, base: str) -> Resource:
    """The answer to `$status`: a Bundle of type searchset."""
    entries = [
        {
            "fullUrl": f"urn:uuid:{_uuid('status', status.subscription_id)}",
            "resource": _status(status, (), content=Content.ID_ONLY, base=base, identity=status.subscription_id),
            "search": {"mode": "match"},
        }
        for status in statuses
    ]
    return {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries}


def fhir_id(identity: str) -> str:
    """An id that FHIR allows (letters, digits, `-` and `.`, 64 at most), the same for the same identity."""
    is_fine = 0 < len(identity) <= 64 and identity.isascii() and identity.replace("-", "").replace(".", "").isalnum()
    return identity if is_fine else _uuid("id", identity)


def _status_entry(
    status: FhirStatus, events: Sequence[FhirEvent], *, content: Content, base: str, identity: str
) -> Resource:
    resource = _status(status, events, content=content, base=base, identity=identity)
    return {
        "fullUrl": f"urn:uuid:{resource['id']}",
        "resource": resource,
        "request": {"method": "GET", "url": f"{base}/Subscription/{status.subscription_id}/$status"},
        "response": {"status": "200"},
    }


def _status(status: FhirStatus, events: Sequence[FhirEvent], *, content: Content, base: str, identity: str) -> Resource:
    parameters: list[dict[str, Any]] = [
        {"name": "subscription", "valueReference": {"reference": f"{base}/Subscription/{status.subscription_id}"}}
    ]
    if content is not Content.EMPTY:
        parameters.append({"name": "topic", "valueCanonical": TOPIC})
    parameters += [
        {"name": "status", "valueCode": status.state.value},
        {"name": "type", "valueCode": _TYPES[status.kind]},
        {"name": "events-since-subscription-start", "valueString": str(status.events)},
        *(_event_parameter(event, content=content, base=base) for event in events),
    ]
    if status.error is not None:
        parameters.append({"name": "error", "valueCodeableConcept": {"text": status.error}})
    return {
        "resourceType": "Parameters",
        "id": _uuid("parameters", identity),
        "meta": {"profile": [BACKPORT + "backport-subscription-status-r4"]},
        "parameter": parameters,
    }


def _event_parameter(event: FhirEvent, *, content: Content, base: str) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [
        {"name": "event-number", "valueString": str(event.number)},
        {"name": "timestamp", "valueInstant": instant(event.step.at_ms)},
    ]
    if content is not Content.EMPTY and not event.is_hidden:
        parts.append({"name": "focus", "valueReference": {"reference": f"{base}/Flag/{event.step.episode_id}"}})
    return {"name": "notification-event", "part": parts}


def _event_entry(event: FhirEvent, *, base: str) -> Resource:
    is_new = event.step.transition in {TransitionKind.RAISED, TransitionKind.FOUND}
    return {
        "fullUrl": f"{base}/Flag/{event.step.episode_id}",
        "resource": flag(event.step, event.place, text=event.text),
        "request": {"method": "PUT", "url": f"Flag/{event.step.episode_id}"},
        "response": {"status": "201" if is_new else "200"},
    }


def _uuid(*parts: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "urn:wardlight:" + ":".join(parts)))
