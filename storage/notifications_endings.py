"""How deliveries end that nobody accepted, and what that means for their destination and subscription."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row, and_, select, update

from storage.destinations import StoredDestination, stored
from storage.notification_tables import deliveries, destinations, receipts
from storage.notifications import write
from storage.subscriptions import set_state
from vitals.delivery import Step
from vitals.notification import DeliveryFault, DeliveryState, NotificationKind, SubscriptionState

LASTING: Final = frozenset(
    {
        DeliveryFault.UNAUTHORIZED,
        DeliveryFault.GONE,
        DeliveryFault.ADDRESS_FORBIDDEN,
        DeliveryFault.MISCONFIGURED,
        DeliveryFault.TLS_FAILED,
    }
)
"""Faults of the destination rather than of one payload: a subscription that ends on one is in error."""


class Ended(NamedTuple):
    """What was given up or expired, for whoever counts."""

    delivery_id: str
    state: DeliveryState
    code: DeliveryFault | None


def hold_destination(conn: Connection, destination_id: str) -> StoredDestination:
    """The destination, kept from other claimers until the transaction ends."""
    row = conn.execute(
        select(destinations).where(destinations.c.destination_id == destination_id).with_for_update(key_share=True)
    ).one()
    return stored(conn, row)


def rows_of(conn: Connection, ids: Sequence[str]) -> list[Row[Any]]:
    """These rows, kept from others, in the order in which they were made."""
    columns = deliveries.c
    rows = conn.execute(
        select(deliveries).where(columns.delivery_id.in_(list(ids))).order_by(columns.delivery_id).with_for_update()
    ).all()
    return sorted(rows, key=lambda row: (row.created_at_ms, row.number or 0, row.delivery_id))


def put_step(conn: Connection, row: Row[Any], step: Step, code: DeliveryFault | None, now_ms: int) -> list[Ended]:
    """Store a step; what it means for destination and subscription where it is the end."""
    if not step.marks:
        return []
    write(conn, row.delivery_id, step, now_ms=now_ms)
    state = step.standing.state
    if step.standing.is_open:
        return []
    _give_up(conn, row, state, code, now_ms)
    return [Ended(row.delivery_id, state, code)]


_OWN_DOING: Final = frozenset(
    {DeliveryFault.NO_ACCESS, DeliveryFault.DESTINATION_REMOVED, DeliveryFault.SUBSCRIPTION_OFF}
)


def _give_up(conn: Connection, row: Row[Any], state: DeliveryState, code: DeliveryFault | None, now_ms: int) -> None:
    if code in _OWN_DOING:
        return
    purpose = NotificationKind(row.purpose)
    if purpose is not NotificationKind.HANDSHAKE:
        fault = code or _last_fault(conn, row.delivery_id) or DeliveryFault.TIMED_OUT
        touch(conn, row.destination_id, failed_at_ms=now_ms, fault=fault.value)
    if row.subscription_id is None or purpose is NotificationKind.HEARTBEAT:
        return
    if purpose is NotificationKind.HANDSHAKE or state is DeliveryState.EXPIRED or code in LASTING:
        why = "expired" if code is None else code.value
        set_state(
            conn,
            row.subscription_id,
            SubscriptionState.ERROR,
            now_ms=now_ms,
            reason=f"a notification could not be delivered: {why}",
            only_from=[SubscriptionState.REQUESTED, SubscriptionState.ACTIVE],
        )


def _last_fault(conn: Connection, delivery_id: str) -> DeliveryFault | None:
    columns = receipts.c
    code = conn.execute(
        select(columns.code)
        .where(and_(columns.delivery_id == delivery_id, columns.code.is_not(None)))
        .order_by(columns.at_ms.desc(), columns.attempt.desc())
        .limit(1)
    ).scalar_one_or_none()
    return None if code is None else DeliveryFault(code)


def touch(conn: Connection, destination_id: str, **changes: Any) -> None:  # noqa: ANN401 - columns
    """Change columns of a destination that the caller holds."""
    conn.execute(update(destinations).where(destinations.c.destination_id == destination_id).values(changes))
