"""How far the time of the log has come in each partition, over topics that are read each at its own pace. Pure.

A trainer that was away reads what it missed topic by topic. Nothing may be settled up to a moment that some topic has not
been read to: the outcome that decides it may stand there. So each topic of a partition has a clock of its own. Time is that
of the topic that says who is under observation, held back by every other one that still has unread records; one read to its
end holds nobody up. So nothing is settled either while nobody can know who is absent.
"""

from collections.abc import Iterable, Mapping, Sequence

from runtime.bus import Positions, TopicPartition


class LogClocks:
    """One clock per topic and partition, and where each has been read to; mutable.

    `slack_ms` covers what reaches the log late, or out of order: clocks of two machines differ, and a publish takes its
    time. Times are those that the records themselves carry.
    """

    def __init__(self, topics: Sequence[str], *, observing: str, slack_ms: int) -> None:
        self._others = tuple(topic for topic in topics if topic != observing)
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

    def now_ms(self) -> Mapping[int, int]:
        """By partition the moment before which every record of it has been read; without those of which nothing can be said yet."""
        found = {partition: self._now_ms(partition) for partition in sorted(self._partitions)}
        return {partition: at_ms for partition, at_ms in found.items() if at_ms is not None}

    def _now_ms(self, partition: int) -> int | None:
        observing, *others = self._places(partition)
        known = [self._latest_ms.get(place) for place in (observing, *filter(self._is_behind, others))]
        return None if None in known else min(each for each in known if each is not None) - self._slack_ms

    def _places(self, partition: int) -> list[TopicPartition]:
        return [TopicPartition(topic, partition) for topic in (self._observing, *self._others)]

    def _is_behind(self, place: TopicPartition) -> bool:
        return self._read.get(place, 0) < self._ends.get(place, 0)
