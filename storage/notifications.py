"""The outbox: deliveries put into it, and the receipts that say what became of each."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, or_, select, update

from storage.dialect import insert_new
from storage.notification_tables import deliveries, receipts
from storage.window import check_limit
from vitals.alert import Transition
from vitals.codec import encode
from vitals.delivery import URGENCY, URGENCY_NONE, Mark, Standing, Step, delivery_id, queued, receipt_id
from vitals.errors import NotFound
from vitals.notification import (
    DeliveryFault,
    DeliverySource,
    DeliveryState,
    NotificationKind,
    ReceiptState,
)

DETAIL_MAX: Final = 300
"""Characters kept of what a channel answered."""


class NewDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """Something to send to one destination, once."""

    delivery_id: str
    destination_id: str
    purpose: NotificationKind = NotificationKind.EVENT
    due_at_ms: int
    expires_at_ms: int
    """When trying ends."""
    step: Transition | None = None
    subscription_id: str | None = None
    number: int | None = None
    step_id: str | None = None
    """Of an escalation."""
    step_text: str | None = None
    person_id: str | None = None
    """Whom it is for: asked again at each attempt whether they may see the ward."""
    is_ending: bool = False
    """It waits until what was queued before it of the same episode was accepted or given up."""


class Delivery(NamedTuple):
    """A delivery as it stands."""

    delivery_id: str
    destination_id: str
    purpose: NotificationKind
    subscription_id: str | None
    number: int | None
    step_id: str | None
    person_id: str | None
    transition_id: str | None
    episode_id: str | None
    patient_id: str | None
    ward_id: str | None
    state: DeliveryState
    created_at_ms: int
    due_at_ms: int
    expires_at_ms: int
    attempts: int
    notification_id: str | None
    ended_at_ms: int | None
    seen: bool


class Receipt(NamedTuple):
    """What happened to a delivery, once."""

    delivery_id: str
    state: ReceiptState
    at_ms: int
    attempt: int
    code: DeliveryFault | None
    detail: str | None
    by: str | None
    person_id: str | None


class Evidence(NamedTuple):
    """What is known of one delivery: when each first happened, None where it has not."""

    delivery_id: str
    state: DeliveryState
    queued_at_ms: int
    sent_at_ms: int | None = None
    delivered_at_ms: int | None = None
    seen_at_ms: int | None = None
    failed_at_ms: int | None = None
    """Of the latest attempt that failed."""
    code: DeliveryFault | None = None
    """Why that one did."""

    @property
    def is_hopeless(self) -> bool:
        """Whether it will never arrive."""
        return self.state in (DeliveryState.FAILED, DeliveryState.EXPIRED)


def ladder_delivery(
    step_id: str,
    destination_id: str,
    step: Transition,
    *,
    person_id: str | None,
    step_text: str,
    now_ms: int,
    expires_at_ms: int,
) -> NewDelivery:
    """What step `step_id` of an escalation sends to one destination; the same id however often it is made."""
    source = DeliverySource("ladder", f"{step_id}/{destination_id}")
    return NewDelivery(
        delivery_id=delivery_id(source, step.transition_id),
        destination_id=destination_id,
        due_at_ms=now_ms,
        expires_at_ms=expires_at_ms,
        step=step,
        step_id=step_id,
        step_text=step_text,
        person_id=person_id,
    )


def enqueue(conn: Connection, new: Iterable[NewDelivery], *, now_ms: int) -> int:
    """Put deliveries into the outbox, each with its receipt `queued`; one that is there already stays as it is. How many were new."""
    rows, first_receipts = [], []
    for one in new:
        step = queued(now_ms=now_ms, due_at_ms=one.due_at_ms, expires_at_ms=one.expires_at_ms)
        rows.append(_row(one, step.standing, now_ms))
        first_receipts += [receipt_row(one.delivery_id, mark, now_ms) for mark in step.marks]
    if not rows:
        return 0
    before = _existing(conn, [row["delivery_id"] for row in rows])
    conn.execute(insert_new(conn, deliveries, key="delivery_id"), rows)
    put_receipts(conn, [row for row in first_receipts if row["delivery_id"] not in before])
    return len({row["delivery_id"] for row in rows} - before)


def seen(conn: Connection, some_id: str, *, now_ms: int, by: str, person_id: str | None) -> int:
    """Somebody has seen a delivery, or all that were sent together under a notification's id; how many had not been said so by them.

    Raises NotFound.
    """
    columns = deliveries.c
    ids = conn.execute(
        select(columns.delivery_id)
        .where(or_(columns.delivery_id == some_id, columns.notification_id == some_id))
        .order_by(columns.delivery_id)
    ).scalars()
    marked = 0
    found = False
    for held in list(ids):
        found = True
        mark = Mark(ReceiptState.SEEN, 0)
        row = receipt_row(held, mark, now_ms, by=by, person_id=person_id)
        marked += put_receipts(conn, [row])
        conn.execute(update(deliveries).where(columns.delivery_id == held).values(seen=True))
    if not found:
        raise NotFound(f"There is no delivery {some_id}.")
    return marked


def get(conn: Connection, delivery_id: str) -> Delivery:
    """The delivery; raises NotFound."""
    row = conn.execute(select(deliveries).where(deliveries.c.delivery_id == delivery_id)).first()
    if row is None:
        raise NotFound(f"There is no delivery {delivery_id}.")
    return as_delivery(row)


def find_sent(conn: Connection, some_id: str) -> tuple[Delivery, ...]:
    """The delivery of this id, or those sent together under a notification's; empty where there is none."""
    columns = deliveries.c
    query = select(deliveries).where(or_(columns.delivery_id == some_id, columns.notification_id == some_id))
    return tuple(map(as_delivery, conn.execute(query.order_by(columns.delivery_id))))


def list_deliveries(
    conn: Connection,
    *,
    limit: int,
    episode_id: str | None = None,
    subscription_id: str | None = None,
    destination_id: str | None = None,
    open_only: bool = False,
) -> tuple[Delivery, ...]:
    """Deliveries of an episode, a subscription or a destination, newest first, at most `limit` (InvalidArgument beyond `ROWS_MAX`)."""
    check_limit(limit)
    columns = deliveries.c
    query = select(deliveries)
    if episode_id is not None:
        query = query.where(columns.episode_id == episode_id)
    if subscription_id is not None:
        query = query.where(columns.subscription_id == subscription_id)
    if destination_id is not None:
        query = query.where(columns.destination_id == destination_id)
    if open_only:
        query = query.where(columns.ended_at_ms.is_(None))
    query = query.order_by(columns.created_at_ms.desc(), columns.delivery_id).limit(limit)
    return tuple(map(as_delivery, conn.execute(query)))


def receipts_of(conn: Connection, delivery_ids: Sequence[str]) -> tuple[Receipt, ...]:
    """Every receipt of these deliveries, oldest first."""
    columns = receipts.c
    rows = conn.execute(select(receipts).where(columns.delivery_id.in_(sorted(set(delivery_ids)))))
    return tuple(sorted(map(_receipt, rows), key=_in_order))


def evidence(conn: Connection, delivery_ids: Sequence[str]) -> dict[str, Evidence]:
    """What is known of these deliveries; those that do not exist are left out."""
    columns = deliveries.c
    rows = conn.execute(select(deliveries).where(columns.delivery_id.in_(sorted(set(delivery_ids)))))
    found = [as_delivery(row) for row in rows]
    by_delivery: dict[str, list[Receipt]] = {one.delivery_id: [] for one in found}
    for receipt in receipts_of(conn, list(by_delivery)):
        by_delivery[receipt.delivery_id].append(receipt)
    return {one.delivery_id: _evidence(one, by_delivery[one.delivery_id]) for one in found}


def evidence_of_steps(conn: Connection, step_ids: Sequence[str]) -> dict[str, tuple[Evidence, ...]]:
    """What is known of every delivery of these steps of escalations, by step."""
    columns = deliveries.c
    rows = conn.execute(
        select(columns.delivery_id, columns.step_id).where(columns.step_id.in_(sorted(set(step_ids))))
    ).all()
    known = evidence(conn, [row.delivery_id for row in rows])
    found: dict[str, list[Evidence]] = {step_id: [] for step_id in step_ids}
    for row in rows:
        found[row.step_id].append(known[row.delivery_id])
    return {step_id: tuple(ones) for step_id, ones in found.items()}


def put_receipts(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
    """Store receipts that are new; how many were."""
    if not rows:
        return 0
    known = set(
        conn.execute(
            select(receipts.c.receipt_id).where(receipts.c.receipt_id.in_([row["receipt_id"] for row in rows]))
        ).scalars()
    )
    conn.execute(insert_new(conn, receipts, key="receipt_id"), list(rows))
    return len({row["receipt_id"] for row in rows} - known)


def write(conn: Connection, delivery_id: str, step: Step, *, now_ms: int, **changes: Any) -> None:  # noqa: ANN401 - columns
    """Store where a delivery stands now, with its receipts; the caller holds its row."""
    at = step.standing
    values = {
        "state": at.state.value,
        "attempts": at.attempts,
        "epoch": at.epoch,
        "due_at_ms": at.due_at_ms,
        "lease_until_ms": at.lease_until_ms,
        "ended_at_ms": None if at.is_open else now_ms,
        **changes,
    }
    conn.execute(update(deliveries).where(deliveries.c.delivery_id == delivery_id).values(values))
    put_receipts(conn, [receipt_row(delivery_id, mark, now_ms) for mark in step.marks])


def standing_of(row: Row[Any]) -> Standing:
    """From a row of `deliveries`."""
    return Standing(
        state=DeliveryState(row.state),
        attempts=row.attempts,
        epoch=row.epoch,
        due_at_ms=row.due_at_ms,
        expires_at_ms=row.expires_at_ms,
        lease_until_ms=row.lease_until_ms,
    )


def receipt_row(
    delivery_id: str, mark: Mark, now_ms: int, *, by: str | None = None, person_id: str | None = None
) -> dict[str, Any]:
    """A row of `receipts`."""
    return {
        "receipt_id": receipt_id(delivery_id, mark, person_id or by),
        "delivery_id": delivery_id,
        "state": mark.state.value,
        "at_ms": now_ms,
        "attempt": mark.attempt,
        "code": None if mark.code is None else mark.code.value,
        "detail": None if mark.detail is None else mark.detail[:DETAIL_MAX],
        "by_person": by,
        "person_id": person_id,
    }


def as_delivery(row: Row[Any]) -> Delivery:
    """From a row of `deliveries`."""
    return Delivery(
        delivery_id=row.delivery_id,
        destination_id=row.destination_id,
        purpose=NotificationKind(row.purpose),
        subscription_id=row.subscription_id,
        number=row.number,
        step_id=row.step_id,
        person_id=row.person_id,
        transition_id=row.transition_id,
        episode_id=row.episode_id,
        patient_id=row.patient_id,
        ward_id=row.ward_id,
        state=DeliveryState(row.state),
        created_at_ms=row.created_at_ms,
        due_at_ms=row.due_at_ms,
        expires_at_ms=row.expires_at_ms,
        attempts=row.attempts,
        notification_id=row.notification_id,
        ended_at_ms=row.ended_at_ms,
        seen=row.seen,
    )


def _row(one: NewDelivery, at: Standing, now_ms: int) -> dict[str, Any]:
    step = one.step
    return {
        "delivery_id": one.delivery_id,
        "destination_id": one.destination_id,
        "purpose": one.purpose.value,
        "subscription_id": one.subscription_id,
        "number": one.number,
        "step_id": one.step_id,
        "step_text": one.step_text,
        "person_id": one.person_id,
        "transition_id": None if step is None else step.transition_id,
        "episode_id": None if step is None else step.episode_id,
        "patient_id": None if step is None else step.patient_id,
        "ward_id": None if step is None else step.ward_id,
        "urgency": URGENCY_NONE if step is None else URGENCY[step.priority],
        "is_ending": one.is_ending,
        "record": None if step is None else encode(step),
        "state": at.state.value,
        "created_at_ms": now_ms,
        "due_at_ms": at.due_at_ms,
        "expires_at_ms": at.expires_at_ms,
    }


def _existing(conn: Connection, ids: Sequence[str]) -> set[str]:
    return set(
        conn.execute(select(deliveries.c.delivery_id).where(deliveries.c.delivery_id.in_(sorted(set(ids))))).scalars()
    )


_ORDER: Final = tuple(ReceiptState)
"""Receipts of one moment and attempt follow each other so."""


def _in_order(receipt: Receipt) -> tuple[int, int, int, str]:
    return receipt.at_ms, receipt.attempt, _ORDER.index(receipt.state), receipt.by or ""


def _receipt(row: Row[Any]) -> Receipt:
    return Receipt(
        delivery_id=row.delivery_id,
        state=ReceiptState(row.state),
        at_ms=row.at_ms,
        attempt=row.attempt,
        code=None if row.code is None else DeliveryFault(row.code),
        detail=row.detail,
        by=row.by_person,
        person_id=row.person_id,
    )


def _evidence(one: Delivery, held: Sequence[Receipt]) -> Evidence:
    first: dict[ReceiptState, int] = {}
    last_failure: Receipt | None = None
    for receipt in held:
        first.setdefault(receipt.state, receipt.at_ms)
        if receipt.state is ReceiptState.FAILED:
            last_failure = receipt
    return Evidence(
        delivery_id=one.delivery_id,
        state=one.state,
        queued_at_ms=one.created_at_ms,
        sent_at_ms=first.get(ReceiptState.SENT),
        delivered_at_ms=first.get(ReceiptState.DELIVERED),
        seen_at_ms=first.get(ReceiptState.SEEN),
        failed_at_ms=None if last_failure is None else last_failure.at_ms,
        code=None if last_failure is None else last_failure.code,
    )
