"""The MQTT session: one client id, as many connections as it takes."""

import asyncio
import contextlib
from collections.abc import Iterable, Sequence

import structlog

from runtime.clock import Clock
from runtime.mqtt import ConnectionFacts, Received, Will
from runtime.mqtt_connection import Connection, Identity
from runtime.mqtt_inbox import Inbox, SessionLimits
from runtime.mqtt_tls import ENDS_SOON_DAYS, days_left
from runtime.mqtt_wire import NO_ANSWER, unreachable
from runtime.retry import Backoff
from runtime.settings import MqttSettings
from vitals.errors import ConfigurationError, Unavailable

log = structlog.get_logger()

_GOODBYE_S_MAX = 2.0
"""How long `close` waits for the goodbye to be written."""


class MqttSession:
    """A session under a fixed client id that outlives its connections; keeps the promises of `runtime.mqtt.MqttPort`.

    Reconnects for ever, with full jitter. Messages are acknowledged only by their taker, in arrival order. Above the
    high-water mark of `limits` nothing more is read or decoded until the taker has acknowledged down to half of it.
    With `persistent` the broker keeps the session between connections, where `mqtt.keeps_sessions` says that it can.
    """

    def __init__(
        self,
        settings: MqttSettings,
        *,
        client_id: str,
        clock: Clock,
        will: Will | None = None,
        persistent: bool = True,
        limits: SessionLimits | None = None,
    ) -> None:
        self._settings = settings
        self._identity = Identity(client_id=client_id, persistent=persistent and settings.keeps_sessions, will=will)
        self._limits = limits or SessionLimits()
        self._clock = clock
        self._backoff = Backoff(clock=clock, cap_s=settings.reconnect_s_max)
        self._filters: dict[str, None] = {}
        self._connection: Connection | None = None
        self._facts = ConnectionFacts(number=0, resumed=False)
        self._attempts = 0
        self._waiters: set[asyncio.Future[None]] = set()
        self._closing = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self.inbox = Inbox(self._limits)
        """What is held; for metrics and tests."""

    async def open(self) -> ConnectionFacts:
        """Connect once; raises Unavailable with one sentence that says what to do. Later connections come by themselves."""
        connection = await self._connect()
        self._keeper = asyncio.create_task(self._keep(connection), name=f"mqtt-{self._identity.client_id}")
        return self._facts

    async def close(self) -> None:
        """Say goodbye (no will is sent) and stop; what was not acknowledged stays with the broker."""
        self._closing.set()
        self.inbox.close()
        self._wake()
        connection = self._connection
        if connection is not None and connection.is_open:
            connection.say_goodbye()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(connection.lost), timeout=_GOODBYE_S_MAX)
            connection.abort("closed")
        if self._keeper is not None:
            await self._keeper

    def drop(self) -> None:
        """Cut the connection without a goodbye, as a radio does; the session reconnects."""
        if self._connection is not None and self.is_connected:
            self._connection.abort("cut on purpose")

    @property
    def is_connected(self) -> bool:
        """Whether a connection is up."""
        return self._connection is not None and self._connection.is_open

    @property
    def connection_number(self) -> int:
        is_settled = self.is_connected and self._facts.number == self._attempts
        return self._facts.number if is_settled else 0

    @property
    def is_paused(self) -> bool:
        """Whether reading stands still above the high-water mark."""
        return self._connection is not None and self._connection.is_open and self._connection.is_paused

    async def connected(self, *, after: int = 0) -> ConnectionFacts:
        while not self.is_connected or self._facts.number <= after or self._facts.number != self._attempts:
            if self._closing.is_set():
                raise Unavailable("The MQTT session is closed.")
            await self._change()
        return self._facts

    @property
    def publish_room(self) -> int:
        return 0 if self._connection is None or not self._connection.is_open else self._connection.publish_room

    async def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> None:
        if qos == 0:
            self._living().publish_unanswered(topic, payload, retain=retain)
            return
        await self._living().publish(topic, payload, retain=retain)

    def begin_publish(self, topic: str, payload: bytes, *, retain: bool = False) -> asyncio.Future[None]:
        if self._living().publish_room == 0:
            raise Unavailable("Too many publishes are unanswered: wait for one of them.")
        return self._living().publish(topic, payload, retain=retain)

    async def subscribe(self, filters: Sequence[str]) -> None:
        self._filters.update(dict.fromkeys(filters))
        await self._living().subscribe(filters)

    async def take(self, messages_max: int) -> Sequence[Received]:
        return await self.inbox.take(messages_max)

    def acknowledge(self, messages: Iterable[Received]) -> None:
        connection = self._connection if self.is_connected else None
        for message in self.inbox.release(messages):
            if connection is not None:
                connection.acknowledge(message)
        if connection is not None and self.inbox.is_low:
            connection.read_on()

    def _living(self) -> Connection:
        if self._connection is None or not self._connection.is_open:
            raise Unavailable(f"Not connected to the MQTT broker at {self._settings.host}:{self._settings.port} now.")
        return self._connection

    async def _change(self) -> None:
        """Waits until a connection came or went."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            await waiter
        finally:
            self._waiters.discard(waiter)

    def _wake(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def _keep(self, connection: Connection) -> None:
        """Reconnect whenever the connection ends, until closed."""
        while True:
            cause = await connection.lost
            if self._closing.is_set():
                return
            log.warning("mqtt_connection_lost", client_id=self._identity.client_id, cause=cause)
            if connection.has_lasted:
                self._backoff.reset()
            again = await self._reconnect()
            if again is None:
                return
            connection = again

    async def _reconnect(self) -> Connection | None:
        while True:
            await self._backoff.pause(until=self._closing)
            if self._closing.is_set():
                return None
            try:
                return await self._connect()
            except (Unavailable, ConfigurationError) as error:
                # A certificate that is being exchanged may be unreadable for a moment.
                log.warning("mqtt_unreachable", client_id=self._identity.client_id, error=str(error))

    async def _connect(self) -> Connection:
        self._attempts += 1
        self._connection = connection = Connection(
            self._attempts,
            settings=self._settings,
            identity=self._identity,
            inbox=self.inbox,
            limits=self._limits,
            on_change=self._wake,
        )
        try:
            async with asyncio.timeout(self._settings.connect_timeout_s):
                resumed = await connection.open()
                if self._filters and not resumed:
                    await connection.subscribe(list(self._filters))
        except TimeoutError as error:
            raise unreachable(self._settings, NO_ANSWER) from error
        else:
            self._facts = ConnectionFacts(number=connection.number, resumed=resumed)
            say = log.info if self._identity.persistent else log.debug
            self._say_what_ends()
            say("mqtt_connected", client_id=self._identity.client_id, number=connection.number, resumed=resumed)
        finally:
            if self._facts.number != connection.number:
                connection.abort("not accepted")
            self._wake()
        return connection

    def _say_what_ends(self) -> None:
        """Warn of our own certificate's end while there is time."""
        file = self._settings.certificate_file
        days = None if file is None else days_left(file, now_ms=self._clock.now_ms())
        if days is not None and days < ENDS_SOON_DAYS:
            log.warning("mqtt_certificate_ends_soon", file=str(file), days=round(days, 1))
