"""The scorer: CPU per reading of the bare models, of a patient's whole pipeline, and of the worker around it, in turn.

The bare models are quality gate, baselines, unusual pattern, budget, trends and risk in a plain loop on decoded readings.
The pipeline (`stream.scoring.assess`) adds deduplication, NEWS2, drivers and departures; the worker decodes, encodes,
keeps the books, and stores snapshots when due.
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
from stream.population import InForce
from stream.quality import QualityGate
from stream.risk import PatientRisk
from stream.scoring import PatientState, assess
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
    return asyncio.run(_run())


async def _run() -> list[Result]:
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


async def _measure(database: Database, bus: LocalBus) -> list[Result]:
    handler = StreamHandler(
        bus=bus,
        database=database,
        door=InlineDoor(),
        clock=SystemClock(),
        telemetry=Telemetry(),
        settings=StreamSettings(),
    )
    await handler.claim(frozenset(range(PARTITIONS)))
    bare, pipelines = _BareModels(handler.versions.now(0)), _Pipelines(handler.versions.now(0))
    warm_up = records(PATIENTS, WARM_UP_READINGS, boot="warm", from_ms=0, every_s=10, partitions=PARTITIONS)
    await _handle(handler, warm_up)
    bare.run(_decoded(warm_up))
    pipelines.run(_decoded(warm_up))
    ends = _ends(warm_up)
    from_ms = WARM_UP_READINGS // PATIENTS * 10_000
    live = records(
        PATIENTS, ROUNDS * READINGS_PER_ROUND, boot="live", from_ms=from_ms, every_s=1, partitions=PARTITIONS
    )
    live = [record._replace(offset=record.offset + ends[record.partition]) for record in live]
    figures: list[tuple[float, float, float]] = []
    for first in range(0, len(live), READINGS_PER_ROUND):
        chunk = live[first : first + READINGS_PER_ROUND]
        decoded = _decoded(chunk)
        watch = Stopwatch()
        bare.run(decoded)
        models_s = watch.cpu_s()
        watch = Stopwatch()
        pipelines.run(decoded)
        pipeline_s = watch.cpu_s()
        watch = Stopwatch()
        await _handle(handler, chunk)
        worker_s = watch.cpu_s() - pipeline_s
        figures.append((models_s, pipeline_s, worker_s))
    models_us, pipeline_us, worker_us = (
        statistics.median(column) / READINGS_PER_ROUND * 1e6 for column in zip(*figures, strict=True)
    )
    return [
        Result.of("scorer-pipeline", value=pipeline_us, unit="us of CPU per reading", floor=models_us),
        Result.of(
            "scorer-worker", value=worker_us, unit="us of CPU per reading beyond the pipeline", floor=pipeline_us
        ),
    ]


class _BareModels:
    """The same models without anything around them."""

    def __init__(self, in_force: InForce) -> None:
        self._in_force = in_force
        self._models: dict[PatientId, tuple[QualityGate, PatientPipeline, PatientRisk]] = {}

    def run(self, readings: list[Reading]) -> None:
        """Score, then learn, each reading."""
        for reading in readings:
            models = self._models.get(reading.patient_id)
            if models is None:
                models = QualityGate(), PatientPipeline(PipelineParameters()), PatientRisk()
                self._models[reading.patient_id] = models
            gate, pipeline, risk = models
            at_ms = reading.measured_at_ms
            pipeline.enter(at_ms, active=False)
            judged = gate.judge(reading.signs, at_ms)
            scored = pipeline.score(judged.scored, at_ms, judged.barred)
            pipeline.learn(scored, held_back=scored.flagged)
            risk.step(judged.scored, at_ms, reading.age_years, reading.sex, self._in_force)


class _Pipelines:
    """A patient's whole pipeline without a worker around it."""

    def __init__(self, in_force: InForce) -> None:
        self._in_force = in_force
        self._states: dict[PatientId, PatientState] = {}

    def run(self, readings: list[Reading]) -> None:
        """Assess each reading."""
        for reading in readings:
            state = self._states.get(reading.patient_id)
            if state is None:
                state = PatientState(reading.patient_id, PatientPipeline(PipelineParameters()))
                self._states[reading.patient_id] = state
            state.in_force = self._in_force
            assess(state, reading)


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
