"""`python -m ingest`: the bridge as a process of its own."""

import asyncio
import sys

from ingest.service import serve
from ingest.settings import IngestSettings
from runtime.blocking import ThreadDoor
from runtime.composition import Ports, open_bus, run_process
from runtime.settings import DatabaseSettings, LogSettings, MqttSettings
from storage.migrate import check
from storage.session import Database


async def _serve(ports: Ports, stopping: asyncio.Event) -> None:
    sections = ports.configuration
    mqtt = sections.section("mqtt", MqttSettings)
    settings = sections.section("ingest", IngestSettings)
    where = sections.section("database", DatabaseSettings)
    logs = sections.section("log", LogSettings)
    url = where.url.get_secret_value()
    door = ThreadDoor(name="ingest-sql", threads_max=where.threads_max)
    try:
        await door.run(check, url)
        database = Database(url, connections_max=where.threads_max)
        try:
            async with open_bus(logs, clock=ports.clock, telemetry=ports.telemetry) as bus:
                await serve(
                    mqtt=mqtt,
                    bus=bus,
                    database=database,
                    door=door,
                    clock=ports.clock,
                    settings=settings,
                    telemetry=ports.telemetry,
                    stopping=stopping,
                )
        finally:
            database.close()
    finally:
        door.close()


def main() -> int:
    """Run until a signal; the process's exit code."""
    return run_process("ingest", _serve)


if __name__ == "__main__":
    sys.exit(main())
