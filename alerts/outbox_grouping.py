"""Flood control: many alerts of one ward in a short time go as one notification that lists them. Pure.

Where more than `alerts_max` deliveries of one stream (subscription or ladder, and ward) were made within `window_s`, each
one beyond waits for its like, at most `group_wait_s` from the first that waits, and they go together. High ones never
wait and are never grouped, and nothing is ever dropped.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from vitals.alert import Priority
from vitals.delivery import URGENCY

_HIGH = URGENCY[Priority.HIGH]
Stream = tuple[str, str]
"""Who is told, and of which ward."""


class FloodRule(msgspec.Struct, frozen=True):
    """From when on notifications are grouped, and for how long one may wait for others."""

    alerts_max: int = 5
    """So many within the window go one by one."""
    window_s: float = 60.0
    group_wait_s: float = 30.0
    group_max: int = 50
    """Alerts in one notification at most; what is left over makes the next."""


class Waiting(NamedTuple):
    """A delivery that no attempt was made of yet."""

    delivery_id: str
    stream: Stream
    urgency: int
    made_at_ms: int


class Plan(NamedTuple):
    """What to send now, each group as one notification, most urgent and oldest first; and when to look again at the latest."""

    groups: tuple[tuple[str, ...], ...]
    look_at_ms: int | None


class Load(NamedTuple):
    """What grouping makes of a stretch of time; for evaluation."""

    alerts: int
    notifications: int

    @property
    def absorbed_share(self) -> float:
        """The share of notifications that grouping saves; 0 where there were none."""
        return 0.0 if self.alerts == 0 else 1 - self.notifications / self.alerts


def plan(
    waiting: Sequence[Waiting], made_before: Iterable[tuple[Stream, int]], rule: FloodRule, *, now_ms: int
) -> Plan:
    """Which of `waiting` go now.

    `made_before` are stream and time of other deliveries, sent already, of the last `window_s` before the oldest that
    waits; which of them were high makes no difference, since only low and medium ones are asked for.
    """
    before: dict[Stream, list[int]] = defaultdict(list)
    for stream, at_ms in made_before:
        before[stream].append(at_ms)
    groups: list[tuple[str, ...]] = []
    held: dict[Stream, list[Waiting]] = defaultdict(list)
    flooded = _flooded(waiting, before, rule)
    for one in sorted(waiting, key=lambda one: (one.urgency, one.made_at_ms, one.delivery_id)):
        if one.delivery_id in flooded:
            held[one.stream].append(one)
        else:
            groups.append((one.delivery_id,))
    looks: list[int] = []
    for ones in held.values():
        go_at_ms = min(one.made_at_ms for one in ones) + round(rule.group_wait_s * 1000)
        if now_ms < go_at_ms and len(ones) < rule.group_max:
            looks.append(go_at_ms)
        else:
            groups += _cut(sorted(ones, key=lambda one: (one.made_at_ms, one.delivery_id)), rule.group_max)
    return Plan(tuple(groups), min(looks, default=None))


def load_of(made: Iterable[tuple[Stream, int, int]], rule: FloodRule) -> Load:
    """How many notifications a destination that never fails gets for these (stream, urgency, time) of deliveries."""
    count, alerts = 0, 0
    times: dict[Stream, list[int]] = defaultdict(list)
    open_group: dict[Stream, tuple[int, int]] = {}
    for stream, urgency, at_ms in sorted(made, key=lambda one: one[2]):
        alerts += 1
        if urgency <= _HIGH:
            count += 1
            continue
        recent = times[stream] = [t for t in times[stream] if t > at_ms - rule.window_s * 1000]
        recent.append(at_ms)
        if len(recent) <= rule.alerts_max:
            count += 1
            continue
        until_ms, size = open_group.get(stream, (0, 0))
        if at_ms < until_ms and size < rule.group_max:
            open_group[stream] = (until_ms, size + 1)
        else:
            open_group[stream] = (at_ms + round(rule.group_wait_s * 1000), 1)
            count += 1
    return Load(alerts, count)


def _flooded(waiting: Sequence[Waiting], before: dict[Stream, list[int]], rule: FloodRule) -> set[str]:
    """Those made when enough others of their stream had been made shortly before, in the order of time and id."""
    flooded = set()
    made = {stream: sorted(times) for stream, times in before.items()}
    for one in sorted(waiting, key=lambda one: (one.made_at_ms, one.delivery_id)):
        if one.urgency <= _HIGH:
            continue
        times = made.setdefault(one.stream, [])
        since_ms = one.made_at_ms - rule.window_s * 1000
        if sum(1 for at_ms in times if since_ms < at_ms <= one.made_at_ms) >= rule.alerts_max:
            flooded.add(one.delivery_id)
        times.append(one.made_at_ms)
    return flooded


def _cut(ones: Sequence[Waiting], size: int) -> list[tuple[str, ...]]:
    return [tuple(one.delivery_id for one in ones[first : first + size]) for first in range(0, len(ones), size)]
