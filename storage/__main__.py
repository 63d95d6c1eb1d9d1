"""`python -m storage`: the recorder as a process of its own. `python -m storage migrate`: bring the schema up to date."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from runtime.composition import Ports, run_process
from runtime.lifecycle import EXIT_OK, say
from runtime.settings import Configuration, DatabaseSettings, LogSettings
from storage.foundation import foundation
from storage.granting import RolesSettings, grant_at
from storage.ledger_settings import LedgerSettings
from storage.migrate import upgrade
from storage.retention import RetentionSettings, check_retention
from storage.service import Recorder
from storage.session import keys_named
from storage.settings import RecorderSettings
from vitals.errors import WardError


def main(arguments: Sequence[str]) -> int:
    """Run what the arguments ask for; an exit code."""
    if arguments[:1] == ["migrate"]:
        return _migrate(arguments[1:])
    return run_process("storage", _record, arguments, yields=1)


async def _record(ports: Ports, stopping: asyncio.Event) -> None:
    section = ports.configuration.section
    settings, ledger = section("recorder", RecorderSettings), section("ledger", LedgerSettings)
    retention = section("retention", RetentionSettings)
    check_retention(retention, section("log", LogSettings))
    async with foundation(ports, threads_max=1) as base:
        recorder = Recorder(
            bus=base.bus,
            database=base.database,
            door=base.door,
            clock=base.clock,
            telemetry=base.telemetry,
            settings=settings,
            retention=retention,
            ledger=ledger,
        )
        await recorder.serve(stopping)


def _migrate(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m storage migrate")
    parser.add_argument("--config", type=Path, default=None, metavar="FILE", help="settings, as TOML")
    parser.add_argument(
        "--make-keys",
        action="store_true",
        help="make the keys file that database.keys_file names where there is none and nothing is sealed yet",
    )
    options = parser.parse_args(arguments)
    try:
        configuration = Configuration.read(file=options.config)
        settings = configuration.section("database", DatabaseSettings)
        keys = keys_named(settings, makes_itself=options.make_keys)
        upgrade(settings.url.get_secret_value(), keys=keys)
        roles = configuration.section("roles", RolesSettings)
        if roles.given:
            grant_at(settings, roles)
    except WardError as error:
        return say(error)
    sys.stdout.write("The database has this program's schema.\n")
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
