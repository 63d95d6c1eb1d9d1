"""Every service in one process, on one bus and one database: what `wardlight up` and the demo run."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from alerts import service as alerts_service
from alerts.heartbeat_settings import WatchdogSettings
from alerts.ladder_settings import LadderSettings
from alerts.notification_settings import NotificationsSettings
from alerts.service import Alerts
from alerts.settings import AlertsSettings
from dashboard.people_settings import PeopleSettings
from dashboard.service import Dashboard
from dashboard.settings import DashboardSettings
from ingest import service as ingest_service
from ingest.settings import IngestSettings
from runtime.bus import Positions
from runtime.composition import Ports
from runtime.lifecycle import run_all
from runtime.mqtt_once import publish_once
from runtime.settings import LogSettings, MqttSettings
from runtime.worker import Worker
from storage import recorder
from storage.claims import positions_of
from storage.foundation import Foundation, foundation
from storage.ledger_settings import LedgerSettings
from storage.retention import RetentionSettings, check_retention
from storage.service import Recorder
from storage.session import in_snapshot
from storage.settings import RecorderSettings
from stream.candidates import CANDIDATES
from stream.service import build_worker as build_stream
from stream.settings import StreamSettings
from stream.trainer_service import Trainer, build_trainer
from stream.trainer_settings import TrainerSettings, check_examples
from vitals.errors import ConfigurationError
from vitals.topics import LogTopic

DRAIN_LOOK_S = 0.05


class Ward:
    """All services, wired; binds the dashboard's port when constructed, works while `run`."""

    def __init__(self, base: Foundation) -> None:
        self._base = base
        section = base.configuration.section
        self._mqtt = section("mqtt", MqttSettings)
        self._ingest_settings = section("ingest", IngestSettings)
        alerts_settings = section("alerts", AlertsSettings)
        check_settling(alerts_settings, self._ingest_settings)
        check_examples(section("trainer", TrainerSettings), section("stream", StreamSettings))
        self.dashboard = Dashboard(
            bus=base.bus,
            database=base.database,
            door=base.door,
            clock=base.clock,
            telemetry=base.telemetry,
            settings=section("dashboard", DashboardSettings),
            people=section("people", PeopleSettings),
            republish=self._republish,
            ledger=section("ledger", LedgerSettings),
        )
        self.recorder = Recorder(
            bus=base.bus,
            database=base.database,
            door=base.door,
            clock=base.clock,
            telemetry=base.telemetry,
            settings=section("recorder", RecorderSettings),
            retention=_retention(base),
            ledger=section("ledger", LedgerSettings),
        )
        self.stream = build_stream(
            bus=base.bus,
            database=base.database,
            door=base.door,
            clock=base.clock,
            telemetry=base.telemetry,
            settings=section("stream", StreamSettings),
        )
        build = partial(
            build_trainer,
            bus=base.bus,
            database=base.database,
            door=base.door,
            clock=base.clock,
            telemetry=base.telemetry,
            settings=section("trainer", TrainerSettings),
            candidates=CANDIDATES,
        )
        self.trainer = Trainer(build, clock=base.clock, telemetry=base.telemetry)
        self.alerts = Alerts(
            bus=base.bus,
            database=base.database,
            door=base.door,
            clock=base.clock,
            telemetry=base.telemetry,
            mqtt=self._mqtt,
            settings=alerts_settings,
            watchdog=section("watchdog", WatchdogSettings),
            ladders=section("ladders", LadderSettings),
            notifications=section("notifications", NotificationsSettings),
        )

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping`; if one service fails, all stop and its error is raised."""
        base = self._base
        await run_all(
            {
                "ingest": ingest_service.serve(
                    mqtt=self._mqtt,
                    bus=base.bus,
                    database=base.database,
                    door=base.door,
                    clock=base.clock,
                    settings=self._ingest_settings,
                    telemetry=base.telemetry,
                    stopping=stopping,
                ),
                "recorder": self.recorder.serve(stopping),
                "stream": self.stream.serve(stopping),
                "trainer": self.trainer.serve(stopping),
                "alerts": self.alerts.serve(stopping),
                "dashboard": self.dashboard.run(stopping),
            },
            stopping=stopping,
        )

    async def drained(self, *, within_s: float) -> bool:
        """Wait until all that was accepted so far is scored, stored, and its alerts delivered; False where that takes longer."""
        deadline_s = self._base.clock.monotonic_s() + within_s
        stages: tuple[tuple[Callable[[], Awaitable[Positions]], Sequence[str]], ...] = (
            (_handled_by(self.stream), (LogTopic.READINGS,)),
            (_handled_by(self.alerts.engine), alerts_service.ENGINE_TOPICS),
            (_handled_by(self.alerts.delivery), alerts_service.DELIVERY_TOPICS),
            (self._recorded, recorder.TOPICS),
        )
        for positions, topics in stages:
            ends = await self._base.bus.ends(topics)
            while not _reached(await positions(), ends):
                if self._base.clock.monotonic_s() >= deadline_s:
                    return False
                await self._base.clock.sleep(DRAIN_LOOK_S)
        return True

    async def _recorded(self) -> Positions:
        return await in_snapshot(self._base.door, self._base.database, positions_of, recorder.GROUP)

    async def _republish(self, topic: str, payload: bytes) -> None:
        await publish_once(self._mqtt, topic, payload, clock=self._base.clock)


def _retention(base: Foundation) -> RetentionSettings:
    found = base.configuration.section("retention", RetentionSettings)
    check_retention(found, base.configuration.section("log", LogSettings))
    return found


def check_settling(alerts: AlertsSettings, ingest: IngestSettings) -> None:
    """Raises ConfigurationError where a correction would begin before ingest knows of it: readings would be missed."""
    if alerts.corrections_settle_s <= ingest.directory_refresh_s:
        raise ConfigurationError(
            f"alerts.corrections_settle_s ({alerts.corrections_settle_s:g} s) must be longer than"
            f" ingest.directory_refresh_s ({ingest.directory_refresh_s:g} s): a correction begins only once ingest knows of it."
        )


def _handled_by(worker: Worker) -> Callable[[], Awaitable[Positions]]:
    async def positions() -> Positions:
        return worker.positions

    return positions


def _reached(positions: Positions, ends: Positions) -> bool:
    """Whether nothing before `ends` is left; a place without a position has been read from offset 0."""
    return all(positions.get(place, 0) >= end for place, end in ends.items())


async def serve(ports: Ports, stopping: asyncio.Event) -> None:
    """The `up` process."""
    async with foundation(ports, upgrade=True) as base:
        await Ward(base).run(stopping)
