"""What ails Wardlight itself: a stage that stands still, a backlog that grows, refusals in number, a full disk. Pure."""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from storage.stages import Stage
from vitals.alert import AlertKind, Priority
from vitals.fault import subject_of
from vitals.reading import PatientId, RejectionReason

INGEST: Final = "ingest"
"""The stage that the probe's receipt judges."""
_ALARM_PATH: Final = frozenset({INGEST, "alerts", "alert-delivery", "alert-ladders", "notifications"})
"""Stages without which nothing alarms: their standing still is of high priority, any other's of medium."""
SAMPLES_MAX: Final = 240
_GIB: Final = 2**30

Fault = tuple[PatientId, AlertKind]
"""What a fault is the same as: its subject and its kind."""


class Symptom(NamedTuple):
    """One thing that is wrong now."""

    part: str
    """Of Wardlight; becomes the subject of the alert."""
    kind: AlertKind
    priority: Priority
    text: str

    @property
    def fault(self) -> Fault:
        """Which fault it is a sign of."""
        return subject_of(self.part), self.kind


class Disk(NamedTuple):
    """A disk as it was found."""

    part: str
    """`disk-<name of the machine>`."""
    path: str
    free_bytes: int
    total_bytes: int

    @property
    def free_percent(self) -> float:
        """How much of it is free."""
        return 100 * self.free_bytes / self.total_bytes if self.total_bytes else 0.0


def still_stages(stages: Sequence[Stage]) -> list[Symptom]:
    """Stages that stand still, each with why."""
    return [
        Symptom(
            stage.name,
            AlertKind.WORKER_DOWN,
            Priority.HIGH if stage.name in _ALARM_PATH else Priority.MEDIUM,
            f"{stage.name} cannot be relied on: {stage.fault}",
        )
        for stage in stages
        if stage.fault is not None
    ]


class BacklogWatch:
    """Remembers how much lay before each stage, and tells where it grows: not a wave, which comes and goes."""

    def __init__(self, *, window_s: float, records_min: int) -> None:
        self._window_s = window_s
        self._records_min = records_min
        self._samples: dict[str, deque[tuple[float, int]]] = {}

    def growing(self, now_s: float, stages: Sequence[Stage]) -> list[Symptom]:
        """Stages before which, all through the last third of the window, more lay than ever in its first third."""
        return [
            Symptom(
                stage.name,
                AlertKind.BACKLOG_GROWING,
                Priority.MEDIUM,
                f"{stage.behind_records:,} records wait for {stage.name}, more than {self._window_s:.0f} s ago: it does not keep up.",
            )
            for stage in stages
            if self._grows(now_s, stage)
        ]

    def _grows(self, now_s: float, stage: Stage) -> bool:
        samples = self._samples.setdefault(stage.name, deque(maxlen=SAMPLES_MAX))
        samples.append((now_s, stage.behind_records))
        while samples[0][0] < now_s - self._window_s:
            samples.popleft()
        if stage.fault is not None or stage.behind_records < self._records_min:
            return False
        third_s = self._window_s / 3
        first = [behind for at_s, behind in samples if at_s <= now_s - 2 * third_s]
        last = [behind for at_s, behind in samples if at_s > now_s - third_s]
        return bool(first) and min(last) > max(first)


def refused_in_number(counts: Mapping[RejectionReason, int], *, window_s: float, readings_max: int) -> list[Symptom]:
    """Whether more messages were refused within the window than a few wrong devices make."""
    total = sum(counts.values())
    if total <= readings_max:
        return []
    reason = max(counts, key=lambda found: (counts[found], found))
    text = f"{total:,} messages were refused within {window_s / 60:.0f} min, most as {reason.value}: see the rejected ones."
    return [Symptom(INGEST, AlertKind.READINGS_REJECTED, Priority.MEDIUM, text)]


def filling(disk: Disk, *, low_percent: float, critical_percent: float, enough_gib: float) -> list[Symptom]:
    """Whether a disk is nearly full: when it is, nothing is stored any more. A tenth of a big disk may be plenty (`enough_gib`)."""
    if disk.free_percent >= low_percent or disk.free_bytes >= enough_gib * _GIB:
        return []
    priority = Priority.HIGH if disk.free_percent < critical_percent else Priority.MEDIUM
    text = f"{disk.free_bytes / _GIB:.1f} GiB ({disk.free_percent:.0f} %) are free at {disk.path}: make room."
    return [Symptom(disk.part, AlertKind.DISK_FULL, priority, text)]
