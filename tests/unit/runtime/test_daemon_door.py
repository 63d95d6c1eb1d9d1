"""Calls that hang keep neither their callers nor the process."""

import asyncio
import threading

import pytest

from runtime.blocking import DaemonDoor

pytestmark = pytest.mark.asyncio


async def test_results_and_errors_come_back() -> None:
    door = DaemonDoor(name="test", threads_max=1)
    assert await door.run(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await door.run(divmod, 7, 0)
    assert await door.run(sorted, [2, 1], reverse=True) == [2, 1]


async def test_a_call_that_hangs_keeps_its_place_until_it_returns_and_nothing_else() -> None:
    door, gate = DaemonDoor(name="test", threads_max=1), threading.Event()
    hanging = asyncio.create_task(door.run(gate.wait))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await hanging
    waiting = asyncio.create_task(door.run(len, "next"))
    done, _ = await asyncio.wait({waiting}, timeout=0.05)
    assert not done, "the place is still taken"
    (thread,) = [one for one in threading.enumerate() if one.name == "test"]
    assert thread.daemon
    gate.set()
    assert await waiting == 4
