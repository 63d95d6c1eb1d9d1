"""The one door for calls that block (SQL, disk, model building): a bounded thread pool, or inline in simulation."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, ParamSpec, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Parameters = ParamSpec("Parameters")
ResultT = TypeVar("ResultT")


class Door(Protocol):
    """Runs a blocking call without stopping the event loop."""

    async def run(
        self, call: Callable[Parameters, ResultT], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> ResultT:
        """The call's result; its exception, where it raises."""


class ThreadDoor:
    """Runs calls on at most `threads_max` threads of its own; with 1, calls run one at a time in order."""

    def __init__(self, *, name: str, threads_max: int) -> None:
        self._pool = ThreadPoolExecutor(max_workers=threads_max, thread_name_prefix=name)

    async def run(
        self, call: Callable[Parameters, ResultT], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> ResultT:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, lambda: call(*args, **kwargs))

    def close(self) -> None:
        """Wait for running calls, refuse new ones."""
        self._pool.shutdown(wait=True)


class NarrowDoor:
    """Lets at most `calls_max` calls of one part of a process through another door at once, so that others find it free."""

    def __init__(self, door: Door, *, calls_max: int) -> None:
        self._door = door
        self._free = asyncio.Semaphore(calls_max)

    async def run(
        self, call: Callable[Parameters, ResultT], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> ResultT:
        async with self._free:
            return await self._door.run(call, *args, **kwargs)


class InlineDoor:
    """Runs calls on the spot; for simulation, where everything must happen in one order."""

    async def run(
        self, call: Callable[Parameters, ResultT], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> ResultT:
        return call(*args, **kwargs)
