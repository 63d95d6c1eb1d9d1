"""Builds what every process stands on: settings, clock, logs, telemetry, the log's adapter. Rooms compose the rest."""

import argparse
import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from runtime.blocking import Door, ThreadDoor
from runtime.bus import Bus
from runtime.clock import Clock, SystemClock
from runtime.lifecycle import run_service, say
from runtime.logs import set_up_logging
from runtime.priority import step_back
from runtime.settings import Configuration, LogSettings, ProcessSettings, TelemetrySettings
from runtime.telemetry import Telemetry
from vitals.errors import WardError


@dataclass(frozen=True, kw_only=True)
class Ports:
    """What a service is handed; whatever else it needs it builds from `configuration`."""

    configuration: Configuration
    clock: Clock
    telemetry: Telemetry


Serve = Callable[[Ports, asyncio.Event], Awaitable[None]]


def run_process(name: str, serve: Serve, arguments: Sequence[str] | None = None, *, yields: float = 0.0) -> int:
    """The `main` of `python -m <room>`: read settings, set up logs and telemetry, serve until a signal; an exit code.

    The only option is `--config FILE`; the environment (`WARDLIGHT_<SECTION>__<KEY>`) wins over it. Where
    processors are short it steps back by the part `yields` of `process.niceness`: 0 what takes readings and alarms, a half
    what shows it, 1 what no alarm of a limit waits for.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {name}")
    parser.add_argument("--config", type=Path, default=None, metavar="FILE", help="settings, as TOML")
    options = parser.parse_args(arguments)
    try:
        configuration = Configuration.read(file=options.config)
        process = configuration.section("process", ProcessSettings)
        observed = configuration.section("telemetry", TelemetrySettings)
    except WardError as error:
        return say(error)
    clock = SystemClock()
    set_up_logging(observed, clock=clock)

    async def main(stopping: asyncio.Event) -> None:
        await step_back(round(yields * process.niceness), clock=clock)
        telemetry = Telemetry()
        with contextlib.ExitStack() as stack:
            if observed.port is not None:
                stack.callback(telemetry.start_http(observed.host, observed.port).close)
            await serve(Ports(configuration=configuration, clock=clock, telemetry=telemetry), stopping)

    return run_service(main, shutdown_s=process.shutdown_s)


async def build_bus(settings: LogSettings, *, door: Door, clock: Clock, telemetry: Telemetry) -> Bus:
    """The log that `settings.kind` names, open and ready; the caller closes it. Raises Unavailable, ConfigurationError.

    `door` is the local log's own: one thread, so that its file is written in order. Kafka does not use it.
    """
    if settings.kind == "kafka":
        from runtime.kafka_bus import KafkaBus

        return await KafkaBus.start(settings, clock=clock, telemetry=telemetry)
    from runtime.local_bus import LocalBus, LocalLogLimits
    from runtime.local_log import LOG_FILE

    limits = LocalLogLimits(
        publish_records_max=settings.publish_records_max, retention_ms=settings.retention_h * 3_600_000
    )
    file = settings.directory / LOG_FILE
    return await LocalBus.open(file, partitions=settings.partitions, door=door, clock=clock, limits=limits)


@contextlib.asynccontextmanager
async def open_bus(settings: LogSettings, *, clock: Clock, telemetry: Telemetry) -> AsyncIterator[Bus]:
    """`build_bus` with a door of its own, closed with the bus at the end of the block."""
    door = ThreadDoor(name="log", threads_max=1)
    try:
        bus = await build_bus(settings, door=door, clock=clock, telemetry=telemetry)
        try:
            yield bus
        finally:
            await bus.close()
    finally:
        door.close()
