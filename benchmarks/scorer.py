"""What a patient costs the scorer: CPU per reading of the pipeline and of the worker around it, memory and snapshot.

The bare models are quality gate, baselines, unusual pattern, budget, trends and risk in a plain loop on decoded readings.
The pipeline (`stream.scoring.assess`) adds deduplication, NEWS2, drivers and departures; the worker decodes, encodes,
keeps the books, and stores snapshots when due.
"""

import asyncio
import gc
import random
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import footprint, paces
from benchmarks.load import SEED, records
from benchmarks.measure import Result, Stopwatch
from benchmarks.pipelines import BareModels, Pipelines, decoded
from runtime.blocking import InlineDoor
from runtime.bus import Incoming, Positions, TopicPartition, positions_after
from runtime.clock import SystemClock
from runtime.local_bus import LocalBus
from runtime.telemetry import Telemetry
from storage.migrate import upgrade
from storage.session import Database
from stream.candidates import CANDIDATES
from stream.settings import StreamSettings
from stream.worker import StreamHandler

PATIENTS = 50
WARM_UP_READINGS = PATIENTS * 400
"""At one reading each 10 s, so that every one is learned and every model is past its first window."""
ROUNDS = 30
BATCH = 500
"""What a worker that has enough to do is handed at once."""
READINGS_PER_ROUND = PATIENTS * 60
"""A minute; of two minutes one is the worker's and the other the bare pipelines', which chance decides."""
PARTITIONS = 4
PIPELINE_US_MAX = 60.0
WORKER_US_MAX = 6.0


def run() -> Iterator[Result]:
    """Measure."""
    pipeline, worker = asyncio.run(_run())
    yield pipeline
    yield from paces.run(bar_us=PIPELINE_US_MAX)
    yield worker
    yield from footprint.run()


async def _run() -> tuple[Result, Result]:
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


async def _measure(database: Database, bus: LocalBus) -> tuple[Result, Result]:
    handler = await _handler(database, bus)
    bare = BareModels(handler.versions.now(0))
    warm_up = records(PATIENTS, WARM_UP_READINGS, boot="warm", from_ms=0, every_s=10, partitions=PARTITIONS)
    for batch in _batches(warm_up):
        await handler.handle(batch)
        bare.run(decoded(batch))
    # The very patients of the worker: where others lie in memory costs or spares microseconds, too.
    states = {patient_id: patient.state for patient_id, patient in handler.patients.live.items()}
    pipelines = Pipelines(handler.versions.now(0), states)
    live = _after(warm_up)
    # What the benchmark itself holds should cost nobody a walk in search of garbage.
    gc.collect()
    gc.freeze()
    chance = random.Random(SEED)
    spent_s: tuple[list[float], list[float], list[float]] = [], [], []
    for first in range(0, len(live), 2 * READINGS_PER_ROUND):
        half = first + READINGS_PER_ROUND
        minutes = live[first:half], live[half : half + READINGS_PER_ROUND]
        is_worked = chance.random() < 0.5
        for minute in minutes:
            if is_worked:
                spent_s[0].append(_ran_s(bare, minute))
                spent_s[2].append(await _worked_s(handler, minute))
            else:
                spent_s[1].append(_ran_s(pipelines, minute))
            is_worked = not is_worked
    models_us, pipeline_us, whole_us = (statistics.median(column) / READINGS_PER_ROUND * 1e6 for column in spent_s)
    worker_us = whole_us - pipeline_us
    worker_us += await _stored_us(handler, positions_after(live), reading_us=pipeline_us + worker_us)
    gc.unfreeze()
    unit = "us of CPU per reading each second"
    return (
        Result.of("scorer-pipeline", value=pipeline_us, unit=unit, floor=models_us, bar=PIPELINE_US_MAX),
        Result.of(
            "scorer-worker",
            value=worker_us,
            unit="us of CPU per reading beyond the pipeline",
            floor=pipeline_us,
            bar=WORKER_US_MAX,
        ),
    )


async def _handler(database: Database, bus: LocalBus) -> StreamHandler:
    handler = StreamHandler(
        bus=bus,
        database=database,
        door=InlineDoor(),
        clock=SystemClock(),
        telemetry=Telemetry(),
        settings=StreamSettings(),
        candidates=CANDIDATES,
    )
    await handler.claim(frozenset(range(PARTITIONS)))
    return handler


def _after(warm_up: Sequence[Incoming]) -> list[Incoming]:
    """A reading a second of each patient, behind those in the log."""
    ends = positions_after(warm_up)
    from_ms = WARM_UP_READINGS // PATIENTS * 10_000
    live = records(
        PATIENTS, ROUNDS * READINGS_PER_ROUND, boot="live", from_ms=from_ms, every_s=1, partitions=PARTITIONS
    )
    return [
        record._replace(offset=record.offset + ends[TopicPartition(record.topic, record.partition)]) for record in live
    ]


def _batches(records_: Sequence[Incoming]) -> Iterator[Sequence[Incoming]]:
    return (records_[first : first + BATCH] for first in range(0, len(records_), BATCH))


def _ran_s(side: BareModels | Pipelines, live: Sequence[Incoming]) -> float:
    spent_s = 0.0
    for batch in _batches(live):
        readings = decoded(batch)
        watch = Stopwatch()
        side.run(readings)
        spent_s += watch.cpu_s()
    return spent_s


async def _worked_s(handler: StreamHandler, live: Sequence[Incoming]) -> float:
    """What the worker's loop does with records, publishing left out: the log is no part of scoring."""
    watch = Stopwatch()
    for batch in _batches(live):
        await handler.handle(batch)
        positions_after(batch)
    return watch.cpu_s()


async def _stored_us(handler: StreamHandler, positions: Positions, *, reading_us: float) -> float:
    """CPU of snapshots per reading where a core has all it can do: at most `snapshots_max` in `remember_every_s`."""
    settings = StreamSettings()
    watch = Stopwatch()
    await handler.remember(positions, final=True)
    turn_us = watch.cpu_s() * 1e6 * settings.snapshots_max / PATIENTS
    return turn_us / (settings.remember_every_s * 1e6 / reading_us)
