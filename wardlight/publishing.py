"""Runs a simulation or a replay as a process: lifecycle, progress, and what became of every reading."""

import asyncio
import contextlib
import math
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from runtime.clock import SystemClock
from runtime.lifecycle import EXIT_FAILED, run_service
from runtime.logs import set_up_logging
from runtime.settings import Configuration, MqttSettings, TelemetrySettings
from simulators import service
from simulators.links import DevicesReport
from simulators.scenarios import MIXES, SCENARIOS, Variant
from simulators.settings import SimulatorSettings
from wardlight import arguments
from wardlight.printing import print_json, print_table, table

SHUTDOWN_S = 40.0
"""What the end may take; receipts that are still out are waited for within it."""

Publish = Callable[[SystemClock, asyncio.Event], Awaitable[DevicesReport]]


def simulate(
    configuration: Configuration, *, readings_per_device: int | None, truth_file: Path | None, as_json: bool
) -> int:
    """Simulate as section `simulators` says; an exit code, 1 where a reading stayed unreceipted."""
    settings = configuration.section("simulators", SimulatorSettings)
    mqtt = configuration.section("mqtt", MqttSettings)

    async def publish(clock: SystemClock, stopping: asyncio.Event) -> DevicesReport:
        report = await service.simulate(
            mqtt,
            settings,
            clock=clock,
            stopping=stopping,
            readings_per_device=readings_per_device,
            truth_file=truth_file,
        )
        return report.devices

    return _run(publish, configuration, as_json=as_json)


def list_scenarios(*, as_json: bool) -> None:
    """Every scenario and mixture in a line, with how grave it can be and what it may make alarm."""
    rows: list[dict[str, Any]] = [
        {"scenario": name, "summary": summary, "severity": "", "must_alarm": []} for name, summary in MIXES.items()
    ]
    for name, kind in SCENARIOS.items():
        truths = [kind(variant=Variant(severity=share, pace=share, seed=round(share))).truth() for share in (0.0, 1.0)]
        severities = dict.fromkeys(truth.severity.value for truth in truths)
        kinds = dict.fromkeys(must.kind.value for truth in truths for must in truth.must_alarm)
        rows.append(
            {"scenario": name, "summary": kind.summary, "severity": " to ".join(severities), "must_alarm": list(kinds)}
        )
    if as_json:
        for row in rows:
            print_json(row)
        return
    print_table(
        table(
            ("scenario", "what happens", "severity", "must alarm"),
            ((row["scenario"], row["summary"], row["severity"], ", ".join(row["must_alarm"])) for row in rows),
        )
    )


def replay(
    configuration: Configuration,
    files: Sequence[Path],
    *,
    speed: float,
    mapping: str | None,
    anchor: str | None,
    as_json: bool,
) -> int:
    """Replay `files`; infinite `speed` is as fast as receipts come. An exit code, 1 where a reading stayed unreceipted."""
    settings = configuration.section("simulators", SimulatorSettings)
    mqtt = configuration.section("mqtt", MqttSettings)

    async def publish(clock: SystemClock, stopping: asyncio.Event) -> DevicesReport:
        anchor_ms = None if anchor is None else arguments.moment_ms(anchor, now_ms=clock.now_ms())
        with _progress() as on_progress:
            report = await service.replay(
                mqtt,
                settings,
                files,
                clock=clock,
                stopping=stopping,
                speed=None if math.isinf(speed) else speed,
                mapping=mapping,
                anchor_ms=anchor_ms,
                on_progress=on_progress,
            )
        return report.devices

    return _run(publish, configuration, as_json=as_json)


def _run(publish: Publish, configuration: Configuration, *, as_json: bool) -> int:
    clock = SystemClock()
    set_up_logging(configuration.section("telemetry", TelemetrySettings), clock=clock)
    reports: list[DevicesReport] = []

    async def main(stopping: asyncio.Event) -> None:
        reports.append(await publish(clock, stopping))

    code = run_service(main, shutdown_s=SHUTDOWN_S)
    for report in reports:
        counts: dict[str, Any] = vars(report)
        if as_json:
            print_json(counts)
        else:
            print_table(table(("what", "count"), ((key.replace("_", " "), value) for key, value in counts.items())))
        if report.unreceipted or report.lost_on_device:
            code = code or EXIT_FAILED
    return code


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr, where that is a terminal; takes readings done and readings in all."""
    bar = Progress(console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True)
    with bar:
        task = bar.add_task("replaying", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
