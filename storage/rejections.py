"""Refused messages in SQL, with their original bytes, and whether they were replayed since."""

from collections.abc import Collection, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, bindparam, func, select, tuple_, update

from storage import tables
from storage.bulk import BulkInsert, Stored
from storage.window import Cursor, check_limit
from vitals.errors import NotFound
from vitals.reading import Rejection, RejectionReason, WardId

REJECTIONS_INSERT: Final = BulkInsert(tables.rejections, key="rejection_id")
_RECEIVED_AT: Final = 4
"""Place of `received_at_ms` in a row."""
_WAIT_AGAIN: Final = (
    update(tables.rejections)
    .where(
        tables.rejections.c.rejection_id == bindparam("refused_id"),
        tables.rejections.c.replayed_at_ms <= bindparam("refused_at_ms"),
    )
    .values(replayed_at_ms=None, received_at_ms=bindparam("refused_at_ms"))
)


class StoredRejection(msgspec.Struct, frozen=True):
    """A rejection, and when it was replayed; None where it still waits."""

    rejection: Rejection
    replayed_at_ms: int | None

    @property
    def is_whole(self) -> bool:
        """Whether all the original bytes were kept, so that it can be replayed."""
        return self.rejection.payload_bytes == len(self.rejection.payload)


def row_of(rejection: Rejection) -> tuple[Any, ...]:
    """The rejection as a row of table `rejections`; the NUL that PostgreSQL's text cannot hold shows as U+FFFD."""
    return (
        rejection.rejection_id,
        rejection.reason.value,
        rejection.detail.replace("\0", "\ufffd"),
        rejection.device_id.replace("\0", "\ufffd"),
        rejection.received_at_ms,
        rejection.payload,
        rejection.payload_bytes,
        None,
        rejection.boot,
        rejection.sequence,
        rejection.in_part,
    )


def store(conn: Connection, rejections: Sequence[Rejection]) -> Stored:
    """Insert what is new by rejection_id, in one round; the rest are duplicates, and wait again where they were replayed."""
    rows = [row_of(rejection) for rejection in rejections]
    stored = REJECTIONS_INSERT.insert(conn, rows)
    wait_again(conn, rows)
    return stored


def wait_again(conn: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Those of these rows (as `row_of` makes them) that were replayed before they were refused now wait for another replay."""
    if rows:
        conn.execute(_WAIT_AGAIN, [{"refused_id": row[0], "refused_at_ms": row[_RECEIVED_AT]} for row in rows])


def list_rejections(
    conn: Connection,
    *,
    limit: int,
    reason: RejectionReason | None = None,
    device_id: str | None = None,
    ward_ids: Collection[WardId] | None = None,
    waiting_only: bool = False,
    after: Cursor | None = None,
) -> tuple[StoredRejection, ...]:
    """Rejections, newest first, at most `limit` (InvalidArgument beyond `ROWS_MAX`); optionally only those not replayed.

    With `ward_ids`, only those of devices known on these wards: what nobody knows is on none. The next page begins `after` the last one's (received_at_ms, rejection_id).
    """
    check_limit(limit)
    columns = tables.rejections.c
    query = select(tables.rejections)
    if reason is not None:
        query = query.where(columns.reason == reason.value)
    if device_id is not None:
        query = query.where(columns.device_id == device_id)
    if ward_ids is not None:
        known = select(tables.devices.c.device_id).where(tables.devices.c.ward_id.in_(sorted(ward_ids)))
        query = query.where(columns.device_id.in_(known))
    if waiting_only:
        query = query.where(columns.replayed_at_ms.is_(None))
    if after is not None:
        query = query.where(tuple_(columns.received_at_ms, columns.rejection_id) < tuple_(*after))
    query = query.order_by(columns.received_at_ms.desc(), columns.rejection_id.desc()).limit(limit)
    return tuple(map(_stored, conn.execute(query)))


def counts_since(conn: Connection, from_ms: int) -> dict[RejectionReason, int]:
    """How many messages were refused for which reason since then, and still wait to be replayed."""
    columns = tables.rejections.c
    query = (
        select(columns.reason, func.count())
        .where(columns.received_at_ms >= from_ms, columns.replayed_at_ms.is_(None))
        .group_by(columns.reason)
    )
    return {RejectionReason(row[0]): int(row[1]) for row in conn.execute(query)}


def get(conn: Connection, rejection_id: str) -> StoredRejection:
    """The rejection; raises NotFound."""
    row = conn.execute(select(tables.rejections).where(tables.rejections.c.rejection_id == rejection_id)).first()
    if row is None:
        raise NotFound(f"There is no rejection {rejection_id}.")
    return _stored(row)


def mark_replayed(conn: Connection, rejection_ids: Sequence[str], at_ms: int | None) -> int:
    """Say that these are replayed from `at_ms` on, or (None) that they still wait; the number that exist.

    Said before they are sent, so that a new refusal, which comes after `at_ms`, is never mistaken for the old one.
    """
    columns = tables.rejections.c
    return conn.execute(
        update(tables.rejections).where(columns.rejection_id.in_(rejection_ids)).values(replayed_at_ms=at_ms)
    ).rowcount


def _stored(row: Row[Any]) -> StoredRejection:
    rejection = Rejection(
        rejection_id=row.rejection_id,
        reason=RejectionReason(row.reason),
        detail=row.detail,
        device_id=row.device_id,
        received_at_ms=row.received_at_ms,
        payload=row.payload,
        payload_bytes=row.payload_bytes,
        boot=row.boot,
        sequence=row.sequence,
        in_part=row.in_part,
    )
    return StoredRejection(rejection, row.replayed_at_ms)
