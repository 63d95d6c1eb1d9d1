"""`python -m alerts`: the alert service as a process of its own."""

import asyncio
import secrets
import sys

from alerts.heartbeat_settings import WatchdogSettings
from alerts.service import MQTT_CLIENT_ID, Alerts
from alerts.settings import AlertsSettings
from runtime.blocking import ThreadDoor
from runtime.composition import Ports, open_bus, run_process
from runtime.settings import DatabaseSettings, LogSettings, MqttSettings
from storage.migrate import check_database
from storage.session import open_database


async def _serve(ports: Ports, stopping: asyncio.Event) -> None:
    section = ports.configuration.section
    settings, mqtt = section("alerts", AlertsSettings), section("mqtt", MqttSettings)
    log_settings = section("log", LogSettings)
    database = open_database(section("database", DatabaseSettings))
    door = ThreadDoor(name="alerts-sql", threads_max=2)
    try:
        await door.run(check_database, database)
        async with open_bus(log_settings, clock=ports.clock, telemetry=ports.telemetry) as bus:
            alerts = Alerts(
                bus=bus,
                database=database,
                door=door,
                clock=ports.clock,
                telemetry=ports.telemetry,
                mqtt=mqtt,
                settings=settings,
                watchdog=section("watchdog", WatchdogSettings),
                client_id=f"{MQTT_CLIENT_ID}-{secrets.token_hex(4)}",
            )
            await alerts.serve(stopping)
    finally:
        door.close()
        database.close()


if __name__ == "__main__":
    sys.exit(run_process("alerts", _serve))
