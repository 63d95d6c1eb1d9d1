"""The scorer: CPU the stream handler takes per reading beyond the bare models, which run on the same readings in turn.

Floor: one patient's models (baselines, River's trees, own quantile) called in a plain loop on decoded readings. What
the handler adds is decoding, deduplication, NEWS2, drivers, encoding, bookkeeping and snapshots when due.
"""

import asyncio
import statistics
import tempfile
from pathlib import Path

from benchmarks.load import records
from benchmarks.measure import Result, Stopwatch
from runtime.blocking import InlineDoor
from runtime.bus import Incoming, TopicPartition
from runtime.clock import SystemClock
from runtime.local_bus import LocalBus
from runtime.telemetry import Telemetry
from storage.migrate import upgrade
from storage.session import Database
from stream.pipeline import PatientPipeline, PipelineParameters
from stream.settings import StreamSettings
from stream.worker import StreamHandler
from vitals import codec
from vitals.reading import PatientId, Reading
from vitals.topics import LogTopic

PATIENTS = 50
WARM_UP_READINGS = PATIENTS * 400
"""At one reading each 10 s, so that every one is learned and every model is past its first window."""
ROUNDS = 10
READINGS_PER_ROUND = 5_000
BATCH = 500
PARTITIONS = 4


def run() -> list[Result]:
    """Measure."""
    return [asyncio.run(_run())]


async def _run() -> Result:
    with tempfile.TemporaryDirectory(prefix="wardlight-bench-") as directory:
        url = f"sqlite:///{Path(directory) / 'ward.db'}"
        upgrade(url)
        database = Database(url)
        bus = await LocalBus.open(None, partitions=PARTITIONS, door=InlineDoor(), clock=SystemClock())
        try:
            return await _measure(database, bus)
        finally:
            await bus.close()
            database.close()


async def _measure(database: Database, bus: LocalBus) -> Result:
    handler = StreamHandler(
        bus=bus,
        database=database,
        door=InlineDoor(),
        clock=SystemClock(),
        telemetry=Telemetry(),
        settings=StreamSettings(),
    )
    await handler.claim(frozenset(range(PARTITIONS)))
    bare = _BareModels()
    warm_up = records(PATIENTS, WARM_UP_READINGS, boot="warm", from_ms=0, every_s=10, partitions=PARTITIONS)
    await _handle(handler, warm_up)
    bare.run(_decoded(warm_up))
    ends = _ends(warm_up)
    from_ms = WARM_UP_READINGS // PATIENTS * 10_000
    live = records(
        PATIENTS, ROUNDS * READINGS_PER_ROUND, boot="live", from_ms=from_ms, every_s=1, partitions=PARTITIONS
    )
    live = [record._replace(offset=record.offset + ends[record.partition]) for record in live]
    beyond_us: list[float] = []
    bare_us: list[float] = []
    for first in range(0, len(live), READINGS_PER_ROUND):
        chunk = live[first : first + READINGS_PER_ROUND]
        decoded = _decoded(chunk)
        watch = Stopwatch()
        bare.run(decoded)
        floor_s = watch.cpu_s()
        watch = Stopwatch()
        await _handle(handler, chunk)
        ours_s = watch.cpu_s()
        bare_us.append(floor_s / len(chunk) * 1e6)
        beyond_us.append((ours_s - floor_s) / len(chunk) * 1e6)
    return Result.of(
        "scorer",
        value=statistics.median(beyond_us),
        unit="us of CPU per reading beyond the bare models",
        floor=statistics.median(bare_us),
    )


class _BareModels:
    """The same models without anything around them."""

    def __init__(self) -> None:
        self._pipelines: dict[PatientId, PatientPipeline] = {}

    def run(self, readings: list[Reading]) -> None:
        """Score, then learn, each reading."""
        for reading in readings:
            pipeline = self._pipelines.get(reading.patient_id)
            if pipeline is None:
                pipeline = self._pipelines[reading.patient_id] = PatientPipeline(PipelineParameters())
            scored = pipeline.score(reading.signs, reading.measured_at_ms)
            pipeline.learn(scored, held_back=scored.flagged)


async def _handle(handler: StreamHandler, chunk: list[Incoming]) -> None:
    """What the worker's loop does with records, publishing left out: the log is no part of scoring."""
    positions: dict[TopicPartition, int] = {}
    for first in range(0, len(chunk), BATCH):
        batch = chunk[first : first + BATCH]
        await handler.handle(batch)
        for record in batch:
            positions[TopicPartition(LogTopic.READINGS.value, record.partition)] = record.offset + 1
        await handler.remember(positions, final=False)


def _decoded(chunk: list[Incoming]) -> list[Reading]:
    decoded = [codec.decode_readings_record(record.value) for record in chunk]
    return [reading for reading in decoded if isinstance(reading, Reading)]


def _ends(chunk: list[Incoming]) -> list[int]:
    return [
        max((record.offset + 1 for record in chunk if record.partition == partition), default=0)
        for partition in range(PARTITIONS)
    ]
