"""What came of an attempt: put down for every delivery that went in the notification, whoever has claimed it since."""

from sqlalchemy import Connection, update

from storage.notification_tables import subscriptions
from storage.notifications import standing_of, write
from storage.notifications_endings import LASTING, Ended, hold_destination, put_step, rows_of, touch
from storage.notifications_outbox import Claimed
from storage.subscriptions import set_state
from vitals import delivery as life
from vitals.notification import DeliveryFault, NotificationKind, SubscriptionState


def put_accepted(conn: Connection, claimed: Claimed, *, is_delivered: bool, reference: str | None, now_ms: int) -> None:
    """The destination has it: so stands every delivery of it, whoever may have claimed it since."""
    destination_id = claimed.destination.destination_id
    hold_destination(conn, destination_id)
    attempts = {one.delivery_id: one.attempt for one in claimed.deliveries}
    for row in rows_of(conn, list(attempts)):
        step = life.accepted(
            standing_of(row), attempt=attempts[row.delivery_id], is_delivered=is_delivered, reference=reference
        )
        write(conn, row.delivery_id, step, now_ms=now_ms)
    touch(conn, destination_id, accepted_at_ms=now_ms)
    if claimed.subscription is None:
        return
    subscription_id = claimed.subscription.subscription_id
    if claimed.purpose is NotificationKind.HANDSHAKE:
        set_state(
            conn,
            subscription_id,
            SubscriptionState.ACTIVE,
            now_ms=now_ms,
            reason="its destination took the handshake",
            only_from=[SubscriptionState.REQUESTED],
        )
    _put_off_heartbeat(conn, subscription_id, now_ms)


def put_failed(
    conn: Connection,
    claimed: Claimed,
    *,
    code: DeliveryFault,
    sentence: str,
    next_at_ms: int | None,
    paused_until_ms: int | None,
    now_ms: int,
) -> tuple[Ended, ...]:
    """The attempt failed, to be made again at `next_at_ms`, or never; what ended by that. A later claimer's are left alone.

    A first attempt that fails by the destination's own fault says at once that it fails, however long it is tried again.
    """
    destination_id = claimed.destination.destination_id
    held = hold_destination(conn, destination_id)
    if code in LASTING and _is_first_telling(claimed) and not held.is_failing:
        touch(conn, destination_id, failed_at_ms=now_ms, fault=code.value)
    if paused_until_ms is not None:
        touch(conn, destination_id, paused_until_ms=paused_until_ms)
    epochs = {one.delivery_id: one.epoch for one in claimed.deliveries}
    ended: list[Ended] = []
    for row in rows_of(conn, list(epochs)):
        before = standing_of(row)
        step = life.failed(
            before,
            epoch=epochs[row.delivery_id],
            code=code,
            detail=sentence,
            next_at_ms=next_at_ms,
            now_ms=now_ms,
        )
        if step.marks:
            ended += put_step(conn, row, step, code, now_ms)
    return tuple(ended)


def release(conn: Connection, claimed: Claimed, *, now_ms: int) -> None:
    """The process ends: what it was sending may be sent by another at once; whether it arrived is not known."""
    put_failed(
        conn,
        claimed,
        code=DeliveryFault.INTERRUPTED,
        sentence="The process that was sending it ended.",
        next_at_ms=now_ms,
        paused_until_ms=None,
        now_ms=now_ms,
    )


def _is_first_telling(claimed: Claimed) -> bool:
    # Later attempts say nothing more: what one payload goes on meeting must not hide that others arrive.
    return claimed.purpose is not NotificationKind.HANDSHAKE and all(one.attempt == 1 for one in claimed.deliveries)


def _put_off_heartbeat(conn: Connection, subscription_id: str, now_ms: int) -> None:
    columns = subscriptions.c
    conn.execute(
        update(subscriptions)
        .where(columns.subscription_id == subscription_id, columns.heartbeat_s.is_not(None))
        .values(heartbeat_due_ms=now_ms + columns.heartbeat_s * 1000)
    )
