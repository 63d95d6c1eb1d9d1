"""`wardlight db`: bring the database to this version's schema, or check that it is there."""

from pathlib import Path
from typing import Annotated

import typer

from runtime.settings import Configuration, DatabaseSettings

ConfigOption = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="settings, as TOML")]


def add_to(app: typer.Typer) -> None:
    """Register `db upgrade` and `db check`."""
    db = typer.Typer(help="The patient database.", no_args_is_help=True)
    app.add_typer(db, name="db")

    @db.command()
    def upgrade(config: ConfigOption = None) -> None:
        """Bring the schema to this version; harmless when it is there already."""
        from storage import migrate

        migrate.upgrade(_url(config))
        typer.echo("The database has this version's schema.")

    @db.command()
    def check(config: ConfigOption = None) -> None:
        """Say whether the schema is this version's; exit code 2 where it is not."""
        from storage import migrate

        migrate.check(_url(config))
        typer.echo("The database has this version's schema.")


def _url(config: Path | None) -> str:
    settings = Configuration.read(file=config).section("database", DatabaseSettings)
    return settings.url.get_secret_value()
