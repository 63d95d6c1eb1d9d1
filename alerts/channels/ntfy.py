"""ntfy: a push to phones that follow a topic. The address is the topic's own, `https://ntfy.example/north-nurses`."""

import base64
import hashlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from alerts.channels.answers import handed_over
from alerts.channels.texts import FOOT, Said, Texts
from alerts.notification import (
    Accepted,
    DeliveryFault,
    Destination,
    Link,
    Notification,
    NotificationKind,
    Undelivered,
)
from runtime.clock import Clock
from runtime.outgoing_http import Answer, OutgoingHttp
from vitals.alert import Priority

MESSAGE_BYTES_MAX: Final = 3800
"""ntfy makes a file of a message beyond 4,096 bytes, which no phone shows."""
_PRIORITY: Final[Mapping[Priority, int]] = {Priority.HIGH: 5, Priority.MEDIUM: 4, Priority.LOW: 2}
_AFTERWARDS: Final = 2
_HEARTBEAT: Final = 1
_TAGS: Final[Mapping[Priority, str]] = {
    Priority.HIGH: "rotating_light",
    Priority.MEDIUM: "warning",
    Priority.LOW: "information_source",
}


class NtfyChannel:
    """Priority high is ntfy's 5, medium 4, low 2; what is over comes at 2, a heartbeat at 1, so that neither rings.

    Title and text travel in JSON, never in headers. The sequence id makes a repeated push replace the first one (ntfy 2.16).
    """

    def __init__(self, http: OutgoingHttp, *, clock: Clock, texts: Texts) -> None:
        self._http = http
        self._clock = clock
        self._texts = texts

    async def send(self, destination: Destination, notification: Notification) -> Accepted:
        """See `ChannelAdapter`."""
        server, topic = _server_and_topic(destination.address)
        message = _message(topic, self._texts.said(destination, notification), notification)
        answer = await handed_over(
            self._http,
            server,
            headers={"Content-Type": "application/json", **_authorization(destination)},
            body=msgspec.json.encode(message),
            now_ms=self._clock.now_ms(),
        )
        return Accepted(reference=_reference(answer))


def _message(topic: str, said: Said, notification: Notification) -> dict[str, Any]:
    message: dict[str, Any] = {
        "topic": topic,
        "title": said.title,
        "message": said.body(bytes_max=MESSAGE_BYTES_MAX - len(FOOT)) + "\n" + FOOT,
        "priority": _priority(said, notification),
        "sequence_id": hashlib.blake2b(notification.notification_id.encode(), digest_size=16).hexdigest(),
    }
    if said.is_page and said.priority is not None:
        message["tags"] = [_TAGS[said.priority]]
    if Link.OPEN in notification.links:
        message["click"] = notification.links[Link.OPEN]
    if Link.SEEN in notification.links:
        message["actions"] = [{"action": "view", "label": "Seen", "url": notification.links[Link.SEEN]}]
    return message


def _priority(said: Said, notification: Notification) -> int:
    if said.is_page and said.priority is not None:
        return _PRIORITY[said.priority]
    return _HEARTBEAT if notification.kind is NotificationKind.HEARTBEAT else _AFTERWARDS


def _server_and_topic(address: str) -> tuple[str, str]:
    server, _, topic = address.rstrip("/").rpartition("/")
    is_topic = (
        topic != "" and len(topic) <= 64 and topic.isascii() and topic.replace("-", "").replace("_", "").isalnum()
    )
    if not is_topic or server.endswith(("/", ":")):
        raise Undelivered(
            DeliveryFault.MISCONFIGURED,
            "The address of ntfy ends with a topic, as https://ntfy.example/north-nurses does.",
            retryable=False,
        )
    return server + "/", topic


def _authorization(destination: Destination) -> Mapping[str, str]:
    """`name:password`, or an access token."""
    if destination.secret is None:
        return {}
    secret = destination.secret.reveal()
    if not secret.isascii() or not secret.isprintable():
        raise Undelivered(DeliveryFault.MISCONFIGURED, "The secret is no token and no name:password.", retryable=False)
    if ":" in secret:
        return {"Authorization": "Basic " + base64.b64encode(secret.encode()).decode()}
    return {"Authorization": f"Bearer {secret}"}


def _reference(answer: Answer) -> str | None:
    try:
        found = msgspec.json.decode(answer.body, type=dict[str, Any]).get("id")
    except msgspec.DecodeError:
        return None
    return found[:200] if isinstance(found, str) else None
