"""`wardlight backup` and `wardlight restore`: the installation in one file, and back."""

from pathlib import Path
from typing import Annotated, Any

import typer

from wardlight.api_client import JsonOption
from wardlight.arguments import moment_text
from wardlight.printing import print_json, print_table, table
from wardlight.service_commands import ConfigOption


def add_to(app: typer.Typer) -> None:
    """Register `backup` and `restore`."""

    @app.command()
    def backup(
        file: Annotated[Path, typer.Argument(metavar="FILE", help="the file to write; it must not exist")],
        config: ConfigOption = None,
        log: Annotated[bool, typer.Option("--log/--no-log", help="take the local log along (one box)")] = True,
        as_json: JsonOption = False,
    ) -> None:
        """Write the database, and on one box the log, into one file; services go on meanwhile. Keep it as secret as they are."""
        from runtime.clock import SystemClock
        from runtime.settings import Configuration
        from wardlight.backups import back_up

        done = back_up(Configuration.read(file=config), file, clock=SystemClock(), with_log=log)
        _say(done, as_json=as_json, title=f"{file}: {done['file_bytes']:,} bytes")

    @app.command()
    def restore(
        file: Annotated[Path, typer.Argument(metavar="FILE", help="a file that `wardlight backup` wrote")],
        config: ConfigOption = None,
        replace: Annotated[bool, typer.Option("--replace", help="first empty a database that is not empty")] = False,
        replace_log: Annotated[
            bool, typer.Option("--replace-log", help="also put the backup's log in the place of the one that is there")
        ] = False,
        check: Annotated[
            bool, typer.Option("--check", help="only read the file and hold it against its checksums")
        ] = False,
        as_json: JsonOption = False,
    ) -> None:
        """Bring a database back from a file; stop every service first, start them afterwards: they catch up from the log."""
        from runtime.clock import SystemClock
        from runtime.settings import Configuration
        from wardlight import backups

        if check:
            _say(backups.verify(file), as_json=as_json, title=f"{file} is whole")
            return
        done = backups.restore(
            Configuration.read(file=config), file, clock=SystemClock(), replace=replace, replace_log=replace_log
        )
        _say(done, as_json=as_json, title=f"Restored {done['rows']:,} rows; the local log: {done['log']}")


def _say(done: dict[str, Any], *, as_json: bool, title: str) -> None:
    if as_json:
        print_json(done)
        return
    typer.echo(f"{title}.")
    typer.echo(f"Made {moment_text(done['created_at_ms'])} by Wardlight {done['program']}, schema {done['schema']}.")
    print_table(table(("table", "rows"), ((name, rows) for name, rows in done["tables"].items() if rows)))
