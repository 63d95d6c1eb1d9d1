"""Taking deliveries out of the outbox: one process claims what goes in one notification, and says what came of it.

Locks are taken in one order: the destination, its deliveries, the subscription.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Column, ColumnElement, Connection, Row, or_, select

from storage.destinations import StoredDestination
from storage.notification_tables import deliveries, subscriptions
from storage.notifications import standing_of, write
from storage.notifications_endings import Ended, hold_destination, put_step, rows_of
from storage.subscribers import NOTHING, sights_of
from storage.subscriptions import as_subscription
from storage.tables import patients
from vitals import delivery as life
from vitals.alert import Transition
from vitals.codec import decode
from vitals.fault import SYSTEM_WARD, is_system
from vitals.notification import (
    DeliveryFault,
    Destination,
    NotificationKind,
    Place,
    Subscription,
    SubscriptionState,
)
from vitals.reading import PatientId, WardId

CANDIDATES_MAX: Final = 200
"""Deliveries of one destination that one claim looks at; the rest come with the next ones."""
SEALED_LOOK_MS: Final = 10_000
"""When to look again whether a destination's address and secret can be opened."""
_MADE_BEFORE_MAX: Final = 1000
_LABEL_CHARS: Final = 6
_CANDIDATE: Final[tuple[Column[Any], ...]] = tuple(
    deliveries.c[name]
    for name in (
        "delivery_id", "notification_id", "purpose", "subscription_id", "person_id", "ward_id", "urgency", "due_at_ms",
        "created_at_ms",
    )
)  # fmt: skip


class Fresh(NamedTuple):
    """A delivery that nothing was tried for yet."""

    delivery_id: str
    stream: tuple[str, str]
    """Who is told, and of which ward."""
    urgency: int
    made_at_ms: int


class Chosen(NamedTuple):
    """What a planner makes of fresh deliveries: groups to send now, and when to look again."""

    groups: tuple[tuple[str, ...], ...]
    look_at_ms: int | None


Planner = Callable[[Sequence[Fresh], Sequence[tuple[tuple[str, str], int]], int], Chosen]
"""Given the fresh ones, stream and time of others made shortly before, and the time now."""


class Taken(NamedTuple):
    """One delivery under this claim."""

    delivery_id: str
    epoch: int
    attempt: int
    number: int | None
    step: Transition | None
    created_at_ms: int
    expires_at_ms: int


class Claimed(NamedTuple):
    """What is to be sent now, in one notification."""

    notification_id: str
    purpose: NotificationKind
    destination: Destination
    deliveries: tuple[Taken, ...]
    subscription: Subscription | None
    step_text: str | None
    places: Mapping[PatientId, Place]


class Later(NamedTuple):
    """Nothing to send now; what waits for others or for its destination is looked at again then."""

    look_at_ms: int | None


class Answer(NamedTuple):
    """What a claim yields."""

    work: Claimed | Later
    ended: tuple[Ended, ...]


def claim_next(
    conn: Connection,
    destination_id: str,
    *,
    high: bool,
    now_ms: int,
    lease_ms: int,
    window_ms: int,
    planner: Planner,
) -> Answer:
    """Take what goes next to this destination: of high priority, or of the rest; nobody else sends it while the lease lasts."""
    held = hold_destination(conn, destination_id)
    lane = deliveries.c.urgency == 0 if high else deliveries.c.urgency > 0
    ended = _sweep(conn, destination_id, lane, held, now_ms)
    if held.removed_at_ms is not None:
        return Answer(Later(None), ended)
    if held.paused_until_ms > now_ms:
        return Answer(Later(held.paused_until_ms), ended)
    if held.is_sealed:
        return Answer(Later(now_ms + SEALED_LOOK_MS), ended)
    rows, lost = _allowed(conn, _candidates(conn, destination_id, lane, now_ms), now_ms)
    ended += lost
    ids, look_at_ms = _choose(conn, destination_id, rows, now_ms, window_ms, planner)
    if not ids:
        return Answer(Later(look_at_ms), ended)
    return Answer(_take(conn, held.destination, ids, now_ms, lease_ms), ended)


def _sweep(
    conn: Connection,
    destination_id: str,
    lane: ColumnElement[bool],
    held: StoredDestination,
    now_ms: int,
) -> tuple[Ended, ...]:
    """End what has expired, and what must not be sent any more."""
    columns = deliveries.c
    off = subscriptions.c.state == SubscriptionState.OFF.value
    query = (
        select(deliveries, off.label("is_off"))
        .join(subscriptions, subscriptions.c.subscription_id == columns.subscription_id, isouter=True)
        .where(columns.destination_id == destination_id, columns.ended_at_ms.is_(None), lane)
        .order_by(columns.due_at_ms)
        .limit(CANDIDATES_MAX)
    )
    if held.removed_at_ms is None:
        query = query.where(or_(columns.expires_at_ms <= now_ms, off))
    ended: list[Ended] = []
    for row in conn.execute(query).all():
        code = None
        if held.removed_at_ms is not None:
            code = DeliveryFault.DESTINATION_REMOVED
        elif row.is_off:
            code = DeliveryFault.SUBSCRIPTION_OFF
        at = standing_of(row)
        step = (
            life.expired(at, now_ms=now_ms)
            if code is None
            else life.given_up(at, code=code, detail=None, now_ms=now_ms)
        )
        ended += put_step(conn, row, step, code, now_ms)
    return tuple(ended)


def _allowed(conn: Connection, rows: Sequence[Row[Any]], now_ms: int) -> tuple[list[Row[Any]], tuple[Ended, ...]]:
    """Those whose people still see the ward; the others are given up."""
    sights = sights_of(conn, [row.person_id for row in rows if row.person_id is not None])
    kept, lost = [], []
    for row in rows:
        sight = NOTHING if row.person_id is None else sights[row.person_id]
        if row.person_id is None or row.ward_id is None or sight.sees(WardId(row.ward_id)):
            kept.append(row)
        else:
            lost.append(row.delivery_id)
    ended: list[Ended] = []
    code = DeliveryFault.NO_ACCESS
    for row in rows_of(conn, lost) if lost else ():
        step = life.given_up(standing_of(row), code=code, detail=None, now_ms=now_ms)
        ended += put_step(conn, row, step, code, now_ms)
    return kept, tuple(ended)


def _candidates(conn: Connection, destination_id: str, lane: ColumnElement[bool], now_ms: int) -> list[Row[Any]]:
    """What may be sent now, most urgent and longest due first; an ending behind what it ends is left out."""
    columns, earlier = deliveries.c, deliveries.alias("earlier")
    waits = (
        select(earlier.c.delivery_id)
        .where(
            earlier.c.destination_id == columns.destination_id,
            earlier.c.episode_id == columns.episode_id,
            earlier.c.subscription_id.is_not_distinct_from(columns.subscription_id),
            earlier.c.ended_at_ms.is_(None),
            earlier.c.is_ending.is_(False),
            or_(earlier.c.number < columns.number, earlier.c.created_at_ms < columns.created_at_ms),
        )
        .exists()
    )
    query = (
        select(*_CANDIDATE)
        .where(
            columns.destination_id == destination_id,
            columns.ended_at_ms.is_(None),
            columns.due_at_ms <= now_ms,
            columns.expires_at_ms > now_ms,
            or_(columns.lease_until_ms.is_(None), columns.lease_until_ms <= now_ms),
            or_(columns.is_ending.is_(False), ~waits),
            lane,
        )
        .order_by(columns.urgency, columns.due_at_ms, columns.number, columns.delivery_id)
        .limit(CANDIDATES_MAX)
    )
    return list(conn.execute(query).all())


def _choose(
    conn: Connection, destination_id: str, rows: Sequence[Row[Any]], now_ms: int, window_ms: int, planner: Planner
) -> tuple[Sequence[str], int | None]:
    """The delivery ids to send together next; none where all wait, and until when."""
    units: list[tuple[int, int, Sequence[str]]] = []
    fresh: list[Row[Any]] = []
    for row in rows:
        if row.notification_id is not None:
            units.append((row.urgency, row.due_at_ms, _together(conn, row.notification_id)))
        elif row.purpose == NotificationKind.EVENT.value:
            fresh.append(row)
        else:
            units.append((row.urgency, row.due_at_ms, (row.delivery_id,)))
    look_at_ms = None
    if fresh:
        by_id = {row.delivery_id: row for row in fresh}
        chosen = planner([_fresh(row) for row in fresh], _made_before(conn, destination_id, fresh, window_ms), now_ms)
        look_at_ms = chosen.look_at_ms
        for group in chosen.groups:
            first = min((by_id[one] for one in group), key=lambda row: (row.urgency, row.due_at_ms))
            units.append((first.urgency, first.due_at_ms, group))
    if not units:
        return (), look_at_ms
    return min(units, key=lambda unit: unit[:2])[2], look_at_ms


def _together(conn: Connection, notification_id: str) -> list[str]:
    """What goes under one id, less what has ended (given up for itself)."""
    columns = deliveries.c
    query = select(columns.delivery_id).where(columns.notification_id == notification_id, columns.ended_at_ms.is_(None))
    return list(conn.execute(query.order_by(columns.created_at_ms, columns.delivery_id)).scalars())


def _made_before(
    conn: Connection, destination_id: str, fresh: Sequence[Row[Any]], window_ms: int
) -> list[tuple[tuple[str, str], int]]:
    columns = deliveries.c
    lowly = [row.created_at_ms for row in fresh if row.urgency > 0]
    if not lowly:
        return []
    query = (
        select(*_CANDIDATE)
        .where(
            columns.destination_id == destination_id,
            columns.purpose == NotificationKind.EVENT.value,
            columns.urgency > 0,
            columns.created_at_ms > min(lowly) - window_ms,
            columns.delivery_id.not_in([row.delivery_id for row in fresh]),
        )
        .order_by(columns.created_at_ms.desc())
        .limit(_MADE_BEFORE_MAX)
    )
    return [(_stream(row), row.created_at_ms) for row in conn.execute(query)]


def _fresh(row: Row[Any]) -> Fresh:
    return Fresh(row.delivery_id, _stream(row), row.urgency, row.created_at_ms)


def _stream(row: Row[Any]) -> tuple[str, str]:
    return row.subscription_id or "", row.ward_id or ""


def _take(conn: Connection, destination: Destination, ids: Sequence[str], now_ms: int, lease_ms: int) -> Claimed:
    rows = rows_of(conn, ids)
    notification_id = rows[0].notification_id or life.notification_id(tuple(row.delivery_id for row in rows))
    taken = []
    for row in rows:
        step = life.claim(standing_of(row), now_ms=now_ms, lease_ms=lease_ms)
        write(conn, row.delivery_id, step, now_ms=now_ms, notification_id=notification_id)
        taken.append(
            Taken(
                delivery_id=row.delivery_id,
                epoch=step.standing.epoch,
                attempt=step.standing.attempts,
                number=row.number,
                step=None if row.record is None else decode(Transition, row.record),
                created_at_ms=row.created_at_ms,
                expires_at_ms=row.expires_at_ms,
            )
        )
    subjects = {one.step.patient_id: one.step.ward_id for one in taken if one.step is not None}
    return Claimed(
        notification_id=notification_id,
        purpose=NotificationKind(rows[0].purpose),
        destination=destination,
        deliveries=tuple(taken),
        subscription=_subscription(conn, rows[0].subscription_id),
        step_text=rows[0].step_text,
        places=_places(conn, subjects),
    )


def _subscription(conn: Connection, subscription_id: str | None) -> Subscription | None:
    if subscription_id is None:
        return None
    query = select(subscriptions).where(subscriptions.c.subscription_id == subscription_id)
    return as_subscription(conn.execute(query).one())


def _places(conn: Connection, subjects: Mapping[PatientId, WardId]) -> dict[PatientId, Place]:
    columns = patients.c
    rows = conn.execute(select(columns.patient_id, columns.bed).where(columns.patient_id.in_(sorted(subjects))))
    beds = {row.patient_id: row.bed for row in rows}
    return {subject: place_of(subject, ward_id, beds.get(subject)) for subject, ward_id in subjects.items()}


def place_of(subject: PatientId, ward_id: WardId, bed: str | None) -> Place:
    """How this subject is called outside."""
    if is_system(subject):
        return Place("Wardlight", subject)
    label = f"Patient {subject[:_LABEL_CHARS]}" if bed is None else f"Bed {bed}"
    return Place("Wardlight" if ward_id == SYSTEM_WARD else ward_id, label)
