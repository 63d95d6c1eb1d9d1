"""`wardlight db`: the patient database's schema, its rebuilding from the log, and its trimming."""

from pathlib import Path
from typing import Annotated

import typer

from runtime.settings import Configuration, DatabaseSettings
from wardlight.api_client import JsonOption

ConfigOption = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="settings, as TOML")]


def add_to(app: typer.Typer) -> None:
    """Register `db upgrade|check|grant|rebuild|new-log|trim`."""
    db = typer.Typer(help="The patient database.", no_args_is_help=True)
    app.add_typer(db, name="db")
    _add_schema(db)
    _add_grant(db)
    _add_log(db)
    _add_trim(db)


def _add_schema(db: typer.Typer) -> None:
    @db.command()
    def upgrade(config: ConfigOption = None) -> None:
        """Bring the schema to this version; harmless when it is there already."""
        from storage import migrate
        from storage.session import keys_named

        settings = _settings(config)
        migrate.upgrade(settings.url.get_secret_value(), keys=keys_named(settings))
        typer.echo("The database has this version's schema.")

    @db.command()
    def check(config: ConfigOption = None) -> None:
        """Say whether the schema is this version's; exit code 2 where it is not."""
        from storage import migrate

        migrate.check(_settings(config).url.get_secret_value())
        typer.echo("The database has this version's schema.")


def _add_grant(db: typer.Typer) -> None:
    @db.command()
    def grant(config: ConfigOption = None) -> None:
        """Make PostgreSQL's role of each service, with its password of section `roles`, and grant what the service needs.

        As the owner of the database, after `db upgrade` or a restore; as often as one likes. Nothing else may do anything.
        """
        from storage.access import SERVICES, role_of
        from storage.granting import RolesSettings, grant_at

        configuration = Configuration.read(file=config)
        roles = configuration.section("roles", RolesSettings)
        grant_at(configuration.section("database", DatabaseSettings), roles)
        without = [role_of(service) for service in SERVICES if service not in roles.given]
        typer.echo(f"{len(SERVICES)} roles have what storage/access.py says, and nothing else.")
        if without:
            typer.echo(
                f"No new password for {', '.join(without)}: give it as WARDLIGHT_ROLES__…, or keep the present one."
            )


def _add_log(db: typer.Typer) -> None:
    @db.command()
    def rebuild(config: ConfigOption = None, as_json: JsonOption = False) -> None:
        """Bring back from the log what is missing of readings, assessments, rejections, labels and alerts; stop every service first.

        Nothing is deleted. Registry, people and audit are not in the log: they come from a backup.
        """
        import msgspec

        from wardlight.arguments import moment_text
        from wardlight.database_work import rebuild as run
        from wardlight.printing import print_json, print_table, progress, table

        with progress("Reading the log") as told:
            rebuilt = run(Configuration.read(file=config), progress=told)
        if as_json:
            print_json({**msgspec.to_builtins(rebuilt), "whole": rebuilt.whole})
            return
        rows = [(name, rebuilt.rows_stored[name], rebuilt.rows_present[name]) for name in rebuilt.rows_stored]
        print_table(table(("table", "rows brought back", "rows that were there"), rows))
        typer.echo(f"Steps of alerts read: {rebuilt.transitions}. Records passed over: {rebuilt.skipped}.")
        if not rebuilt.whole and rebuilt.log_begins_at_ms is not None:
            typer.echo(
                f"The log reaches back to {moment_text(rebuilt.log_begins_at_ms)}; what is older can come from a backup only."
            )

    @db.command("new-log")
    def new_log(
        config: ConfigOption = None,
        yes: Annotated[
            bool, typer.Option("--yes", help="the log is lost, and a new, empty one takes its place")
        ] = False,
    ) -> None:
        """After the loss of the log itself: forget positions in it, so that services can begin with a new one."""
        from vitals.errors import InvalidArgument
        from wardlight.database_work import forget_lost_log

        if not yes:
            raise InvalidArgument(
                "This parts the database from its log: models warm up anew, and what only the lost log held is gone."
                " Say --yes if that log is lost."
            )
        forgotten = forget_lost_log(Configuration.read(file=config))
        typer.echo(
            f"Forgotten: {forgotten.positions} positions; {forgotten.states} states warm up anew. Start the services."
        )


def _add_trim(db: typer.Typer) -> None:
    @db.command()
    def trim(
        config: ConfigOption = None,
        dry_run: Annotated[bool, typer.Option("--dry-run", help="only count what is due now")] = False,
        as_json: JsonOption = False,
    ) -> None:
        """Delete now what section `retention` makes due, beside running services; the recorder does the same by itself."""
        from wardlight.database_work import count_due_now, trim_now
        from wardlight.printing import print_json, print_table, table

        configuration = Configuration.read(file=config)
        rows = count_due_now(configuration) if dry_run else trim_now(configuration)
        if as_json:
            print_json({"dry_run": dry_run, "rows": rows})
        else:
            print_table(table(("table", "rows due" if dry_run else "rows trimmed"), rows.items()))


def _settings(config: Path | None) -> DatabaseSettings:
    return Configuration.read(file=config).section("database", DatabaseSettings)
