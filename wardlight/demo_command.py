"""`wardlight demo`: a whole ward in one process, nothing to install beside it, and an honest account at the end."""

import contextlib
import math
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from runtime.lifecycle import run_service
from runtime.private_files import private_directory
from vitals.errors import InvalidArgument
from wardlight import arguments

BEDS_MAX = 500
SHUTDOWN_S = 90.0
"""What the end may take, the waiting for what is still on its way included."""


def add_to(app: typer.Typer) -> None:
    """Register `demo`."""

    @app.command()
    def demo(
        beds: Annotated[int, typer.Option(min=1, max=BEDS_MAX, help="patients, each with a simulated wearable")] = 24,
        for_: Annotated[str | None, typer.Option("--for", help="end after this long, such as 60s")] = None,
        speed: Annotated[str, typer.Option(help="how many times faster than life")] = "1",
        port: Annotated[int, typer.Option(min=0, max=65535, help="the page's port; 0 takes a free one")] = 8080,
        data: Annotated[Path | None, typer.Option(metavar="DIR", help="keep log and database here")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="end with one JSON object")] = False,
    ) -> None:
        """A whole ward in one process, until Ctrl-C; exits non-zero if anything was lost or doubled."""
        factor = arguments.speed(speed)
        if math.isinf(factor):
            raise InvalidArgument("The demo's ward is alive: its speed is a number, such as 1 or 10.")
        length_s = None if for_ is None else arguments.seconds(for_)
        from wardlight.demo import Demo

        with _directory(data) as directory:
            run = Demo(directory=directory, beds=beds, length_s=length_s, speed=factor, port=port, as_json=as_json)
            code = run_service(run.main, shutdown_s=SHUTDOWN_S)
        raise typer.Exit(code or run.verdict)


@contextlib.contextmanager
def _directory(data: Path | None) -> Iterator[Path]:
    """Where log and database lie: the one given, kept; or one that goes with the demo."""
    if data is None:
        with tempfile.TemporaryDirectory(prefix="wardlight-demo-") as name:
            yield Path(name)
        return
    try:
        private_directory(data)
    except OSError as error:
        raise InvalidArgument(f"Cannot keep data in {data}: {error.strerror}.") from error
    yield data
