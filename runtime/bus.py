"""The log behind one port: partitioned topics of keyed records, published and read in batches, by position.

Two adapters keep one contract (tests/support/bus_contract.py): Apache Kafka (`runtime.kafka_bus`) and a local log in one
SQLite file for one process (`runtime.local_bus`). The log is at-least-once; whoever reads keeps its positions with its
own state and seeks to them.
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec

from vitals.errors import PositionOutOfRange


class Outgoing(msgspec.Struct, frozen=True, gc=False):
    """A record to publish; its key decides the partition. Made in a fifth of a tuple's time: one for every reading."""

    topic: str
    key: bytes
    value: bytes


class Incoming(NamedTuple):
    """A record read: its place in the log and its bytes."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes


class TopicPartition(NamedTuple):
    """One ordered sequence of records."""

    topic: str
    partition: int


Positions = Mapping[TopicPartition, int]
"""Per topic and partition the offset of the next record to read."""


class Assigned(NamedTuple):
    """The reader now owns exactly these partition numbers (possibly none), of every topic it reads.

    Nothing is delivered until `seek`; whatever was fetched before is discarded. What the reader no longer owns goes to
    its next owner after that `seek`, or after a bounded wait: until then its last positions can still be remembered.
    """

    partitions: frozenset[int]


class Delivered(NamedTuple):
    """Records in order per topic and partition; empty when the poll timed out."""

    records: Sequence[Incoming]


class Reader(Protocol):
    """One member of a consumer group (its topics co-partitioned), or a reader of everything where it has no group."""

    async def poll(self, *, records_max: int, timeout_s: float) -> Assigned | Delivered:
        """What came, at most `records_max`, waiting at most `timeout_s` for the first.

        The first poll that knows an assignment returns Assigned, and so does every change of it. Raises Unavailable, and
        PositionOutOfRange where records were trimmed before this reader came to them.
        """

    async def seek(self, positions: Positions) -> None:
        """Go on from these positions, for owned partitions; partitions left out start at the log's beginning.

        Discards what was fetched before; may be called again at any time. Raises PositionOutOfRange where the log does
        not hold a position (trimmed away, or beyond its end): never jumps; and Unavailable.
        """

    async def close(self) -> None:
        """Leave the group."""


class Bus(Protocol):
    """The log."""

    @property
    def partition_count(self) -> int:
        """Partitions of every topic; equal for all, fixed for the life of the log."""

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Append in the order given and of the calls (per partition); returns once all are durable.

        Raises Unavailable where some may not be: publish all again, their ids make that harmless.
        """

    async def reader(self, *, group: str | None, topics: Sequence[str], gather_s: float = 0.0) -> Reader:
        """A reader of co-partitioned `topics`; without a group it is assigned all partitions.

        The log may hold records back for `gather_s`, so that more come at once: whoever is in no hurry spares the log
        and itself the work of many small deliveries.
        """

    async def ends(self, topics: Sequence[str]) -> dict[TopicPartition, int]:
        """The offset after the last record, for every partition of these topics; raises Unavailable."""

    async def beginnings(self, topics: Sequence[str]) -> dict[TopicPartition, int]:
        """The oldest offset still held, for every partition of these topics; raises Unavailable."""

    async def close(self) -> None:
        """Release everything; publishing afterwards is a programmer's error."""


def partition_of(key: bytes, partition_count: int) -> int:
    """The partition of a key: the same in every adapter and every process."""
    return zlib.crc32(key) % partition_count


def keys_by_partition(partition_count: int) -> list[bytes]:
    """One key per partition that hashes into it: for what every partition is to be told."""
    keys: dict[int, bytes] = {}
    number = 0
    while len(keys) < partition_count:
        key = b"tick-%d" % number
        keys.setdefault(partition_of(key, partition_count), key)
        number += 1
    return [keys[partition] for partition in range(partition_count)]


def positions_after(records: Iterable[Incoming]) -> dict[TopicPartition, int]:
    """Where a reader stands after these records, which are in order per topic and partition."""
    last = {(record.topic, record.partition): record.offset for record in records}
    return {TopicPartition(*place): offset + 1 for place, offset in last.items()}


def require_held(place: TopicPartition, position: int, beginning: int, end: int) -> None:
    """Raises PositionOutOfRange unless the log, which holds offsets from `beginning` to before `end`, can go on at `position`."""
    if not beginning <= position <= end:
        raise PositionOutOfRange(
            f"The log holds offsets {beginning} to {end} of {place.topic}/{place.partition}, not {position}:"
            " what was trimmed unread is lost to this reader; raise log.retention_h, or reset its position."
        )
