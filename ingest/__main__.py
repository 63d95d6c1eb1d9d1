"""`python -m ingest`: the bridge as a process of its own."""

import asyncio
import sys

from ingest.service import serve
from ingest.settings import IngestSettings
from runtime.composition import Ports, run_process
from runtime.settings import MqttSettings
from storage.foundation import foundation


async def _serve(ports: Ports, stopping: asyncio.Event) -> None:
    section = ports.configuration.section
    mqtt, settings = section("mqtt", MqttSettings), section("ingest", IngestSettings)
    async with foundation(ports) as base:
        await serve(
            mqtt=mqtt,
            bus=base.bus,
            database=base.database,
            door=base.door,
            clock=base.clock,
            settings=settings,
            telemetry=base.telemetry,
            stopping=stopping,
        )


if __name__ == "__main__":
    sys.exit(run_process("ingest", _serve))
