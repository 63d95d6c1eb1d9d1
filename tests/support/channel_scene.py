"""Notifications to send, and channels over the loopback to send them by."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from alerts.channels.registry import ChannelRegistry
from alerts.channels.settings import ChannelSettings
from alerts.notification import (
    Accepted,
    Channel,
    Destination,
    Link,
    Notification,
    NotificationKind,
    Place,
    Secret,
)
from runtime.clock import LoopClock
from vitals.alert import AlertKind, Priority, Reason, Transition, TransitionKind
from vitals.reading import PatientId, WardId
from vitals.sign import Sign

AT_MS = 1_790_000_000_000
PATIENT = PatientId("p-7")
PLACES = {PATIENT: Place("North", "Bed 12")}
LINKS = {Link.OPEN: "https://ward.example/patients/p-7", Link.SEEN: "https://ward.example/seen/abc"}
SECRET = "whsec_" + "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
LOOPBACK = "http://127.0.0.0/8:*"


def step(**changed: Any) -> Transition:
    """SpO2 of bed 12 raised its alert."""
    values: dict[str, Any] = {
        "transition_id": "t-1",
        "episode_id": "e-1",
        "patient_id": PATIENT,
        "ward_id": WardId("north"),
        "kind": AlertKind.SPO2_LOW,
        "transition": TransitionKind.RAISED,
        "reason": Reason.LIMIT_BREACHED,
        "priority": Priority.HIGH,
        "at_ms": AT_MS,
        "onset_ms": AT_MS - 40_000,
        "raised_at_ms": AT_MS,
        "active": True,
        "acknowledged": False,
        "text": "SpO2 84 % for 40 s, limit 88 %",
        "sign": Sign.SPO2,
        "value": 84.0,
        "limit": 88.0,
    }
    return Transition(**{**values, **changed})


def notification(*steps: Transition, **changed: Any) -> Notification:
    """These steps, told together; of nothing, one."""
    told = steps or (step(),)
    values: dict[str, Any] = {
        "notification_id": "n-1",
        "kind": NotificationKind.EVENT,
        "created_ms": AT_MS,
        "subscription_id": "s-1",
        "number": 6 + len(told),
        "numbers": tuple(range(7, 7 + len(told))),
        "transitions": told,
        "places": PLACES,
        "links": LINKS,
    }
    return Notification(**{**values, **changed})


def quiet(kind: NotificationKind, **changed: Any) -> Notification:
    """A heartbeat, handshake or status."""
    return notification(kind=kind, transitions=(), numbers=(), number=7, places={}, links={}, **changed)


def destination(channel: Channel, address: str, **changed: Any) -> Destination:
    """Somewhere to send to."""
    secret = changed.pop("secret", SECRET if channel is Channel.WEBHOOK else None)
    options: Mapping[str, str] = changed.pop("options", {})
    return Destination(
        "d-1", channel, address, secret=None if secret is None else Secret(secret), options=options, **changed
    )


class StoppedClock(LoopClock):
    """It is `AT_MS`, and stays it."""

    def now_ms(self) -> int:
        return AT_MS


class Sender:
    """Channels as a process has them."""

    def __init__(self, registry: ChannelRegistry) -> None:
        self._registry = registry

    async def __call__(
        self, channel: Channel, address: str, told: Notification | None = None, **changed: Any
    ) -> Accepted:
        """Send one notification by a channel."""
        to = destination(channel, address, **changed)
        return await self._registry.channels[channel].send(to, notification() if told is None else told)


@asynccontextmanager
async def sending(**settings: Any) -> AsyncIterator[Sender]:
    """Channels that may reach the loopback, with short bounds."""
    bounds: dict[str, Any] = {"hosts_allowed": (LOOPBACK,), "request_s": 0.5, "answer_s": 0.2}
    registry = ChannelRegistry(ChannelSettings(**{**bounds, **settings}), clock=StoppedClock(epoch_ms=AT_MS))
    try:
        yield Sender(registry)
    finally:
        await registry.close()
