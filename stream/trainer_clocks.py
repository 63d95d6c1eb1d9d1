"""How far the time of the log has come in each partition, over topics that are read each at its own pace. Pure.

A trainer that was away reads what it missed topic by topic. Nothing may be settled up to a moment that some topic has not
been read to: the outcome that decides it may stand there. So each topic of a partition has a clock of its own, and time
has come as far as the least of those that still have unread records. A topic read to its end holds nobody up.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from runtime.bus import Positions, TopicPartition


class LogTime(NamedTuple):
    """How far time has come in one partition."""

    now_ms: int
    """Every record of an earlier moment has been read, of all topics."""
    observed_ms: int | None
    """The same for the topic that says who is under observation; None where nothing of it was read since the claim."""


class LogClocks:
    """One clock per topic and partition, and where each has been read to; mutable.

    `slack_ms` covers what reaches the log late, or out of order: clocks of two machines differ, and a publish takes its
    time. Times are those that the records themselves carry.
    """

    def __init__(self, topics: Sequence[str], *, observing: str, slack_ms: int) -> None:
        self._topics = tuple(topics)
        self._observing = observing
        self._slack_ms = slack_ms
        self._partitions: frozenset[int] = frozenset()
        self._read: dict[TopicPartition, int] = {}
        self._ends: dict[TopicPartition, int] = {}
        self._latest_ms: dict[TopicPartition, int] = {}

    def reset(self, partitions: Iterable[int], positions: Positions) -> None:
        """Begin at these positions; nothing has been read yet."""
        self._partitions = frozenset(partitions)
        self._read = dict(positions)
        self._ends, self._latest_ms = {}, {}

    def read(self, positions: Positions) -> None:
        """Records were read, up to these positions."""
        self._read.update(positions)

    def heard(self, place: TopicPartition, at_ms: int) -> None:
        """One of them is of that moment."""
        self._latest_ms[place] = max(at_ms, self._latest_ms.get(place, 0))

    def end_at(self, ends: Positions) -> None:
        """The log ends there now."""
        self._ends = dict(ends)

    def has_unread(self, partition: int) -> bool:
        """Whether records of a claimed partition stood before the end that is known, and were not read yet."""
        return any(self._is_behind(place) for place in self._places(partition))

    @property
    def is_behind(self) -> bool:
        """Whether any claimed partition has unread records."""
        return any(map(self.has_unread, self._partitions))

    def now(self) -> Mapping[int, LogTime]:
        """How far time has come, by partition; without those of which nothing can be said yet."""
        found: dict[int, LogTime] = {}
        for partition in sorted(self._partitions):
            now_ms = self._now_ms(partition)
            if now_ms is not None:
                observed_ms = self._latest_ms.get(TopicPartition(self._observing, partition))
                observed = None if observed_ms is None else min(observed_ms - self._slack_ms, now_ms)
                found[partition] = LogTime(now_ms, observed)
        return found

    def _now_ms(self, partition: int) -> int | None:
        """The latest moment heard of, held back by every topic that has unread records."""
        known = [self._latest_ms[place] for place in self._places(partition) if place in self._latest_ms]
        unread = [place for place in self._places(partition) if self._is_behind(place)]
        if not known or any(place not in self._latest_ms for place in unread):
            return None
        return min([max(known), *(self._latest_ms[place] for place in unread)]) - self._slack_ms

    def _places(self, partition: int) -> list[TopicPartition]:
        return [TopicPartition(topic, partition) for topic in self._topics]

    def _is_behind(self, place: TopicPartition) -> bool:
        return self._read.get(place, 0) < self._ends.get(place, 0)
