"""The services of a simulated ward, each startable and killable on its own, on shared in-memory ports."""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from alerts import delivery, ladder_runner, notifier
from alerts import worker as alerts_worker
from alerts.corrections import CorrectionWorker
from alerts.delivery import DeliveryHandler
from alerts.ladder_paging import follower, pager
from alerts.ladder_runner import LadderHandler
from alerts.ladder_settings import LadderSettings
from alerts.notification_settings import NotificationsSettings
from alerts.notifier import NotifierHandler
from alerts.settings import AlertsSettings
from alerts.worker import AlertsHandler
from ingest.service import Ingest
from ingest.settings import IngestSettings
from runtime.blocking import Door
from runtime.bus import Bus
from runtime.clock import LoopClock
from runtime.telemetry import Telemetry
from runtime.worker import Handler, Worker, WorkerLimits
from storage.service import Recorder
from storage.session import Database
from storage.settings import RecorderSettings
from stream.service import build_worker
from stream.settings import StreamSettings
from tests.support.memory_mqtt import MemoryBroker, MemoryMqtt
from vitals.reading import Origin

SERVICES = ("ingest", "stream", "recorder", "alerts", "alert-delivery", "alert-ladders", "notifications")
STAY_SERVICES = (*SERVICES, "alert-corrections")
"""With the one that carries out corrections."""


@dataclass(frozen=True, kw_only=True)
class SimulatedPorts:
    """What all services share; it outlives each of them."""

    bus: Bus
    database: Database
    door: Door
    clock: LoopClock
    telemetry: Telemetry
    broker: MemoryBroker


@dataclass(frozen=True, kw_only=True)
class ServiceSettings:
    """Every service's own; the defaults are those of a real ward that lets simulated devices in."""

    ingest: IngestSettings = field(default_factory=lambda: IngestSettings(origins_allowed=tuple(Origin)))
    stream: StreamSettings = field(default_factory=StreamSettings)
    recorder: RecorderSettings = field(default_factory=RecorderSettings)
    alerts: AlertsSettings = field(default_factory=AlertsSettings)
    workers: WorkerLimits = field(default_factory=WorkerLimits)
    """Of the two workers of alerts."""


class SimulatedServices:
    """Which services run; a kill takes what they had not remembered, as SIGKILL does."""

    def __init__(self, ports: SimulatedPorts, settings: ServiceSettings | None = None) -> None:
        self._ports = ports
        self._settings = settings or ServiceSettings()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._sessions: dict[str, MemoryMqtt] = {}

    async def start(self, name: str) -> None:
        """Start one service; those that speak MQTT wait for the broker."""
        if name in {"ingest", "alert-delivery"}:
            self._sessions[name] = session = self._ports.broker.session(name)
            while not self._ports.broker.up:
                await self._ports.clock.sleep(0.1)
            await session.open()
        self._tasks[name] = asyncio.create_task(self._work(name), name=name)

    async def kill(self, name: str) -> None:
        """End it in the middle of whatever it does."""
        task = self._tasks.pop(name)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        session = self._sessions.pop(name, None)
        if session is not None:
            await session.kill()

    async def ended(self, name: str, *, within_s: float) -> None:
        """Wait for a service that was asked to end."""
        await asyncio.wait({self._tasks[name]}, timeout=within_s)

    def raise_failures(self) -> None:
        """Raise what ended a service that nobody killed."""
        for task in self._tasks.values():
            if task.done():
                task.result()

    def _work(self, name: str) -> Coroutine[Any, Any, None]:
        settings = self._settings
        shared: dict[str, Any] = {
            "bus": self._ports.bus,
            "database": self._ports.database,
            "door": self._ports.door,
            "clock": self._ports.clock,
            "telemetry": self._ports.telemetry,
        }
        match name:
            case "ingest":
                return Ingest(session=self._sessions[name], settings=settings.ingest, **shared).run()
            case "stream":
                return build_worker(settings=settings.stream, **shared).run()
            case "recorder":
                return Recorder(settings=settings.recorder, **shared).worker.run()
            case "alerts":
                engine = AlertsHandler(settings=settings.alerts, **shared)
                return self._worker(alerts_worker.GROUP, alerts_worker.TOPICS, engine)
            case "alert-corrections":
                everything = frozenset(range(self._ports.bus.partition_count))
                corrections = CorrectionWorker(settings=settings.alerts, owned=lambda: everything, **shared)
                return corrections.run(asyncio.Event())
            case _:
                return self._teller(name, shared)

    def _teller(self, name: str, shared: Mapping[str, Any]) -> Coroutine[Any, Any, None]:
        """What tells people of alerts."""
        if name == "alert-ladders":
            tells: dict[str, Any] = {"enqueue": pager(expires_s=3600), "follow": follower(expires_s=3600)}
            pages = LadderHandler(settings=LadderSettings(), **tells, **shared)
            return self._worker(ladder_runner.GROUP, ladder_runner.TOPICS, pages)
        if name == "notifications":
            counts = NotifierHandler(settings=NotificationsSettings(), wake=lambda: None, **shared)
            return self._worker(notifier.GROUP, notifier.TOPICS, counts)
        sender = DeliveryHandler(settings=self._settings.alerts, mqtt=self._sessions[name], **shared)
        return self._worker(delivery.GROUP, delivery.TOPICS, sender)

    def _worker(self, group: str, topics: Sequence[str], handler: Handler) -> Coroutine[Any, Any, None]:
        ports = self._ports
        worker = Worker(
            name=group, topics=topics, bus=ports.bus, handler=handler, clock=ports.clock, limits=self._settings.workers
        )
        return worker.run()
