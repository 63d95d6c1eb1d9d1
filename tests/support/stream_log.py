"""A stream handler over a log that is a list, run by hand: `run` to the end, or `crash` wherever a test likes."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from runtime.blocking import InlineDoor
from runtime.bus import Incoming, Outgoing, Positions, Reader, TopicPartition, keys_by_partition, partition_of
from runtime.telemetry import Telemetry
from storage.session import Database
from storage.states import load_states
from stream.anomaly import UnusualParameters
from stream.anomaly_trees import TreeParameters
from stream.baseline import BaselineParameters
from stream.budget import BudgetParameters
from stream.pipeline import PipelineParameters
from stream.population import Candidate
from stream.settings import StreamSettings
from stream.worker import GROUP, StreamHandler
from tests.support.builders import reading
from tests.support.fresh_database import lay_schema
from vitals import codec
from vitals.assessment import Assessment
from vitals.model_version import ModelSwitch
from vitals.reading import Reading, Tick, Withdrawn

PARTITIONS = 3
READINGS = "readings"

QUICK = PipelineParameters(
    baseline=BaselineParameters(warm_count=3, warm_s=10, learn_every_s=0),
    unusual=UnusualParameters(
        trees=TreeParameters(trees=3, height=4, first_window_s=40, window_s=160, window_count_min=8), smoothed_s=2
    ),
    budget=BudgetParameters(unusual_per_day_max=500, delay_s=6, clear_s=10, slot_s=2, learned_s_min=60, expected_s=600),
    learn_every_s=5,
    pause_s_max=120,
    flagged_pause_s_max=120,
    paused_learn_every_s=20,
)
"""Models that warm up within two minutes, so that short tests see every state of theirs."""


class StandingClock:
    """Time that stands still; what is due at once is always due."""

    speed = 1.0

    def now_ms(self) -> int:
        return 0

    def monotonic_s(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        """Nothing here waits."""


class ListLog:
    """A log of one topic as lists in memory; the part of the Bus port that a stream handler itself uses."""

    partition_count = PARTITIONS

    def __init__(self) -> None:
        self.partitions: list[list[Incoming]] = [[] for _ in range(PARTITIONS)]
        self.trimmed_to: dict[int, int] = {}

    def append(self, records: Iterable[Reading | Withdrawn | Tick], *, key: str | None = None) -> None:
        """Put records at the end of the partitions their patients belong to."""
        for record in records:
            name = (key or "" if isinstance(record, Tick) else record.patient_id).encode()
            partition = partition_of(name, PARTITIONS)
            here = self.partitions[partition]
            here.append(Incoming(READINGS, partition, len(here), name, codec.encode(record)))

    def switch(self, told: ModelSwitch) -> None:
        """Tell every partition which version scores from here on."""
        for partition, key in enumerate(keys_by_partition(PARTITIONS)):
            here = self.partitions[partition]
            here.append(Incoming(READINGS, partition, len(here), key, codec.encode(told)))

    async def publish(self, records: Sequence[Outgoing]) -> None:
        raise AssertionError("The handler returns what it says; its worker publishes, never the handler itself.")

    async def reader(self, *, group: str | None, topics: Sequence[str], gather_s: float = 0.0) -> Reader:
        raise AssertionError("The worker reads, never the handler itself.")

    async def ends(self, topics: Sequence[str]) -> dict[TopicPartition, int]:
        return {TopicPartition(READINGS, number): len(here) for number, here in enumerate(self.partitions)}

    async def beginnings(self, topics: Sequence[str]) -> dict[TopicPartition, int]:
        return {TopicPartition(READINGS, number): self.trimmed_to.get(number, 0) for number in range(PARTITIONS)}

    async def close(self) -> None:
        """Nothing to release."""


@dataclass
class StreamRun:
    """One installation: a log, a database, and whatever handler is alive now."""

    log: ListLog
    database: Database
    settings: StreamSettings
    parameters: PipelineParameters = QUICK
    candidates: Sequence[Candidate] = ()
    telemetry: Telemetry = field(default_factory=Telemetry)
    published: list[Assessment] = field(default_factory=list)
    handler: StreamHandler = field(init=False)
    positions: dict[TopicPartition, int] = field(init=False, default_factory=dict)

    async def start(self) -> None:
        """A new process: claim everything and go on from what is remembered; what the last one held is gone."""
        self.handler = StreamHandler(
            bus=self.log,
            database=self.database,
            door=InlineDoor(),
            clock=StandingClock(),
            telemetry=self.telemetry,
            settings=self.settings,
            parameters=self.parameters,
            candidates=self.candidates,
        )
        remembered = await self.handler.claim(frozenset(range(PARTITIONS)))
        self.positions = {
            TopicPartition(READINGS, number): remembered.get(TopicPartition(READINGS, number), 0)
            for number in range(PARTITIONS)
        }

    def next_batch(self, records_max: int, *, random_source: random.Random | None = None) -> list[Incoming]:
        """What a poll would deliver: in order per partition, partitions in any order."""
        order = list(range(PARTITIONS))
        if random_source is not None:
            random_source.shuffle(order)
        batch: list[Incoming] = []
        for number in order:
            start = self.positions[TopicPartition(READINGS, number)]
            batch += self.log.partitions[number][start : start + records_max - len(batch)]
        return batch

    async def step(self, batch: Sequence[Incoming]) -> None:
        """Handle, publish, remember, as the worker's loop does."""
        self.publish(await self.handler.handle(batch))
        self.advance(batch)
        await self.remember()

    def publish(self, outputs: Sequence[Outgoing]) -> None:
        """The log has them."""
        told = [output for output in outputs if output.topic == "assessments"]
        self.published += [codec.decode(Assessment, output.value) for output in told]

    def advance(self, batch: Sequence[Incoming]) -> None:
        """The worker's positions after a batch."""
        for record in batch:
            self.positions[TopicPartition(record.topic, record.partition)] = record.offset + 1

    async def remember(self, *, final: bool = False) -> None:
        """Store what is due."""
        await self.handler.remember(self.positions, final=final)

    async def run(self, *, records_max: int = 50) -> None:
        """From where it stands to the end of the log, undisturbed."""
        while batch := self.next_batch(records_max):
            await self.step(batch)

    def by_id(self) -> Mapping[str, Assessment]:
        """The published assessments; raises where one id was published with two bodies."""
        bodies: dict[str, Assessment] = {}
        for assessment in self.published:
            assert bodies.setdefault(assessment.reading_id, assessment) == assessment
        return bodies

    def remembered(self) -> Positions:
        """What this worker would go on from."""
        return self.handler._remembered


async def stream_run(
    log: ListLog,
    *,
    parameters: PipelineParameters = QUICK,
    live_patients_max: int = 1000,
    snapshots_max: int = 100,
    candidates: Sequence[Candidate] = (),
) -> StreamRun:
    """An installation with an empty database, its handler started; everything is due at every `remember`."""
    database = Database("sqlite://")
    lay_schema(database)
    settings = StreamSettings.model_construct(
        **{
            **StreamSettings(snapshots_max=snapshots_max, remember_every_s=0).model_dump(),
            "live_patients_max": live_patients_max,
        }
    )
    run = StreamRun(log, database, settings, parameters, candidates)
    await run.start()
    return run


def course(patients_count: int, seconds: int, *, start: int = 0) -> list[Reading]:
    """Everybody's ordinary readings, in turns."""
    return [
        reading(at_s=second, patient=f"p{number}", device=f"d{number}")
        for second in range(start, start + seconds)
        for number in range(patients_count)
    ]


async def ran(patients_count: int = 4, seconds: int = 30) -> StreamRun:
    """An installation that has assessed a short course and remembered it."""
    log = ListLog()
    log.append(course(patients_count, seconds))
    run = await stream_run(log)
    await run.run()
    return run


def stored_keys(run: StreamRun) -> set[str]:
    """Patients whose snapshot is in SQL."""
    with run.database.transaction() as conn:
        return {row.key for number in range(PARTITIONS) for row in load_states(conn, GROUP, number)}
