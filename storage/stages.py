"""Whether every stage behind the log moves: a judgement over ends of the log and remembered positions. Pure.

A stage is whole while everything that stood in its topics `behind_s_max` ago has been handled and remembered since. The
alert engine writes a tick into every partition of `readings` each second, so a log that nothing is measured into still
grows, and a stage that stands still is found out on a quiet ward, too.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from sqlalchemy import Connection, select

from runtime.bus import Positions, TopicPartition
from storage import tables
from vitals.topics import LogTopic

STAGES: Final[Mapping[str, tuple[str, ...]]] = {
    "recorder": (
        LogTopic.READINGS.value,
        LogTopic.ASSESSMENTS.value,
        LogTopic.REJECTED.value,
        LogTopic.LABELS.value,
        LogTopic.OUTCOMES.value,
    ),
    "stream": (LogTopic.READINGS.value,),
    "alerts": (LogTopic.READINGS.value, LogTopic.ASSESSMENTS.value, LogTopic.COMMANDS.value),
    "alert-delivery": (LogTopic.ALERTS.value,),
    "alert-ladders": (LogTopic.ALERTS.value,),
    "notifications": (LogTopic.ALERTS.value,),
}
"""Consumer group to the topics it reads."""
TOPICS: Final = tuple(dict.fromkeys(topic for topics in STAGES.values() for topic in topics))
TICKING: Final = "alerts"
"""The stage that writes ticks."""
BEHIND_S_MAX: Final = 150.0
"""Our choice of the bound. The scorer stores the snapshots of at most 100 patients each 5 s, so the position of one that
has 2000 live patients may rightly lie 100 s back."""
_SEEN_MAX: Final = 64
"""Ends remembered per place; beyond it new ones wait until an old one was reached."""

GroupPositions = Mapping[str, Positions]


class Stage(NamedTuple):
    """One stage, judged."""

    name: str
    behind_records: int
    """What stands in its topics and is not remembered as handled."""
    behind_s: float
    """For how long the oldest of that has been waiting, as far as was seen."""
    fault: str | None
    """Why it is not whole, in one sentence; None while it is."""


class _Place:
    """One topic partition as one group reads it."""

    __slots__ = ("behind", "first_end", "seen")

    def __init__(self, end: int) -> None:
        self.first_end: int | None = end
        """What has to be reached before anything good is said."""
        self.behind = 0
        self.seen: deque[tuple[float, int]] = deque()

    def observe(self, now_s: float, end: int, position: int) -> None:
        while self.seen and position >= self.seen[0][1]:
            self.seen.popleft()
        self.behind = max(0, end - position)
        if self.first_end is not None and position >= self.first_end:
            self.first_end = None
        newest = self.seen[-1][1] if self.seen else position
        if end > newest and len(self.seen) < _SEEN_MAX:
            self.seen.append((now_s, end))

    def behind_s(self, now_s: float) -> float:
        return now_s - self.seen[0][0] if self.seen else 0.0


class StageWatch:
    """Remembers what it was shown, and judges by it; nothing is whole before it was seen to be reached once."""

    def __init__(self, *, behind_s_max: float) -> None:
        self._behind_s_max = behind_s_max
        self._places: dict[tuple[str, TopicPartition], _Place] = {}
        self._grown_s: dict[TopicPartition, tuple[int, float]] = {}
        """Of each partition of `readings` its end, and when that last grew."""

    def observe(self, now_s: float, *, beginnings: Positions, ends: Positions, positions: GroupPositions) -> None:
        """Take note of one moment; what a group never remembered it reads from the log's beginning."""
        for at, end in ends.items():
            if at.topic == LogTopic.READINGS:
                before = self._grown_s.get(at)
                if before is None or end != before[0]:
                    self._grown_s[at] = (end, now_s)
        for group, topics in STAGES.items():
            remembered = positions.get(group, {})
            for at, end in ends.items():
                if at.topic in topics:
                    position = max(remembered.get(at, 0), beginnings.get(at, 0))
                    self._places.setdefault((group, at), _Place(end)).observe(now_s, end, position)

    def stages(self, now_s: float) -> tuple[Stage, ...]:
        """Every stage, in the order of the path."""
        return tuple(self._stage(name, now_s) for name in STAGES)

    def _stage(self, name: str, now_s: float) -> Stage:
        places = {at: place for (group, at), place in self._places.items() if group == name}
        behind_s = max((place.behind_s(now_s) for place in places.values()), default=0.0)
        behind_records = sum(place.behind for place in places.values())
        return Stage(name, behind_records, behind_s, self._fault(name, places, now_s))

    def _fault(self, name: str, places: Mapping[TopicPartition, _Place], now_s: float) -> str | None:
        if not places:
            return "Nothing is known of it yet."
        worst_at, worst = max(places.items(), key=lambda item: item[1].behind_s(now_s))
        behind_s = worst.behind_s(now_s)
        if behind_s > self._behind_s_max:
            return f"It has not handled what stood in {worst_at.topic}/{worst_at.partition} {behind_s:.0f} s ago."
        if any(place.first_end is not None for place in places.values()):
            return "It has not yet been seen to reach the log's end."
        if name == TICKING:
            still_s = max((now_s - grown_s for _, grown_s in self._grown_s.values()), default=0.0)
            if still_s > self._behind_s_max:
                return f"No tick has been written for {still_s:.0f} s."
        return None


def group_positions(conn: Connection) -> dict[str, dict[TopicPartition, int]]:
    """Where every group stands that ever remembered a position."""
    columns = tables.positions.c
    found: dict[str, dict[TopicPartition, int]] = {}
    for row in conn.execute(select(columns.consumer_group, columns.topic, columns.partition, columns.position)):
        found.setdefault(row.consumer_group, {})[TopicPartition(row.topic, row.partition)] = row.position
    return found


def faults(stages: Sequence[Stage]) -> dict[str, str]:
    """Of each stage that is not whole why."""
    return {stage.name: stage.fault for stage in stages if stage.fault is not None}
