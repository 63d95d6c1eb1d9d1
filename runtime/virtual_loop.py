"""An event loop whose time is virtual: when nothing is ready it jumps to the next timer instead of waiting for it.

For simulation: hours pass in seconds, in one order, whatever the machine's load. Threads and sockets run in real time
and would be outrun by the jumps: run blocking calls inline (`runtime.blocking.InlineDoor`).
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

ResultT = TypeVar("ResultT")


class StalledSimulation(RuntimeError):
    """Every task waits for something that no timer and no other task will ever bring."""


class _JumpingSelector(selectors.DefaultSelector):
    """Looks at sockets without waiting, and moves the clock on by what the loop would have waited."""

    now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise StalledSimulation("Every task waits, and there is no timer to jump to.")
        self.now_s += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """Event loop whose `time()` starts at 0 and moves only by jumps to the next timer.

    Raises StalledSimulation out of `run_until_complete` where it would wait forever.
    """

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now_s


def run_virtual(main: Coroutine[Any, Any, ResultT]) -> ResultT:
    """Run `main` to its end in virtual time, as `asyncio.run` does in real time; raises StalledSimulation."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
