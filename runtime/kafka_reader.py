"""A reader over one Kafka consumer: rebalances become announcements, and nothing is delivered before `seek`."""

import asyncio
from collections.abc import Collection, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import structlog

from runtime.bus import Assigned, Delivered, Incoming, Positions, TopicPartition, require_held
from runtime.clock import Clock
from vitals.errors import (
    AccessDenied,
    ConfigurationError,
    CredentialsRefused,
    PositionOutOfRange,
    Unavailable,
    UntrustedServer,
)

log = structlog.get_logger()

_LOOK_AGAIN_S = 0.5
"""How often a log that seems too short is asked again."""


class Consumer(Protocol):
    """What the reader asks of aiokafka's consumer."""

    def assignment(self) -> Collection[Any]:
        """The partitions the group has given it."""

    def pause(self, *places: Any) -> None:  # noqa: ANN401 - aiokafka has no types
        """Fetch nothing from these."""

    def resume(self, *places: Any) -> None:  # noqa: ANN401
        """Fetch from these again."""

    def seek(self, place: Any, offset: int) -> None:  # noqa: ANN401
        """Go on from there, and discard what was fetched."""

    def getmany(self, *, timeout_ms: int, max_records: int) -> Coroutine[Any, Any, Mapping[Any, Sequence[Any]]]:
        """What was fetched."""

    async def beginning_offsets(self, places: Sequence[Any]) -> Mapping[Any, int]:
        """The oldest offsets held."""

    async def end_offsets(self, places: Sequence[Any]) -> Mapping[Any, int]:
        """The offsets after the last records."""

    async def stop(self) -> None:
        """Leave the group and disconnect."""


class Owner(Protocol):
    """What the reader asks of its bus."""

    def answering(self) -> AbstractAsyncContextManager[None]:
        """Turns failures of Kafka into Unavailable, and a broker's "no such offset" into PositionOutOfRange."""

    async def dismiss(self, reader: Any, consumer: Consumer) -> None:  # noqa: ANN401
        """Forget the reader and stop its consumer."""


class KafkaReader:
    """Reader over one consumer; made by `KafkaBus.reader`.

    Kafka takes all partitions back before it splits them anew: `poll` then announces that none are owned, and the
    rebalance waits for the `seek` that follows, at most `handover_s_max`, so that the last positions are remembered
    before the next owner claims.
    """

    def __init__(
        self,
        bus: Owner,
        consumer: Consumer,
        places: Mapping[Any, TopicPartition],
        *,
        clock: Clock,
        handover_s_max: float,
        stall_check_s: float,
        short_s_max: float,
    ) -> None:
        self._bus = bus
        self._consumer = consumer
        self._places = places
        self._clock = clock
        self._handover_s_max = handover_s_max
        self._stall_check_s = stall_check_s
        self._short_s_max = short_s_max
        self._checked_at_s = 0.0
        self._positions: dict[Any, int] = {}
        self._behind: dict[Any, int] = {}
        """Positions that were short of their end at the last check, with nothing delivered since."""
        self._to_announce: frozenset[int] | None = None
        self._owned: frozenset[int] = frozenset()
        self._sought = False
        self._settled = asyncio.Event()
        self._wake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._fetch: asyncio.Task[Mapping[Any, Sequence[Any]]] | None = None
        self._look: asyncio.Task[Mapping[Any, int] | None] | None = None
        """A look at the log's ends that has not been answered, or not been heard."""
        self._ready: list[Incoming] = []
        """Fetched for an earlier poll that asked for more; not yet delivered."""
        self._error: ConfigurationError | None = None
        self._closed = False

    async def revoked(self) -> None:
        """The group takes all partitions back; returns once this reader has let go of them."""
        self._sought = False
        if not self._owned:
            self._to_announce = None
            return
        self._to_announce = frozenset()
        self._settled.clear()
        self._wake_up()
        try:
            async with asyncio.timeout(self._handover_s_max):
                await self._settled.wait()
        except TimeoutError:
            log.warning("handover_not_awaited", partitions=sorted(self._owned), waited_s=self._handover_s_max)

    def assigned(self, places: Collection[Any]) -> None:
        """The group gives these partitions; none is read until `seek`."""
        self._consumer.pause(*places)
        for place in places:
            self._consumer.seek(place, 0)
            if place not in self._places:
                self._error = ConfigurationError(
                    f"Kafka's topic {place.topic} has a partition {place.partition}, which log.partitions does not"
                    " foresee: partitions cannot be added to a log in use."
                )
        self._to_announce = frozenset(place.partition for place in places)
        self._wake_up()

    async def poll(self, *, records_max: int, timeout_s: float) -> Assigned | Delivered:
        if self._closed:
            raise Unavailable("The reader is closed.")
        if self._to_announce is None and not self._ready:
            await self._wait(records_max, timeout_s)
        if self._error is not None:
            raise self._error
        if self._to_announce is not None:
            self._owned, self._to_announce = self._to_announce, None
            self._sought = False
            self._discard_fetched()
            self._forget_look()
            return Assigned(self._owned)
        if not self._ready:
            self._ready = await self._take_fetched()
        if not self._ready:
            self._check_progress()
        records, self._ready = self._ready[:records_max], self._ready[records_max:]
        return Delivered(records)

    async def _wait(self, records_max: int, timeout_s: float) -> None:
        """Wait for records, or an announcement; a fetch that Kafka's client still blocks is kept for the next poll."""
        if self._fetch is None:
            fetch = self._consumer.getmany(timeout_ms=int(timeout_s * 1000), max_records=records_max)
            self._fetch = asyncio.create_task(fetch, name="kafka-fetch")
        if self._wake.done():
            self._wake = asyncio.get_running_loop().create_future()
        awaited: set[asyncio.Future[Any]] = {self._fetch, self._wake}
        await asyncio.wait(awaited, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)

    async def _take_fetched(self) -> list[Incoming]:
        if self._fetch is None or not self._fetch.done():
            return []
        fetch, self._fetch = self._fetch, None
        try:
            async with self._bus.answering():
                fetched = fetch.result()
        except PositionOutOfRange as error:
            await self._held(self._positions)
            raise Unavailable(f"Kafka holds what a broker of it said it does not: joining anew. {error}") from error
        if not self._sought or not fetched:
            return []
        self._behind = {}
        self._positions.update((place, records[-1].offset + 1) for place, records in fetched.items())
        return [
            Incoming(self._places[place].topic, place.partition, record.offset, record.key or b"", record.value or b"")
            for place, records in fetched.items()
            for record in records
        ]

    def _check_progress(self) -> None:
        """Raises Unavailable where the log goes on but Kafka's client, for two checks in a row, brings none of it.

        Waits for no broker: who is asked at one poll is heard at a later one.
        """
        if self._look is None:
            now_s = self._clock.monotonic_s()
            if self._sought and self._positions and now_s - self._checked_at_s >= self._stall_check_s:
                self._look = asyncio.create_task(self._ends(list(self._positions)), name="kafka-look")
            return
        if not self._look.done():
            return
        look, self._look = self._look, None
        self._checked_at_s = self._clock.monotonic_s()
        ends = look.result()
        if ends is None:
            return
        behind = {place: at for place, at in self._positions.items() if ends.get(place, at) > at}
        stalled = behind.items() & self._behind.items()
        self._behind = behind
        if stalled:
            raise Unavailable(f"Kafka's client brings nothing of {len(stalled)} partitions that go on: joining anew.")

    async def _ends(self, places: Sequence[Any]) -> Mapping[Any, int] | None:
        """Where the log ends; None where nobody says."""
        try:
            async with self._bus.answering():
                return await self._consumer.end_offsets(places)
        except (CredentialsRefused, UntrustedServer, AccessDenied):
            raise
        except Unavailable:
            return None

    async def seek(self, positions: Positions) -> None:
        owned = {place: ours for place, ours in self._places.items() if ours.partition in self._owned}
        sought = await self._held({place: positions.get(ours) for place, ours in owned.items()})
        if self._to_announce is not None or not owned.keys() <= set(self._consumer.assignment()):
            return
        if owned:
            for place, position in sought.items():
                self._consumer.seek(place, position)
            self._consumer.resume(*owned)
            self._discard_fetched()
        self._positions = sought
        self._forget_look()
        self._sought = True
        self._settled.set()

    async def _held(self, wanted: Mapping[Any, int | None]) -> dict[Any, int]:
        """Where to go on: as wanted, or where the log begins. Raises Unavailable, PositionOutOfRange.

        A broker that was away answers, until it hears of its successor, as leader of a log that ends where it left; and
        aiokafka, which sends no leader epochs (KIP-320), believes it. A log is too short only where it stays so.
        """
        if not wanted:
            return {}
        deadline_s = self._clock.monotonic_s() + self._short_s_max
        while True:
            async with self._bus.answering():
                beginnings = await self._consumer.beginning_offsets(list(wanted))
                ends = await self._consumer.end_offsets(list(wanted))
            places = {place: beginnings[place] if at is None else at for place, at in wanted.items()}
            is_short = any(at > ends[place] for place, at in places.items())
            if not is_short or self._clock.monotonic_s() >= deadline_s:
                break
            await self._clock.sleep(_LOOK_AGAIN_S)
        for place, at in places.items():
            require_held(self._places[place], at, beginnings[place], ends[place])
        return places

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._settled.set()
        self._forget_look()
        if self._fetch is not None:
            self._fetch.cancel()
            await asyncio.wait({self._fetch})
        await self._bus.dismiss(self, self._consumer)

    def _wake_up(self) -> None:
        if not self._wake.done():
            self._wake.set_result(None)

    def _forget_look(self) -> None:
        """What was asked of other positions says nothing of these."""
        self._behind = {}
        if self._look is not None:
            self._look.add_done_callback(_heard)
            self._look.cancel()
            self._look = None

    def _discard_fetched(self) -> None:
        """Whatever was fetched before is read again from the position sought; an error of it is out of date as well."""
        self._ready = []
        if self._fetch is not None and self._fetch.done():
            if not self._fetch.cancelled():
                self._fetch.exception()
            self._fetch = None


def _heard(task: asyncio.Task[Any]) -> None:
    """A failure nobody waits for any more is not told by asyncio either."""
    if not task.cancelled():
        task.exception()
