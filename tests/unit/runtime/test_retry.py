"""Pauses between attempts grow to a cap, are spread, and end early when asked to."""

import asyncio
import random

import pytest

from runtime.clock import LoopClock
from runtime.retry import Backoff
from runtime.virtual_loop import run_virtual

CAP_S = 5.0


def backoff(seed: int = 1) -> Backoff:
    return Backoff(clock=LoopClock(epoch_ms=0), cap_s=CAP_S, random_source=random.Random(seed))


async def pauses_s(pauses: Backoff, count: int) -> list[float]:
    loop = asyncio.get_running_loop()
    lengths = []
    for _ in range(count):
        started_s = loop.time()
        await pauses.pause()
        lengths.append(loop.time() - started_s)
    return lengths


def test_pauses_stay_below_a_ceiling_that_doubles_up_to_the_cap() -> None:
    lengths = run_virtual(pauses_s(backoff(), 60))
    assert all(length <= min(CAP_S, 0.1 * 2**n) + 1e-9 for n, length in enumerate(lengths))
    assert max(lengths) > CAP_S / 2


def test_the_same_seed_pauses_the_same() -> None:
    assert run_virtual(pauses_s(backoff(3), 10)) == run_virtual(pauses_s(backoff(3), 10))


def test_after_a_success_pauses_are_short_again() -> None:
    async def main() -> float:
        pauses = backoff()
        await pauses_s(pauses, 10)
        pauses.reset()
        return (await pauses_s(pauses, 1))[0]

    assert run_virtual(main()) <= 0.1


@pytest.mark.parametrize("before", [True, False])
def test_a_pause_ends_early_once_its_event_is_set(*, before: bool) -> None:
    async def main() -> tuple[float, int]:
        pauses, stopping = backoff(), asyncio.Event()
        pauses.failures = 20
        if before:
            stopping.set()
        asyncio.get_running_loop().call_later(0.001, stopping.set)
        await pauses.pause(until=stopping)
        return asyncio.get_running_loop().time(), len(asyncio.all_tasks())

    ended_s, tasks = run_virtual(main())
    assert ended_s <= 0.001
    assert tasks <= 3


def test_a_cancelled_pause_leaves_nothing_behind() -> None:
    async def main() -> int:
        pauses, clock = backoff(), LoopClock(epoch_ms=0)
        pauses.failures = 20
        pausing = asyncio.create_task(pauses.pause(until=asyncio.Event()))
        await clock.sleep(0)
        pausing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await pausing
        await clock.sleep(0)
        return len(asyncio.all_tasks())

    assert run_virtual(main()) == 1
