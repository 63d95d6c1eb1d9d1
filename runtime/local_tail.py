"""The newest records of one topic and partition, kept in memory: so many, of so many bytes, and always the last one. Pure."""

from collections import deque
from collections.abc import Iterable
from itertools import islice

from runtime.bus import Incoming


class Tail:
    """Records without a gap, oldest first; mutable."""

    def __init__(self, *, records_max: int, bytes_max: int) -> None:
        self._records: deque[Incoming] = deque(maxlen=records_max)
        self._bytes_max = bytes_max
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._records)

    @property
    def size_bytes(self) -> int:
        """What it holds, in bytes of keys and values."""
        return self._bytes

    def append(self, record: Incoming) -> None:
        """Take the next record and let go of the oldest beyond the bounds."""
        if len(self._records) == self._records.maxlen:
            self._let_go()
        self._records.append(record)
        self._bytes += size_of(record)
        while self._bytes > self._bytes_max and len(self._records) > 1:
            self._let_go()

    def read(self, offset: int, records_max: int, *, bytes_max: int) -> list[Incoming] | None:
        """The records from `offset` on, within both bounds and at least one; None where it does not reach back so far."""
        if not self._records or offset < self._records[0].offset:
            return None
        first = offset - self._records[0].offset
        return within(islice(self._records, first, first + records_max), bytes_max)

    def _let_go(self) -> None:
        self._bytes -= size_of(self._records.popleft())


def within(records: Iterable[Incoming], bytes_max: int) -> list[Incoming]:
    """The first of them, at least one where there is one, as many as `bytes_max` bytes of keys and values hold."""
    taken: list[Incoming] = []
    room = bytes_max
    for record in records:
        room -= size_of(record)
        if room < 0 and taken:
            break
        taken.append(record)
    return taken


def size_of(record: Incoming) -> int:
    """Bytes of its key and value."""
    return len(record.key) + len(record.value)
