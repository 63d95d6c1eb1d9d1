"""The recorder as a service: one worker over three topics, and beside it trimmer and ledger, until asked to stop."""

import asyncio

from runtime.blocking import Door
from runtime.bus import Bus
from runtime.clock import Clock
from runtime.lifecycle import run_all
from runtime.telemetry import Telemetry
from runtime.worker import Worker, WorkerLimits
from storage.ledger_keeper import LedgerKeeper
from storage.ledger_settings import LedgerSettings
from storage.recorder import GROUP, TOPICS, RecorderHandler
from storage.retention import RetentionSettings
from storage.session import Database
from storage.settings import RecorderSettings
from storage.trimmer import Trimmer


class Recorder:
    """Reads `readings`, `assessments` and `rejected` as group "recorder" and stores them; the schema must be there."""

    def __init__(
        self,
        *,
        bus: Bus,
        database: Database,
        door: Door,
        clock: Clock,
        telemetry: Telemetry,
        settings: RecorderSettings,
        retention: RetentionSettings | None = None,
        ledger: LedgerSettings | None = None,
    ) -> None:
        self.handler = RecorderHandler(
            database=database, door=door, clock=clock, telemetry=telemetry, settings=settings
        )
        self.worker = Worker(
            name=GROUP,
            topics=TOPICS,
            bus=bus,
            handler=self.handler,
            clock=clock,
            telemetry=telemetry,
            limits=WorkerLimits(
                records_max=settings.records_per_poll,
                poll_timeout_s=settings.poll_timeout_s,
                gather_s=settings.gather_s,
                backoff_s_max=settings.backoff_s_max,
            ),
        )

        self.trimmer = Trimmer(
            database=database,
            door=door,
            clock=clock,
            telemetry=telemetry,
            settings=RetentionSettings() if retention is None else retention,
        )

        self.keeper = LedgerKeeper(
            bus=bus,
            database=database,
            door=door,
            clock=clock,
            telemetry=telemetry,
            settings=LedgerSettings() if ledger is None else ledger,
        )

    async def serve(self, stopping: asyncio.Event) -> None:
        """Record, keep the ledger, and trim by policy, until `stopping` is set, then commit what is held; a programmer's error rises."""
        services = {
            GROUP: self.worker.serve(stopping),
            "trimmer": self.trimmer.serve(stopping),
            "ledger": self.keeper.serve(stopping),
        }
        await run_all(services, stopping=stopping)
