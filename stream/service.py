"""The stream service, on ready-made ports."""

import asyncio
from collections.abc import Sequence

from runtime.blocking import Door
from runtime.bus import Bus
from runtime.clock import Clock
from runtime.telemetry import Telemetry
from runtime.worker import Worker, WorkerLimits
from storage.session import Database
from stream.candidates import CANDIDATES
from stream.population import Candidate
from stream.settings import StreamSettings
from stream.worker import GROUP, StreamHandler
from vitals.topics import LogTopic


def build_worker(
    *,
    bus: Bus,
    database: Database,
    door: Door,
    clock: Clock,
    telemetry: Telemetry,
    settings: StreamSettings,
    candidates: Sequence[Candidate] = CANDIDATES,
) -> Worker:
    """A worker that turns `readings` into `assessments`."""
    handler = StreamHandler(
        bus=bus,
        database=database,
        door=door,
        clock=clock,
        telemetry=telemetry,
        settings=settings,
        candidates=candidates,
    )
    return Worker(
        name=GROUP,
        topics=[LogTopic.READINGS],
        bus=bus,
        handler=handler,
        clock=clock,
        telemetry=telemetry,
        limits=WorkerLimits(
            records_max=settings.records_max, poll_timeout_s=settings.poll_timeout_s, gather_s=settings.gather_s
        ),
    )


async def serve(
    *,
    bus: Bus,
    database: Database,
    door: Door,
    clock: Clock,
    telemetry: Telemetry,
    settings: StreamSettings,
    stopping: asyncio.Event,
) -> None:
    """Run a worker until `stopping` is set; on the way out everything handled is remembered."""
    worker = build_worker(bus=bus, database=database, door=door, clock=clock, telemetry=telemetry, settings=settings)
    await worker.serve(stopping)
