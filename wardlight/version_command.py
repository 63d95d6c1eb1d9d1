"""`wardlight --version`: which version this is, as a report of a fault or a weakness has to say."""

from typing import Annotated

import typer

from runtime.version import VERSION


def add_to(app: typer.Typer) -> None:
    """Register `--version`."""

    @app.callback()
    def root(
        version: Annotated[
            bool, typer.Option("--version", callback=_tell, is_eager=True, help="Show the version and exit.")
        ] = False,
    ) -> None:
        """What `wardlight` takes before the name of a command."""


def _tell(asked: bool) -> None:
    if asked:
        typer.echo(f"wardlight {VERSION}")
        raise typer.Exit
