"""The alert service: the engine at the log and the delivery to MQTT, each a worker of its own group; corrections; rulebooks; notifications; the heartbeat."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import structlog

from alerts import corrections, delivery, ladder_runner, rulebook_keeper, worker
from alerts.corrections import CorrectionWorker
from alerts.decision_cache import DecisionCache
from alerts.delivery import DeliveryHandler
from alerts.heartbeat import Heartbeat
from alerts.heartbeat_settings import WatchdogSettings
from alerts.ladder_paging import follower, pager
from alerts.ladder_runner import LadderHandler
from alerts.ladder_settings import LadderSettings
from alerts.notification_settings import NotificationsSettings
from alerts.notifications import Notifications
from alerts.rulebook_keeper import RulebookKeeper
from alerts.settings import AlertsSettings
from alerts.worker import AlertsHandler
from runtime.blocking import Door
from runtime.bus import Bus
from runtime.clock import Clock
from runtime.lifecycle import run_all
from runtime.mqtt_session import MqttSession
from runtime.retry import Backoff
from runtime.settings import MqttSettings
from runtime.telemetry import Telemetry
from runtime.worker import Worker, WorkerLimits
from storage.session import Database
from vitals.errors import ConfigurationError, Unavailable

log = structlog.get_logger()

ENGINE_TOPICS = worker.TOPICS
DELIVERY_TOPICS = delivery.TOPICS
LADDER_TOPICS = ladder_runner.TOPICS
MQTT_CLIENT_ID = "wardlight-alerts"


class Alerts:
    """Raises, escalates and ends alerts, and delivers them; the schema must be there.

    While the MQTT broker cannot be reached alerts go on in SQL and on the screen, and are delivered in order afterwards.
    `client_id` must differ between several of these at one broker.
    """

    def __init__(
        self,
        *,
        bus: Bus,
        database: Database,
        door: Door,
        clock: Clock,
        telemetry: Telemetry,
        mqtt: MqttSettings,
        settings: AlertsSettings,
        watchdog: WatchdogSettings | None = None,
        ladders: LadderSettings | None = None,
        notifications: NotificationsSettings | None = None,
        client_id: str = MQTT_CLIENT_ID,
    ) -> None:
        self._clock = clock
        self._settings = settings
        self._session = MqttSession(mqtt, client_id=client_id, clock=clock, persistent=False)
        limits = WorkerLimits(
            records_max=settings.records_max,
            poll_timeout_s=settings.poll_timeout_s,
            backoff_s_max=settings.backoff_s_max,
        )
        ports: dict[str, Any] = {
            "bus": bus,
            "database": database,
            "door": door,
            "clock": clock,
            "telemetry": telemetry,
        }
        decided = DecisionCache(
            database=database, clock=clock, telemetry=telemetry, reach_ms=round(settings.decisions_reach_h * 3_600_000)
        )
        self.rulebooks = RulebookKeeper(
            cache=decided,
            file=settings.rules_file,
            renew_s=settings.decisions_renew_s,
            file_every_s=settings.rules_file_every_s,
            **{name: port for name, port in ports.items() if name != "bus"},
        )
        engine = AlertsHandler(settings=settings, policy=decided, renew=self.rulebooks.look, **ports)
        sender = DeliveryHandler(settings=settings, mqtt=self._session, **ports)
        self._heartbeat = Heartbeat(
            settings=WatchdogSettings() if watchdog is None else watchdog, mqtt=self._session, **ports
        )
        gathering = replace(limits, gather_s=settings.gather_s)
        followed: dict[str, Any] = {"bus": bus, "clock": clock, "telemetry": telemetry}
        self.engine = Worker(name=worker.GROUP, topics=ENGINE_TOPICS, handler=engine, limits=gathering, **followed)
        self.delivery = Worker(name=delivery.GROUP, topics=DELIVERY_TOPICS, handler=sender, limits=limits, **followed)
        self.notifications = Notifications(
            settings=NotificationsSettings() if notifications is None else notifications, limits=limits, **ports
        )
        pages = self._ladder_handler(LadderSettings() if ladders is None else ladders, ports)
        self.ladders = Worker(name=ladder_runner.GROUP, topics=LADDER_TOPICS, handler=pages, limits=limits, **followed)
        self.corrections = CorrectionWorker(
            settings=settings, policy=decided, owned=lambda: self.engine.partitions, **ports
        )

    def _ladder_handler(self, climbing: LadderSettings, ports: Mapping[str, Any]) -> LadderHandler:
        return LadderHandler(
            settings=climbing,
            enqueue=pager(expires_s=climbing.delivery_expires_s),
            follow=follower(expires_s=climbing.delivery_expires_s),
            wake=self.notifications.dispatcher.wake,
            **ports,
        )

    async def serve(self, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set, then remember what was handled; the first failure is raised."""
        connecting = asyncio.create_task(self._connect(stopping), name="alerts-mqtt")
        asked = asyncio.create_task(self._stop_workers(stopping), name="alerts-stopping")
        services = {
            worker.GROUP: self.engine.run(),
            delivery.GROUP: self.delivery.run(),
            ladder_runner.GROUP: self.ladders.run(),
            corrections.COMPONENT: self.corrections.run(stopping),
            rulebook_keeper.COMPONENT: self.rulebooks.run(stopping),
            **self.notifications.services(stopping),
        }
        if self._heartbeat.is_wanted:
            services["heartbeat"] = self._heartbeat.run(stopping)
        try:
            await run_all(services, stopping=stopping)
        finally:
            asked.cancel()
            connecting.cancel()
            await asyncio.gather(connecting, asked, return_exceptions=True)
            await self._session.close()
            await self.notifications.close()

    async def _stop_workers(self, stopping: asyncio.Event) -> None:
        await stopping.wait()
        self.engine.stop()
        self.delivery.stop()
        self.ladders.stop()
        self.notifications.stop()

    async def _connect(self, stopping: asyncio.Event) -> None:
        """The first connection; the session keeps itself connected from then on."""
        backoff = Backoff(clock=self._clock, cap_s=self._settings.backoff_s_max)
        while not stopping.is_set():
            try:
                await self._session.open()
            except (Unavailable, ConfigurationError) as error:
                log.warning("alerts_not_delivered_yet", error=str(error))
                await backoff.pause(until=stopping)
            else:
                return
