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
from storage.migrate import check_database, is_new, upgrade_database
from storage.session import Database, open_database
from vitals.errors import ConfigurationError
from vitals.topics import LogTopic


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

    With `upgrade` the schema is brought up to date, otherwise any other than this program's is refused; a database without
    tables is given them only where the log is new as well, since beside a log that was written to it is a lost one.
    `threads_max` bounds the threads for SQL below the setting's, for a service that asks one thing at a time.
    """
    section = ports.configuration.section
    settings = section("database", DatabaseSettings)
    async with AsyncExitStack() as stack:
        door = ThreadDoor(name="sql", threads_max=settings.threads_max if threads_max is None else threads_max)
        stack.callback(door.close)
        database = open_database(settings)
        stack.callback(database.close)
        begins = upgrade and await door.run(is_new, database)
        if not begins:
            await door.run(upgrade_database if upgrade else check_database, database)
        log = open_bus(section("log", LogSettings), clock=ports.clock, telemetry=ports.telemetry)
        bus = await stack.enter_async_context(log)
        if begins:
            await _require_new_log(bus)
            await door.run(upgrade_database, database)
        yield Foundation(
            configuration=ports.configuration,
            clock=ports.clock,
            telemetry=ports.telemetry,
            bus=bus,
            database=database,
            door=door,
        )


async def _require_new_log(bus: Bus) -> None:
    """Raises ConfigurationError where the log was ever written to; nothing has been made of the database yet."""
    if any((await bus.ends(tuple(LogTopic))).values()):
        raise ConfigurationError(
            "The database is new, yet the log has been written to: where the database was lost, bring it back with"
            " `wardlight restore`; without a backup make a new one with `wardlight db upgrade`, then `wardlight db rebuild`."
        )
