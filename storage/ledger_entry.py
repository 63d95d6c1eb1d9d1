"""The journal of the recorder, entered in the tables of the ledger: exactly once, each transaction whole."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, Table, delete, func, select, text, tuple_

from storage import dialect
from storage.ledger_journal import Accepted, Jotting, Refusal, read
from storage.ledger_tables import HOUR_COUNTS, ledger_boots, ledger_hours, ledger_journal, ledger_refusals
from vitals.ledger import BootBook, Found, runs_of

_ENTER_LOCK: Final = 7_319_024_117
"""PostgreSQL advisory lock: one entering at a time. Any fixed number would do."""
_REFUSAL_COUNTS: Final = ("refused", "unnumbered", "mended", "in_part")
_KEYS_PER_QUERY: Final = 300
_encode_book: Final = msgspec.json.Encoder().encode
_decode_book: Final = msgspec.json.Decoder(BootBook).decode

Key = tuple[str, str]
"""Device and boot."""


class Bounds(NamedTuple):
    """How much is followed."""

    jottings_max: int = 500
    """Entered in one transaction."""
    runs_max: int = 256
    """Gaps, and runs of refused numbers, followed one by one per boot; older ones are only counted."""
    boots_max: int = 64
    """Boots remembered per device; of older ones only the counts remain."""


class Boot(msgspec.Struct):
    """A row of `ledger_boots`."""

    book: BootBook
    first_heard_ms: int
    heard_ms: int
    stored: int = 0


DEFAULT_BOUNDS: Final = Bounds()


def enter(conn: Connection, bounds: Bounds = DEFAULT_BOUNDS) -> int:
    """Enter what the journal holds, oldest first; how many jottings were entered.

    Nothing where another process is entering now.
    """
    if conn.dialect.name != "sqlite":
        locked = conn.execute(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": _ENTER_LOCK}).scalar_one()
        if not locked:
            return 0
    columns = ledger_journal.c
    found = conn.execute(select(ledger_journal).order_by(columns.number).limit(bounds.jottings_max)).all()
    if not found:
        return 0
    jottings = [read(row.record) for row in found]
    sheet = _Sheet(bounds)
    sheet.load(conn, {key for jotting in jottings for key in _keys_of(jotting)})
    sheet.enter(jottings)
    sheet.write(conn)
    numbers = [row.number for row in found]
    conn.execute(
        delete(ledger_journal).where(columns.number.between(numbers[0], numbers[-1]), columns.number.in_(numbers))
    )
    return len(found)


def _keys_of(jotting: Jotting) -> Iterable[Key]:
    lines: Iterable[Accepted | Refusal] = (*jotting.accepted, *jotting.refused)
    usual = list(zip(jotting.devices, jotting.boots, strict=True))
    return usual + [(line.device_id, line.boot) for line in lines if line.boot is not None]


class _Sheet:
    """What one entering changes."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._hours: defaultdict[tuple[int, str], dict[str, int]] = defaultdict(lambda: dict.fromkeys(HOUR_COUNTS, 0))
        self._refusals: defaultdict[tuple[int, str, str], dict[str, int]] = defaultdict(
            lambda: dict.fromkeys(_REFUSAL_COUNTS, 0)
        )
        self._boots: dict[Key, Boot] = {}
        self._begun: set[str] = set()
        """Devices with a boot that is new."""

    def load(self, conn: Connection, keys: Iterable[Key]) -> None:
        """Fetch what is known of these boots."""
        wanted = sorted(keys)
        columns = ledger_boots.c
        for start in range(0, len(wanted), _KEYS_PER_QUERY):
            chunk = wanted[start : start + _KEYS_PER_QUERY]
            query = select(ledger_boots).where(tuple_(columns.device_id, columns.boot).in_(chunk))
            for row in conn.execute(query):
                self._boots[row.device_id, row.boot] = boot_of(row)

    def enter(self, jottings: Sequence[Jotting]) -> None:
        """Take note of all of them; neighbouring numbers of several jottings are entered as one run."""
        accepted: dict[tuple[str, str | None, int], Accepted] = {}
        at_ms = jottings[-1].at_ms
        for (device_id, boot, hour_ms), runs in _usual(jottings).items():
            self._accept_runs(device_id, boot, hour_ms, runs, at_ms)
        for jotting in jottings:
            for line in jotting.accepted:
                key = (line.device_id, line.boot, line.hour_ms)
                whole = accepted.get(key)
                if whole is None:
                    accepted[key] = line
                else:
                    _join(whole, line)
            for device_id, hour_ms, count in jotting.assessed:
                self._hours[hour_ms, device_id]["assessed"] += count
        for line in accepted.values():
            self._accept(line, at_ms)
        for jotting in jottings:
            for refusal in jotting.refused:
                self._refuse(refusal, jotting.at_ms)

    def _accept_runs(
        self, device_id: str, name: str, hour_ms: int, runs: Sequence[tuple[int, int]], at_ms: int
    ) -> None:
        """Runs of numbers that SQL did not hold before."""
        count = sum(last - first + 1 for first, last in runs)
        hour = self._hours[hour_ms, device_id]
        hour["accepted"] += count
        hour["stored"] += count
        boot = self._boot(device_id, name, at_ms)
        boot.stored += count
        for first, last in runs:
            self._number(device_id, boot, first, last, hour_ms, at_ms, is_new=True)

    def _number(
        self, device_id: str, boot: Boot, first: int, last: int, hour_ms: int, at_ms: int, *, is_new: bool
    ) -> None:
        found = boot.book.accept(
            first, last, hour_ms=hour_ms, at_ms=at_ms, is_new=is_new, runs_max=self._bounds.runs_max
        )
        self._hours[hour_ms, device_id]["numbered"] += found.new + sum(found.mended.values())
        self._follow(device_id, found)

    def _accept(self, line: Accepted, at_ms: int) -> None:
        hour = self._hours[line.hour_ms, line.device_id]
        unnumbered = line.unnumbered + line.unnumbered_repeats + line.unnumbered_unstorable
        hour["accepted"] += len(line.numbers) + len(line.repeats) + len(line.unstorable) + unnumbered
        hour["unnumbered"] += unnumbered
        hour["duplicates"] += len(line.repeats) + line.unnumbered_repeats
        hour["stored"] += len(line.numbers) + line.unnumbered
        hour["unstorable"] += len(line.unstorable) + line.unnumbered_unstorable
        hour["copied"] += line.copied
        if line.boot is None:
            return
        boot = self._boot(line.device_id, line.boot, at_ms)
        boot.stored += len(line.numbers)
        for numbers, is_new in ((line.numbers, True), (line.repeats, False), (line.unstorable, False)):
            for first, last in runs_of(numbers) if numbers else ():
                self._number(line.device_id, boot, first, last, line.hour_ms, at_ms, is_new=is_new)

    def _refuse(self, line: Refusal, at_ms: int) -> None:
        counts = self._refusals[line.hour_ms, line.device_id, line.reason]
        if line.in_part:
            counts["in_part"] += line.is_new
        elif line.boot is None or line.number is None:
            counts["unnumbered"] += line.is_new
        else:
            boot = self._boot(line.device_id, line.boot, at_ms)
            found = boot.book.refuse(
                line.number, line.reason, hour_ms=line.hour_ms, at_ms=at_ms, runs_max=self._bounds.runs_max
            )
            counts["refused"] += found.new
            self._follow(line.device_id, found)

    def _follow(self, device_id: str, found: Found) -> None:
        for (reason, refused_hour_ms), count in found.mended.items():
            self._refusals[refused_hour_ms, device_id, reason]["mended"] += count
        for forgotten_hour_ms, count in found.forgotten.items():
            self._hours[forgotten_hour_ms, device_id]["forgotten"] += count

    def _boot(self, device_id: str, name: str, at_ms: int) -> Boot:
        boot = self._boots.get((device_id, name))
        if boot is None:
            boot = self._boots[device_id, name] = Boot(BootBook(), at_ms, at_ms)
            self._begun.add(device_id)
        boot.heard_ms = max(boot.heard_ms, at_ms)
        return boot

    def write(self, conn: Connection) -> None:
        """Put it into the tables."""
        rows = [_boot_row(key, boot) for key, boot in self._boots.items()]
        dialect.replace_all(conn, ledger_boots, rows, key=("device_id", "boot"))
        for device_id in self._with_too_many_boots(conn):
            self._forget_boots(conn, device_id)
        hours = [
            {"hour_ms": hour_ms, "device_id": device_id, **counts}
            for (hour_ms, device_id), counts in self._hours.items()
            if any(counts.values())
        ]
        _add(conn, ledger_hours, hours, HOUR_COUNTS, ("hour_ms", "device_id"))
        refusals = [
            {"hour_ms": hour_ms, "device_id": device_id, "reason": reason, **counts}
            for (hour_ms, device_id, reason), counts in self._refusals.items()
            if any(counts.values())
        ]
        _add(conn, ledger_refusals, refusals, _REFUSAL_COUNTS, ("hour_ms", "device_id", "reason"))

    def _with_too_many_boots(self, conn: Connection) -> list[str]:
        columns, begun = ledger_boots.c, sorted(self._begun)
        return [
            device_id
            for start in range(0, len(begun), _KEYS_PER_QUERY)
            for device_id in conn.scalars(
                select(columns.device_id)
                .where(columns.device_id.in_(begun[start : start + _KEYS_PER_QUERY]))
                .group_by(columns.device_id)
                .having(func.count() > self._bounds.boots_max)
            )
        ]

    def _forget_boots(self, conn: Connection, device_id: str) -> None:
        columns = ledger_boots.c
        old = conn.execute(
            select(ledger_boots)
            .where(columns.device_id == device_id)
            .order_by(columns.heard_ms.desc(), columns.boot)
            .offset(self._bounds.boots_max)
        ).all()
        for row in old:
            for gap in boot_of(row).book.gaps:
                self._hours[gap.hour_ms, device_id]["forgotten"] += gap.count
            conn.execute(delete(ledger_boots).where(columns.device_id == device_id, columns.boot == row.boot))


def _usual(jottings: Iterable[Jotting]) -> dict[tuple[str, str, int], list[tuple[int, int]]]:
    """Runs of numbers by device, boot and hour; those that follow upon one another joined."""
    usual: dict[tuple[str, str, int], list[tuple[int, int]]] = {}
    for jotting in jottings:
        hour_ms = jotting.hour_ms
        for device_id, boot, first, count in zip(
            jotting.devices, jotting.boots, jotting.firsts, jotting.counts, strict=True
        ):
            key = (device_id, boot, hour_ms)
            runs = usual.get(key)
            if runs is None:
                usual[key] = [(first, first + count - 1)]
            elif runs[-1][1] == first - 1:
                runs[-1] = (runs[-1][0], first + count - 1)
            else:
                runs.append((first, first + count - 1))
    return usual


def _join(whole: Accepted, line: Accepted) -> None:
    whole.numbers += line.numbers
    whole.repeats += line.repeats
    whole.unstorable += line.unstorable
    whole.unnumbered += line.unnumbered
    whole.unnumbered_repeats += line.unnumbered_repeats
    whole.unnumbered_unstorable += line.unnumbered_unstorable
    whole.copied += line.copied


def _add(
    conn: Connection, table: Table, rows: Sequence[dict[str, Any]], counts: Sequence[str], key: Sequence[str]
) -> None:
    if not rows:
        return
    statement = dialect.insert(conn, table)
    changes = {name: table.c[name] + statement.excluded[name] for name in counts}
    conn.execute(statement.on_conflict_do_update(index_elements=list(key), set_=changes), list(rows))


def boot_of(row: Row[Any]) -> Boot:
    """A row of `ledger_boots`."""
    return Boot(_decode_book(row.book), row.first_heard_ms, row.heard_ms, row.stored)


def _boot_row(key: Key, boot: Boot) -> dict[str, Any]:
    return {
        "device_id": key[0],
        "boot": key[1],
        "first_heard_ms": boot.first_heard_ms,
        "heard_ms": boot.heard_ms,
        "published": boot.book.next,
        "stored": boot.stored,
        "missing": boot.book.missing,
        "book": _encode_book(boot.book).decode(),
    }
