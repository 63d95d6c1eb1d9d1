"""The one door for calls that block (SQL, disk, model building): a bounded thread pool, or inline in simulation."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from concurrent.futures import Future, ThreadPoolExecutor
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


class DaemonDoor:
    """Runs calls that may hang for long, such as look-ups of names, on threads that do not keep the process from ending.

    A call whose caller gave up keeps its place, of `threads_max`, until it returns; its result is dropped.
    """

    def __init__(self, *, name: str, threads_max: int) -> None:
        self._name = name
        self._free = asyncio.Semaphore(threads_max)

    async def run(
        self, call: Callable[Parameters, ResultT], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> ResultT:
        await self._free.acquire()
        loop = asyncio.get_running_loop()
        outcome: Future[ResultT] = Future()

        def work() -> None:
            try:
                outcome.set_result(call(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - handed to whoever waits
                outcome.set_exception(error)
            with contextlib.suppress(RuntimeError):  # the loop has ended, and nobody waits
                loop.call_soon_threadsafe(self._free.release)

        threading.Thread(target=work, name=self._name, daemon=True).start()
        return await asyncio.shield(asyncio.wrap_future(outcome))


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
