"""Work on the database, each in one call: rebuild it from the log, part it from a log that is lost, trim it."""

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
from storage.retention import RetentionSettings, check_retention, cutoffs
from storage.session import Database, open_database
from storage.settings import RecorderSettings
from storage.trimmer import Trimmer
from storage.trimming import TABLES, count_due


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


def count_due_now(configuration: Configuration) -> dict[str, int]:
    """How many rows of each table the retention policy makes due now; deletes nothing."""
    settings = _retention(configuration)
    database = _open(configuration, alone=False)
    try:
        with database.snapshot() as conn:
            return count_due(conn, cutoffs(settings, SystemClock().now_ms()), settings)
    finally:
        database.close()


def trim_now(configuration: Configuration) -> dict[str, int]:
    """Trim what is due now; rows by table. Services may run; another trimmer is fenced."""
    settings = _retention(configuration)
    database = _open(configuration, alone=False)
    door = ThreadDoor(name="trim-sql", threads_max=1)
    try:
        trimmer = Trimmer(database=database, door=door, clock=SystemClock(), telemetry=Telemetry(), settings=settings)
        return dict.fromkeys(TABLES, 0) | asyncio.run(trimmer.run_once())
    finally:
        door.close()
        database.close()


def _retention(configuration: Configuration) -> RetentionSettings:
    settings = configuration.section("retention", RetentionSettings)
    check_retention(settings, configuration.section("log", LogSettings))
    return settings


def _open(configuration: Configuration, *, alone: bool = True) -> Database:
    database = open_database(configuration.section("database", DatabaseSettings))
    try:
        check_database(database)
        if alone:
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
