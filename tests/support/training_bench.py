"""A trainer over a real log in memory: publish what it reads, await what it tells."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import msgspec

from runtime.blocking import InlineDoor
from runtime.bus import Assigned, Delivered, Incoming, Outgoing
from runtime.clock import SystemClock
from runtime.local_bus import LocalBus
from runtime.telemetry import Telemetry
from runtime.worker import Worker
from storage.session import Database
from stream.population import Candidate
from stream.trainer_service import build_trainer
from stream.trainer_settings import TrainerSettings
from tests.support.fresh_database import lay_schema
from tests.support.learning import logistic
from vitals import codec
from vitals.model_version import ModelSwitch, ModelVersion
from vitals.outcome import Outcome, OutcomeWithdrawn
from vitals.training import POPULATION_KEY, Example, Lesson

PARTITIONS = 3
QUICK = TrainerSettings(
    lessons_min=1,
    version_gap_s=0,
    remember_every_s=0,
    announce_every_s=0,
    positives_min=1,
    settle_slack_s=0,
    poll_timeout_s=0.01,
)
"""Once a lesson of either label was learned every further one makes a version, and every version is told at once."""


@dataclass
class TrainingBench:
    """One installation: a log, a database, and whatever trainers run on it."""

    bus: LocalBus
    database: Database
    settings: TrainerSettings = QUICK
    candidates: Sequence[Candidate] = (logistic(),)
    telemetry: Telemetry = field(default_factory=Telemetry)
    running: list[tuple[Worker, asyncio.Task[None]]] = field(default_factory=list)

    def start(self) -> Worker:
        """One more trainer."""
        worker = build_trainer(
            bus=self.bus,
            database=self.database,
            door=InlineDoor(),
            clock=SystemClock(),
            telemetry=self.telemetry,
            settings=self.settings,
            candidates=self.candidates,
        )
        self.running.append((worker, asyncio.create_task(worker.run())))
        return worker

    async def kill(self) -> None:
        """All trainers end between two steps, remembering nothing more."""
        for _, task in self.running:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        self.running = []

    async def stop(self) -> None:
        """All trainers end in order."""
        for worker, task in self.running:
            worker.stop()
            await task
        self.running = []

    async def tell(self, *records: Example | Outcome | OutcomeWithdrawn | Lesson) -> None:
        """Put these on the log."""
        await self.bus.publish([_outgoing(record) for record in records])

    async def told(self, topic: str, count: int) -> list[Incoming]:
        """The first `count` records of a topic, awaited."""
        reader = await self.bus.reader(group=None, topics=[topic])
        found: list[Incoming] = []
        async with asyncio.timeout(10):
            while len(found) < count:
                polled = await reader.poll(records_max=500, timeout_s=0.2)
                if isinstance(polled, Assigned):
                    await reader.seek({})
                elif isinstance(polled, Delivered):
                    found += polled.records
        await reader.close()
        return found

    async def lessons(self, count: int) -> list[Lesson]:
        """The first `count` lessons, awaited."""
        examples = 0
        while True:
            found = await self.told("training", examples + count)
            decoded = [codec.decode_training_record(record.value) for record in found]
            lessons = [each for each in decoded if isinstance(each, Lesson)]
            if len(lessons) >= count:
                return lessons[:count]
            examples = len(decoded) - len(lessons)

    async def versions(self, count: int) -> list[ModelVersion]:
        """The first `count` versions told, awaited."""
        return [each for each in await self._models(count, ModelVersion) if isinstance(each, ModelVersion)][:count]

    async def switches(self, count: int) -> list[ModelSwitch]:
        """The first `count` switches told, awaited."""
        return [each for each in await self._models(count, ModelSwitch) if isinstance(each, ModelSwitch)][:count]

    async def switched(self, count: int) -> dict[int, list[ModelSwitch]]:
        """The first `count` switches of every partition of readings, awaited."""
        found: dict[int, list[ModelSwitch]] = {}
        for record in await self.told("readings", count * PARTITIONS):
            told = codec.decode_readings_record(record.value)
            if isinstance(told, ModelSwitch):
                found.setdefault(record.partition, []).append(told)
        return found

    async def _models(self, count: int, kind: type[msgspec.Struct]) -> list[ModelVersion | ModelSwitch]:
        wanted = count
        while True:
            decoded = [codec.decode_models_record(record.value) for record in await self.told("models", wanted)]
            if sum(isinstance(each, kind) for each in decoded) >= count:
                return decoded
            wanted = len(decoded) + 1


async def training_bench(
    *, settings: TrainerSettings = QUICK, candidates: Sequence[Candidate] = (logistic(),)
) -> TrainingBench:
    """An installation with an empty log and database; nothing runs yet."""
    database = Database("sqlite://")
    lay_schema(database)
    bus = await LocalBus.open(None, partitions=PARTITIONS, door=InlineDoor(), clock=SystemClock())
    return TrainingBench(bus, database, settings, candidates)


def _outgoing(record: Example | Outcome | OutcomeWithdrawn | Lesson) -> Outgoing:
    if isinstance(record, Lesson):
        return Outgoing("training", POPULATION_KEY, codec.encode(record))
    topic = "training" if isinstance(record, Example) else "outcomes"
    return Outgoing(topic, record.patient_id.encode(), codec.encode(record))
