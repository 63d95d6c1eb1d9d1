"""Pauses between attempts: exponential with full jitter and a cap."""

import asyncio
import random
from collections.abc import Coroutine

from runtime.clock import Clock


class Backoff:
    """Counts failures in a row and waits accordingly; `reset` after a success.

    The n-th pause is uniform in [0, min(cap_s, first_s * 2**n)]; drawn from `random_source`, or from the
    process's own, which a simulation seeds.
    """

    def __init__(
        self, *, clock: Clock, first_s: float = 0.1, cap_s: float, random_source: random.Random | None = None
    ) -> None:
        self._clock = clock
        self._first_s = first_s
        self._cap_s = cap_s
        self._uniform = random.uniform if random_source is None else random_source.uniform
        self.failures = 0

    def reset(self) -> None:
        """The last attempt worked."""
        self.failures = 0

    async def pause(self, *, until: asyncio.Event | None = None) -> None:
        """Wait after a failure; returns early once `until` is set."""
        ceiling_s = min(self._cap_s, self._first_s * 2 ** min(self.failures, 30))
        self.failures += 1
        pause_s = self._uniform(0, ceiling_s)
        if until is None:
            await self._clock.sleep(pause_s)
        elif not until.is_set():
            await _first_of(self._clock.sleep(pause_s), until.wait())


async def _first_of(*waits: Coroutine[object, object, object]) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
