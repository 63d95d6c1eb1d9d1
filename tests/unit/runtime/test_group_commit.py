"""Group commit: publishes share commits, in order, within bounds of records and bytes."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from runtime.bus import Outgoing
from runtime.clock import LoopClock
from runtime.group_commit import GroupCommit
from runtime.virtual_loop import run_virtual
from vitals.errors import InvalidArgument, Unavailable, WardError


class SlowLog:
    """Takes a second to commit; fails as told."""

    def __init__(self, *, fail: Sequence[int] = (), error: Exception | None = None) -> None:
        self.groups: list[list[bytes]] = []
        self.about_to_fail: Callable[[], object] = lambda: None
        self._fail = fail
        self._error = error or Unavailable("The disk is full.")
        self._clock = LoopClock(epoch_ms=0)

    async def commit(self, records: Sequence[Outgoing]) -> None:
        self.groups.append([record.value for record in records])
        await self._clock.sleep(1)
        if len(self.groups) - 1 in self._fail:
            self.about_to_fail()
            raise self._error


def outgoing(*values: bytes) -> list[Outgoing]:
    return [Outgoing("readings", b"", value) for value in values]


def group_commit(log: SlowLog, *, records_max: int = 4, bytes_max: int = 100) -> GroupCommit:
    return GroupCommit(log.commit, records_max=records_max, bytes_max=bytes_max)


def test_what_arrives_during_a_commit_goes_into_the_next_together_and_the_rest_waits_in_line() -> None:
    log = SlowLog()

    async def main() -> None:
        publishes = group_commit(log)
        await asyncio.gather(*(publishes.publish(outgoing(b"%d" % n)) for n in range(10)))

    run_virtual(main())
    assert [value for group in log.groups for value in group] == [b"%d" % n for n in range(10)]
    assert max(map(len, log.groups)) == 4
    assert len(log.groups) < 10


def test_a_group_is_bounded_in_bytes_and_a_large_record_goes_alone() -> None:
    log = SlowLog()

    async def main() -> None:
        publishes = group_commit(log, records_max=100)
        await publishes.publish(outgoing(*[bytes(40)] * 5, bytes(300), b"x"))

    run_virtual(main())
    assert [[len(value) for value in group] for group in log.groups] == [[40, 40], [40, 40], [40], [300], [1]]


def test_nobody_comes_between_the_parts_of_a_large_publish() -> None:
    log = SlowLog()

    async def main() -> None:
        publishes = group_commit(log, records_max=2)
        await asyncio.gather(
            publishes.publish(outgoing(b"a", b"b", b"c", b"d", b"e")), publishes.publish(outgoing(b"z"))
        )

    run_virtual(main())
    assert b"".join(value for group in log.groups for value in group) == b"abcdez"


def test_of_a_large_publish_nothing_is_committed_behind_a_part_that_failed() -> None:
    log = SlowLog(fail=[1])

    async def main() -> None:
        publishes = group_commit(log, records_max=2)
        with pytest.raises(Unavailable):
            await publishes.publish(outgoing(b"a", b"b", b"c", b"d", b"e", b"f", b"g"))

    run_virtual(main())
    assert log.groups == [[b"a", b"b"], [b"c", b"d"]]


@pytest.mark.parametrize("error", [Unavailable("The disk is full."), InvalidArgument("This is no record.")])
def test_a_failed_commit_fails_what_waits_behind_it_and_nothing_that_comes_after(error: WardError) -> None:
    log = SlowLog(fail=[0], error=error)

    async def main() -> Sequence[BaseException | None]:
        publishes = group_commit(log, records_max=2)
        first = asyncio.create_task(publishes.publish(outgoing(b"a")))
        await LoopClock(epoch_ms=0).sleep(0.5)
        behind = [publishes.publish(outgoing(value)) for value in (b"b", b"c", b"d", b"e")]
        told = await asyncio.gather(first, *behind, return_exceptions=True)
        await publishes.publish(outgoing(b"f"))
        return told

    failed, *behind = run_virtual(main())
    assert failed is error
    assert [type(each) for each in behind] == [Unavailable] * 4
    assert log.groups == [[b"a"], [b"f"]]


def test_who_publishes_before_the_others_have_heard_of_a_failure_fails_too() -> None:
    log = SlowLog(fail=[0])

    async def main() -> Sequence[BaseException | None]:
        publishes = group_commit(log)
        begun = [asyncio.create_task(publishes.publish(outgoing(b"a")))]
        log.about_to_fail = lambda: begun.append(asyncio.create_task(publishes.publish(outgoing(b"b"))))
        with pytest.raises(Unavailable):
            await begun[0]
        await publishes.publish(outgoing(b"again"))
        return await asyncio.gather(*begun, return_exceptions=True)

    assert [type(each) for each in run_virtual(main())] == [Unavailable, Unavailable]
    assert log.groups == [[b"a"], [b"again"]]


def test_a_publisher_that_goes_away_does_not_keep_others_from_their_commit() -> None:
    log = SlowLog()

    async def main() -> None:
        publishes = group_commit(log)
        first, second = (asyncio.create_task(publishes.publish(outgoing(value))) for value in (b"a", b"b"))
        await LoopClock(epoch_ms=0).sleep(0.5)
        first.cancel()
        await second

    run_virtual(main())
    assert [value for group in log.groups for value in group] == [b"a", b"b"]


def test_closing_commits_what_waits_and_refuses_what_comes() -> None:
    log = SlowLog()

    async def main() -> None:
        publishes = group_commit(log)
        waiting = asyncio.create_task(publishes.publish(outgoing(b"a")))
        await LoopClock(epoch_ms=0).sleep(0.1)
        await publishes.close()
        assert waiting.done()
        await waiting
        with pytest.raises(RuntimeError, match="closed"):
            await publishes.publish(outgoing(b"b"))

    run_virtual(main())
    assert log.groups == [[b"a"]]
