"""Notifier, dispatcher and real channels over SQLite in a file, in time that runs fast, with servers of the test's own."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from alerts.channels.registry import ChannelRegistry
from alerts.dispatch import Dispatcher
from alerts.notification import Channel, Destination, Secret
from alerts.notification_settings import NotificationsSettings
from alerts.notifier import GROUP, TOPICS, NotifierHandler
from runtime.blocking import ThreadDoor
from runtime.clock import SystemClock
from runtime.local_bus import LocalBus
from runtime.outgoing_http import Resolver
from runtime.worker import Worker, WorkerLimits
from storage import destinations, subscriptions
from storage.session import Database
from tests.support.channel_scene import LOOPBACK, SECRET
from tests.support.fresh_database import lay_schema
from tests.support.outbox_scene import OutboxScene
from vitals.alert import Transition
from vitals.notification import Subscription, SubscriptionState, Wanted

LOOK_S_REAL = 0.1


class SendingScene(OutboxScene):
    """`OutboxScene` with real time times `speed`, and channels that really send."""

    def __init__(self, directory: Path, *, speed: float, resolver: Resolver | None = None, **settings: Any) -> None:
        bounds: dict[str, Any] = {
            "hosts_allowed": (LOOPBACK,),
            "pace_s": 0,
            "look_s": LOOK_S_REAL * speed,
            "request_s": 0.4,
            "attempt_timeout_s": 1.0,
            "lease_margin_s": 600,
        }
        super().__init__(settings=NotificationsSettings(**{**bounds, **settings}))
        self.database.close()
        self.clock = SystemClock(speed=speed)  # type: ignore[assignment]
        self.database = Database(f"sqlite:///{directory}/ward.db")
        self._resolver = resolver

    async def open(self) -> None:
        """See `OutboxScene`."""
        lay_schema(self.database)
        self.door = ThreadDoor(name="scene", threads_max=2)  # type: ignore[assignment]
        self.bus = await LocalBus.open(None, partitions=2, door=self.door, clock=self.clock)
        self._ports = {
            "database": self.database,
            "door": self.door,
            "clock": self.clock,
            "telemetry": self.telemetry,
            "settings": self.settings,
        }
        self.registry = ChannelRegistry(self.settings, clock=self.clock, resolver=self._resolver)
        self.start_notifier()

    def start_notifier(self) -> None:
        """Follow the log; a poll of it ends soon in real time, however fast the clock."""
        handler = NotifierHandler(bus=self.bus, wake=self.wake, **self._ports)
        limits = WorkerLimits(poll_timeout_s=LOOK_S_REAL * self.clock.speed, backoff_s_max=1.0)
        self.notifier = Worker(
            name=GROUP, topics=TOPICS, bus=self.bus, handler=handler, clock=self.clock, limits=limits
        )
        self._running.append(asyncio.create_task(self.notifier.run()))

    def start_dispatcher(self) -> None:
        """One process that sends."""
        dispatcher = Dispatcher(channels=self.registry.channels, **self._ports)
        stopping = asyncio.Event()
        self._dispatchers.append((dispatcher, stopping, asyncio.create_task(dispatcher.run(stopping))))

    async def close(self) -> None:
        """See `OutboxScene`."""
        await super().close()
        await self.registry.close()
        self.door.close()  # type: ignore[attr-defined]

    async def raise_alerts(self, *steps: Transition) -> None:
        """See `OutboxScene`; they happen now."""
        now_ms = self.clock.now_ms()
        await super().raise_alerts(
            *(msgspec.structs.replace(one, at_ms=now_ms, onset_ms=now_ms, heard_ms=now_ms) for one in steps)
        )

    async def until(self, condition: Callable[[], bool], *, within_s: float = 30.0) -> None:
        """Wait, in real time."""
        async with asyncio.timeout(within_s):
            while not condition():
                await self.clock.sleep(0.05 * self.clock.speed)

    def wants(self, name: str, channel: Channel, address: str, **options: str) -> None:
        """A destination of the house that hears of everything; both have this name."""
        now_ms = self.clock.now_ms()
        secret = Secret(SECRET) if channel is Channel.WEBHOOK else None
        with self.database.transaction() as conn:
            made = Destination(name, channel, address, name=name, secret=secret, options=options)
            destinations.add(conn, made, by="root", now_ms=now_ms)
            subscriptions.add(
                conn,
                Subscription(
                    subscription_id=f"s-{name}",
                    name=name,
                    person_id=None,
                    destination_id=name,
                    wanted=Wanted(),
                    state=SubscriptionState.ACTIVE,
                    state_at_ms=now_ms,
                    state_reason="made by a test",
                    created_at_ms=now_ms,
                    created_by="root",
                    activated_at_ms=now_ms,
                ),
            )

    def came_of(self, name: str) -> list[tuple[str, list[tuple[str, str | None]]]]:
        """Each delivery to a destination: its end state, and its receipts."""
        return [(one.state.value, self.receipts(one.delivery_id)) for one in self.deliveries(name)]


@asynccontextmanager
async def sending_scene(directory: Path, *, speed: float = 1.0, **settings: Any) -> AsyncIterator[SendingScene]:
    """The scene, open, with one dispatcher."""
    scene = SendingScene(directory, speed=speed, **settings)
    await scene.open()
    scene.start_dispatcher()
    try:
        yield scene
    finally:
        await scene.close()
