"""Receipts: telling devices which of their readings are safe, in joined runs and at a bounded rate."""

import asyncio
from collections import deque
from collections.abc import Iterable
from functools import partial
from typing import NamedTuple

import structlog

from runtime.clock import Clock
from runtime.mqtt import MqttPort
from runtime.telemetry import Telemetry
from vitals.codec import encode
from vitals.errors import Unavailable
from vitals.reading import DeviceId, Receipt, RejectionReason
from vitals.topics import accepted_topic

log = structlog.get_logger()

Safe = tuple[DeviceId, str, int, RejectionReason | None]
"""Device, boot, sequence, and where it was refused, why."""


class _Key(NamedTuple):
    device_id: DeviceId
    boot: str
    rejected: RejectionReason | None


class Receipts:
    """Runs waiting to be told, and those told and not yet answered by the broker.

    A receipt whose answer was lost with the connection is told again over the next one. What is dropped here (a crash,
    more than `runs_max` waiting, a broker that refuses) costs a repetition: the device sends again what nobody receipted.
    """

    def __init__(self, *, session: MqttPort, clock: Clock, telemetry: Telemetry, every_s: float, runs_max: int) -> None:
        self._session = session
        self._clock = clock
        self._telemetry = telemetry
        self._every_s = every_s
        self._runs_max = runs_max
        self._runs: dict[_Key, deque[tuple[int, int]]] = {}
        self._count = 0
        self._news = asyncio.Event()
        self._told: set[asyncio.Future[None]] = set()

    @property
    def waiting(self) -> int:
        """Runs not yet told."""
        return self._count

    def add(self, safe: Iterable[Safe]) -> None:
        """These are in the log now."""
        for device_id, boot, sequence, rejected in safe:
            self._add(_Key(device_id, boot, rejected), sequence, sequence)
        if self._runs:
            self._news.set()

    async def run(self) -> None:
        """Tell at once what comes after a quiet time, else every `every_s`; cancel it to end it."""
        while True:
            await self._news.wait()
            if not self.tell():
                self._news.clear()
            await self._clock.sleep(self._every_s)

    async def finish(self, *, timeout_s: float) -> None:
        """Tell what waits and hear the broker's answers, for so long at most."""
        self.tell()
        if self._told:
            await asyncio.wait(self._told, timeout=timeout_s)

    def tell(self) -> int:
        """Send waiting runs while there is room, oldest first; how many are left."""
        while self._runs and self._session.publish_room > 0:
            key, runs = next(iter(self._runs.items()))
            first, last = runs[0]
            receipt = Receipt(boot=key.boot, from_sequence=first, through_sequence=last, rejected=key.rejected)
            try:
                answered = self._session.begin_publish(accepted_topic(key.device_id), encode(receipt))
            except Unavailable:
                break
            self._drop_oldest(key, runs)
            self._told.add(answered)
            answered.add_done_callback(partial(self._on_answer, key, (first, last)))
        return self._count

    def _on_answer(self, key: _Key, run: tuple[int, int], answer: asyncio.Future[None]) -> None:
        self._told.discard(answer)
        if answer.cancelled():
            return
        if answer.exception() is None:
            self._telemetry.count("wardlight_ingest_receipts_total")
            return
        if self._session.publish_room > 0:
            log.warning("receipt_refused", device_id=key.device_id, error=str(answer.exception()))
            self._telemetry.count("wardlight_ingest_receipts_dropped_total")
            return
        self._add(key, *run)
        self._news.set()

    def _add(self, key: _Key, first: int, last: int) -> None:
        runs = self._runs.get(key)
        if runs is None:
            self._runs[key] = deque([(first, last)])
        elif runs[-1][1] == first - 1:
            runs[-1] = (runs[-1][0], last)
            return
        elif runs[-1][0] <= first and last <= runs[-1][1]:
            return
        else:
            runs.append((first, last))
        self._count += 1
        if self._count > self._runs_max:
            oldest = next(iter(self._runs))
            self._drop_oldest(oldest, self._runs[oldest])
            self._telemetry.count("wardlight_ingest_receipts_dropped_total")

    def _drop_oldest(self, key: _Key, runs: deque[tuple[int, int]]) -> None:
        runs.popleft()
        self._count -= 1
        if not runs:
            del self._runs[key]
