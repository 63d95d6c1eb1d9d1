"""The trainer, on ready-made ports."""

import asyncio
from collections.abc import Sequence

from runtime.blocking import Door
from runtime.bus import Bus
from runtime.clock import Clock
from runtime.telemetry import Telemetry
from runtime.worker import Worker, WorkerLimits
from storage.session import Database
from stream.population import Candidate
from stream.trainer import GROUP, TOPICS, TrainerHandler
from stream.trainer_settings import TrainerSettings


def build_trainer(
    *,
    bus: Bus,
    database: Database,
    door: Door,
    clock: Clock,
    telemetry: Telemetry,
    settings: TrainerSettings,
    candidates: Sequence[Candidate],
) -> Worker:
    """A worker that turns `training` and `outcomes` into lessons, and lessons into versions."""
    handler = TrainerHandler(
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
        topics=TOPICS,
        bus=bus,
        handler=handler,
        clock=clock,
        telemetry=telemetry,
        limits=WorkerLimits(records_max=settings.records_max, poll_timeout_s=settings.poll_timeout_s),
    )


async def serve(
    *,
    bus: Bus,
    database: Database,
    door: Door,
    clock: Clock,
    telemetry: Telemetry,
    settings: TrainerSettings,
    candidates: Sequence[Candidate],
    stopping: asyncio.Event,
) -> None:
    """Run a trainer until `stopping` is set; on the way out everything learned is remembered."""
    worker = build_trainer(
        bus=bus,
        database=database,
        door=door,
        clock=clock,
        telemetry=telemetry,
        settings=settings,
        candidates=candidates,
    )
    await worker.serve(stopping)
