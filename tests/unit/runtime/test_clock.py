"""Clocks: one reads real time, possibly stretched, the other the event loop's."""

import asyncio

from runtime.clock import LoopClock, SystemClock
from runtime.virtual_loop import run_virtual

EPOCH_MS_OF_2020 = 1_577_836_800_000


def test_the_system_clock_tells_epoch_milliseconds() -> None:
    assert SystemClock().now_ms() > EPOCH_MS_OF_2020


def test_a_stretched_clock_starts_at_real_time_and_runs_faster() -> None:
    real, fast = SystemClock(), SystemClock(speed=1000.0)
    first_ms, first_s = fast.now_ms(), fast.monotonic_s()
    assert abs(first_ms - real.now_ms()) < 60_000
    asyncio.run(fast.sleep(5))
    assert fast.monotonic_s() - first_s >= 5
    assert fast.now_ms() - first_ms >= 4999


def test_the_loop_clock_counts_from_its_epoch() -> None:
    async def main() -> tuple[int, float]:
        clock = LoopClock(epoch_ms=EPOCH_MS_OF_2020)
        await clock.sleep(1.5)
        return clock.now_ms(), clock.monotonic_s()

    assert run_virtual(main()) == (EPOCH_MS_OF_2020 + 1500, 1.5)
