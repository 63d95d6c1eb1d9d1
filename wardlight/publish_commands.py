"""`wardlight simulate` and `wardlight replay`: publish as devices over MQTT, keeping every reading until it is receipted."""

import asyncio
import contextlib
import math
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from runtime.clock import SystemClock
from runtime.lifecycle import EXIT_FAILED, run_service
from runtime.logs import set_up_logging
from runtime.settings import Configuration, MqttSettings, TelemetrySettings
from simulators.links import DevicesReport
from simulators.service import replay as run_replay
from simulators.service import simulate as run_simulation
from simulators.settings import SimulatorSettings
from wardlight import arguments
from wardlight.api_client import JsonOption
from wardlight.printing import print_json, print_table, table
from wardlight.service_commands import ConfigOption

SHUTDOWN_S = 40.0
"""What the end may take; receipts that are still out are waited for within it."""


def add_to(app: typer.Typer) -> None:
    """Register `simulate` and `replay`."""
    _add_simulate(app)
    _add_replay(app)


def _add_simulate(app: typer.Typer) -> None:
    @app.command()
    def simulate(
        beds: Annotated[int | None, typer.Option(min=1, help="simulated patients")] = None,
        scenario: Annotated[str | None, typer.Option(help="demo (a mixture), or one scenario for every bed")] = None,
        seed: Annotated[int | None, typer.Option(min=0, help="the same seed makes the same ward")] = None,
        rate: Annotated[float | None, typer.Option(help="readings per second and device", metavar="HZ")] = None,
        readings: Annotated[int | None, typer.Option(min=1, help="end after so many per device")] = None,
        truth: Annotated[
            Path | None, typer.Option(metavar="FILE", help="write what is true of each bed, as JSON lines")
        ] = None,
        config: ConfigOption = None,
        as_json: JsonOption = False,
    ) -> None:
        """Publish as a ward of wearables, until Ctrl-C; then wait until everything is receipted."""
        given = {"beds": beds, "scenario": scenario, "seed": seed, "rate_hz": rate}
        configuration = Configuration.read(file=config).overridden("simulators", given)
        settings = configuration.section("simulators", SimulatorSettings)
        mqtt = configuration.section("mqtt", MqttSettings)
        clock = SystemClock()

        async def publish(stopping: asyncio.Event) -> DevicesReport:
            report = await run_simulation(
                mqtt, settings, clock=clock, stopping=stopping, readings_per_device=readings, truth_file=truth
            )
            return report.devices

        _run(publish, configuration, clock, as_json=as_json)


def _add_replay(app: typer.Typer) -> None:
    @app.command()
    def replay(
        files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="CSV or Parquet")],
        speed: Annotated[str, typer.Option(help="how many times faster than life, or max")] = "1",
        mapping: Annotated[
            str | None,
            typer.Option(help="a shipped mapping's name, or a mapping file; found by the columns without it"),
        ] = None,
        anchor: Annotated[
            str | None,
            typer.Option(metavar="TIME", help="when the recording ends (at speed 1: begins); now without it"),
        ] = None,
        config: ConfigOption = None,
        as_json: JsonOption = False,
    ) -> None:
        """Publish recordings as devices, with their true times between readings, until each is receipted."""
        configuration = Configuration.read(file=config)
        settings = configuration.section("simulators", SimulatorSettings)
        mqtt = configuration.section("mqtt", MqttSettings)
        clock = SystemClock()
        factor = arguments.speed(speed)
        anchor_ms = None if anchor is None else arguments.moment_ms(anchor, now_ms=clock.now_ms())

        async def publish(stopping: asyncio.Event) -> DevicesReport:
            with _progress() as on_progress:
                report = await run_replay(
                    mqtt,
                    settings,
                    files,
                    clock=clock,
                    stopping=stopping,
                    speed=None if math.isinf(factor) else factor,
                    mapping=mapping,
                    anchor_ms=anchor_ms,
                    on_progress=on_progress,
                )
            return report.devices

        _run(publish, configuration, clock, as_json=as_json)


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr, where that is a terminal; takes rows done and rows in all."""
    bar = Progress(console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True)
    with bar:
        task = bar.add_task("replaying", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _run(
    publish: Callable[[asyncio.Event], Awaitable[DevicesReport]],
    configuration: Configuration,
    clock: SystemClock,
    *,
    as_json: bool,
) -> None:
    """Publish under the usual lifecycle, print what became of it; exit code 1 where something stayed unreceipted."""
    set_up_logging(configuration.section("telemetry", TelemetrySettings), clock=clock)
    reports: list[DevicesReport] = []

    async def main(stopping: asyncio.Event) -> None:
        reports.append(await publish(stopping))

    code = run_service(main, shutdown_s=SHUTDOWN_S)
    for report in reports:
        counts: dict[str, Any] = vars(report)
        if as_json:
            print_json(counts)
        else:
            print_table(table(("what", "count"), ((key.replace("_", " "), value) for key, value in counts.items())))
        if report.unreceipted or report.lost_on_device:
            code = code or EXIT_FAILED
    raise typer.Exit(code)
