"""The only reader of real time. Everything else is handed a Clock, so that a ward can be simulated and replayed."""

import asyncio
import time
from typing import Protocol

from runtime.steady_time import SteadyTime


class Clock(Protocol):
    """Wall time in epoch milliseconds, a monotonic second counter, and a way to wait."""

    @property
    def speed(self) -> float:
        """How many seconds of this clock pass in one real second."""

    def now_ms(self) -> int:
        """Wall time, epoch milliseconds; what goes into records."""

    def monotonic_s(self) -> float:
        """Seconds since some fixed moment, never backwards; for durations."""

    async def sleep(self, seconds: float) -> None:
        """Wait this many seconds of this clock; 0 only yields."""


class SystemClock:
    """Real time, or real time stretched by `speed` from the moment of construction (the demo's fast motion).

    A step back of the machine's clock is followed slowly, or not at all (`runtime.steady_time`).
    """

    def __init__(self, *, speed: float = 1.0) -> None:
        self.speed = speed
        self._epoch_s = time.time()
        self._started_s = time.monotonic()
        self._steady = SteadyTime(wall_s=self._epoch_s, monotonic_s=self._started_s)

    def now_ms(self) -> int:
        if self.speed == 1.0:
            return int(self._steady.at_s(wall_s=time.time(), monotonic_s=time.monotonic()) * 1000)
        return int((self._epoch_s + self.monotonic_s()) * 1000)

    def monotonic_s(self) -> float:
        return (time.monotonic() - self._started_s) * self.speed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.speed)


class LoopClock:
    """The running event loop's own time, set on `epoch_ms`; under a virtual-time loop this is the simulation's clock."""

    speed = 1.0

    def __init__(self, *, epoch_ms: int) -> None:
        self._epoch_ms = epoch_ms

    def now_ms(self) -> int:
        return self._epoch_ms + round(self.monotonic_s() * 1000)

    def monotonic_s(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
