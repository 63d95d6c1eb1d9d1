"""The log for one process: a partitioned log in one SQLite file, or in memory, behind the port of `runtime.bus`.

Publishes that arrive while a commit runs go into the next one together. Readers are woken by commits; those at the
log's head are served from a small cache of its tail and do not touch the file.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from runtime.blocking import Door
from runtime.bus import Assigned, Delivered, Incoming, Outgoing, Positions, TopicPartition, require_held
from runtime.clock import Clock
from runtime.group_commit import GroupCommit
from runtime.local_group import LocalGroup, Member
from runtime.local_log import LocalLog, ReadRequest
from runtime.local_tail import Tail, size_of
from runtime.local_time import LogTime
from vitals.errors import InvalidArgument, Unavailable


@dataclass(frozen=True, kw_only=True)
class LocalLogLimits:
    """Bounds of the local log."""

    publish_records_max: int = 2000
    """Records in one commit, and records waiting for the next; further publishers wait their turn."""
    publish_bytes_max: int = 16 * 1024 * 1024
    """Their keys and values, in bytes."""
    tail_records_max: int = 512
    """Newest records kept in memory, per topic and partition,"""
    tail_bytes_max: int = 1024 * 1024
    """and their keys and values, in bytes; the last record is kept whatever its size."""
    read_bytes_max: int = 16 * 1024 * 1024
    """Keys and values that one poll delivers, in bytes; one record always is, whatever its size."""
    retention_ms: int | None = 7 * 24 * 3_600_000
    """Age after which records are trimmed, by the log's own time; None keeps all."""
    trim_every_s: float = 60.0
    """How often, at most, the log looks for records to trim; it does so after a commit."""
    trim_records_max: int = 2000
    """Records trimmed in one step, between two commits."""
    handover_s_max: float = 30.0
    """How long a group's new owner of a partition waits for the old one to let go."""


class LocalBus:
    """Bus for one process; open it with `open`."""

    def __init__(self, log: LocalLog, *, door: Door, clock: Clock, limits: LocalLogLimits) -> None:
        self._log = log
        self._door = door
        self._clock = clock
        self._limits = limits
        self._time = LogTime(clock, newest_ms=log.newest_ms)
        self._ends = dict(log.ends())
        self._beginnings = dict(log.beginnings())
        self._tails: dict[TopicPartition, Tail] = {}
        self._groups: dict[str, LocalGroup] = {}
        self._readers: dict[LocalReader, None] = {}
        """Woken in the order of their coming, since a set's order would differ from run to run."""
        self._publishes = GroupCommit(
            self._commit, records_max=limits.publish_records_max, bytes_max=limits.publish_bytes_max
        )
        self._trim_at_s = clock.monotonic_s()
        self._closed = False

    @classmethod
    async def open(
        cls, path: Path | None, *, partitions: int, door: Door, clock: Clock, limits: LocalLogLimits | None = None
    ) -> "LocalBus":
        """Open or create the log in the file `path`, or in memory for None.

        Raises ConfigurationError where another process holds it, or it has another number of partitions.
        """
        log = await door.run(LocalLog, path, partition_count=partitions)
        return cls(log, door=door, clock=clock, limits=limits or LocalLogLimits())

    @property
    def partition_count(self) -> int:
        return self._log.partition_count

    async def publish(self, records: Sequence[Outgoing]) -> None:
        self._require_open()
        await self._publishes.publish(records)

    async def _commit(self, records: Sequence[Outgoing]) -> None:
        self._show(await self._door.run(self._log.append, records, at_ms=self._time.now_ms()))
        await self._trim_when_due()

    def _show(self, appended: Sequence[Incoming]) -> None:
        changed: set[TopicPartition] = set()
        for record in appended:
            place = TopicPartition(record.topic, record.partition)
            tail = self._tails.get(place)
            if tail is None:
                limits = self._limits
                tail = self._tails[place] = Tail(records_max=limits.tail_records_max, bytes_max=limits.tail_bytes_max)
            tail.append(record)
            self._ends[place] = record.offset + 1
            changed.add(place)
        for reader in self._readers:
            reader.grown(changed)

    async def _trim_when_due(self) -> None:
        now_s = self._clock.monotonic_s()
        if self._limits.retention_ms is None or now_s < self._trim_at_s:
            return
        at_ms, step = self._time.now_ms(), self._limits.trim_records_max
        before_ms = at_ms - self._limits.retention_ms
        try:
            trimmed = await self._door.run(self._log.trim, before_ms=before_ms, now_ms=at_ms, records_max=step)
        except Unavailable:
            trimmed = 0
        if trimmed < step:
            self._trim_at_s = now_s + self._limits.trim_every_s
        if trimmed:
            self._beginnings.update(self._log.beginnings())

    async def reader(self, *, group: str | None, topics: Sequence[str], gather_s: float = 0.0) -> "LocalReader":  # noqa: ARG002 - a delivery within the process costs little
        self._require_open()
        if not topics:
            raise InvalidArgument("A reader needs at least one topic.")
        reader = LocalReader(self, self._clock, topics)
        if group is None:
            private = LocalGroup(
                topics=topics, partition_count=self.partition_count, clock=self._clock, handover_s_max=0
            )
            reader.join(private)
        else:
            if group not in self._groups or self._groups[group].members == 0:
                self._groups[group] = LocalGroup(
                    topics=topics,
                    partition_count=self.partition_count,
                    clock=self._clock,
                    handover_s_max=self._limits.handover_s_max,
                )
            reader.join(self._groups[group])
        self._readers[reader] = None
        return reader

    async def ends(self, topics: Sequence[str]) -> dict[TopicPartition, int]:
        return {place: self.end_of(place) for place in self._places(topics)}

    async def beginnings(self, topics: Sequence[str]) -> dict[TopicPartition, int]:
        return {place: self.beginning_of(place) for place in self._places(topics)}

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        await self._publishes.close()
        for reader in list(self._readers):
            await reader.close()
        await self._door.run(self._log.close)

    def end_of(self, place: TopicPartition) -> int:
        """The offset after the last record."""
        return self._ends.get(place, 0)

    def beginning_of(self, place: TopicPartition) -> int:
        """The oldest offset held."""
        return self._beginnings.get(place, 0)

    async def read(self, requests: Sequence[ReadRequest]) -> list[list[Incoming]]:
        """The records of each request, from memory where that reaches back so far, within `read_bytes_max`.

        The last of these lists may be short of what was asked for, and requests after it have none.
        Raises Unavailable, PositionOutOfRange where records were trimmed meanwhile.
        """
        found: list[list[Incoming]] = []
        room = self._limits.read_bytes_max
        for request in requests:
            place, offset, records_count = request
            tail = self._tails.get(place)
            records = None if tail is None else tail.read(offset, records_count, bytes_max=room)
            if records is None:
                records = await self._door.run(self._log.read, request, bytes_max=room)
            found.append(records)
            room -= sum(map(size_of, records))
            if room <= 0 or len(records) < records_count:
                break
        return found

    def forget(self, reader: "LocalReader") -> None:
        """A reader has closed."""
        self._readers.pop(reader, None)

    def _places(self, topics: Sequence[str]) -> list[TopicPartition]:
        return [TopicPartition(topic, partition) for topic in topics for partition in range(self.partition_count)]

    def _require_open(self) -> None:
        if self._closed:
            raise RuntimeError("The log is closed.")


class LocalReader:
    """Reader over a LocalBus; made by `LocalBus.reader`."""

    def __init__(self, bus: LocalBus, clock: Clock, topics: Sequence[str]) -> None:
        self._bus = bus
        self._clock = clock
        self._topics = tuple(topics)
        self._wake = asyncio.Event()
        self._positions: dict[TopicPartition, int] = {}
        self._grown: dict[TopicPartition, None] = {}
        """Owned places that may have more records, in the order in which they are served."""
        self._group: LocalGroup
        self._member: Member
        self._closed = False

    def join(self, group: LocalGroup) -> None:
        """Become a member of `group`; called once, by the bus."""
        self._group = group
        self._member = group.join(self._topics, self._wake.set)

    def grown(self, places: set[TopicPartition]) -> None:
        """These places have new records; called by the bus."""
        for place in places & self._positions.keys():
            self._grown[place] = None
            self._wake.set()

    async def poll(self, *, records_max: int, timeout_s: float) -> Assigned | Delivered:
        deadline_s = asyncio.get_running_loop().time() + timeout_s
        await self._clock.sleep(0)
        polled = await self._poll_now(records_max)
        while polled is None and await self._woken(deadline_s):
            polled = await self._poll_now(records_max)
        return Delivered(()) if polled is None else polled

    async def _woken(self, deadline_s: float) -> bool:
        try:
            async with asyncio.timeout_at(deadline_s):
                await self._wake.wait()
        except TimeoutError:
            return False
        return True

    async def _poll_now(self, records_max: int) -> Assigned | Delivered | None:
        self._wake.clear()
        if self._closed:
            raise Unavailable("The reader is closed.")
        assigned = self._group.pending(self._member)
        if assigned is not None:
            self._group.announce(self._member, assigned)
            self._positions.clear()
            self._grown.clear()
            return Assigned(assigned)
        requests = self._due(records_max)
        if not requests:
            return None
        found = await self._bus.read(requests)
        for (place, offset, _), came in zip(requests, found, strict=False):
            self._positions[place] = position = offset + len(came)
            del self._grown[place]
            if position < self._bus.end_of(place):
                self._grown[place] = None
        return Delivered([record for came in found for record in came])

    def _due(self, records_max: int) -> list[ReadRequest]:
        requests: list[ReadRequest] = []
        room = records_max
        for place in self._grown:
            position = self._positions[place]
            self._require_held(place, position)
            records_count = min(room, self._bus.end_of(place) - position)
            requests.append(ReadRequest(place, position, records_count))
            room -= records_count
            if room == 0:
                break
        return requests

    async def seek(self, positions: Positions) -> None:
        owned = self._member.announced or frozenset()
        sought: dict[TopicPartition, int] = {}
        for topic in self._topics:
            for partition in sorted(owned):
                place = TopicPartition(topic, partition)
                sought[place] = positions.get(place, self._bus.beginning_of(place))
                self._require_held(place, sought[place])
        self._positions = sought
        self._grown = {place: None for place, position in sought.items() if position < self._bus.end_of(place)}
        self._group.settle(self._member)

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._group.leave(self._member)
            self._bus.forget(self)
            self._wake.set()

    def _require_held(self, place: TopicPartition, position: int) -> None:
        require_held(place, position, self._bus.beginning_of(place), self._bus.end_of(place))
