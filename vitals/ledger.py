"""The ledger's arithmetic: of each boot of a device, which numbers came, were refused, or are missing. Pure.

A device counts its readings from 0 within one boot, so what it published can be told from the highest number heard: every
number below was published, and was accepted, refused, or is missing. Runs of numbers keep that compact, and bounded: what
is too old to be followed one by one stays counted.
"""

from bisect import bisect_left
from enum import StrEnum
from operator import attrgetter
from typing import Final, TypeVar

import msgspec

HOUR_MS: Final = 3_600_000


class GapCause(StrEnum):
    """Why numbers of a device are missing, as far as can be known."""

    SETTLING = "settling"
    """Noticed so lately that they may be on their way."""
    SILENT = "silent"
    """The device has not been heard since: it may keep them and upload them late."""
    SEQUENCE_GAP = "sequence_gap"
    """The device goes on in the same boot and has not sent them again."""
    NEW_BOOT = "new_boot"
    """The device has begun anew since: what it had kept is most likely gone."""


class Gap(msgspec.Struct, array_like=True):
    """Numbers that were passed over, both ends included."""

    first: int
    last: int
    hour_ms: int
    """Begin of the hour in which the reading behind them was measured."""
    noticed_ms: int

    @property
    def count(self) -> int:
        """How many."""
        return self.last - self.first + 1


class RefusedRun(msgspec.Struct, array_like=True):
    """Numbers that were refused and not accepted since, both ends included."""

    first: int
    last: int
    reason: str
    hour_ms: int
    """Begin of the hour in which they were refused."""

    @property
    def count(self) -> int:
        """How many."""
        return self.last - self.first + 1


class Found(msgspec.Struct):
    """What a run of numbers changed."""

    new: int = 0
    """Numbers heard of for the first time, or no longer missing."""
    repeated: int = 0
    """Numbers that were accounted for in the same way before."""
    mended: dict[tuple[str, int], int] = {}
    """Numbers refused before and accepted now, by reason and hour of the refusal; reason "" where it is forgotten."""
    forgotten: dict[int, int] = {}
    """Missing numbers that are from now on only counted (negative: found after all), by hour."""


class BootBook(msgspec.Struct):
    """The numbers of one boot of one device; mutable."""

    next: int = 0
    """One beyond the highest number heard; as many were published."""
    gaps: list[Gap] = []
    """Missing, ascending."""
    refused: list[RefusedRun] = []
    """Refused, ascending."""
    forgotten: int = 0
    """Missing numbers that are too old, or from before the ledger began, to be followed one by one."""
    refused_forgotten: int = 0
    """Refused numbers likewise."""

    @property
    def missing(self) -> int:
        """Numbers that are missing and followed."""
        return sum(gap.count for gap in self.gaps)

    @property
    def refused_count(self) -> int:
        """Numbers that were refused and not accepted since."""
        return self.refused_forgotten + sum(run.count for run in self.refused)

    @property
    def accepted(self) -> int:
        """Numbers that were accepted: what is left."""
        return self.next - self.missing - self.refused_count - self.forgotten

    def accept(
        self, first: int, last: int, *, hour_ms: int, at_ms: int, is_new: bool = True, runs_max: int = 256
    ) -> Found:
        """Take note of accepted numbers; `is_new` says that the database held none of them.

        That tells those that come after all from repeats where the numbers themselves are forgotten.
        """
        found = Found()
        if last < self.next:
            below = last
        else:
            below = self.next - 1
            self._open_gap(first, hour_ms, at_ms, found, runs_max)
            found.new = last - max(first, self.next) + 1
            self.next = last + 1
        if first > below:
            return found
        filled = sum(gap.count for gap in _cut(self.gaps, first, below))
        for run in _cut(self.refused, first, below):
            found.mended[run.reason, run.hour_ms] = found.mended.get((run.reason, run.hour_ms), 0) + run.count
        found.new += filled
        repeated = below - first + 1 - filled - sum(found.mended.values())
        if is_new and repeated:
            repeated -= self._remember(repeated, hour_ms, found)
        found.repeated = repeated
        self._bound(found, runs_max)
        return found

    def refuse(self, number: int, reason: str, *, hour_ms: int, at_ms: int, runs_max: int = 256) -> Found:
        """Take note of a refused number; one that was accepted or refused before changes nothing."""
        found = Found()
        if number >= self.next:
            self._open_gap(number, hour_ms, at_ms, found, runs_max)
            self.next = number + 1
        elif not _cut(self.gaps, number, number):
            found.repeated = 1
            return found
        found.new = 1
        runs = self.refused
        index = bisect_left(runs, number, key=_FIRST)
        before = runs[index - 1] if index else None
        if before is not None and (before.last, before.reason, before.hour_ms) == (number - 1, reason, hour_ms):
            before.last = number
        else:
            runs.insert(index, RefusedRun(number, number, reason, hour_ms))
        self._bound(found, runs_max)
        return found

    def _open_gap(self, first: int, hour_ms: int, at_ms: int, found: Found, runs_max: int) -> None:
        if first > self.next:
            self.gaps.append(Gap(self.next, first - 1, hour_ms, at_ms))
            self._bound(found, runs_max)

    def _remember(self, count: int, hour_ms: int, found: Found) -> int:
        """Of `count` numbers that nobody follows any more and that are new to the database, so many are explained."""
        missing = min(count, self.forgotten)
        self.forgotten -= missing
        refused = min(count - missing, self.refused_forgotten)
        self.refused_forgotten -= refused
        found.new += missing
        if missing:
            found.forgotten[hour_ms] = found.forgotten.get(hour_ms, 0) - missing
        if refused:
            found.mended["", hour_ms] = refused
        return missing + refused

    def _bound(self, found: Found, runs_max: int) -> None:
        while len(self.gaps) > runs_max:
            oldest = self.gaps.pop(0)
            self.forgotten += oldest.count
            found.forgotten[oldest.hour_ms] = found.forgotten.get(oldest.hour_ms, 0) + oldest.count
        while len(self.refused) > runs_max:
            self.refused_forgotten += self.refused.pop(0).count


RunT = TypeVar("RunT", Gap, RefusedRun)
_FIRST: Final = attrgetter("first")
_LAST: Final = attrgetter("last")


def _cut(runs: list[RunT], first: int, last: int) -> list[RunT]:
    """Take the numbers [first, last] out of `runs`; what was taken."""
    index = bisect_left(runs, first, key=_LAST)
    kept: list[RunT] = []
    taken: list[RunT] = []
    end = index
    while end < len(runs) and runs[end].first <= last:
        run = runs[end]
        if run.first < first:
            kept.append(msgspec.structs.replace(run, last=first - 1))
        if run.last > last:
            kept.append(msgspec.structs.replace(run, first=last + 1))
        taken.append(msgspec.structs.replace(run, first=max(run.first, first), last=min(run.last, last)))
        end += 1
    if taken:
        runs[index:end] = kept
    return taken


def runs_of(numbers: list[int]) -> list[tuple[int, int]]:
    """The numbers as runs of neighbours, ascending, both ends included.

    >>> runs_of([3, 4, 5, 9, 8])
    [(3, 5), (8, 9)]
    """
    first, last = numbers[0], numbers[-1]
    if last - first + 1 == len(numbers) and numbers == list(range(first, last + 1)):
        return [(first, last)]
    runs: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs


def cause_of(gap: Gap, *, heard_ms: int, newer_boot: bool, now_ms: int, settle_ms: int) -> GapCause:
    """Why these numbers are missing: `heard_ms` is when the device was last heard, in whatever boot."""
    if now_ms - gap.noticed_ms < settle_ms:
        return GapCause.SETTLING
    if newer_boot:
        return GapCause.NEW_BOOT
    if heard_ms - gap.noticed_ms < settle_ms:
        return GapCause.SILENT
    return GapCause.SEQUENCE_GAP
