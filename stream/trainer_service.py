"""The trainer, on ready-made ports."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from runtime.blocking import Door
from runtime.bus import Bus
from runtime.clock import Clock
from runtime.retry import Backoff
from runtime.telemetry import Telemetry
from runtime.worker import Worker, WorkerLimits
from storage.session import Database
from stream.population import Candidate
from stream.trainer import GROUP, TOPICS, TrainerHandler
from stream.trainer_settings import TrainerSettings
from vitals.errors import WardError

log = structlog.get_logger()

AGAIN_S_MAX: Final = 300.0
"""The longest pause before a trainer that failed is tried again."""


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


class Trainer:
    """A trainer beside other services: whatever it fails on, it ends alone, says so, and is built and tried again."""

    def __init__(self, build: Callable[[], Worker], *, clock: Clock, telemetry: Telemetry) -> None:
        """`build` makes a worker that has claimed nothing yet, as `build_trainer` does."""
        self._build = build
        self._clock = clock
        self._telemetry = telemetry

    async def serve(self, stopping: asyncio.Event) -> None:
        """Learn until `stopping` is set; on the way out everything learned is remembered."""
        backoff = Backoff(clock=self._clock, cap_s=AGAIN_S_MAX)
        while not stopping.is_set():
            try:
                await self._build().serve(stopping)
            except Exception as error:  # a worker's loop: learning must not end the process that raises the alarms
                self._telemetry.count("wardlight_trainer_failures_total")
                self._telemetry.not_ready(GROUP, f"nothing is learned: {error}")
                log.exception(
                    "trainer_failed",
                    error=str(error),
                    then="scoring goes on; it is tried again",
                    exc_info=not isinstance(error, WardError),
                )
                await backoff.pause(until=stopping)
