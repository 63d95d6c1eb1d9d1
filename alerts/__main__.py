"""`python -m alerts`: the alert service as a process of its own."""

import asyncio
import secrets
import sys

from alerts.heartbeat_settings import WatchdogSettings
from alerts.ladder_settings import LadderSettings
from alerts.notification_settings import NotificationsSettings
from alerts.service import MQTT_CLIENT_ID, Alerts
from alerts.settings import AlertsSettings
from runtime.composition import Ports, run_process
from runtime.settings import MqttSettings
from storage.foundation import foundation


async def _serve(ports: Ports, stopping: asyncio.Event) -> None:
    section = ports.configuration.section
    settings, mqtt = section("alerts", AlertsSettings), section("mqtt", MqttSettings)
    watchdog = section("watchdog", WatchdogSettings)
    ladders = section("ladders", LadderSettings)
    notifications = section("notifications", NotificationsSettings)
    async with foundation(ports, threads_max=4) as base:
        alerts = Alerts(
            bus=base.bus,
            database=base.database,
            door=base.door,
            clock=base.clock,
            telemetry=base.telemetry,
            mqtt=mqtt,
            settings=settings,
            watchdog=watchdog,
            ladders=ladders,
            notifications=notifications,
            client_id=f"{MQTT_CLIENT_ID}-{secrets.token_hex(4)}",
        )
        await alerts.serve(stopping)


if __name__ == "__main__":
    sys.exit(run_process("alerts", _serve))
