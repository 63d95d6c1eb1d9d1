"""Workers in several processes' stead share a group on a real Kafka: they come, go and die, and nothing is lost."""

import asyncio
import random
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from runtime.bus import Bus, Delivered, Incoming, Outgoing
from runtime.clock import SystemClock
from runtime.kafka_bus import KafkaBus, KafkaLimits
from runtime.settings import LogSettings
from runtime.telemetry import Telemetry
from runtime.worker import Worker, WorkerLimits
from tests.support.kafka_server import KafkaServer
from tests.support.totals import INPUT, OUTPUT, Database, Totals, numbered

pytestmark = pytest.mark.integration

PARTITIONS = 6
WAIT_S_MAX = 60.0


class Member:
    """One worker with a connection of its own, as if in a process of its own."""

    def __init__(self, bus: KafkaBus, database: Database) -> None:
        clock = SystemClock()
        handler = Totals(database, clock=clock, chance=random.Random(1), fault_rate=0.0)
        self.bus = bus
        self.worker = Worker(
            name="stream", topics=[INPUT], bus=bus, handler=handler, clock=clock, limits=WorkerLimits(records_max=20)
        )
        self.running = asyncio.create_task(self.worker.run())

    async def stop(self) -> None:
        """Leave in order."""
        self.worker.stop()
        await self.running
        await self.bus.close()

    async def die(self) -> None:
        """Stop where it stands: nothing is remembered. A cancellation may get lost within the Kafka client, so again."""
        while not self.running.done():
            self.running.cancel()
            await asyncio.wait({self.running}, timeout=1)
        await self.bus.close()


class Cluster:
    """One log, one database, and whoever joins."""

    def __init__(self, kafka: KafkaServer) -> None:
        self._settings = LogSettings(
            kind="kafka", bootstrap=kafka.bootstrap, topic_prefix=f"{uuid.uuid4().hex[:8]}-", partitions=PARTITIONS
        )
        self.database = Database()
        self._published = 0

    async def connect(self) -> KafkaBus:
        """A connection of its own."""
        limits = KafkaLimits(session_s=6.0)
        return await KafkaBus.start(self._settings, clock=SystemClock(), telemetry=Telemetry(), limits=limits)

    async def join(self) -> Member:
        """One more worker."""
        return Member(await self.connect(), self.database)

    @asynccontextmanager
    async def busy(self) -> AsyncIterator[Bus]:
        """Within, records are published all the time."""
        bus, stopping = await self.connect(), asyncio.Event()

        async def publish() -> None:
            while not stopping.is_set():
                numbers = range(self._published, self._published + 20)
                await bus.publish([Outgoing(INPUT, b"k%d" % (n % 50), b"%d" % n) for n in numbers])
                self._published += 20
                await SystemClock().sleep(0.01)

        publishing = asyncio.create_task(publish())
        try:
            yield bus
        finally:
            stopping.set()
            await publishing
            await bus.close()

    async def balanced(self, *members: Member) -> None:
        """Wait until these workers, and all of them, have claimed all partitions between them."""
        async with asyncio.timeout(WAIT_S_MAX):
            while sorted(n for member in members for n in member.worker.partitions) != list(range(PARTITIONS)):
                await SystemClock().sleep(0.05)

    async def drained(self, bus: Bus) -> None:
        """Wait until everything published is handled and remembered."""
        ends = {place: end for place, end in (await bus.ends([INPUT])).items() if end}
        async with asyncio.timeout(WAIT_S_MAX):
            while {place: self.database.positions.get(place) for place in ends} != ends:
                await SystemClock().sleep(0.05)


async def everything(bus: Bus, topic: str) -> list[Incoming]:
    """All records of a topic."""
    reader = await bus.reader(group=None, topics=[topic])
    await reader.poll(records_max=1, timeout_s=1)
    await reader.seek({})
    records: list[Incoming] = []
    while len(records) < sum((await bus.ends([topic])).values()):
        polled = await reader.poll(records_max=500, timeout_s=1)
        assert isinstance(polled, Delivered)
        records += polled.records
    return records


async def assert_nothing_lost(cluster: Cluster) -> None:
    """Every record has its output, numbered as a single undisturbed worker would have."""
    bus = await cluster.connect()
    await cluster.drained(bus)
    inputs, outputs = await everything(bus, INPUT), await everything(bus, OUTPUT)
    assert {record.value for record in outputs} == numbered(inputs)
    assert len({record.value for record in inputs}) == cluster._published
    await bus.close()


@pytest.mark.asyncio
async def test_members_that_come_and_go_hand_over_without_being_fenced(kafka: KafkaServer) -> None:
    cluster = Cluster(kafka)
    async with cluster.busy():
        one = await cluster.join()
        await cluster.balanced(one)
        two = await cluster.join()
        await cluster.balanced(one, two)
        three = await cluster.join()
        await cluster.balanced(one, two, three)
        await one.stop()
        await cluster.balanced(two, three)
    await assert_nothing_lost(cluster)
    assert cluster.database.fenced == 0
    await two.stop()
    await three.stop()


@pytest.mark.asyncio
async def test_members_that_die_lose_nothing(kafka: KafkaServer) -> None:
    cluster = Cluster(kafka)
    async with cluster.busy():
        one, two = await cluster.join(), await cluster.join()
        await cluster.balanced(one, two)
        for _ in range(2):
            await one.die()
            one = await cluster.join()
            await cluster.balanced(one, two)
    await assert_nothing_lost(cluster)
    await one.stop()
    await two.stop()
