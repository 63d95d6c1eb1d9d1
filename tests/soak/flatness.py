"""Whether what was sampled stayed flat: pure, given the samples.

The first part of a sitting is warm-up and is not judged. Of the rest, each quantity is taken by its floor: the least value
of each of so many windows, so that rubbish waiting for the collector, a burst of work or a neighbour on the machine is no
growth, and what is never given back is. It grows where both say so: the median of the slopes between all pairs of floors
(Theil and Sen), and the floor of the last third held against the floor of the first. A sawtooth, however tall, comes back
to its floor and passes; a leak lifts the floor and does not.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

WINDOWS = 12
"""Of the judged time."""
HOUR_S = 3600.0
MB = 2**20


@dataclass(frozen=True, kw_only=True)
class Bound:
    """The most a quantity may grow in an hour: so much, or such a share of what it was, whichever is more."""

    per_hour: float
    share_per_hour: float = 0.0

    def at(self, level: float) -> float:
        """For a quantity of this size."""
        return max(self.per_hour, self.share_per_hour * level)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What one quantity of one process did."""

    what: str
    first: float
    """Its floor in the first third of the judged time."""
    last: float
    per_hour: float
    bound_per_hour: float
    judged_s: float
    flat: bool


MEMORY = Bound(per_hour=6 * MB, share_per_hour=0.05)
DESCRIPTORS = Bound(per_hour=2)
THREADS = Bound(per_hour=1)
DISK_SHARE_MAX = 0.25
"""By how much a reading may cost more disk in the last third than in the first."""


def judged_s_min(every_s: float) -> float:
    """How long a series must go on after its warm-up, at a sample each `every_s`, until something can be said of it."""
    return (WINDOWS + 1) * every_s


def judge(what: str, series: Sequence[tuple[float, float]], *, warm_up_s: float, bound: Bound) -> Verdict | None:
    """Whether a series of (second, value) stayed flat after its warm-up; None where too little is left to say."""
    floors = _floors([point for point in series if point[0] >= warm_up_s])
    if len(floors) < WINDOWS:
        return None
    slope = statistics.median((b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(floors, 2))
    third = len(floors) // 3
    first, last = min(value for _, value in floors[:third]), min(value for _, value in floors[-third:])
    apart_s = floors[-1][0] - floors[third - 1][0]
    per_hour = HOUR_S * min(slope, (last - first) / apart_s)
    allowed = bound.at(first)
    return Verdict(
        what=what,
        first=first,
        last=last,
        per_hour=per_hour,
        bound_per_hour=allowed,
        judged_s=floors[-1][0] - floors[0][0],
        flat=per_hour <= allowed,
    )


def judge_lag(
    what: str, series: Sequence[tuple[float, float]], *, warm_up_s: float, records_per_s: float
) -> Verdict | None:
    """Lag is flat where what waits at the end is no more than at the beginning and ten seconds' worth of records."""
    return judge(what, series, warm_up_s=warm_up_s, bound=Bound(per_hour=10 * records_per_s))


def judge_disk(what: str, series: Sequence[tuple[float, float, float]], *, warm_up_s: float) -> Verdict | None:
    """Of (second, bytes, readings): whether a reading costs as much disk at the end as at the beginning.

    Flat is here a constant price of a reading, not a constant size: what is kept grows with what came. None where no
    readings came.
    """
    judged = [point for point in series if point[0] >= warm_up_s]
    if len(judged) < WINDOWS:
        return None
    third = len(judged) // 3
    first, last = _price(judged[: third + 1]), _price(judged[-third - 1 :])
    if first is None or last is None:
        return None
    allowed = DISK_SHARE_MAX * first
    return Verdict(
        what=what,
        first=first,
        last=last,
        per_hour=last - first,
        bound_per_hour=allowed,
        judged_s=judged[-1][0] - judged[0][0],
        flat=last - first <= allowed,
    )


def _floors(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The least of each window and when it was; windows of equal length, none without a point."""
    if len(points) < WINDOWS:
        return []
    begin, end = points[0][0], points[-1][0]
    length = (end - begin) / WINDOWS
    floors = []
    for number in range(WINDOWS):
        from_s, to_s = begin + number * length, begin + (number + 1) * length
        within = [p for p in points if from_s <= p[0] < to_s or (number == WINDOWS - 1 and p[0] == end)]
        if within:
            middle = from_s + length / 2
            floors.append((middle, min(value for _, value in within)))
    return floors


def _price(points: Sequence[tuple[float, float, float]]) -> float | None:
    readings = points[-1][2] - points[0][2]
    return None if readings <= 0 else (points[-1][1] - points[0][1]) / readings
