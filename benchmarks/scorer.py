"""What a patient costs the scorer: CPU per reading of the pipeline and of the worker around it, memory and snapshot.

The bare models are quality gate, baselines, unusual pattern, budget, trends and risk in a plain loop on decoded readings.
The pipeline (`stream.scoring.assess`) adds deduplication, NEWS2, drivers and departures; the worker decodes, encodes,
keeps the books, and stores snapshots when due.
"""

import asyncio
import gc
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks import footprint, paces
from benchmarks.load import records
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
from vitals.reading import Reading

PATIENTS = 50
WARM_UP_READINGS = PATIENTS * 400
"""At one reading each 10 s, so that every one is learned and every model is past its first window."""
ROUNDS = 7
BATCH = 500
"""What a worker that has enough to do is handed at once."""
BATCHES_PER_CYCLE = PATIENTS * 300 // BATCH
"""Five minutes: all that is done each minute and each five comes once."""
READINGS_PER_ROUND = 2 * BATCHES_PER_CYCLE * BATCH
"""Two cycles. Of two batches one is the worker's and one the bare pipelines', in the second cycle the other way round:
both do the same work at the same speed of the machine, however that swings."""
PARTITIONS = 4
PIPELINE_US_MAX = 60.0
WORKER_US_MAX = 6.0


class _Round(NamedTuple):
    """CPU per reading."""

    models_us: float
    pipeline_us: float
    whole_us: float


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
    rounds = [await _round(handler, pipelines, bare, each) for each in _rounds(live)]
    # What else a machine does only ever adds, so the fastest round counts; and the worker by what it is to the pipeline.
    models_us, pipeline_us = (min(column) for column in list(zip(*rounds, strict=True))[:2])
    worker_us = pipeline_us * (statistics.median(each.whole_us / each.pipeline_us for each in rounds) - 1)
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


async def _round(handler: StreamHandler, pipelines: Pipelines, bare: BareModels, live: Sequence[Incoming]) -> _Round:
    models_s = pipeline_s = whole_s = 0.0
    for number, batch in enumerate(_batches(live)):
        cycle, place = divmod(number, BATCHES_PER_CYCLE)
        readings = decoded(batch)
        models_s += _ran_s(bare, readings)
        if (cycle + place) % 2:
            pipeline_s += _ran_s(pipelines, readings)
        else:
            whole_s += await _worked_s(handler, batch)
    each_us = 1e6 / len(live)
    return _Round(models_s * each_us, 2 * pipeline_s * each_us, 2 * whole_s * each_us)


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


def _rounds(live: Sequence[Incoming]) -> Iterator[Sequence[Incoming]]:
    return (live[first : first + READINGS_PER_ROUND] for first in range(0, len(live), READINGS_PER_ROUND))


def _ran_s(side: BareModels | Pipelines, readings: Sequence[Reading]) -> float:
    watch = Stopwatch()
    side.run(readings)
    return watch.cpu_s()


async def _worked_s(handler: StreamHandler, batch: Sequence[Incoming]) -> float:
    """What the worker's loop does with records, publishing left out: the log is no part of scoring."""
    watch = Stopwatch()
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
