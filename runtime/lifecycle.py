"""A process from start to end: signals, one deadline for the whole shutdown, exit codes, and services that stand together."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

import structlog

from runtime.terminal import harmless
from vitals.errors import ErrorCode, WardError

log = structlog.get_logger()

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
CANCEL_GRACE_S = 0.5
"""What tasks get to unwind once the deadline has passed and they were cancelled."""


def run_service(main: Callable[[asyncio.Event], Awaitable[None]], *, shutdown_s: float) -> int:
    """Run `main(stopping)` until it returns; the process's exit code.

    SIGINT and SIGTERM set `stopping`; from then on (or once `main` sets it itself) everything must end within
    `shutdown_s`: tasks that have not are named in the log and cancelled, and the exit code is 1. Threads or a blocked
    event loop cannot outlive the deadline either: the process is then ended. A second signal ends it at once.
    A WardError becomes one sentence on stderr: exit code 2 for settings and arguments, 1 otherwise. Other
    exceptions are programmer's errors and rise.
    """
    deadline = _Deadline(shutdown_s)
    try:
        return asyncio.run(_supervise(main, deadline))
    except WardError as error:
        return say(error)
    except ExceptionGroup as group:
        expected, others = group.split(WardError)
        if expected is None or others is not None:
            raise
        # Services that share a database or a broker fail of the same: it is said once.
        return max(map(say, {str(error): error for error in _leaves(expected)}.values()))
    finally:
        deadline.disarm()


async def run_all(services: Mapping[str, Coroutine[Any, Any, None]], *, stopping: asyncio.Event) -> None:
    """Run services that stand or fall together, each as a task of its name.

    When the first one ends, by failure or by itself, `stopping` is set so that the others finish what they hold; then
    what failed is raised (one error as it is, several as an ExceptionGroup). `run_service` bounds the wait.
    """
    tasks = [asyncio.create_task(service, name=name) for name, service in services.items()]
    if not tasks:
        return
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if not stopping.is_set():
            log.warning("service_ended_first", services=sorted(task.get_name() for task in done))
        stopping.set()
        await asyncio.wait(tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    errors = [error for task in tasks if not task.cancelled() and (error := task.exception()) is not None]
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise BaseExceptionGroup("several services failed", errors)


def say(error: WardError) -> int:
    """Print an expected error as its one sentence on stderr; the exit code that goes with it."""
    sys.stderr.write(f"{harmless(str(error))}\n")
    return EXIT_USAGE if error.code in {ErrorCode.CONFIGURATION, ErrorCode.INVALID_ARGUMENT} else EXIT_FAILED


class _Deadline:
    """Ends the process when a shutdown, once begun, has not come to its end in time; from a thread, so nothing can hold it up."""

    def __init__(self, shutdown_s: float) -> None:
        self.shutdown_s = shutdown_s
        self._timer: threading.Timer | None = None

    def arm(self) -> None:
        """Begin the shutdown's time, once."""
        if self._timer is None:
            self._timer = threading.Timer(self.shutdown_s + 2 * CANCEL_GRACE_S, _end_process, [EXIT_FAILED])
            self._timer.daemon = True
            self._timer.start()

    def disarm(self) -> None:
        """Everything has ended."""
        if self._timer is not None:
            self._timer.cancel()


async def _supervise(main: Callable[[asyncio.Event], Awaitable[None]], deadline: _Deadline) -> int:
    stopping = asyncio.Event()
    with _signals(stopping, deadline):
        work = asyncio.create_task(_as_coroutine(main(stopping)), name="main")
        asked = asyncio.create_task(stopping.wait(), name="stopping")
        await asyncio.wait({work, asked}, return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        if not work.done():
            deadline.arm()
            await asyncio.wait({work}, timeout=deadline.shutdown_s)
        if work.done():
            await work
            return EXIT_OK
        late = asyncio.all_tasks() - {asyncio.current_task(), asked}
        log.error(
            "shutdown_deadline_passed",
            shutdown_s=deadline.shutdown_s,
            tasks=sorted(task.get_name() for task in late if task is not None),
        )
        work.cancel()
        await asyncio.wait({work}, timeout=CANCEL_GRACE_S)
        return EXIT_FAILED


async def _as_coroutine(awaitable: Awaitable[None]) -> None:
    await awaitable


@contextmanager
def _signals(stopping: asyncio.Event, deadline: _Deadline) -> Iterator[None]:
    """Both signals ask for the end, the second time they bring it; nothing is installed outside the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    asked = False

    def on_signal(number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            _end_process(128 + number)
        asked = True
        deadline.arm()
        loop.call_soon_threadsafe(stopping.set)

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end_process(code: int) -> None:
    sys.stderr.flush()
    os._exit(code)


def _leaves(group: ExceptionGroup[WardError]) -> Iterator[WardError]:
    for error in group.exceptions:
        if isinstance(error, ExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
