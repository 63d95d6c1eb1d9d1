"""An MQTT broker in memory, with seeded faults: delay, loss, repetition, reorder, lost connections, and crashes that forget what was queued.

Packets of different clients overtake each other, those of one do not. Its sessions keep `runtime.mqtt.MqttPort`. Order is kept per receiving session, as a broker does; a crash forgets what it
had acknowledged but not delivered, as Mosquitto does between two saves.
"""

import asyncio
import random
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from runtime.mqtt import ConnectionFacts, Received, Will
from runtime.mqtt_inbox import Inbox, SessionLimits
from vitals.errors import Unavailable

PUBLISHES_MAX = 20
"""Publishes of one session that may be outstanding, as brokers' receive-maximum."""


@dataclass(frozen=True, kw_only=True)
class Faults:
    """How unkind the network is; all probabilities per message."""

    delay_s_max: float = 0.0
    duplicate: float = 0.0
    lose: float = 0.0
    """Acknowledged and forgotten, as by a broker whose queue is full."""
    reorder: float = 0.0
    """Handed on before the one that came before it."""


@dataclass
class _Session:
    """What the broker keeps of one client."""

    filters: dict[str, None] = field(default_factory=dict)
    """In the order of subscription: nothing here may depend on the order of a set."""
    owed: deque[tuple[str, bytes]] = field(default_factory=deque)
    """Delivered and unacknowledged first, then waiting; in order."""
    delivered: int = 0
    """How many of `owed`, from the left, the present connection has been given."""
    port: "MemoryMqtt | None" = None


class MemoryBroker:
    """One broker; `session` makes clients of it."""

    def __init__(self, *, seed: int, faults: Faults | None = None, in_flight_max: int | None = None) -> None:
        """`in_flight_max`: unacknowledged messages that one session is given at most; None gives it all."""
        self._random = random.Random(seed)
        self._faults = faults or Faults()
        self._in_flight_max = in_flight_max
        self._sessions: dict[str, _Session] = {}
        self.retained: dict[str, bytes] = {}
        self.up = True
        self._wanted: dict[str, tuple[_Session, ...]] = {}
        """Which sessions want a topic, as far as it was asked since sessions or filters last changed."""

    def session(self, client_id: str, *, clean: bool = False, will: Will | None = None) -> "MemoryMqtt":
        """A client, not yet open."""
        return MemoryMqtt(self, client_id, clean=clean, will=will)

    def crash(self) -> None:
        """Forget every queue and session, cut every connection; retained messages survive as saved ones do."""
        ports = [session.port for session in self._sessions.values() if session.port is not None]
        self._sessions.clear()
        self._wanted.clear()
        self.up = False
        for port in ports:
            port.cut()

    def restart(self) -> None:
        """Answer again; clients come back by themselves."""
        self.up = True

    def cut(self, client_id: str) -> None:
        """Break one client's connection, if it has one."""
        session = self._sessions.get(client_id)
        if session is not None and session.port is not None:
            session.port.cut()

    def attach(self, port: "MemoryMqtt") -> bool:
        """Connect a client; True where its session was still there."""
        if not self.up:
            raise Unavailable("The broker in memory is down.")
        self._wanted.clear()
        if port.clean:
            self._sessions.pop(port.client_id, None)
        resumed = port.client_id in self._sessions
        session = self._sessions.setdefault(port.client_id, _Session())
        if session.port is not None and session.port is not port:
            session.port.cut()
        session.port = port
        session.delivered = 0
        self._deliver_soon(session)
        return resumed

    def detach(self, port: "MemoryMqtt", *, politely: bool) -> None:
        """The connection ended; the session stays unless it was clean."""
        session = self._sessions.get(port.client_id)
        if session is None or session.port is not port:
            return
        session.port = None
        if port.clean:
            del self._sessions[port.client_id]
            self._wanted.clear()
        if port.will is not None and not politely:
            self.publish(port.will.topic, port.will.payload, retain=port.will.retain)

    def subscribe(self, port: "MemoryMqtt", filters: Iterable[str]) -> None:
        """Subscribe the session, and give it what is retained."""
        session = self._sessions[port.client_id]
        for name in filters:
            session.filters[name] = None
            self._wanted.clear()
            session.owed.extend(item for item in self.retained.items() if matches(name, item[0]))
        self._deliver_soon(session)

    def publish(self, topic: str, payload: bytes, *, retain: bool) -> None:
        """Take a message: queued for every session that wants it."""
        if retain and payload:
            self.retained[topic] = payload
        elif retain:
            self.retained.pop(topic, None)
        for session in self._wanting(topic):
            if self._faults.lose and not retain and self._random.random() < self._faults.lose:
                continue
            session.owed.append((topic, payload))
            if self._random.random() < self._faults.duplicate:
                session.owed.append((topic, payload))
            if self._faults.reorder and len(session.owed) > session.delivered + 1:
                self._reorder(session)
            self._deliver_soon(session)

    def calm(self) -> None:
        """From now on nothing is delayed, lost, repeated or reordered."""
        self._faults = Faults()

    def _reorder(self, session: _Session) -> None:
        if self._random.random() < self._faults.reorder:
            session.owed[-1], session.owed[-2] = session.owed[-2], session.owed[-1]

    def _wanting(self, topic: str) -> tuple[_Session, ...]:
        wanting = self._wanted.get(topic)
        if wanting is None:
            wanting = self._wanted[topic] = tuple(
                session for session in self._sessions.values() if any(matches(name, topic) for name in session.filters)
            )
        return wanting

    def settled(self, port: "MemoryMqtt", count: int) -> None:
        """The client acknowledged the oldest `count` messages."""
        session = self._sessions.get(port.client_id)
        if session is not None and session.port is port:
            for _ in range(min(count, session.delivered)):
                session.owed.popleft()
                session.delivered -= 1
            if self._in_flight_max is not None and len(session.owed) > session.delivered:
                self._deliver_soon(session)

    def delay_s(self) -> float:
        """How long the next packet takes."""
        return self._random.uniform(0, self._faults.delay_s_max)

    def _deliver_soon(self, session: _Session) -> None:
        asyncio.get_running_loop().call_later(self.delay_s(), self._deliver, session)

    def _deliver(self, session: _Session) -> None:
        port = session.port
        if port is None:
            return
        for topic, payload in list(session.owed)[session.delivered : self._in_flight_max]:
            session.delivered += 1
            port.arrive(topic, payload)


class MemoryMqtt:
    """One client's session: reconnects by itself, as `runtime.mqtt_session.MqttSession` does."""

    def __init__(self, broker: MemoryBroker, client_id: str, *, clean: bool, will: Will | None) -> None:
        self._broker = broker
        self.client_id = client_id
        self.clean = clean
        self.will = will
        self._filters: dict[str, None] = {}
        self.inbox = Inbox(SessionLimits())
        self._number = 0
        self._resumed = False
        self._is_connected = False
        self._closed = False
        self._outstanding: dict[asyncio.Future[None], None] = {}
        self._due_s = 0.0
        """When the last packet on its way reaches the broker."""
        self._on_the_way: deque[tuple[int, str, bytes, bool, asyncio.Future[None]]] = deque()
        self._waiters: dict[asyncio.Future[None], None] = {}
        self._keeper: asyncio.Task[None] | None = None
        self._lost = asyncio.Event()

    async def open(self) -> ConnectionFacts:
        """Connect, and stay connected until closed."""
        self._connect()
        self._keeper = asyncio.ensure_future(self._keep())
        return ConnectionFacts(number=self._number, resumed=self._resumed)

    async def close(self) -> None:
        """Say goodbye: no will."""
        self._closed = True
        self._broker.detach(self, politely=True)
        await self._end()

    async def kill(self) -> None:
        """Vanish as a killed process does: the broker keeps the session and publishes the will."""
        self._closed = True
        self._broker.detach(self, politely=False)
        await self._end()

    def cut(self) -> None:
        """The connection breaks."""
        self._is_connected = False
        for future in list(self._outstanding):
            if not future.done():
                future.set_exception(Unavailable("The connection in memory broke before the answer."))
        self._outstanding.clear()
        self._lost.set()
        self._wake()

    def arrive(self, topic: str, payload: bytes) -> None:
        """A message from the broker."""
        self.inbox.add(Received(topic=topic, payload=payload, connection=self._number))
        self.inbox.announce()

    @property
    def is_connected(self) -> bool:
        """Whether publishes can go out."""
        return self._is_connected

    @property
    def connection_number(self) -> int:
        return self._number if self._is_connected else 0

    @property
    def publish_room(self) -> int:
        return PUBLISHES_MAX - len(self._outstanding) if self._is_connected else 0

    async def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> None:
        if qos == 0:
            self._require_connected()
            self._broker.publish(topic, payload, retain=retain)
            return
        self._require_connected()
        while self.publish_room == 0:
            await self._change()
            self._require_connected()
        await self.begin_publish(topic, payload, retain=retain)

    def begin_publish(self, topic: str, payload: bytes, *, retain: bool = False) -> asyncio.Future[None]:
        self._require_connected()
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[None] = loop.create_future()
        self._outstanding[answered] = None
        self._due_s = max(self._due_s, loop.time() + self._broker.delay_s())
        self._on_the_way.append((self._number, topic, payload, retain, answered))
        loop.call_at(self._due_s, self._reach_broker)
        return answered

    async def subscribe(self, filters: Sequence[str]) -> None:
        self._require_connected()
        self._filters.update(dict.fromkeys(filters))
        self._broker.subscribe(self, filters)

    async def take(self, messages_max: int) -> Sequence[Received]:
        return await self.inbox.take(messages_max)

    def acknowledge(self, messages: Iterable[Received]) -> None:
        released = list(self.inbox.release(messages))
        count = sum(message.connection == self._number for message in released)
        if self._is_connected:
            self._broker.settled(self, count)

    async def connected(self, *, after: int = 0) -> ConnectionFacts:
        while not self._is_connected or self._number <= after:
            if self._closed:
                raise Unavailable("The session in memory is closed.")
            await self._change()
        return ConnectionFacts(number=self._number, resumed=self._resumed)

    def _connect(self) -> None:
        self._number += 1
        self._lost.clear()
        self._resumed = self._broker.attach(self)
        self._is_connected = True
        if self._filters and not self._resumed:
            self._broker.subscribe(self, self._filters)
        self._wake()

    async def _keep(self) -> None:
        while True:
            await self._lost.wait()
            while not self._closed:
                await _virtual_pause(0.2 + self._broker.delay_s())
                try:
                    self._connect()
                except Unavailable:
                    continue
                break
            if self._closed:
                return

    async def _end(self) -> None:
        self.cut()
        self.inbox.close()
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)

    def _reach_broker(self) -> None:
        """The packet longest on its way arrives, unless its connection broke meanwhile."""
        number, topic, payload, retain, answered = self._on_the_way.popleft()
        if not self._is_connected or number != self._number:
            return
        self._broker.publish(topic, payload, retain=retain)
        asyncio.get_running_loop().call_later(self._broker.delay_s(), self._answer, answered)

    def _answer(self, future: asyncio.Future[None]) -> None:
        self._outstanding.pop(future, None)
        if not future.done():
            future.set_result(None)
        self._wake()

    def _require_connected(self) -> None:
        if not self._is_connected:
            raise Unavailable("Not connected to the broker in memory.")

    async def _change(self) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters[waiter] = None
        try:
            await waiter
        finally:
            self._waiters.pop(waiter, None)

    def _wake(self) -> None:
        for waiter in list(self._waiters):
            if not waiter.done():
                waiter.set_result(None)


def matches(name: str, topic: str) -> bool:
    """Whether an MQTT filter covers a topic."""
    wanted, given = name.split("/"), topic.split("/")
    for index, level in enumerate(wanted):
        if level == "#":
            return True
        if index >= len(given) or level not in {"+", given[index]}:
            return False
    return len(wanted) == len(given)


async def _virtual_pause(seconds: float) -> None:
    done = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, done.set)
    await done.wait()
