"""`python -m stream`: the stream service as a process of its own."""

import asyncio
import sys

from runtime.blocking import ThreadDoor
from runtime.composition import Ports, open_bus, run_process
from runtime.settings import DatabaseSettings, LogSettings
from storage.migrate import check_database
from storage.session import Database
from stream.service import serve
from stream.settings import StreamSettings


async def _serve(ports: Ports, stopping: asyncio.Event) -> None:
    log_settings = ports.configuration.section("log", LogSettings)
    database_settings = ports.configuration.section("database", DatabaseSettings)
    settings = ports.configuration.section("stream", StreamSettings)
    database = Database(database_settings.url.get_secret_value(), connections_max=database_settings.threads_max)
    door = ThreadDoor(name="stream", threads_max=1)
    ports.telemetry.not_ready("stream", "starting")
    try:
        await door.run(check_database, database)
        async with open_bus(log_settings, clock=ports.clock, telemetry=ports.telemetry) as bus:
            ports.telemetry.ready("stream")
            await serve(
                bus=bus,
                database=database,
                door=door,
                clock=ports.clock,
                telemetry=ports.telemetry,
                settings=settings,
                stopping=stopping,
            )
    finally:
        door.close()
        database.close()


if __name__ == "__main__":
    sys.exit(run_process("stream", _serve))
