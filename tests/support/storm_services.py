"""The services of a simulated storm: each a process of its own that dies, stands still, ends politely and comes back."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any

from alerts import worker as alerts_worker
from alerts.decision_cache import DecisionCache
from alerts.settings import AlertsSettings
from alerts.worker import AlertsHandler
from dashboard.fanout import Browser, Fanout, Interest
from dashboard.feed import Feed
from dashboard.settings import DashboardSettings
from dashboard.sql_source import SqlSource
from ingest.settings import IngestSettings
from runtime.worker import Worker, WorkerLimits
from storage.service import Recorder
from storage.settings import RecorderSettings
from stream.service import build_worker
from stream.settings import StreamSettings
from tests.support.simulated_services import ServiceSettings, SimulatedPorts, SimulatedServices
from tests.support.storm_faults import FlakyDatabase, Life, MortalBus, MortalDoor
from tests.support.storm_plan import Pace
from vitals.errors import Unavailable

INSTANCE = "storm"


@dataclass(frozen=True, kw_only=True)
class StormSettings(ServiceSettings):
    """Those of a storm's services."""

    dashboard: DashboardSettings


def settings_of(pace: Pace) -> StormSettings:
    """Settings as a storm draws them."""
    limits = WorkerLimits(records_max=pace.records_max, poll_timeout_s=pace.poll_s)
    return StormSettings(
        ingest=IngestSettings(receipt_every_s=pace.receipt_s, directory_refresh_s=2.0, batch_messages_max=50),
        stream=StreamSettings(
            poll_timeout_s=pace.poll_s, remember_every_s=pace.stream_remember_s, records_max=min(pace.records_max, 500)
        ),
        recorder=RecorderSettings(
            poll_timeout_s=pace.poll_s, commit_interval_s=pace.commit_s, records_per_poll=pace.records_max
        ),
        alerts=AlertsSettings(tick_s=pace.tick_s, remember_every_s=pace.alerts_remember_s, decisions_renew_s=2.0),
        workers=limits,
        dashboard=DashboardSettings(browser_rounds_max=pace.browser_rounds_max, registry_interval_s=2.0),
    )


class _OneProcess(SimulatedServices):
    """One service, with what the screen and alerts have besides."""

    def __init__(self, ports: SimulatedPorts, settings: StormSettings) -> None:
        super().__init__(ports, settings)
        self._storm = settings
        self.worker: Worker | None = None
        self.feed: Feed | None = None
        self.browsers: list[Browser] = []

    def _work(self, name: str) -> Coroutine[Any, Any, None]:
        ports = self._ports
        shared: dict[str, Any] = {
            "bus": ports.bus,
            "database": ports.database,
            "door": ports.door,
            "clock": ports.clock,
            "telemetry": ports.telemetry,
        }
        match name.removesuffix("-2"):
            case "stream":
                self.worker = build_worker(settings=self._storm.stream, **shared)
                return self.worker.run()
            case "recorder":
                self.worker = Recorder(settings=self._storm.recorder, **shared).worker
                return self.worker.run()
            case "alerts":
                return self._judge(shared)
            case "dashboard":
                return self._show(shared)
            case _:
                return super()._work(name)

    async def _judge(self, shared: dict[str, Any]) -> None:
        """The engine, and beside it what keeps its decisions fresh."""
        ports, settings = self._ports, self._storm.alerts
        plain = {name: shared[name] for name in ("database", "clock", "telemetry")}
        cache = DecisionCache(reach_ms=round(settings.decisions_reach_h * 3_600_000), **plain)
        engine = AlertsHandler(settings=settings, policy=cache, renew=cache.renew, **shared)
        self.worker = Worker(
            name=alerts_worker.GROUP,
            topics=alerts_worker.TOPICS,
            bus=ports.bus,
            handler=engine,
            clock=ports.clock,
            limits=self._storm.workers,
        )
        renewing = asyncio.create_task(self._renew(cache), name="decisions")
        try:
            await self.worker.run()
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)

    async def _renew(self, cache: DecisionCache) -> None:
        while True:
            with contextlib.suppress(Unavailable):  # what is known goes on to hold
                await self._ports.door.run(cache.renew)
            await self._ports.clock.sleep(self._storm.alerts.decisions_renew_s)

    async def _show(self, shared: dict[str, Any]) -> None:
        """The live feed and two boards that look at it; no web server."""
        settings, telemetry = self._storm.dashboard, shared["telemetry"]
        fanout = Fanout(
            browsers_max=settings.browsers_max,
            per_owner_max=settings.browsers_per_person_max,
            rounds_max=settings.browser_rounds_max,
            bytes_max=settings.browser_waiting_bytes_max,
            telemetry=telemetry,
            instance=INSTANCE,
        )
        plain = {name: shared[name] for name in ("database", "door", "clock")}
        source = SqlSource(limits=settings.ward_limits, **plain)
        self.feed = Feed(
            bus=shared["bus"],
            source=source,
            clock=shared["clock"],
            fanout=fanout,
            settings=settings,
            telemetry=telemetry,
        )
        # Nobody reads this one: its queue must stay bounded all the same.
        self.browsers = [self.feed.connect(Interest())]
        await self.feed.run(asyncio.Event())


class StormServices:
    """Which services run, each with its life; what was asked of one that is down is not done."""

    def __init__(
        self, ports: SimulatedPorts, database: FlakyDatabase, settings: StormSettings, *, died: Callable[[str], None]
    ) -> None:
        self._ports = ports
        self._database = database
        self._settings = settings
        self._died = died
        self._processes: dict[str, tuple[_OneProcess, Life]] = {}
        self.deaths: Counter[str] = Counter()
        self.delay_s = 0.0
        """What each call to database or log takes; of services that start from now on, too."""

    def running(self) -> list[str]:
        """Names, in the order of their start."""
        return list(self._processes)

    def life(self, name: str) -> Life | None:
        """Of a service that runs."""
        found = self._processes.get(name)
        return None if found is None else found[1]

    def process(self, name: str) -> _OneProcess | None:
        """One that runs."""
        found = self._processes.get(name)
        return None if found is None else found[0]

    async def start(self, name: str) -> None:
        """Start one that does not run."""
        life = Life(name, self._ports.clock, dies=lambda life: self._died(life.name))
        life.delay_s = self.delay_s
        ports = replace(self._ports, bus=MortalBus(self._ports.bus, life), door=MortalDoor(life, self._database))
        process = _OneProcess(ports, self._settings)
        self._processes[name] = (process, life)
        await process.start(name)

    async def kill(self, name: str) -> None:
        """It is gone, in the middle of whatever it does; nothing it was about to do is done."""
        found = self._processes.pop(name, None)
        if found is not None:
            process, life = found
            life.is_over = True
            self.deaths[name] += 1
            await process.kill(name)

    async def end(self, name: str, *, within_s: float) -> None:
        """It ends as asked to; killed where that takes too long, or where it knows no other end."""
        found = self._processes.get(name)
        if found is None:
            return
        process, _ = found
        if process.worker is not None:
            process.worker.stop()
            await process.ended(name, within_s=within_s)
        await self.kill(name)

    def slow(self, delay_s: float) -> None:
        """Each call of each service takes so long."""
        self.delay_s = delay_s
        for _, life in self._processes.values():
            life.delay_s = delay_s

    def raise_failures(self) -> None:
        """Raise what ended a service that nobody killed."""
        for process, life in self._processes.values():
            if not life.is_over:
                process.raise_failures()
