"""Notifications as one part of the alert service: who is told is counted, what is due is sent, and the house is kept."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

from alerts import dispatch, dispatch_house, notifier
from alerts.channels.registry import ChannelRegistry
from alerts.dispatch import Dispatcher
from alerts.dispatch_house import House
from alerts.notification import Channels
from alerts.notification_settings import NotificationsSettings
from alerts.notifier import NotifierHandler
from runtime.blocking import Door, NarrowDoor
from runtime.bus import Bus
from runtime.clock import Clock
from runtime.telemetry import Telemetry
from runtime.worker import Worker, WorkerLimits
from storage.session import Database

TOPICS: Final = notifier.TOPICS


class Notifications:
    """Notifier, dispatcher and house, over the channels of this process (`channels` in tests)."""

    def __init__(
        self,
        *,
        bus: Bus,
        database: Database,
        door: Door,
        clock: Clock,
        telemetry: Telemetry,
        settings: NotificationsSettings,
        limits: WorkerLimits,
        channels: Channels | None = None,
    ) -> None:
        self._registry = ChannelRegistry(settings, clock=clock) if channels is None and settings.enabled else None
        self._enabled = settings.enabled
        if self._registry is not None:
            channels = self._registry.channels
        ports: dict[str, Any] = {"database": database, "clock": clock, "telemetry": telemetry, "settings": settings}
        narrow = NarrowDoor(door, calls_max=settings.sql_calls_max)
        self.dispatcher = Dispatcher(door=narrow, channels=channels or {}, **ports)
        self._house = House(bus=bus, door=narrow, wake=self.dispatcher.wake, **ports)
        handler = NotifierHandler(bus=bus, door=door, wake=self.dispatcher.wake, **ports)
        self.notifier = Worker(
            name=notifier.GROUP,
            topics=TOPICS,
            bus=bus,
            handler=handler,
            clock=clock,
            limits=limits,
            telemetry=telemetry,
        )

    def services(self, stopping: asyncio.Event) -> dict[str, Coroutine[Any, Any, None]]:
        """What runs until `stopping`, by name; nothing where the settings turn notifications off."""
        if not self._enabled:
            return {}
        return {
            notifier.GROUP: self.notifier.run(),
            dispatch.COMPONENT: self.dispatcher.run(stopping),
            dispatch_house.COMPONENT: self._house.run(stopping),
        }

    def stop(self) -> None:
        """Ask the notifier to end after the batch in hand."""
        self.notifier.stop()

    async def close(self) -> None:
        """Release the channels."""
        if self._registry is not None:
            await self._registry.close()
