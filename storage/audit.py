"""The audit trail in SQL: append under a lock, list, verify in bounded memory, and anchors signed by this installation."""

import hmac
import re
from collections.abc import Iterator, Sequence
from typing import Final

from sqlalchemy import Connection, insert, select, text

from storage.audit_chain import (
    GENESIS,
    Anchor,
    AuditAction,
    AuditEntry,
    Break,
    Detail,
    Link,
    Scalar,
    Verdict,
    linked,
)
from storage.audit_chain import verify as verify_chain
from storage.audit_tables import audit_entries
from storage.signing import load_signer
from storage.window import check_limit
from vitals.errors import InvalidArgument

__all__ = [
    "Anchor",
    "AuditAction",
    "AuditEntry",
    "Break",
    "Detail",
    "Link",
    "Scalar",
    "Verdict",
    "anchor",
    "append",
    "list_entries",
    "pages",
    "read_anchor",
    "verify",
]

_APPEND_LOCK: Final = 7_319_024_116
"""PostgreSQL advisory lock: one writer of the chain at a time, across processes. Any fixed number would do."""
PAGE_ENTRIES: Final = 2000
"""Entries held in memory while a trail is walked."""
_ANCHOR_PURPOSE: Final = "audit-anchor"
_ANCHOR_PREFIX: Final = "wardlight-audit"
_ANCHOR: Final = re.compile(_ANCHOR_PREFIX + r":([0-9]{1,15}):([0-9a-f]{64}):([0-9a-f]{64})")


def append(conn: Connection, entries: Sequence[AuditEntry]) -> int:
    """Put `entries` behind what stands in the trail, in the caller's transaction; the number of the last one.

    Takes the chain's lock until the transaction ends: call it last. Not for a repeatable-read transaction, which would not
    see what another process appended before the lock was had.
    """
    if conn.dialect.name != "sqlite":
        conn.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _APPEND_LOCK})
    number, previous = _end(conn)
    rows = []
    for entry in entries:
        number += 1
        link = linked(number, entry, previous)
        previous = link.hash
        rows.append(link._asdict())
    if rows:
        conn.execute(insert(audit_entries), rows)
    return number


def list_entries(
    conn: Connection,
    *,
    limit: int,
    person: str | None = None,
    patient_id: str | None = None,
    action: AuditAction | None = None,
    from_ms: int | None = None,
    to_ms: int | None = None,
    before: int | None = None,
) -> tuple[Link, ...]:
    """Entries in [from_ms, to_ms), newest first, at most `limit` (InvalidArgument beyond `ROWS_MAX`).

    `person` is an id or a whole name. The next page lies `before` the last one's number.
    """
    check_limit(limit)
    columns = audit_entries.c
    query = select(audit_entries).order_by(columns.number.desc()).limit(limit)
    if person is not None:
        query = query.where((columns.person_id == person) | (columns.name == person))
    if patient_id is not None:
        query = query.where(columns.patient_id == patient_id)
    if action is not None:
        query = query.where(columns.action == action.value)
    if from_ms is not None:
        query = query.where(columns.at_ms >= from_ms)
    if to_ms is not None:
        query = query.where(columns.at_ms < to_ms)
    if before is not None:
        query = query.where(columns.number < before)
    return tuple(Link(*row) for row in conn.execute(query))


def pages(conn: Connection, *, page_entries: int = PAGE_ENTRIES) -> Iterator[tuple[Link, ...]]:
    """The whole trail from its first entry, page by page."""
    columns = audit_entries.c
    after = None
    while True:
        query = select(audit_entries).order_by(columns.number).limit(page_entries)
        page = tuple(
            Link(*row) for row in conn.execute(query if after is None else query.where(columns.number > after))
        )
        if page:
            yield page
        if len(page) < page_entries:
            return
        after = page[-1].number


def verify(conn: Connection, *, against: Anchor | None = None, page_entries: int = PAGE_ENTRIES) -> Verdict:
    """Walk the whole trail; the first entry that is not what was written, and whether `against` still holds."""
    return verify_chain((link for page in pages(conn, page_entries=page_entries) for link in page), anchor=against)


def anchor(conn: Connection) -> str:
    """How far the trail has come, as one signed line to keep outside: `wardlight-audit:NUMBER:HASH:SIGNATURE`."""
    number, last = _end(conn)
    return f"{_ANCHOR_PREFIX}:{number}:{last.hex()}:{_signature(conn, number, last).hex()}"


def read_anchor(conn: Connection, line: str) -> Anchor:
    """The anchor that `line` says; raises InvalidArgument unless this installation signed it."""
    found = _ANCHOR.fullmatch(line.strip())
    if found is None:
        raise InvalidArgument("This is no anchor: it reads wardlight-audit:NUMBER:HASH:SIGNATURE.")
    number, last, signature = int(found[1]), bytes.fromhex(found[2]), bytes.fromhex(found[3])
    if not hmac.compare_digest(signature, _signature(conn, number, last)):
        raise InvalidArgument("This anchor was not signed by this installation, or was changed since.")
    return Anchor(number, last)


def _end(conn: Connection) -> tuple[int, bytes]:
    columns = audit_entries.c
    row = conn.execute(select(columns.number, columns.hash).order_by(columns.number.desc()).limit(1)).first()
    return (0, GENESIS) if row is None else (row.number, row.hash)


def _signature(conn: Connection, number: int, last: bytes) -> bytes:
    return load_signer(conn).seal(_ANCHOR_PURPOSE, b"%d:%s" % (number, last.hex().encode()))
