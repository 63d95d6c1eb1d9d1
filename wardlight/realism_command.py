"""`wardlight realism`: how far the simulated healthy patients are from recorded people who were well."""

from pathlib import Path
from typing import Annotated

import typer

from wardlight.api_client import JsonOption


def add_to(app: typer.Typer) -> None:
    """Register `realism`."""

    @app.command()
    def realism(
        directory: Annotated[
            Path, typer.Argument(metavar="DIRECTORY", help="where the recordings lie (docs/realism.md)")
        ],
        seed: Annotated[int, typer.Option(min=0, help="which simulated people")] = 1,
        as_json: JsonOption = False,
    ) -> None:
        """Simulated healthy patients beside recorded ones: marginals, memory, coupling, each beside its floor."""
        from wardlight import realism_report

        realism_report.report(directory, seed=seed, as_json=as_json)
