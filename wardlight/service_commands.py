"""`wardlight up`, and one command per service, which becomes the process `python -m ROOM`."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

ConfigOption = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="settings, as TOML")]


def add_to(app: typer.Typer) -> None:
    """Register `up` and the services; `alerts` without a further word is a service too (see `alerts_command`)."""

    @app.command()
    def up(config: ConfigOption = None) -> None:
        """All services in one process against configured brokers (one box)."""
        from runtime.composition import run_process
        from wardlight.ward import serve

        raise typer.Exit(run_process("wardlight up", serve, _arguments(config)))

    @app.command()
    def ingest(config: ConfigOption = None) -> None:
        """One service: from MQTT into the log."""
        become("ingest", config)

    @app.command()
    def stream(config: ConfigOption = None) -> None:
        """One service: from readings to assessments."""
        become("stream", config)

    @app.command()
    def trainer(config: ConfigOption = None) -> None:
        """One service: from what became of patients to versions of the risk model."""
        become("stream", config, "trainer")

    @app.command()
    def recorder(config: ConfigOption = None) -> None:
        """One service: from the log into the database."""
        become("storage", config)

    @app.command()
    def dashboard(config: ConfigOption = None) -> None:
        """One service: the ward's pages and the API."""
        become("dashboard", config)


def become(room: str, config: Path | None, *words: str) -> None:
    """Replace this process by `python -m room`, with further words, so that signals and exit code are that process's own."""
    # Found where this program was: a folder of the same name where a person happens to stand must not be taken for it.
    safe = ["-P"] if sys.flags.safe_path else []
    os.execv(sys.executable, [sys.executable, *safe, "-m", room, *words, *_arguments(config)])  # noqa: S606 - our own interpreter and room


def _arguments(config: Path | None) -> list[str]:
    return [] if config is None else ["--config", str(config)]
