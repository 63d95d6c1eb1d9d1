"""The contract of the log: one suite that every adapter runs (in memory, in a file, on Kafka).

An adapter's test module subclasses `BusContract` and gives the fixture `bus`: an open bus with `PARTITIONS` partitions
and no topics.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence

import pytest

from runtime.bus import Assigned, Bus, Delivered, Incoming, Outgoing, Positions, Reader, TopicPartition, partition_of
from vitals.errors import PositionOutOfRange

PARTITIONS = 6
TOPIC = "readings"
OTHER = "assessments"
WAIT_S_MAX = 20.0
ALL = frozenset(range(PARTITIONS))


def record(number: int, *, topic: str = TOPIC, key: str | None = None) -> Outgoing:
    """The record with this number; keys repeat every 17 unless one is given."""
    return Outgoing(topic, (key or f"patient-{number % 17}").encode(), f"value-{number}".encode())


def records(count: int, *, first: int = 0, topic: str = TOPIC) -> list[Outgoing]:
    """`count` records numbered from `first`."""
    return [record(number, topic=topic) for number in range(first, first + count)]


async def assigned(reader: Reader) -> frozenset[int]:
    """Poll until the next announcement."""
    async with asyncio.timeout(WAIT_S_MAX):
        while not isinstance(polled := await reader.poll(records_max=100, timeout_s=0.2), Assigned):
            pass
    return polled.partitions


async def shares(*readers: Reader) -> list[frozenset[int]]:
    """Poll all in turn, seeking to the beginning, until together they own every partition once and each owns some."""
    owned = [frozenset[int]()] * len(readers)

    def split() -> bool:
        return all(owned) and sum(map(len, owned)) == PARTITIONS and frozenset.union(*owned) == ALL

    async def follow(index: int, reader: Reader) -> None:
        while not split():
            if isinstance(polled := await reader.poll(records_max=1, timeout_s=0.1), Assigned):
                owned[index] = polled.partitions
                await reader.seek({})

    async with asyncio.timeout(WAIT_S_MAX):
        await asyncio.gather(*(follow(index, reader) for index, reader in enumerate(readers)))
    return owned


async def read(reader: Reader, count: int, *, records_max: int = 100) -> list[Incoming]:
    """Poll until `count` records came; an announcement meanwhile is an error."""
    came: list[Incoming] = []
    async with asyncio.timeout(WAIT_S_MAX):
        while len(came) < count:
            polled = await reader.poll(records_max=records_max, timeout_s=0.2)
            assert isinstance(polled, Delivered), "a rebalance came unexpectedly"
            assert len(polled.records) <= records_max
            came += polled.records
    return came


async def started(bus: Bus, *, group: str | None = None, topics: Sequence[str] = (TOPIC,)) -> Reader:
    """A reader that owns everything and stands at the beginning."""
    reader = await bus.reader(group=group, topics=topics)
    assert await assigned(reader) == ALL
    await reader.seek({})
    return reader


def by_partition(came: Sequence[Incoming]) -> dict[TopicPartition, list[Incoming]]:
    """The records of each partition in the order in which they came."""
    parts: defaultdict[TopicPartition, list[Incoming]] = defaultdict(list)
    for incoming in came:
        parts[TopicPartition(incoming.topic, incoming.partition)].append(incoming)
    return parts


def after(came: Sequence[Incoming]) -> Positions:
    """Where to go on after these records."""
    return {place: part[-1].offset + 1 for place, part in by_partition(came).items()}


class BusContract:
    """What every log does."""

    @pytest.mark.asyncio
    async def test_everything_published_is_read_in_order_from_the_partition_of_its_key(self, bus: Bus) -> None:
        sent = records(200)
        await bus.publish(sent[:150])
        await bus.publish(sent[150:])
        came = await read(await started(bus), 200)
        for place, part in by_partition(came).items():
            expected = [r for r in sent if partition_of(r.key, PARTITIONS) == place.partition]
            assert [(r.key, r.value) for r in part] == [(r.key, r.value) for r in expected]
            assert [r.offset for r in part] == list(range(len(expected)))

    @pytest.mark.asyncio
    async def test_bytes_come_back_as_they_went_in(self, bus: Bus) -> None:
        odd = [b"", b"\x00\xff\n", "Ångström".encode(), bytes(200_000)]
        await bus.publish([Outgoing(TOPIC, key[:50], value) for key, value in zip(odd, odd, strict=True)])
        came = await read(await started(bus), len(odd))
        assert {(r.key, r.value) for r in came} == {(value[:50], value) for value in odd}

    @pytest.mark.asyncio
    async def test_publishing_nothing_is_nothing(self, bus: Bus) -> None:
        await bus.publish([])
        assert await bus.ends([TOPIC]) == {TopicPartition(TOPIC, partition): 0 for partition in range(PARTITIONS)}

    @pytest.mark.asyncio
    async def test_ends_may_be_asked_by_several_at_once(self, bus: Bus) -> None:
        answers = await asyncio.gather(bus.ends([TOPIC]), bus.ends([TOPIC, OTHER]), bus.beginnings([OTHER]))
        assert [len(answer) for answer in answers] == [PARTITIONS, 2 * PARTITIONS, PARTITIONS]

    @pytest.mark.asyncio
    async def test_ends_and_beginnings_name_every_partition_of_every_topic_asked_for(self, bus: Bus) -> None:
        await bus.publish([record(1, key="a"), record(2, key="a")])
        place = TopicPartition(TOPIC, partition_of(b"a", PARTITIONS))
        ends = await bus.ends([TOPIC, OTHER])
        assert len(ends) == 2 * PARTITIONS
        assert {at: end for at, end in ends.items() if end} == {place: 2}
        assert set((await bus.beginnings([TOPIC, OTHER])).values()) == {0}

    @pytest.mark.asyncio
    async def test_one_publish_may_hold_more_records_than_one_commit(self, bus: Bus) -> None:
        await bus.publish(records(5000))
        assert sum((await bus.ends([TOPIC])).values()) == 5000

    @pytest.mark.asyncio
    async def test_nobody_overtakes_who_published_before_to_a_topic_that_is_new(self, bus: Bus) -> None:
        begun: list[asyncio.Task[None]] = []
        async with asyncio.timeout(WAIT_S_MAX):
            while not begun or not begun[0].done() or len(begun) < 100:
                begun.append(asyncio.create_task(bus.publish([record(len(begun), key="patient")])))
                await asyncio.wait({begun[0]}, timeout=0.001)
            await asyncio.gather(*begun)
        came = await read(await started(bus), len(begun))
        assert [each.value for each in came] == [record(number).value for number in range(len(begun))]

    @pytest.mark.asyncio
    async def test_many_publishers_at_once_leave_no_gap_and_keep_each_ones_order(self, bus: Bus) -> None:
        async def publisher(name: int) -> None:
            for number in range(10):
                await bus.publish([Outgoing(TOPIC, b"k%d" % name, b"%d/%d" % (name, number))] * 3)

        await asyncio.gather(*(publisher(name) for name in range(8)))
        came = await read(await started(bus), 240)
        for part in by_partition(came).values():
            assert [r.offset for r in part] == list(range(len(part)))
        for name in range(8):
            numbers = [int(r.value.split(b"/")[1]) for r in came if r.key == b"k%d" % name]
            assert numbers == sorted(numbers)

    @pytest.mark.asyncio
    @pytest.mark.parametrize("group", ["recorder", None])
    async def test_the_first_thing_a_reader_hears_is_what_it_owns(self, bus: Bus, group: str | None) -> None:
        await bus.publish(records(10))
        reader = await bus.reader(group=group, topics=[TOPIC, OTHER])
        assert await assigned(reader) == ALL

    @pytest.mark.asyncio
    @pytest.mark.parametrize("group", ["recorder", None])
    async def test_nothing_is_delivered_before_seek(self, bus: Bus, group: str | None) -> None:
        await bus.publish(records(10))
        reader = await bus.reader(group=group, topics=[TOPIC])
        await assigned(reader)
        polled = await reader.poll(records_max=10, timeout_s=0.3)
        assert isinstance(polled, Delivered)
        assert not polled.records
        await reader.seek({})
        assert len(await read(reader, 10)) == 10

    @pytest.mark.asyncio
    async def test_reading_goes_on_from_the_positions_sought_and_elsewhere_from_the_beginning(self, bus: Bus) -> None:
        await bus.publish(records(100))
        place = TopicPartition(TOPIC, partition_of(record(0).key, PARTITIONS))
        ends = await bus.ends([TOPIC])
        reader = await bus.reader(group="stream", topics=[TOPIC])
        await assigned(reader)
        await reader.seek({place: 3})
        parts = by_partition(await read(reader, 97))
        assert {at: part[0].offset for at, part in parts.items()} == {at: 3 if at == place else 0 for at in parts}
        assert sum(ends.values()) - 3 == sum(map(len, parts.values()))

    @pytest.mark.asyncio
    async def test_another_reader_of_the_group_goes_on_where_the_first_one_stopped(self, bus: Bus) -> None:
        await bus.publish(records(60))
        first = await started(bus, group="recorder")
        came = await read(first, 25, records_max=5)
        await first.close()
        second = await bus.reader(group="recorder", topics=[TOPIC])
        await assigned(second)
        await second.seek(after(came))
        came += await read(second, 60 - len(came))
        assert sorted(r.value for r in came) == sorted(r.value for r in records(60))

    @pytest.mark.asyncio
    async def test_seeking_again_discards_what_was_fetched_and_repeats(self, bus: Bus) -> None:
        await bus.publish(records(50))
        reader = await started(bus, group="stream")
        first = await read(reader, 10, records_max=10)
        await reader.seek({})
        again = await read(reader, 50)
        assert {r.value for r in first} <= {r.value for r in again}
        assert len(again) == 50

    @pytest.mark.asyncio
    async def test_a_position_beyond_the_end_is_refused(self, bus: Bus) -> None:
        await bus.publish(records(5))
        reader = await bus.reader(group="alerts", topics=[TOPIC])
        await assigned(reader)
        with pytest.raises(PositionOutOfRange, match="readings/2"):
            await reader.seek({TopicPartition(TOPIC, 2): 1000})

    @pytest.mark.asyncio
    async def test_a_poll_without_news_comes_back_empty_after_its_time(self, bus: Bus) -> None:
        reader = await started(bus)
        async with asyncio.timeout(WAIT_S_MAX):
            polled = await reader.poll(records_max=10, timeout_s=0.05)
        assert isinstance(polled, Delivered)
        assert not polled.records

    @pytest.mark.asyncio
    async def test_a_waiting_poll_is_woken_by_a_publish(self, bus: Bus) -> None:
        reader = await started(bus)
        waiting = asyncio.create_task(reader.poll(records_max=10, timeout_s=WAIT_S_MAX))
        await bus.publish(records(1))
        async with asyncio.timeout(WAIT_S_MAX / 2):
            polled = await waiting
        assert isinstance(polled, Delivered)
        assert [r.value for r in polled.records] == [b"value-0"]

    @pytest.mark.asyncio
    async def test_groups_and_a_reader_without_one_each_read_everything(self, bus: Bus) -> None:
        await bus.publish(records(30))
        for group in ("recorder", "stream", None):
            assert len(await read(await started(bus, group=group), 30)) == 30

    @pytest.mark.asyncio
    async def test_readers_without_a_group_do_not_share(self, bus: Bus) -> None:
        one, two = await started(bus), await started(bus)
        await bus.publish(records(20))
        assert len(await read(one, 20)) == len(await read(two, 20)) == 20

    @pytest.mark.asyncio
    async def test_members_own_ranges_of_the_same_partitions_in_every_topic(self, bus: Bus) -> None:
        topics = [TOPIC, OTHER]
        one = await started(bus, group="stream", topics=topics)
        two = await bus.reader(group="stream", topics=topics)
        owned = await shares(one, two)
        assert [len(share) for share in owned] == [PARTITIONS // 2] * 2
        await bus.publish(records(50) + records(50, topic=OTHER))
        for reader, share in zip((one, two), owned, strict=True):
            mine = [r for r in records(50) if partition_of(r.key, PARTITIONS) in share]
            came = await read(reader, 2 * len(mine))
            assert {(r.topic, r.partition) for r in came} <= {(topic, number) for topic in topics for number in share}

    @pytest.mark.asyncio
    async def test_what_a_leaving_member_owned_goes_to_the_others(self, bus: Bus) -> None:
        one = await started(bus, group="stream")
        two = await bus.reader(group="stream", topics=[TOPIC])
        await shares(one, two)
        await two.close()
        await shares(one)

    @pytest.mark.asyncio
    async def test_nobody_owns_a_partition_until_its_old_owner_let_go(self, bus: Bus) -> None:
        one = await started(bus, group="stream")
        two = await bus.reader(group="stream", topics=[TOPIC])
        newcomer = asyncio.create_task(assigned(two))
        reduced = await assigned(one)
        assert reduced < ALL
        done, _ = await asyncio.wait({newcomer}, timeout=0.5)
        assert not done, "the newcomer owned partitions before their old owner had sought again"
        await one.seek({})
        assert frozenset() < await newcomer < ALL

    @pytest.mark.asyncio
    async def test_closing_twice_is_harmless(self, bus: Bus) -> None:
        reader = await started(bus, group="stream")
        await reader.close()
        await reader.close()
        await bus.close()
        await bus.close()
