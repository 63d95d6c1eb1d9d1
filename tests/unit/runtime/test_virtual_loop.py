"""Virtual time: hours pass at once, in order, and a simulation that can never go on says so."""

import asyncio

import pytest

from runtime.clock import LoopClock
from runtime.virtual_loop import StalledSimulation, run_virtual


def test_sleeping_for_days_takes_no_time_and_lands_on_the_millisecond() -> None:
    async def main() -> int:
        clock = LoopClock(epoch_ms=1_000)
        for _ in range(1000):
            await clock.sleep(0.1)
        await clock.sleep(3 * 24 * 3600)
        return clock.now_ms()

    assert run_virtual(main()) == 1_000 + 100_000 + 3 * 24 * 3_600_000


def test_sleepers_wake_in_the_order_of_their_times() -> None:
    async def main() -> list[tuple[str, float]]:
        clock = LoopClock(epoch_ms=0)
        woken: list[tuple[str, float]] = []

        async def sleeper(name: str, *naps_s: float) -> None:
            for nap_s in naps_s:
                await clock.sleep(nap_s)
                woken.append((name, round(clock.monotonic_s(), 6)))

        await asyncio.gather(sleeper("a", 5, 60), sleeper("b", 1, 1, 1), sleeper("c", 4))
        return woken

    assert run_virtual(main()) == [("b", 1), ("b", 2), ("b", 3), ("c", 4), ("a", 5), ("a", 65)]


def test_a_timeout_strikes_in_virtual_time() -> None:
    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3600):
                await asyncio.Event().wait()
        return asyncio.get_running_loop().time()

    assert run_virtual(main()) == pytest.approx(3600)


def test_waiting_for_what_nobody_will_ever_do_is_an_error_not_a_hang() -> None:
    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(StalledSimulation, match="no timer"):
        run_virtual(main())


def test_errors_come_through() -> None:
    async def main() -> None:
        await LoopClock(epoch_ms=0).sleep(10)
        raise ValueError("as ever")

    with pytest.raises(ValueError, match="as ever"):
        run_virtual(main())
