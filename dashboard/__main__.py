"""`python -m dashboard`: the dashboard as a process of its own."""

import asyncio
import secrets
import sys

from dashboard.people_settings import PeopleSettings
from dashboard.service import Dashboard
from dashboard.settings import DashboardSettings
from runtime.blocking import ThreadDoor
from runtime.composition import Ports, open_bus, run_process
from runtime.mqtt_session import MqttSession
from runtime.settings import DatabaseSettings, LogSettings, MqttSettings
from storage.ledger_settings import LedgerSettings
from storage.migrate import check_database
from storage.session import Database


async def serve(ports: Ports, stopping: asyncio.Event) -> None:
    """Build the ports this room needs and serve until `stopping`."""
    configuration = ports.configuration
    database_settings = configuration.section("database", DatabaseSettings)
    mqtt = configuration.section("mqtt", MqttSettings)

    async def republish(topic: str, payload: bytes) -> None:
        session = MqttSession(
            mqtt, client_id=f"wardlight-replay-{secrets.token_hex(4)}", clock=ports.clock, persistent=False
        )
        await session.open()
        try:
            await session.publish(topic, payload)
        finally:
            await session.close()

    door = ThreadDoor(name="dashboard-sql", threads_max=database_settings.threads_max)
    database = Database(database_settings.url.get_secret_value(), connections_max=database_settings.threads_max)
    try:
        await door.run(check_database, database)
        log_settings = configuration.section("log", LogSettings)
        async with open_bus(log_settings, clock=ports.clock, telemetry=ports.telemetry) as bus:
            dashboard = Dashboard(
                bus=bus,
                database=database,
                door=door,
                clock=ports.clock,
                telemetry=ports.telemetry,
                settings=configuration.section("dashboard", DashboardSettings),
                people=configuration.section("people", PeopleSettings),
                republish=republish,
                ledger=configuration.section("ledger", LedgerSettings),
            )
            await dashboard.run(stopping)
    finally:
        door.close()
        database.close()


if __name__ == "__main__":
    sys.exit(run_process("dashboard", serve))
