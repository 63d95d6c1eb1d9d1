"""The loop of every service that reads the log: poll, handle, publish, then remember; claim on assignment; stop when fenced."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from runtime.bus import Assigned, Bus, Incoming, Outgoing, Positions, Reader, TopicPartition
from runtime.clock import Clock
from runtime.retry import Backoff
from vitals.errors import Fenced, Unavailable

log = structlog.get_logger()


class Handler(Protocol):
    """What one service does with records; its state belongs to the partitions it has claimed."""

    async def claim(self, partitions: frozenset[int]) -> Positions:
        """Drop all state, claim these partitions (epoch + 1, reading state and positions in one transaction), load it.

        Returns where to go on reading; raises Unavailable.
        """

    async def handle(self, records: Sequence[Incoming]) -> Sequence[Outgoing]:
        """Step the state over `records`, in order; what it returns is published before anything is remembered."""

    async def idle(self) -> Sequence[Outgoing]:
        """Called when nothing came; may publish (a tick) or do nothing."""

    async def remember(self, positions: Positions, *, final: bool) -> None:
        """Store state and positions in one transaction under the claimed epochs, when due or when `final`.

        `positions` are those up to which everything was handled and its outputs published. Raises Fenced, Unavailable.
        """


@dataclass(frozen=True, kw_only=True)
class WorkerLimits:
    """Bounds of the loop."""

    records_max: int = 500
    """Records per poll."""
    poll_timeout_s: float = 0.2
    """How long a poll waits for the first record."""
    backoff_s_max: float = 5.0
    """Cap of the pause after a retriable failure."""


class Worker:
    """Runs one handler over one reader until stopped.

    A retriable failure rejoins: state is dropped, claimed and replayed from what was remembered, so that no half-done
    batch survives. Being fenced does the same.
    """

    def __init__(
        self,
        *,
        name: str,
        topics: Sequence[str],
        bus: Bus,
        handler: Handler,
        clock: Clock,
        limits: WorkerLimits,
    ) -> None:
        self.name = name
        self._topics = tuple(topics)
        self._bus = bus
        self._handler = handler
        self._clock = clock
        self._limits = limits
        self._stopping = asyncio.Event()
        self.positions: dict[TopicPartition, int] = {}
        """Where this worker stands; for lag metrics and for tests to await."""

    def stop(self) -> None:
        """Ask the loop to end after the batch in hand."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until `stop`; on the way out remember everything handled."""
        backoff = Backoff(clock=self._clock, cap_s=self._limits.backoff_s_max)
        while not self._stopping.is_set():
            reader: Reader | None = None
            try:
                reader = await self._bus.reader(group=self.name, topics=self._topics)
                await self._follow(reader, backoff)
            except (Unavailable, Fenced) as error:
                log.warning("worker_rejoins", worker=self.name, code=error.code.value, error=str(error))
                await backoff.pause(until=self._stopping)
            finally:
                if reader is not None:
                    await reader.close()

    async def _follow(self, reader: Reader, backoff: Backoff) -> None:
        claimed = False
        while not self._stopping.is_set():
            polled = await reader.poll(records_max=self._limits.records_max, timeout_s=self._limits.poll_timeout_s)
            if isinstance(polled, Assigned):
                await self._claim(reader, polled.partitions)
                claimed = True
                continue
            if not claimed:
                continue
            outputs = await self._handler.handle(polled.records) if polled.records else await self._handler.idle()
            if outputs:
                await self._bus.publish(outputs)
            self._advance(polled.records)
            await self._handler.remember(self.positions, final=False)
            backoff.reset()
        if claimed:
            await self._handler.remember(self.positions, final=True)

    async def _claim(self, reader: Reader, partitions: frozenset[int]) -> None:
        positions: Mapping[TopicPartition, int] = await self._handler.claim(partitions)
        await reader.seek(positions)
        self.positions = dict(positions)
        log.info("partitions_claimed", worker=self.name, partitions=sorted(partitions))

    def _advance(self, records: Sequence[Incoming]) -> None:
        for record in records:
            self.positions[TopicPartition(record.topic, record.partition)] = record.offset + 1
