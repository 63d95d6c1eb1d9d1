"""The log on a real Apache Kafka keeps the log's contract, and what only Kafka can show."""

import asyncio
import gc
import uuid
import warnings
from collections.abc import AsyncIterator, Iterator, Sequence

import msgspec
import pytest
import pytest_asyncio
from aiokafka import TopicPartition as KafkaPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete

from runtime.blocking import ThreadDoor
from runtime.bus import Assigned, Bus, Outgoing, TopicPartition
from runtime.clock import SystemClock
from runtime.kafka_bus import KafkaBus, KafkaLimits
from runtime.settings import LogSettings
from runtime.telemetry import Telemetry
from tests.support.bus_contract import (
    PARTITIONS,
    TOPIC,
    BusContract,
    after,
    assigned,
    by_partition,
    read,
    record,
    records,
    shares,
    started,
)
from tests.support.kafka_server import KafkaServer, running_kafka
from vitals.errors import ConfigurationError, InvalidArgument, PositionOutOfRange, Unavailable

pytestmark = pytest.mark.integration


def settings(kafka: KafkaServer, *, prefix: str | None = None, partitions: int = PARTITIONS) -> LogSettings:
    """A log of its own in the shared cluster."""
    return LogSettings(
        kind="kafka",
        bootstrap=kafka.bootstrap,
        topic_prefix=prefix if prefix is not None else f"{uuid.uuid4().hex[:8]}-",
        partitions=partitions,
    )


async def start(log: LogSettings, limits: KafkaLimits | None = None) -> KafkaBus:
    """A bus on that log."""
    return await KafkaBus.start(log, clock=SystemClock(), telemetry=Telemetry(), limits=limits)


class TestKafka(BusContract):
    @pytest_asyncio.fixture
    async def bus(self, kafka: KafkaServer) -> AsyncIterator[Bus]:
        bus = await start(settings(kafka))
        yield bus
        await bus.close()


@pytest.fixture
def own_kafka() -> Iterator[KafkaServer]:
    """A broker for one test, which may kill it."""
    with running_kafka() as server:
        yield server


@pytest.mark.asyncio
async def test_a_cluster_that_is_not_there_is_unavailable_with_its_address() -> None:
    log = LogSettings(kind="kafka", bootstrap="127.0.0.1:1", partitions=PARTITIONS)
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1 does not answer.*log\.bootstrap"):
        await start(log)


@pytest.mark.asyncio
@pytest.mark.parametrize("bootstrap", ["nowhere", "host:", "host:port", "host:99999", "a:1,,b:2"])
async def test_an_address_that_is_none_is_a_mistake_in_the_settings(bootstrap: str) -> None:
    with pytest.raises(ConfigurationError, match="host:port"):
        await start(LogSettings(kind="kafka", bootstrap=bootstrap))


@pytest.mark.asyncio
async def test_topics_with_another_number_of_partitions_are_refused(kafka: KafkaServer) -> None:
    log = settings(kafka)
    first = await start(log)
    await first.publish(records(1))
    await first.close()
    second = await start(settings(kafka, prefix=log.topic_prefix, partitions=PARTITIONS + 1))
    try:
        with pytest.raises(ConfigurationError, match=rf"has {PARTITIONS} partitions.*log\.partitions"):
            await second.publish(records(1))
        with pytest.raises(ConfigurationError, match=r"log\.partitions"):
            await second.reader(group="recorder", topics=[TOPIC])
    finally:
        await second.close()


@pytest.mark.asyncio
async def test_a_record_larger_than_kafka_takes_is_refused_before_it_is_sent(kafka: KafkaServer) -> None:
    bus = await start(settings(kafka))
    with pytest.raises(InvalidArgument, match="bytes"):
        await bus.publish([msgspec.structs.replace(record(1), value=bytes(4_000_000))])
    await bus.publish([msgspec.structs.replace(record(1), value=bytes(2_900_000))])
    await bus.close()


@pytest.mark.asyncio
async def test_members_in_two_processes_split_and_take_over(kafka: KafkaServer) -> None:
    log = settings(kafka)
    bus_one, bus_two = await start(log), await start(log)
    one = await started(bus_one, group="stream")
    two = await bus_two.reader(group="stream", topics=[TOPIC])
    await shares(one, two)
    await bus_two.close()
    await shares(one)
    await bus_one.close()


@pytest.mark.asyncio
async def test_a_process_with_a_fixed_name_keeps_its_partitions_over_a_restart(kafka: KafkaServer) -> None:
    log = settings(kafka)
    one, two = (log.model_copy(update={"instance_id": name}) for name in ("one", "two"))
    bus_one, bus_two = await start(one), await start(two)
    first = await started(bus_one, group="stream")
    second = await bus_two.reader(group="stream", topics=[TOPIC])
    owned = await shares(first, second)
    await bus_two.close()
    bus_two = await start(two)
    again = await bus_two.reader(group="stream", topics=[TOPIC])
    assert await assigned(again) == owned[1]
    await bus_one.close()
    await bus_two.close()


@pytest.mark.asyncio
async def test_positions_that_retention_took_away_are_refused_not_skipped(kafka: KafkaServer) -> None:
    bus = await start(settings(kafka))
    await bus.publish([record(number, key="a") for number in range(50)])
    reader = await started(bus, group="recorder")
    (place,) = {TopicPartition(r.topic, r.partition) for r in await read(reader, 50)}
    await delete_before(kafka, bus.kafka_topic(TOPIC), place.partition, offset=20)
    assert (await bus.beginnings([TOPIC]))[place] == 20
    with pytest.raises(PositionOutOfRange, match=r"readings/.*retention"):
        await reader.seek({place: 10})
    await reader.seek({})
    assert [r.offset for r in await read(reader, 30)] == list(range(20, 50))
    await bus.close()


@pytest.mark.asyncio
async def test_an_outage_is_unavailable_in_time_and_passes_without_a_restart_of_ours(own_kafka: KafkaServer) -> None:
    limits = KafkaLimits(delivery_s_max=2.0, request_s_max=1.0, session_s=6.0)
    bus = await start(settings(own_kafka), limits)
    reader = await started(bus, group="stream")
    await bus.publish(records(20))
    came = await read(reader, 20)
    own_kafka.kill()
    for _ in range(3):
        async with asyncio.timeout(2 * limits.delivery_s_max):
            with pytest.raises(Unavailable, match=own_kafka.bootstrap):
                await bus.publish(records(20, first=20))
    door = ThreadDoor(name="kafka", threads_max=1)
    await door.run(own_kafka.start)
    door.close()
    async with asyncio.timeout(60):
        while not await published(bus, records(20, first=20)):
            pass
        while {r.value for r in came} != {r.value for r in records(40)}:
            polled = await reader.poll(records_max=100, timeout_s=0.2)
            if isinstance(polled, Assigned):
                await reader.seek({p: n for p, n in after(came).items() if p.partition in polled.partitions})
            else:
                came += polled.records
    for part in by_partition(came).values():
        assert [r.offset for r in part] == list(range(len(part)))
    await bus.close()


async def published(bus: Bus, sent: Sequence[Outgoing]) -> bool:
    """Whether this attempt was confirmed."""
    try:
        await bus.publish(sent)
    except Unavailable:
        return False
    return True


async def delete_before(kafka: KafkaServer, topic: str, partition: int, *, offset: int) -> None:
    """What retention does, at once."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    try:
        await admin.delete_records({KafkaPartition(topic, partition): RecordsToDelete(before_offset=offset)})
    finally:
        await admin.close()


@pytest.mark.asyncio
async def test_a_start_that_is_cancelled_at_any_moment_leaves_no_connection_behind(kafka: KafkaServer) -> None:
    log = settings(kafka)
    await (await start(log)).close()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        for wait_ms in range(0, 40, 2):
            bus = await start(log)
            asking = asyncio.create_task(bus.ends([TOPIC]))
            await asyncio.wait({asking}, timeout=wait_ms / 1000)
            asking.cancel()
            await asyncio.wait({asking})
            await bus.close()
        gc.collect()
    assert [str(warning.message) for warning in warned if warning.category is ResourceWarning] == []
