"""The loop of every service that reads the log: poll, handle, publish, then remember; claim on assignment; stop when fenced."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from runtime.bus import Assigned, Bus, Incoming, Outgoing, Positions, Reader, TopicPartition, positions_after
from runtime.clock import Clock
from runtime.retry import Backoff
from runtime.telemetry import Telemetry
from vitals.errors import Fenced, PositionOutOfRange, Unavailable

log = structlog.get_logger()


class Handler(Protocol):
    """What one service does with records; its state belongs to the partitions it has claimed."""

    async def claim(self, partitions: frozenset[int]) -> Positions:
        """Drop all state, claim these partitions (epoch + 1, reading state and positions in one transaction), load it.

        Returns where to go on reading; raises Unavailable. `partitions` may be empty: then only drop all state.
        """

    async def handle(self, records: Sequence[Incoming]) -> Sequence[Outgoing]:
        """Step the state over `records`, in order; what it returns is published before anything is remembered."""

    async def idle(self) -> Sequence[Outgoing]:
        """Called when nothing came; may publish (a tick) or do nothing."""

    async def remember(self, positions: Positions, *, final: bool) -> None:
        """Store state and positions in one transaction under the claimed epochs, when due or when `final`.

        `positions` are those up to which everything was handled and its outputs published. `final` is before the
        partitions are handed over and before the worker ends. Raises Fenced, Unavailable.
        """


@dataclass(frozen=True, kw_only=True)
class WorkerLimits:
    """Bounds of the loop."""

    records_max: int = 500
    """Records per poll."""
    poll_timeout_s: float = 0.2
    """How long a poll waits for the first record."""
    gather_s: float = 0.0
    """How long the log may hold records back so that more come at once."""
    backoff_s_max: float = 5.0
    """Cap of the pause after a retriable failure."""
    lag_every_s: float = 10.0
    """How often it tells how far behind it is: two questions to the log."""
    fenced_polls_max: int = 50
    """Polls in which a fenced worker waits for its new assignment before it leaves its group and joins anew."""


class Worker:
    """Runs one handler over one reader until stopped.

    After a retriable failure, and after being fenced, state is dropped, claimed and replayed from what was remembered,
    so that no half-done batch survives. A failure keeps the group's membership, so that an outage of the database does
    not make the group split its partitions over and over; a fenced worker waits for its new share.
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
        telemetry: Telemetry | None = None,
    ) -> None:
        self.name = name
        self._topics = tuple(topics)
        self._bus = bus
        self._handler = handler
        self._limits = limits
        self._backoff = Backoff(clock=clock, cap_s=limits.backoff_s_max)
        self._stopping = asyncio.Event()
        self._owned: frozenset[int] | None = None
        """What the reader last announced; None before that, and once fenced."""
        self._claimed = False
        self._fenced_polls = 0
        self._clock = clock
        self._telemetry = telemetry
        self._lag_told_s = float("-inf")
        self.positions: dict[TopicPartition, int] = {}
        """Where this worker stands; for tests to await."""

    @property
    def partitions(self) -> frozenset[int]:
        """The partitions this worker has claimed and works on now."""
        return self._owned if self._claimed and self._owned is not None else frozenset()

    def stop(self) -> None:
        """Ask the loop to end after the batch in hand."""
        self._stopping.set()

    async def lag(self) -> int:
        """How many records of the assigned partitions are not handled yet; raises Unavailable."""
        beginnings, ends = await self._bus.beginnings(self._topics), await self._bus.ends(self._topics)
        return sum(
            end - self.positions.get(place, beginnings[place])
            for place, end in ends.items()
            if place.partition in (self._owned or ())
        )

    async def _tell_lag(self) -> None:
        """Also while a claim fails, since that is when a backlog grows; where the log does not answer, the next time."""
        now_s = self._clock.monotonic_s()
        if self._telemetry is None or now_s - self._lag_told_s < self._limits.lag_every_s:
            return
        self._lag_told_s = now_s
        try:
            behind = await self.lag()
        except Unavailable:
            return
        self._telemetry.set("wardlight_runtime_worker_lag_records", behind, worker=self.name)

    async def serve(self, stopping: asyncio.Event) -> None:
        """`run` until `stopping` is set."""
        working = asyncio.create_task(self.run(), name=self.name)
        asked = asyncio.create_task(stopping.wait(), name=f"{self.name}-stopping")
        try:
            await asyncio.wait({working, asked}, return_when=asyncio.FIRST_COMPLETED)
            self.stop()
            await working
        finally:
            asked.cancel()
            working.cancel()

    async def run(self) -> None:
        """Work until `stop`; on the way out remember everything handled.

        Raises PositionOutOfRange where the log no longer holds what this worker has not read: a person must decide.
        """
        while not self._stopping.is_set():
            try:
                reader = await self._bus.reader(group=self.name, topics=self._topics, gather_s=self._limits.gather_s)
                try:
                    await self._follow(reader)
                finally:
                    self._owned, self._claimed = None, False
                    await reader.close()
            except Unavailable as error:
                if self._telemetry is not None:
                    self._telemetry.not_ready(self.name, f"cannot read the log: {error}")
                await self._pause(error)
            except PositionOutOfRange as error:
                raise PositionOutOfRange(f"{self.name} cannot go on: {error}") from error

    async def _follow(self, reader: Reader) -> None:
        """Work with one reader until stopped, or until waiting for a new share was in vain."""
        while not self._stopping.is_set() and self._fenced_polls <= self._limits.fenced_polls_max:
            polled = await reader.poll(records_max=self._limits.records_max, timeout_s=self._limits.poll_timeout_s)
            try:
                if isinstance(polled, Assigned):
                    await self._hand_over(polled.partitions)
                    await self._claim(reader, polled.partitions)
                elif self._claimed:
                    await self._step(polled.records)
                elif self._owned is not None:
                    await self._claim(reader, self._owned)
                else:
                    self._fenced_polls += 1
            except Unavailable as error:
                self._claimed = False
                await self._pause(error)
            except Fenced as error:
                self._owned, self._claimed = None, False
                log.warning("worker_fenced", worker=self.name, error=str(error))
            await self._tell_lag()
        self._fenced_polls = 0
        if self._claimed:
            await self._remember_last()

    async def _hand_over(self, partitions: frozenset[int]) -> None:
        """Remember what was done under the old assignment, before whoever comes next claims it."""
        claimed, self._claimed = self._claimed, False
        self._owned, self._fenced_polls = partitions, 0
        if claimed:
            await self._remember_last()

    async def _remember_last(self) -> None:
        try:
            await self._handler.remember(self.positions, final=True)
        except (Fenced, Unavailable) as error:
            log.warning("last_positions_not_remembered", worker=self.name, code=error.code.value, error=str(error))

    async def _claim(self, reader: Reader, partitions: frozenset[int]) -> None:
        positions = await self._handler.claim(partitions)
        await reader.seek(positions)
        self.positions = dict(positions)
        self._claimed = True
        log.info("partitions_claimed", worker=self.name, partitions=sorted(partitions))

    async def _step(self, records: Sequence[Incoming]) -> None:
        if not self._owned:
            return
        outputs = await self._handler.handle(records) if records else await self._handler.idle()
        if outputs:
            await self._bus.publish(outputs)
        self.positions |= positions_after(records)
        await self._handler.remember(self.positions, final=False)
        self._backoff.reset()

    async def _pause(self, error: Unavailable) -> None:
        log.warning("worker_waits", worker=self.name, code=error.code.value, error=str(error))
        await self._backoff.pause(until=self._stopping)
