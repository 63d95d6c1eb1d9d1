"""Work on the database that needs the log beside it, each in one call: rebuild it, or part it from a log that is lost."""

import asyncio

from runtime.blocking import ThreadDoor
from runtime.clock import SystemClock
from runtime.composition import open_bus
from runtime.log_copy import require_unused
from runtime.settings import Configuration, DatabaseSettings, LogSettings
from runtime.telemetry import Telemetry
from storage.backup import require_alone
from storage.lost_log import Forgotten, forget_log
from storage.migrate import check_database
from storage.rebuild import Progress, Rebuilder, Rebuilt
from storage.session import Database, open_database
from storage.settings import RecorderSettings


def rebuild(configuration: Configuration, *, progress: Progress | None = None) -> Rebuilt:
    """Rebuild the database from the log; see `storage.rebuild`. Raises Conflict, ConfigurationError while services run."""
    database = _open(configuration)
    try:
        return asyncio.run(_rebuild(configuration, database, progress))
    finally:
        database.close()


def forget_lost_log(configuration: Configuration) -> Forgotten:
    """Part the database from a log that is lost; see `storage.lost_log`. Raises Conflict, ConfigurationError while services run."""
    settings = configuration.section("log", LogSettings)
    if settings.kind == "local":
        require_unused(settings.directory)
    database = _open(configuration)
    try:
        with database.transaction() as conn:
            return forget_log(conn)
    finally:
        database.close()


def _open(configuration: Configuration) -> Database:
    database = open_database(configuration.section("database", DatabaseSettings))
    try:
        check_database(database)
        require_alone(database)
    except BaseException:
        database.close()
        raise
    return database


async def _rebuild(configuration: Configuration, database: Database, progress: Progress | None) -> Rebuilt:
    clock, telemetry = SystemClock(), Telemetry()
    door = ThreadDoor(name="rebuild-sql", threads_max=1)
    try:
        async with open_bus(configuration.section("log", LogSettings), clock=clock, telemetry=telemetry) as bus:
            return await Rebuilder(
                bus=bus,
                database=database,
                door=door,
                clock=clock,
                telemetry=telemetry,
                settings=configuration.section("recorder", RecorderSettings),
                progress=progress,
            ).run()
    finally:
        door.close()
