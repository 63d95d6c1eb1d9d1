"""MQTT behind one port: messages taken in batches and acknowledged by their taker, publishes that complete on PUBACK.

The adapter on paho is `runtime.mqtt_session`; simulation tests keep the same promise in memory.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol


class Received:
    """One message as it arrived; mutable only in `acknowledged`, by the session that gave it out."""

    __slots__ = ("acknowledged", "connection", "mid", "payload", "qos", "redelivered", "retain", "topic")

    def __init__(
        self,
        *,
        topic: str,
        payload: bytes,
        qos: int = 1,
        retain: bool = False,
        redelivered: bool = False,
        mid: int = 0,
        connection: int = 0,
    ) -> None:
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.retain = retain
        """The broker kept it from before we subscribed."""
        self.redelivered = redelivered
        """The DUP flag: the broker sent it before; it does not say that we have it."""
        self.mid = mid
        self.connection = connection
        """Number of the connection it came over; an acknowledgement goes out over that one only."""
        self.acknowledged = False


class Will(NamedTuple):
    """What the broker publishes for us once it gives us up."""

    topic: str
    payload: bytes
    retain: bool = True


class ConnectionFacts(NamedTuple):
    """One successful connection."""

    number: int
    """Counts from 1 within one session object."""
    resumed: bool
    """The broker still had our session: our subscriptions, and what it owes us."""


class MqttPort(Protocol):
    """One MQTT session that outlives its connections."""

    async def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> None:
        """Returns once the broker has it (PUBACK; with QoS 0 once it is written).

        Waits its turn while too many are outstanding. Raises Unavailable while not connected, when the connection ends
        before the answer (the broker may or may not have it), and when the broker refuses it.
        """

    def begin_publish(self, topic: str, payload: bytes, *, retain: bool = False) -> "asyncio.Future[None]":
        """As `publish` with QoS 1, without waiting for room: raises Unavailable where `publish_room` is 0."""

    @property
    def publish_room(self) -> int:
        """How many more QoS 1 publishes may be outstanding now; 0 while not connected."""

    @property
    def connection_number(self) -> int:
        """The number of the living connection, 0 while there is none; for whoever must not send over a newer one yet."""

    async def subscribe(self, filters: Sequence[str]) -> None:
        """Subscribe with QoS 1, now and on each later connection; raises Unavailable when refused or not connected."""

    async def take(self, messages_max: int) -> Sequence[Received]:
        """What has arrived, in order, at most this many; waits for the first only. Empty once the session is closed.

        For one taker. Every message taken must be acknowledged some day: until then it counts against the high-water mark.
        """

    def acknowledge(self, messages: Iterable[Received]) -> None:
        """The taker is done with these; PUBACKs go out in arrival order, so one gap holds back those after it."""

    async def connected(self, *, after: int = 0) -> ConnectionFacts:
        """Waits for a living connection whose number is greater than `after`."""
