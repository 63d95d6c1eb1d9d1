"""The Kafka reader over a fake of aiokafka's consumer: what a real broker shows only by luck of timing."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import pytest

from runtime.bus import Assigned, Delivered, Incoming, TopicPartition
from runtime.clock import LoopClock
from runtime.kafka_reader import Consumer, KafkaReader
from runtime.virtual_loop import run_virtual
from vitals.errors import ConfigurationError, PositionOutOfRange, Unavailable


class Place(NamedTuple):
    topic: str
    partition: int


class Record(NamedTuple):
    offset: int
    key: bytes | None
    value: bytes | None


PLACES = {Place("x-readings", number): TopicPartition("readings", number) for number in range(2)}
BOTH = frozenset({0, 1})


class FakeConsumer:
    """Holds records per partition; fetches from partitions that are assigned, sought and not paused."""

    def __init__(self) -> None:
        self.assigned: set[Any] = set()
        self.paused: set[Any] = set()
        self.positions: dict[Any, int] = {}
        self.beginnings = dict.fromkeys(PLACES, 0)
        self.ends = dict.fromkeys(PLACES, 0)
        self.dead = False
        self.answers = True
        self.refuses: PositionOutOfRange | None = None
        self.stopped = False

    def assignment(self) -> Collection[Any]:
        return self.assigned

    def pause(self, *places: Any) -> None:
        self.paused |= set(places)

    def resume(self, *places: Any) -> None:
        self.paused -= set(places)

    def seek(self, place: Any, offset: int) -> None:
        assert place in self.assigned
        self.positions[place] = offset

    async def getmany(self, *, timeout_ms: int, max_records: int) -> Mapping[Any, Sequence[Any]]:
        if self.refuses is not None:
            raise self.refuses
        fetched = {}
        for place in sorted(self.assigned - self.paused):
            last = min(self.ends[place], self.positions[place] + max_records)
            if last > self.positions[place] and not self.dead:
                fetched[place] = [Record(n, None, b"%d" % n) for n in range(self.positions[place], last)]
                self.positions[place] = last
        if not fetched:
            await LoopClock(epoch_ms=0).sleep(timeout_ms / 1000)
        return fetched

    async def beginning_offsets(self, places: Sequence[Any]) -> Mapping[Any, int]:
        return {place: self.beginnings[place] for place in places}

    async def end_offsets(self, places: Sequence[Any]) -> Mapping[Any, int]:
        if not self.answers:
            await asyncio.get_running_loop().create_future()
        return {place: self.ends[place] for place in places}

    async def stop(self) -> None:
        self.stopped = True


class FakeBus:
    """Nothing fails."""

    @asynccontextmanager
    async def answering(self) -> AsyncIterator[None]:
        yield

    async def dismiss(self, reader: Any, consumer: Consumer) -> None:
        await consumer.stop()


def reader_of(consumer: FakeConsumer) -> KafkaReader:
    """A reader that owns nothing yet."""
    return KafkaReader(
        FakeBus(),
        consumer,
        PLACES,
        clock=LoopClock(epoch_ms=0),
        handover_s_max=20,
        stall_check_s=15,
        short_s_max=10,
    )


def assign(reader: KafkaReader, consumer: FakeConsumer, places: Collection[Any]) -> None:
    """What aiokafka does when the group has split."""
    consumer.assigned = set(places)
    reader.assigned(places)


async def reading(consumer: FakeConsumer) -> KafkaReader:
    """A reader that owns both partitions and stands at the beginning."""
    reader = reader_of(consumer)
    assign(reader, consumer, PLACES)
    assert await reader.poll(records_max=10, timeout_s=1) == Assigned(BOTH)
    await reader.seek({})
    return reader


async def poll_for(reader: KafkaReader, *, seconds: int) -> None:
    """Poll for so long; nothing comes."""
    for _ in range(5 * seconds):
        assert await reader.poll(records_max=10, timeout_s=0.2) == Delivered([])


async def poll_in_vain(reader: KafkaReader) -> None:
    """Poll for 100 seconds; nothing comes."""
    await poll_for(reader, seconds=100)


def test_a_broker_that_does_not_say_where_the_log_ends_holds_up_nobody_who_polls() -> None:
    async def polling(*, answers: bool) -> float:
        consumer = FakeConsumer()
        reader = await reading(consumer)
        consumer.answers = answers
        begun_s = asyncio.get_running_loop().time()
        await poll_in_vain(reader)
        waited_s = asyncio.get_running_loop().time() - begun_s
        consumer.ends[Place("x-readings", 1)] = 1
        found = await reader.poll(records_max=10, timeout_s=0.2)
        assert isinstance(found, Delivered)
        assert len(found.records) == 1
        await reader.close()
        return waited_s

    assert run_virtual(polling(answers=False)) == pytest.approx(run_virtual(polling(answers=True)))


def test_what_the_log_said_of_other_positions_is_no_stall_of_these() -> None:
    async def main() -> None:
        consumer = FakeConsumer()
        reader = await reading(consumer)
        consumer.dead = True
        consumer.ends[Place("x-readings", 1)] = 5
        for _ in range(10):
            await poll_for(reader, seconds=20)
            await reader.seek({})
        await reader.close()

    run_virtual(main())


def test_a_client_that_stalls_is_noticed_and_a_quiet_log_is_not_a_stall() -> None:
    async def main() -> float:
        consumer = FakeConsumer()
        reader = await reading(consumer)
        await poll_in_vain(reader)
        consumer.dead = True
        consumer.ends[Place("x-readings", 1)] = 5
        stalled_at_s = asyncio.get_running_loop().time()
        with pytest.raises(Unavailable, match="brings nothing of 1 partitions"):
            await poll_in_vain(reader)
        await reader.close()
        return asyncio.get_running_loop().time() - stalled_at_s

    assert 15 <= run_virtual(main()) <= 31


def test_what_an_earlier_poll_fetched_beyond_this_ones_bound_comes_with_the_next() -> None:
    async def main() -> list[Incoming]:
        consumer = FakeConsumer()
        reader = await reading(consumer)
        consumer.ends[Place("x-readings", 0)] = 25
        reader._fetch = asyncio.create_task(consumer.getmany(timeout_ms=1, max_records=100))
        came: list[Incoming] = []
        while len(came) < 25:
            polled = await reader.poll(records_max=10, timeout_s=0.2)
            assert isinstance(polled, Delivered)
            assert len(polled.records) <= 10
            came += polled.records
        await reader.close()
        return came

    assert [record.offset for record in run_virtual(main())] == list(range(25))


def test_a_rebalance_waits_for_the_batch_in_hand_but_not_forever() -> None:
    async def main() -> tuple[float, float]:
        clock, consumer = LoopClock(epoch_ms=0), FakeConsumer()
        reader = await reading(consumer)
        revoking = asyncio.create_task(reader.revoked())
        await clock.sleep(3)
        assert not revoking.done()
        assert await reader.poll(records_max=10, timeout_s=1) == Assigned(frozenset())
        await clock.sleep(1)
        assert not revoking.done()
        await reader.seek({})
        await revoking
        waited_s = clock.monotonic_s()
        assign(reader, consumer, PLACES)
        await reader.poll(records_max=10, timeout_s=1)
        await reader.seek({})
        await reader.revoked()
        await reader.close()
        return waited_s, clock.monotonic_s() - waited_s

    assert run_virtual(main()) == (4, 20)


def test_a_rebalance_before_anything_was_announced_waits_for_nobody() -> None:
    async def main() -> float:
        consumer = FakeConsumer()
        reader = reader_of(consumer)
        await reader.revoked()
        assign(reader, consumer, PLACES)
        await reader.revoked()
        return asyncio.get_running_loop().time()

    assert run_virtual(main()) == 0


def test_nothing_is_resumed_by_a_seek_that_a_rebalance_overtook() -> None:
    async def main() -> None:
        consumer = FakeConsumer()
        reader = await reading(consumer)
        assign(reader, consumer, [Place("x-readings", 1)])
        await reader.seek({})
        assert consumer.paused >= {Place("x-readings", 1)}
        assert await reader.poll(records_max=10, timeout_s=1) == Assigned(frozenset({1}))
        await reader.close()

    run_virtual(main())


def test_a_poll_that_waits_is_woken_by_a_rebalance() -> None:
    async def main() -> float:
        consumer = FakeConsumer()
        reader = await reading(consumer)
        polling = asyncio.create_task(reader.poll(records_max=10, timeout_s=600))
        await LoopClock(epoch_ms=0).sleep(1)
        revoking = asyncio.create_task(reader.revoked())
        assert await polling == Assigned(frozenset())
        await reader.close()
        await revoking
        return asyncio.get_running_loop().time()

    assert run_virtual(main()) == 1


def test_a_partition_beyond_the_number_in_the_settings_is_a_mistake_to_be_mended() -> None:
    async def main() -> None:
        consumer = FakeConsumer()
        reader = reader_of(consumer)
        assign(reader, consumer, [*PLACES, Place("x-readings", 2)])
        with pytest.raises(ConfigurationError, match=r"partition 2, which log\.partitions"):
            await reader.poll(records_max=10, timeout_s=1)
        await reader.close()
        assert consumer.stopped
        with pytest.raises(Unavailable, match="closed"):
            await reader.poll(records_max=10, timeout_s=1)

    run_virtual(main())


@pytest.mark.parametrize(("behind_s", "waited_s"), [(0.2, 0.5), (2.9, 3), (9.9, 10)])
def test_a_broker_that_was_away_is_given_time_to_hear_that_it_leads_no_longer(behind_s: float, waited_s: float) -> None:
    """After SIGCONT it answers as leader of the log that it left; aiokafka believes it."""

    async def main() -> tuple[float, list[Incoming]]:
        clock, consumer = LoopClock(epoch_ms=0), FakeConsumer()
        consumer.ends[Place("x-readings", 1)] = 5
        reader = reader_of(consumer)
        assign(reader, consumer, PLACES)
        await reader.poll(records_max=10, timeout_s=1)
        seeking = asyncio.create_task(reader.seek({TopicPartition("readings", 1): 8}))
        await clock.sleep(behind_s)
        consumer.ends[Place("x-readings", 1)] = 9
        await seeking
        sought_at_s = clock.monotonic_s()
        polled = await reader.poll(records_max=10, timeout_s=1)
        assert isinstance(polled, Delivered)
        await reader.close()
        return sought_at_s, list(polled.records)

    sought_at_s, came = run_virtual(main())
    assert sought_at_s == waited_s
    assert [record.offset for record in came] == [8]


def test_a_log_that_stays_shorter_than_what_was_read_of_it_is_refused_once_there_was_time() -> None:
    async def main() -> float:
        clock, consumer = LoopClock(epoch_ms=0), FakeConsumer()
        reader = reader_of(consumer)
        assign(reader, consumer, PLACES)
        await reader.poll(records_max=10, timeout_s=1)
        with pytest.raises(PositionOutOfRange, match="offsets 0 to 0 of readings/1, not 8"):
            await reader.seek({TopicPartition("readings", 1): 8})
        await reader.close()
        return clock.monotonic_s()

    assert run_virtual(main()) == 10


def test_a_fetch_refused_by_a_broker_that_was_away_is_a_reason_to_join_anew_and_not_to_give_up() -> None:
    async def main() -> float:
        clock, consumer = LoopClock(epoch_ms=0), FakeConsumer()
        reader = await reading(consumer)
        consumer.ends[Place("x-readings", 0)] = 25
        await reader.poll(records_max=100, timeout_s=1)
        consumer.ends[Place("x-readings", 0)] = 20
        consumer.refuses = PositionOutOfRange("8914")
        polling = asyncio.create_task(reader.poll(records_max=100, timeout_s=1))
        await clock.sleep(3)
        assert not polling.done()
        consumer.ends[Place("x-readings", 0)] = 26
        with pytest.raises(Unavailable, match=r"joining anew\. 8914"):
            await polling
        await reader.close()
        return clock.monotonic_s()

    assert run_virtual(main()) == 3


def test_a_fetch_of_what_was_trimmed_meanwhile_is_refused_at_once() -> None:
    async def main() -> float:
        clock, consumer = LoopClock(epoch_ms=0), FakeConsumer()
        reader = await reading(consumer)
        consumer.beginnings[Place("x-readings", 0)] = consumer.ends[Place("x-readings", 0)] = 7
        consumer.refuses = PositionOutOfRange("0")
        with pytest.raises(PositionOutOfRange, match="offsets 7 to 7 of readings/0, not 0"):
            await reader.poll(records_max=10, timeout_s=1)
        await reader.close()
        return clock.monotonic_s()

    assert run_virtual(main()) == 0
