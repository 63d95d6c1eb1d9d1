"""`python -m storage`: the recorder as a process of its own. `python -m storage migrate`: bring the schema up to date."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from runtime.blocking import ThreadDoor
from runtime.composition import Ports, open_bus, run_process
from runtime.lifecycle import EXIT_OK, say
from runtime.settings import Configuration, DatabaseSettings, LogSettings
from storage.ledger_settings import LedgerSettings
from storage.migrate import check_database, upgrade
from storage.retention import RetentionSettings, check_retention
from storage.service import Recorder
from storage.session import open_database
from storage.settings import RecorderSettings
from vitals.errors import WardError


def main(arguments: Sequence[str]) -> int:
    """Run what the arguments ask for; an exit code."""
    if arguments[:1] == ["migrate"]:
        return _migrate(arguments[1:])
    return run_process("storage", _record, arguments)


async def _record(ports: Ports, stopping: asyncio.Event) -> None:
    settings = ports.configuration.section("recorder", RecorderSettings)
    retention = ports.configuration.section("retention", RetentionSettings)
    ledger = ports.configuration.section("ledger", LedgerSettings)
    check_retention(retention, ports.configuration.section("log", LogSettings))
    database = open_database(ports.configuration.section("database", DatabaseSettings))
    door = ThreadDoor(name="recorder-sql", threads_max=1)
    try:
        await door.run(check_database, database)
        log_settings = ports.configuration.section("log", LogSettings)
        async with open_bus(log_settings, clock=ports.clock, telemetry=ports.telemetry) as bus:
            recorder = Recorder(
                bus=bus,
                database=database,
                door=door,
                clock=ports.clock,
                telemetry=ports.telemetry,
                settings=settings,
                retention=retention,
                ledger=ledger,
            )
            await recorder.serve(stopping)
    finally:
        door.close()
        database.close()


def _migrate(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m storage migrate")
    parser.add_argument("--config", type=Path, default=None, metavar="FILE", help="settings, as TOML")
    options = parser.parse_args(arguments)
    try:
        settings = Configuration.read(file=options.config).section("database", DatabaseSettings)
        upgrade(settings.url.get_secret_value())
    except WardError as error:
        return say(error)
    sys.stdout.write("The database has this program's schema.\n")
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
