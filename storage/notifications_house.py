"""What keeps the outbox in order: heartbeats, handshakes, how much waits, and what is deleted."""

from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, delete, func, or_, select, update

from storage.notification_tables import deliveries, receipts, subscription_events, subscriptions
from storage.notifications import NewDelivery, enqueue
from vitals.delivery import delivery_id
from vitals.notification import DeliverySource, NotificationKind, Subscription, SubscriptionState

NOTIFICATION_TABLES: Final = ("subscription_events", "deliveries", "receipts")
"""Tables that grow with every notification."""
_HOUSE_KINDS: Final = (NotificationKind.HEARTBEAT.value, NotificationKind.HANDSHAKE.value)


class Backlog(NamedTuple):
    """What stands in the outbox."""

    waiting: int
    oldest_at_ms: int | None


def enqueue_handshake(conn: Connection, subscription: Subscription, *, now_ms: int, expires_after_ms: int) -> None:
    """Ask the subscription's destination whether it takes notifications; its acceptance makes the subscription active."""
    source = DeliverySource("handshake", subscription.subscription_id)
    enqueue(
        conn,
        [
            NewDelivery(
                delivery_id=delivery_id(source, str(now_ms)),
                destination_id=subscription.destination_id,
                purpose=NotificationKind.HANDSHAKE,
                due_at_ms=now_ms,
                expires_at_ms=now_ms + expires_after_ms,
                subscription_id=subscription.subscription_id,
                person_id=subscription.person_id,
            )
        ],
        now_ms=now_ms,
    )


def enqueue_test(conn: Connection, destination_id: str, *, now_ms: int, expires_after_ms: int) -> str:
    """Send one handshake to a destination for a try; the delivery's id, by which its receipts tell what came of it."""
    made = delivery_id(DeliverySource("test", destination_id), str(now_ms))
    new = NewDelivery(
        delivery_id=made,
        destination_id=destination_id,
        purpose=NotificationKind.HANDSHAKE,
        due_at_ms=now_ms,
        expires_at_ms=now_ms + expires_after_ms,
    )
    enqueue(conn, [new], now_ms=now_ms)
    return made


def enqueue_heartbeats(conn: Connection, *, now_ms: int, limit: int) -> int:
    """Queue a heartbeat for active subscriptions that were sent nothing for their period; how many.

    It is tried until the next one is due. Of several processes each due heartbeat is queued by one.
    """
    columns = subscriptions.c
    rows = conn.execute(
        select(columns.subscription_id, columns.destination_id, columns.heartbeat_s, columns.heartbeat_due_ms)
        .where(
            columns.state == SubscriptionState.ACTIVE.value,
            columns.removed_at_ms.is_(None),
            columns.heartbeat_s.is_not(None),
            or_(columns.heartbeat_due_ms.is_(None), columns.heartbeat_due_ms <= now_ms),
        )
        .order_by(columns.subscription_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    new = []
    for row in rows:
        next_ms = now_ms + row.heartbeat_s * 1000
        source = DeliverySource("heartbeat", row.subscription_id)
        new.append(
            NewDelivery(
                delivery_id=delivery_id(source, str(row.heartbeat_due_ms)),
                destination_id=row.destination_id,
                purpose=NotificationKind.HEARTBEAT,
                due_at_ms=now_ms,
                expires_at_ms=next_ms,
                subscription_id=row.subscription_id,
            )
        )
        conn.execute(
            update(subscriptions).where(columns.subscription_id == row.subscription_id).values(heartbeat_due_ms=next_ms)
        )
    return enqueue(conn, new, now_ms=now_ms)


def backlog(conn: Connection) -> Backlog:
    """How many deliveries are open, and since when the oldest is."""
    columns = deliveries.c
    row = conn.execute(select(func.count(), func.min(columns.created_at_ms)).where(columns.ended_at_ms.is_(None))).one()
    return Backlog(int(row[0]), row[1])


def delete_old_heartbeats(conn: Connection, *, before_ms: int, limit: int) -> int:
    """Delete heartbeats and handshakes that ended before, with their receipts; how many, at most `limit`."""
    columns = deliveries.c
    return _delete(conn, and_(columns.ended_at_ms < before_ms, columns.purpose.in_(_HOUSE_KINDS)), limit)[0]


def trim_deliveries(conn: Connection, *, before_ms: int, limit: int) -> tuple[int, int]:
    """Delete the oldest deliveries that ended before, with their receipts; how many of each, at most `limit` deliveries."""
    return _delete(conn, deliveries.c.ended_at_ms < before_ms, limit)


def trim_events(conn: Connection, *, before_ms: int, limit: int) -> int:
    """Delete the oldest events counted before; who asks for them is told which is the first kept. How many, at most `limit`.

    Of each subscription they go in the order of their numbers, without leaving any behind.
    """
    columns = subscription_events.c
    rows = conn.execute(
        select(columns.subscription_id, columns.number)
        .where(columns.counted_at_ms < before_ms)
        .order_by(columns.counted_at_ms, columns.subscription_id, columns.number)
        .limit(limit)
    ).all()
    last: dict[str, int] = {}
    for row in rows:
        last[row.subscription_id] = max(row.number, last.get(row.subscription_id, 0))
    deleted = 0
    for subscription_id, number in last.items():
        gone = and_(columns.subscription_id == subscription_id, columns.number <= number)
        deleted += conn.execute(delete(subscription_events).where(gone)).rowcount
    return deleted


def notifications_due(conn: Connection, *, before_ms: int) -> dict[str, int]:
    """How many rows of each of `NOTIFICATION_TABLES` trimming would delete."""
    ended = deliveries.c.ended_at_ms < before_ms
    of_ended = receipts.c.delivery_id.in_(select(deliveries.c.delivery_id).where(ended))
    queries = (
        select(func.count()).select_from(subscription_events).where(subscription_events.c.counted_at_ms < before_ms),
        select(func.count()).select_from(deliveries).where(ended),
        select(func.count()).select_from(receipts).where(of_ended),
    )
    counts = (int(conn.execute(query).scalar_one()) for query in queries)
    return dict(zip(NOTIFICATION_TABLES, counts, strict=True))


def _delete(conn: Connection, due: ColumnElement[bool], limit: int) -> tuple[int, int]:
    columns = deliveries.c
    ids = (
        conn.execute(select(columns.delivery_id).where(due).order_by(columns.ended_at_ms).limit(limit)).scalars().all()
    )
    if not ids:
        return 0, 0
    told = conn.execute(delete(receipts).where(receipts.c.delivery_id.in_(ids))).rowcount
    conn.execute(delete(deliveries).where(columns.delivery_id.in_(ids)))
    return len(ids), told
