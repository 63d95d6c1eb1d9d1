"""What a process with a log and a database stands on, opened in order and closed in reverse."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from runtime.blocking import Door, ThreadDoor
from runtime.bus import Bus
from runtime.clock import Clock
from runtime.composition import Ports, open_bus
from runtime.settings import Configuration, DatabaseSettings, LogSettings
from runtime.telemetry import Telemetry
from storage.migrate import check_database, upgrade_database
from storage.session import Database, open_database


@dataclass(frozen=True, kw_only=True)
class Foundation:
    """What all services of one process share."""

    configuration: Configuration
    clock: Clock
    telemetry: Telemetry
    bus: Bus
    database: Database
    door: Door


@asynccontextmanager
async def foundation(
    ports: Ports, *, upgrade: bool = False, threads_max: int | None = None
) -> AsyncIterator[Foundation]:
    """Open the database, then the log; raises Unavailable, ConfigurationError.

    With `upgrade` the schema is brought up to date, otherwise any other than this program's is refused. `threads_max`
    bounds the threads for SQL below the setting's, for a service that asks one thing at a time.
    """
    section = ports.configuration.section
    settings = section("database", DatabaseSettings)
    async with AsyncExitStack() as stack:
        door = ThreadDoor(name="sql", threads_max=settings.threads_max if threads_max is None else threads_max)
        stack.callback(door.close)
        database = open_database(settings)
        stack.callback(database.close)
        await door.run(upgrade_database if upgrade else check_database, database)
        log = open_bus(section("log", LogSettings), clock=ports.clock, telemetry=ports.telemetry)
        yield Foundation(
            configuration=ports.configuration,
            clock=ports.clock,
            telemetry=ports.telemetry,
            bus=await stack.enter_async_context(log),
            database=database,
            door=door,
        )
