"""The local log keeps the log's contract, in memory and in a file, and its own promises: bounds, trimming, one process."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from runtime.blocking import InlineDoor, ThreadDoor
from runtime.bus import Assigned, Bus, Delivered, Outgoing, TopicPartition, partition_of
from runtime.clock import Clock, LoopClock, SystemClock
from runtime.local_bus import LocalBus, LocalLogLimits
from runtime.local_log import LocalLog
from runtime.local_time import LogTime
from runtime.virtual_loop import run_virtual
from tests.support.bus_contract import OTHER, PARTITIONS, TOPIC, BusContract, read, record, records, started
from vitals.errors import ConfigurationError, InvalidArgument, PositionOutOfRange, Unavailable


class TestInMemory(BusContract):
    @pytest_asyncio.fixture
    async def bus(self) -> AsyncIterator[Bus]:
        bus = await LocalBus.open(None, partitions=PARTITIONS, door=InlineDoor(), clock=SystemClock())
        yield bus
        await bus.close()


class TestInAFile(BusContract):
    @pytest_asyncio.fixture
    async def bus(self, tmp_path: Path) -> AsyncIterator[Bus]:
        door = ThreadDoor(name="log", threads_max=2)
        bus = await LocalBus.open(tmp_path / "log.db", partitions=PARTITIONS, door=door, clock=SystemClock())
        yield bus
        await bus.close()
        door.close()


PLACE = TopicPartition(TOPIC, partition_of(b"a", PARTITIONS))


def same_key(count: int, *, first: int = 0) -> list[Outgoing]:
    """Records of one partition."""
    return [record(number, key="a") for number in range(first, first + count)]


async def opened(
    path: Path | None = None, *, clock: Clock | None = None, limits: LocalLogLimits | None = None
) -> LocalBus:
    """A bus that does everything inline."""
    return await LocalBus.open(
        path, partitions=PARTITIONS, door=InlineDoor(), clock=clock or LoopClock(epoch_ms=0), limits=limits
    )


def test_everything_is_there_again_after_closing_and_opening(tmp_path: Path) -> None:
    async def write() -> None:
        bus = await opened(tmp_path / "log.db")
        await bus.publish(records(100) + records(5, topic=OTHER))
        await bus.close()

    async def read_again() -> None:
        bus = await opened(tmp_path / "log.db")
        came = await read(await started(bus, topics=[TOPIC, OTHER]), 105)
        await bus.publish(same_key(1))
        assert sum((await bus.ends([TOPIC, OTHER])).values()) == 106
        await bus.close()
        assert sorted(r.value for r in came if r.topic == TOPIC) == sorted(r.value for r in records(100))

    asyncio.run(write())
    asyncio.run(read_again())


def test_the_number_of_partitions_is_fixed_for_life(tmp_path: Path) -> None:
    LocalLog(tmp_path / "log.db", partition_count=6).close()
    with pytest.raises(ConfigurationError, match=r"another number of partitions.*is 6, wanted 7"):
        LocalLog(tmp_path / "log.db", partition_count=7)
    LocalLog(tmp_path / "log.db", partition_count=6).close()


def test_a_file_that_is_no_log_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log.db").write_bytes(b"something else" * 1000)
    with pytest.raises(ConfigurationError, match="Cannot open the log"):
        LocalLog(tmp_path / "log.db", partition_count=6)


def test_a_directory_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="check the directory"):
        LocalLog(tmp_path / "file" / "log.db", partition_count=6)


def test_a_second_process_is_refused_until_the_first_has_closed(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    script = (
        "import sys; from pathlib import Path; from runtime.local_log import LocalLog\n"
        "LocalLog(Path(sys.argv[1]), partition_count=6).close()"
    )

    def second_process() -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=False)

    first = LocalLog(path, partition_count=6)
    refused = second_process()
    assert refused.returncode != 0
    assert "is in use by another process: stop that one" in refused.stderr
    first.close()
    assert second_process().returncode == 0


def test_publishers_wait_while_as_much_as_fits_into_a_commit_waits() -> None:
    async def main() -> None:
        bus = await opened(limits=LocalLogLimits(publish_records_max=10))
        publishing = [asyncio.create_task(bus.publish(same_key(4, first=4 * number))) for number in range(10)]
        await LoopClock(epoch_ms=0).sleep(0)
        assert bus._publishes._waiting_records <= 10
        await asyncio.gather(*publishing)
        came = await read(await started(bus), 40)
        assert [r.value for r in came] == [r.value for r in same_key(40)], "publishers overtook each other"
        await bus.close()

    run_virtual(main())


def test_a_full_disk_is_unavailable_and_publishing_goes_on_once_there_is_room(tmp_path: Path) -> None:
    async def main() -> None:
        bus = await opened(tmp_path / "log.db")
        await bus.publish(same_key(3))
        (pages,) = bus._log._writer.execute("PRAGMA page_count").fetchone()
        bus._log._writer.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(Unavailable, match=r"full.*free disk space"):
            await bus.publish(same_key(1000, first=3))
        assert (await bus.ends([TOPIC]))[PLACE] == 3
        bus._log._writer.execute("PRAGMA max_page_count = 100000")
        await bus.publish(same_key(1000, first=3))
        came = await read(await started(bus), 1003)
        assert [r.offset for r in came] == list(range(1003)), "a failed commit left a gap"
        await bus.close()

    run_virtual(main())


@pytest.mark.parametrize("tail_records_max", [1, 10, 1000])
def test_records_come_alike_from_memory_and_from_the_file(tail_records_max: int) -> None:
    async def main() -> None:
        bus = await opened(limits=LocalLogLimits(tail_records_max=tail_records_max))
        reader = await started(bus)
        came = []
        for first in range(0, 60, 20):
            await bus.publish(same_key(20, first=first))
            came += await read(reader, 7, records_max=7)
        came += await read(reader, 60 - len(came), records_max=7)
        assert [r.offset for r in came] == list(range(60))
        assert [r.value for r in came] == [r.value for r in same_key(60)]
        await bus.close()

    run_virtual(main())


def wide(count: int, *, key: str) -> list[Outgoing]:
    """Records of a thousand bytes each, key and value together."""
    return [Outgoing(TOPIC, key.encode(), bytes(1000 - len(key))) for _ in range(count)]


@pytest.mark.parametrize("tail_records_max", [1, 1000])
def test_a_poll_delivers_so_many_bytes_and_the_rest_comes_with_the_next(tail_records_max: int) -> None:
    async def main() -> None:
        bus = await opened(limits=LocalLogLimits(tail_records_max=tail_records_max, read_bytes_max=10_000))
        reader = await started(bus)
        await bus.publish([*wide(25, key="a"), *wide(4, key="b"), *wide(1, key="c")])
        polls: list[list[tuple[int, int]]] = []
        while sum(map(len, polls)) < 30:
            came = await reader.poll(records_max=500, timeout_s=1)
            assert isinstance(came, Delivered)
            polls.append([(record.partition, record.offset) for record in came.records])
        assert [len(poll) for poll in polls] == [10, 10, 10]
        places = {partition for poll in polls for partition, _ in poll}
        for partition in places:
            ordered = [offset for poll in polls for number, offset in poll if number == partition]
            assert ordered == list(range(len(ordered)))
        assert {number for number, _ in polls[0] + polls[1]} == places, "no place waits until another has caught up"
        await bus.close()

    run_virtual(main())


@pytest.mark.parametrize("tail_records_max", [1, 1000])
def test_a_record_longer_than_a_poll_may_be_comes_alone(tail_records_max: int) -> None:
    async def main() -> None:
        bus = await opened(limits=LocalLogLimits(tail_records_max=tail_records_max, read_bytes_max=10))
        reader = await started(bus)
        await bus.publish(wide(3, key="a"))
        for offset in range(3):
            came = await reader.poll(records_max=500, timeout_s=1)
            assert isinstance(came, Delivered)
            assert [record.offset for record in came.records] == [offset]
        await bus.close()

    run_virtual(main())


def test_what_is_kept_in_memory_is_bounded_in_bytes() -> None:
    async def main() -> None:
        bus = await opened(limits=LocalLogLimits(tail_bytes_max=10_000))
        reader = await started(bus)
        await bus.publish(wide(100, key="a"))
        assert sum(tail.size_bytes for tail in bus._tails.values()) == 10_000
        assert [record.offset for record in await read(reader, 100)] == list(range(100))
        await bus.publish([Outgoing(TOPIC, b"a", bytes(50_000))])
        assert sum(tail.size_bytes for tail in bus._tails.values()) == 50_001
        assert [len(record.value) for record in await read(reader, 1)] == [50_000]
        await bus.close()

    run_virtual(main())


def test_old_records_are_trimmed_in_steps_and_reading_them_is_refused() -> None:
    async def main() -> None:
        clock = LoopClock(epoch_ms=0)
        limits = LocalLogLimits(retention_ms=60_000, trim_every_s=10, trim_records_max=30, tail_records_max=5)
        bus = await opened(clock=clock, limits=limits)
        reader = await started(bus)
        await bus.publish(same_key(100))
        came = await read(reader, 40, records_max=40)
        await clock.sleep(61)
        await bus.publish(same_key(1, first=100))
        assert (await bus.beginnings([TOPIC]))[PLACE] == 30
        assert [r.offset for r in await read(reader, 10, records_max=10)] == list(range(len(came), 50))
        for number in range(101, 105):
            await bus.publish(same_key(1, first=number))
        assert (await bus.beginnings([TOPIC]))[PLACE] == 100
        with pytest.raises(PositionOutOfRange, match=r"offsets 100 to 105 of readings/.*not 50"):
            await reader.poll(records_max=10, timeout_s=0)
        with pytest.raises(PositionOutOfRange):
            await reader.seek({PLACE: 99})
        await reader.seek({})
        assert [r.offset for r in await read(reader, 5)] == [100, 101, 102, 103, 104]
        await bus.close()

    run_virtual(main())


class SetClock(LoopClock):
    """A wall clock that somebody sets; what it counts for durations is right."""

    ahead_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() + self.ahead_ms


YEAR_MS = 365 * 24 * 3_600_000
AGING = LocalLogLimits(retention_ms=60_000, trim_every_s=1)


async def beginning_of(bus: LocalBus) -> int:
    return (await bus.beginnings([TOPIC]))[PLACE]


def test_a_clock_that_jumps_ahead_trims_nothing_that_is_young() -> None:
    async def main() -> None:
        clock = SetClock(epoch_ms=0)
        bus = await opened(clock=clock, limits=AGING)
        await bus.publish(same_key(5))
        clock.ahead_ms = YEAR_MS
        for number in range(40):
            await bus.publish(same_key(1, first=5 + number))
            await clock.sleep(1)
        assert await beginning_of(bus) == 0
        await clock.sleep(25)
        await bus.publish(same_key(1, first=45))
        assert await beginning_of(bus) > 0, "and what is old goes, all the same"
        await bus.close()

    run_virtual(main())


def test_a_commit_under_a_clock_that_is_ahead_does_not_stop_the_trimming() -> None:
    async def main() -> None:
        clock = SetClock(epoch_ms=0)
        clock.ahead_ms = YEAR_MS
        bus = await opened(clock=clock, limits=AGING)
        await bus.publish(same_key(5))
        clock.ahead_ms = 0
        for number in range(100):
            await clock.sleep(1)
            await bus.publish(same_key(1, first=5 + number))
        assert await beginning_of(bus) >= 5
        await bus.close()

    run_virtual(main())


def test_what_was_not_read_before_a_long_rest_can_be_read_after_it(tmp_path: Path) -> None:
    async def main() -> None:
        clock = SetClock(epoch_ms=0)
        bus = await opened(tmp_path / "log.db", clock=clock, limits=AGING)
        await bus.publish(same_key(5))
        await bus.close()
        clock.ahead_ms = YEAR_MS
        bus = await opened(tmp_path / "log.db", clock=clock, limits=AGING)
        reader = await started(bus)
        await bus.publish(same_key(1, first=5))
        await clock.sleep(2)
        await bus.publish(same_key(1, first=6))
        assert [record.offset for record in await read(reader, 7)] == list(range(7))
        await bus.close()

    run_virtual(main())


def test_the_logs_own_time_comes_back_to_the_wall_clock() -> None:
    async def main() -> None:
        clock = SetClock(epoch_ms=0)
        time = LogTime(clock, newest_ms=None)
        for ahead_ms in (8000, -8000):
            clock.ahead_ms = ahead_ms
            before_ms = time.now_ms()
            await clock.sleep(8)
            assert time.now_ms() - before_ms == (10_000 if ahead_ms > 0 else 6000)
            await clock.sleep(60)
            assert time.now_ms() == clock.now_ms()

    run_virtual(main())


def test_a_record_of_an_earlier_release_from_a_clock_that_was_ahead_does_not_stop_the_trimming() -> None:
    log = LocalLog(None, partition_count=PARTITIONS)
    for at_ms in (0, YEAR_MS, 1000, 2000, 3000):
        log.append(same_key(1), at_ms=at_ms)
    assert log.trim(before_ms=0, now_ms=3000, records_max=100) == 0
    assert log.trim(before_ms=1500, now_ms=3000, records_max=100) == 3
    log.close()


def test_a_log_trimmed_empty_goes_on_counting_after_a_restart(tmp_path: Path) -> None:
    log = LocalLog(tmp_path / "log.db", partition_count=PARTITIONS)
    log.append(same_key(5), at_ms=0)
    assert log.trim(before_ms=1, now_ms=1, records_max=100) == 5
    log.close()
    log = LocalLog(tmp_path / "log.db", partition_count=PARTITIONS)
    assert log.beginnings()[PLACE] == log.ends()[PLACE] == 5
    assert [r.offset for r in log.append(same_key(1), at_ms=1)] == [5]
    log.close()


def test_an_owner_that_does_not_let_go_is_not_waited_for_forever() -> None:
    async def main() -> None:
        bus = await opened(limits=LocalLogLimits(handover_s_max=30))
        await started(bus, group="stream")
        newcomer = await bus.reader(group="stream", topics=[TOPIC])
        assert await newcomer.poll(records_max=1, timeout_s=29) == Delivered(())
        assert await newcomer.poll(records_max=1, timeout_s=2) == Delivered(())
        assert await newcomer.poll(records_max=1, timeout_s=0) == Assigned(frozenset({3, 4, 5}))
        await bus.close()

    run_virtual(main())


def test_readers_of_one_group_read_the_same_topics() -> None:
    async def main() -> None:
        bus = await opened()
        await bus.reader(group="stream", topics=[TOPIC])
        with pytest.raises(InvalidArgument, match="same topics"):
            await bus.reader(group="stream", topics=[OTHER])
        await bus.close()

    run_virtual(main())


def test_publishing_after_close_is_a_programmers_error() -> None:
    async def main() -> None:
        bus = await opened()
        await bus.close()
        with pytest.raises(RuntimeError, match="closed"):
            await bus.publish(records(1))

    run_virtual(main())


def test_a_poll_that_waits_hears_that_the_log_closes() -> None:
    async def main() -> None:
        bus = await opened()
        reader = await started(bus)
        polling = asyncio.create_task(reader.poll(records_max=1, timeout_s=3600))
        await LoopClock(epoch_ms=0).sleep(1)
        await bus.close()
        with pytest.raises(Unavailable, match="closed"):
            await polling

    run_virtual(main())
