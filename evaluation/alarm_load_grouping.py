"""How many notifications the alarms make, once many of one ward in a short time are told together. Pure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from evaluation.alarm_load_run import BedLoad, Signal
from vitals.alert import Priority

GROUP_MS = 30_000
"""Alarms below high that follow the first of a group within this time are told with it."""


def notifications_of(loads: Sequence[BedLoad]) -> Mapping[str, int]:
    """By set, how many notifications its alarms make."""
    by_source: defaultdict[str, list[Signal]] = defaultdict(list)
    for load in loads:
        by_source[load.source] += load.signals
    return {source: _notifications(signals) for source, signals in by_source.items()}


def _notifications(signals: Sequence[Signal]) -> int:
    count, group_until_ms = 0, -1
    for signal in sorted(signals, key=lambda each: each.at_ms):
        if signal.priority is Priority.HIGH:
            count += 1
        elif signal.at_ms > group_until_ms:
            count, group_until_ms = count + 1, signal.at_ms + GROUP_MS
    return count
