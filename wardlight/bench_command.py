"""`wardlight bench`: each stage beside its own floor, measured in the same run."""

import subprocess
import sys
from typing import Annotated

import typer


def add_to(app: typer.Typer) -> None:
    """Register `bench`."""

    @app.command()
    def bench(
        name: Annotated[str | None, typer.Argument(help="one benchmark; all without it")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="a JSON object a line")] = False,
    ) -> None:
        """Measure the stages: value, unit, floor and ratio."""
        command = [sys.executable, "-m", "benchmarks", *([name] if name else []), *(["--json"] if as_json else [])]
        raise typer.Exit(subprocess.run(command, check=False).returncode)  # noqa: S603 - our own interpreter, our own module
