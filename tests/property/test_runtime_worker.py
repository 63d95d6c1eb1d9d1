"""Whatever strikes and whenever, in whatever number of workers: no record is lost, and what was handled is repeated whole."""

import asyncio
import random

from hypothesis import given
from hypothesis import strategies as st

from runtime.blocking import InlineDoor
from runtime.bus import Bus, Delivered, Incoming, Outgoing
from runtime.clock import LoopClock
from runtime.local_bus import LocalBus
from runtime.virtual_loop import run_virtual
from runtime.worker import Worker, WorkerLimits
from tests.support.totals import INPUT, OUTPUT, Crash, Database, Totals, numbered

PARTITIONS = 4
RECORDS = 120
LIMITS = WorkerLimits(records_max=7, poll_timeout_s=0.2, backoff_s_max=1.0, fenced_polls_max=5)


async def supervised(bus: Bus, handler: Totals, running: list[Worker], done: asyncio.Event) -> None:
    """Start the worker again after every crash, as a supervisor does."""
    while not done.is_set():
        worker = Worker(
            name="stream", topics=[INPUT], bus=bus, handler=handler, clock=LoopClock(epoch_ms=0), limits=LIMITS
        )
        running.append(worker)
        try:
            await worker.run()
        except Crash:
            running.remove(worker)


async def world(seed: int, *, workers: int, fault_rate: float) -> tuple[Database, list[Incoming], list[Incoming]]:
    """Publish while workers come, crash and come back; returns what was remembered, the inputs and the outputs."""
    chance, clock = random.Random(seed), LoopClock(epoch_ms=0)
    bus = await LocalBus.open(None, partitions=PARTITIONS, door=InlineDoor(), clock=clock)
    database, done = Database(), asyncio.Event()
    running: list[Worker] = []
    tasks = []
    for _ in range(workers):
        handler = Totals(database, clock=clock, chance=chance, fault_rate=fault_rate)
        tasks.append(asyncio.create_task(supervised(bus, handler, running, done)))
    for first in range(0, RECORDS, 10):
        await bus.publish([Outgoing(INPUT, b"k%d" % (n % 13), b"%d" % n) for n in range(first, first + 10)])
        await clock.sleep(chance.uniform(0, 3))
    ends = {place: end for place, end in (await bus.ends([INPUT])).items() if end}
    async with asyncio.timeout(24 * 3600):
        while {place: database.positions.get(place) for place in ends} != ends:
            await clock.sleep(1)
    done.set()
    for worker in running:
        worker.stop()
    await asyncio.gather(*tasks)
    inputs, outputs = await everything(bus, INPUT), await everything(bus, OUTPUT)
    await bus.close()
    return database, inputs, outputs


async def everything(bus: Bus, topic: str) -> list[Incoming]:
    """All records of a topic."""
    reader = await bus.reader(group=None, topics=[topic])
    await reader.poll(records_max=1, timeout_s=0)
    await reader.seek({})
    records: list[Incoming] = []
    while isinstance(polled := await reader.poll(records_max=500, timeout_s=0), Delivered) and polled.records:
        records += polled.records
    return records


@given(seed=st.integers(0, 2**32), workers=st.integers(1, 3), fault_rate=st.sampled_from([0.0, 0.02, 0.1, 0.25]))
def test_no_record_is_lost_and_a_repetition_repeats_exactly(seed: int, workers: int, fault_rate: float) -> None:
    database, inputs, outputs = run_virtual(world(seed, workers=workers, fault_rate=fault_rate))
    assert {record.value for record in outputs} == numbered(inputs)
    assert sum(database.totals.values()) == len(inputs) == RECORDS
    if fault_rate == 0.0 and workers == 1:
        assert len(outputs) == RECORDS
