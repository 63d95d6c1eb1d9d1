"""The ledger in SQL: what it says per device and window, and what does not balance.

Every published number is accepted, refused or missing; every accepted reading is stored or a repeat; every stored reading
is assessed. What lags behind is no imbalance: only what lasts longer than the settling time is (ADR 0016).
"""

from collections import defaultdict
from collections.abc import Callable
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import Connection, delete, func, select

from storage.ledger_entry import DEFAULT_BOUNDS, Bounds, boot_of, enter
from storage.ledger_tables import HOUR_COUNTS, ledger_boots, ledger_hours, ledger_journal, ledger_refusals
from vitals.ledger import HOUR_MS, Gap, GapCause, cause_of

__all__ = [
    "DEFAULT_BOUNDS",
    "Bounds",
    "FoundGap",
    "Imbalance",
    "ImbalanceKind",
    "Line",
    "enter",
    "gaps",
    "imbalances",
    "lines",
    "trim",
    "waiting",
]


class FoundGap(NamedTuple):
    """Missing numbers, and why as far as can be known."""

    device_id: str
    boot: str
    gap: Gap
    cause: GapCause


def gaps(conn: Connection, *, now_ms: int, settle_ms: int, device_id: str | None = None) -> list[FoundGap]:
    """Everything that is missing and followed, by device, boot and number."""
    columns = ledger_boots.c
    query = select(ledger_boots).where(columns.missing > 0).order_by(columns.device_id, columns.boot)
    heard = select(columns.device_id, func.max(columns.heard_ms), func.max(columns.first_heard_ms)).group_by(
        columns.device_id
    )
    if device_id is not None:
        query, heard = query.where(columns.device_id == device_id), heard.where(columns.device_id == device_id)
    rows = conn.execute(query).all()
    newest = {row[0]: (row[1], row[2]) for row in conn.execute(heard)} if rows else {}
    found = []
    for row in rows:
        heard_ms, begun_ms = newest[row.device_id]
        for gap in boot_of(row).book.gaps:
            cause = cause_of(
                gap,
                heard_ms=heard_ms,
                newer_boot=begun_ms > row.first_heard_ms,
                now_ms=now_ms,
                settle_ms=settle_ms,
            )
            found.append(FoundGap(row.device_id, row.boot, gap, cause))
    return found


class Line(msgspec.Struct, kw_only=True):
    """What became of the readings of one device in one window; the window is of hours in which they were measured."""

    device_id: str
    from_ms: int
    to_ms: int
    published: int = 0
    """Numbered readings, from sequences: accepted for the first time, rejected, or missing."""
    unknowable: int = 0
    """Readings and refused messages without a number: what was published besides them cannot be known."""
    accepted: int = 0
    """On the log, repeats included."""
    duplicates: int = 0
    rejected: int = 0
    """Messages refused and not accepted since."""
    rejected_by_reason: dict[str, int] = {}
    rejected_in_part: int = 0
    """Accepted messages of which signs were refused."""
    stored: int = 0
    copied: int = 0
    """Rows that a correction made for another patient."""
    assessed: int = 0
    missing: int = 0
    unstorable: int = 0
    forgotten: int = 0
    """Missing numbers that are only counted, since too many were to be followed."""
    gaps: dict[str, int] = {}
    """Missing numbers by cause."""

    @property
    def unassessed(self) -> int:
        """Stored, and not assessed yet."""
        return self.stored + self.copied - self.assessed

    @property
    def is_balanced(self) -> bool:
        """Whether nothing is missing anywhere on the way; what is on its way now counts as missing here."""
        return not (self.missing or self.forgotten or self.unstorable or self.unassessed)


def lines(
    conn: Connection,
    *,
    from_ms: int,
    to_ms: int,
    now_ms: int,
    settle_ms: int,
    device_id: str | None = None,
    every_ms: int | None = None,
) -> list[Line]:
    """One line per device, or per device and `every_ms` (whole hours), for the hours that begin in [from_ms, to_ms)."""
    begin_ms = from_ms // HOUR_MS * HOUR_MS
    width_ms = max(to_ms - begin_ms, HOUR_MS) if every_ms is None else every_ms
    found: dict[tuple[str, int], Line] = {}

    def line(device: str, hour_ms: int) -> Line:
        start_ms = begin_ms + (hour_ms - begin_ms) // width_ms * width_ms
        key = (device, start_ms)
        if key not in found:
            found[key] = Line(
                device_id=device, from_ms=start_ms, to_ms=min(start_ms + width_ms, max(to_ms, start_ms + 1))
            )
        return found[key]

    _count_hours(conn, line, begin_ms, to_ms, device_id, by_hour=every_ms is not None)
    _count_refusals(conn, line, begin_ms, to_ms, device_id)
    for missing in gaps(conn, now_ms=now_ms, settle_ms=settle_ms, device_id=device_id):
        if begin_ms <= missing.gap.hour_ms < to_ms:
            one, count = line(missing.device_id, missing.gap.hour_ms), missing.gap.count
            one.missing += count
            one.published += count
            one.gaps[missing.cause.value] = one.gaps.get(missing.cause.value, 0) + count
    return [found[key] for key in sorted(found)]


LineOf = Callable[[str, int], Line]
"""The line of a device and an hour."""


def _count_hours(
    conn: Connection,
    line: LineOf,
    begin_ms: int,
    to_ms: int,
    device_id: str | None,
    *,
    by_hour: bool,
) -> None:
    columns = ledger_hours.c
    sums = [func.sum(columns[name]).label(name) for name in HOUR_COUNTS]
    keys = [columns.device_id, columns.hour_ms] if by_hour else [columns.device_id]
    query = select(*keys, *sums).where(columns.hour_ms >= begin_ms, columns.hour_ms < to_ms).group_by(*keys)
    if device_id is not None:
        query = query.where(columns.device_id == device_id)
    for row in conn.execute(query):
        one = line(row.device_id, row.hour_ms if by_hour else begin_ms)
        one.published += int(row.numbered + row.forgotten)
        for name in ("accepted", "duplicates", "stored", "copied", "assessed", "unstorable", "forgotten"):
            setattr(one, name, getattr(one, name) + int(getattr(row, name)))
        one.unknowable += int(row.unnumbered)


def _count_refusals(conn: Connection, line: LineOf, begin_ms: int, to_ms: int, device_id: str | None) -> None:
    columns = ledger_refusals.c
    query = select(ledger_refusals).where(columns.hour_ms >= begin_ms, columns.hour_ms < to_ms)
    if device_id is not None:
        query = query.where(columns.device_id == device_id)
    for row in conn.execute(query):
        one = line(row.device_id, row.hour_ms)
        standing = row.refused - row.mended
        one.published += standing
        one.rejected += standing + row.unnumbered
        one.unknowable += row.unnumbered
        one.rejected_in_part += row.in_part
        if standing + row.unnumbered:
            by_reason = one.rejected_by_reason
            by_reason[row.reason] = by_reason.get(row.reason, 0) + standing + row.unnumbered


class ImbalanceKind(StrEnum):
    """What does not balance; bounded, used as metric label."""

    MISSING = "missing"
    """Published, and neither accepted nor refused."""
    UNSTORED = "unstored"
    """Accepted, and can never be stored."""
    UNASSESSED = "unassessed"
    """Stored, and not assessed."""


class Imbalance(NamedTuple):
    """One device whose account does not balance, and has not for longer than lags last."""

    device_id: str
    kind: ImbalanceKind
    readings: int


LASTING: Final = frozenset({GapCause.SEQUENCE_GAP, GapCause.NEW_BOOT})
"""Causes of gaps that nobody can wait for any more."""


def imbalances(conn: Connection, *, now_ms: int, settle_ms: int, told_for_ms: int) -> list[Imbalance]:
    """What of the last `told_for_ms` does not balance, settled; by device and kind."""
    found: defaultdict[tuple[str, ImbalanceKind], int] = defaultdict(int)
    for missing in gaps(conn, now_ms=now_ms, settle_ms=settle_ms):
        if missing.cause in LASTING and missing.gap.noticed_ms > now_ms - told_for_ms:
            found[missing.device_id, ImbalanceKind.MISSING] += missing.gap.count
    columns = ledger_hours.c
    unassessed = func.sum(columns.stored + columns.copied - columns.assessed)
    recent = columns.hour_ms > now_ms - told_for_ms - HOUR_MS
    settled = columns.hour_ms <= now_ms - settle_ms - HOUR_MS
    query = select(columns.device_id, unassessed).where(recent, settled).group_by(columns.device_id)
    for device_id, readings in conn.execute(query.having(unassessed != 0)):
        found[device_id, ImbalanceKind.UNASSESSED] += abs(int(readings))
    unstorable = func.sum(columns.unstorable)
    query = select(columns.device_id, unstorable).where(recent).group_by(columns.device_id).having(unstorable != 0)
    for device_id, readings in conn.execute(query):
        found[device_id, ImbalanceKind.UNSTORED] += int(readings)
    return [Imbalance(device_id, kind, readings) for (device_id, kind), readings in sorted(found.items())]


def waiting(conn: Connection) -> int:
    """Jottings that are not entered yet."""
    return int(conn.execute(select(func.count()).select_from(ledger_journal)).scalar_one())


def trim(conn: Connection, *, before_ms: int) -> int:
    """Forget hours before `before_ms`, and boots not heard since; how many rows went."""
    gone = 0
    for table, when in (
        (ledger_hours, ledger_hours.c.hour_ms),
        (ledger_refusals, ledger_refusals.c.hour_ms),
        (ledger_boots, ledger_boots.c.heard_ms),
    ):
        gone += conn.execute(delete(table).where(when < before_ms)).rowcount
    return gone
