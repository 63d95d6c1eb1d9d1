"""`python -m dashboard`: the dashboard as a process of its own."""

import asyncio
import sys

from dashboard.people_settings import PeopleSettings
from dashboard.service import Dashboard
from dashboard.settings import DashboardSettings
from runtime.composition import Ports, run_process
from runtime.mqtt_once import publish_once
from runtime.settings import MqttSettings
from storage.foundation import foundation
from storage.ledger_settings import LedgerSettings


async def _serve(ports: Ports, stopping: asyncio.Event) -> None:
    section = ports.configuration.section
    mqtt, settings = section("mqtt", MqttSettings), section("dashboard", DashboardSettings)

    async def republish(topic: str, payload: bytes) -> None:
        await publish_once(mqtt, topic, payload, clock=ports.clock)

    async with foundation(ports) as base:
        dashboard = Dashboard(
            bus=base.bus,
            database=base.database,
            door=base.door,
            clock=base.clock,
            telemetry=base.telemetry,
            settings=settings,
            people=section("people", PeopleSettings),
            republish=republish,
            ledger=section("ledger", LedgerSettings),
        )
        await dashboard.run(stopping)


if __name__ == "__main__":
    sys.exit(run_process("dashboard", _serve, yields=0.5))
