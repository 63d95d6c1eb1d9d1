"""Alertmanager's JSON, so that an on-call tool that takes it needs nothing new: webhook version 4, or its own API.

An address that ends with `/api/v2/alerts` is an Alertmanager itself and gets its list of alerts; any other is a tool that
listens to Alertmanager's webhook. One alert is one episode; its fingerprint stays the same for the whole of its life.
"""

import hashlib
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from alerts.channels.answers import handed_over
from alerts.channels.texts import kind_words, mark, place_of
from alerts.notification import Accepted, DeliveryFault, Destination, Link, Notification, NotificationKind, Undelivered
from runtime.clock import Clock
from runtime.outgoing_http import OutgoingHttp
from vitals.alert import Priority, Transition
from vitals.outside import one_line, outside_text

API_PATH: Final = "/api/v2/alerts"
HOLD_S: Final = 24 * 3600
"""For so long Alertmanager keeps an alert that its API was told of and never again; each step told renews it."""
_SEVERITY: Final = {Priority.HIGH: "critical", Priority.MEDIUM: "warning", Priority.LOW: "info"}
_NEVER: Final = "0001-01-01T00:00:00Z"
"""How Alertmanager writes that an alert has no end yet."""

Alert = dict[str, Any]


class AlertmanagerChannel:
    """Taken means delivered: whom it is for is the tool that answers. A secret is sent as a bearer token."""

    def __init__(self, http: OutgoingHttp, *, clock: Clock) -> None:
        self._http = http
        self._clock = clock

    async def send(self, destination: Destination, notification: Notification) -> Accepted:
        """See `ChannelAdapter`."""
        now_ms = self._clock.now_ms()
        is_api = destination.address.rstrip("/").endswith(API_PATH)
        message = api_alerts(notification, now_ms) if is_api else webhook_message(notification, destination)
        headers = {"Content-Type": "application/json", "Idempotency-Key": notification.notification_id}
        if destination.secret is not None:
            headers["Authorization"] = f"Bearer {_token(destination.secret.reveal())}"
        body = msgspec.json.encode(message)
        await handed_over(self._http, destination.address, headers=headers, body=body, now_ms=now_ms)
        return Accepted(is_delivered=True)


def webhook_message(notification: Notification, destination: Destination) -> dict[str, Any]:
    """Version 4 of Alertmanager's webhook."""
    alerts = _alerts(notification)
    is_firing = any(alert["status"] == "firing" for alert in alerts)
    common = _common([alert["labels"] for alert in alerts])
    group = {name: common[name] for name in ("alertname", "ward_id") if name in common}
    key = notification.transitions[0].episode_id if len(notification.transitions) == 1 else "many"
    return {
        "version": "4",
        "groupKey": f"wardlight/{notification.subscription_id or 'step'}/{group.get('ward_id', '')}:{key}",
        "truncatedAlerts": 0,
        "status": "firing" if is_firing else "resolved",
        "receiver": one_line(destination.name) or destination.destination_id,
        "groupLabels": group,
        "commonLabels": common,
        "commonAnnotations": _common([alert["annotations"] for alert in alerts]),
        "externalURL": notification.links.get(Link.OPEN, ""),
        "alerts": alerts,
    }


def api_alerts(notification: Notification, now_ms: int) -> list[Alert]:
    """The list that Alertmanager's API takes. Its alerts are told apart by labels alone, so one that rose ends as what it was."""
    found = []
    for alert, step in zip(_alerts(notification), notification.transitions or (None,), strict=True):
        is_open = alert.pop("status") == "firing"
        alert.pop("fingerprint")
        if is_open:
            alert["endsAt"] = _moment(now_ms + HOLD_S * 1000)
        found.append(alert)
        if step is not None and step.priority is not Priority.LOW:
            lower = [Priority.LOW] if step.priority is Priority.MEDIUM else [Priority.LOW, Priority.MEDIUM]
            found += [
                {**alert, "labels": {**alert["labels"], "severity": _SEVERITY[was]}, "endsAt": _moment(step.at_ms)}
                for was in lower
            ]
    return found


def _alerts(notification: Notification) -> list[Alert]:
    if notification.kind is NotificationKind.EVENT and notification.transitions:
        return [_alert(step, notification) for step in notification.transitions]
    is_heartbeat = notification.kind is NotificationKind.HEARTBEAT
    name = "Watchdog" if is_heartbeat else "WardlightTest"
    summary = "Wardlight is here." if is_heartbeat else "A test: no patient is meant."
    moment = _moment(notification.created_ms)
    return [
        {
            "status": "firing" if is_heartbeat else "resolved",
            "labels": {"alertname": name, "severity": "none", "system": "wardlight"},
            "annotations": {"summary": summary},
            "startsAt": moment,
            "endsAt": _NEVER if is_heartbeat else moment,
            "generatorURL": "",
            "fingerprint": _fingerprint(name),
        }
    ]


def _alert(step: Transition, notification: Notification) -> Alert:
    place = place_of(step, notification.places)
    ward, bed = one_line(place.ward_name), one_line(place.label)
    return {
        "status": "firing" if step.is_open else "resolved",
        "labels": {
            "alertname": step.kind.value,
            "severity": _SEVERITY[step.priority],
            "ward": ward,
            "ward_id": step.ward_id,
            "bed": bed,
            "origin": step.origin.value,
            "episode_id": step.episode_id,
            "system": "wardlight",
        },
        "annotations": {
            "summary": f"{mark(step)}{kind_words(step.kind)}, {bed}, {ward}",
            "description": outside_text(step),
            "transition": step.transition.value,
            "reason": step.reason.value,
            "acknowledged": "true" if step.acknowledged else "false",
        },
        "startsAt": _moment(step.onset_ms),
        "endsAt": _NEVER if step.is_open else _moment(step.at_ms),
        "generatorURL": notification.links.get(Link.OPEN, ""),
        "fingerprint": _fingerprint(step.episode_id),
    }


def _common(sets: list[dict[str, str]]) -> dict[str, str]:
    first, *others = sets
    return {name: value for name, value in first.items() if all(other.get(name) == value for other in others)}


def _fingerprint(identity: str) -> str:
    return hashlib.blake2b(identity.encode(), digest_size=8).hexdigest()


def _moment(moment_ms: int) -> str:
    return datetime.fromtimestamp(moment_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _token(secret: str) -> str:
    if secret.isascii() and secret.isprintable() and " " not in secret:
        return secret
    raise Undelivered(DeliveryFault.MISCONFIGURED, "The secret is no bearer token.", retryable=False)
