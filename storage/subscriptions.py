"""Subscriptions: who asked to be told of what; their states, and the events each has had."""

import secrets
from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection, Row, func, insert, or_, select, update

from storage.notification_tables import destinations, subscription_events, subscriptions
from storage.window import check_limit
from vitals.alert import Transition
from vitals.codec import decode
from vitals.errors import Conflict, InvalidArgument, NotFound
from vitals.notification import QuietHours, Subscription, SubscriptionState, Wanted, Withheld

SUBSCRIPTIONS_MAX: Final = 1000
SUBSCRIPTIONS_OF_ONE_MAX: Final = 50
NAMED_MAX: Final = 200
"""Wards, or patients, that one subscription names."""
NAME_MAX: Final = 100
_DAY_MIN: Final = 24 * 60


class Event(NamedTuple):
    """One event of a subscription."""

    number: int
    step: Transition
    counted_at_ms: int
    withheld: Withheld | None


class NoLongerKept(NotFound):
    """Events before `first_kept` were trimmed: what a subscriber missed of them only the alerts themselves tell."""

    def __init__(self, first_kept: int) -> None:
        super().__init__(
            f"Events before number {first_kept} are no longer kept: read from {first_kept - 1} on, and the open alerts."
        )
        self.first_kept = first_kept


def new_subscription_id() -> str:
    """A random id."""
    return secrets.token_hex(8)


def add(conn: Connection, subscription: Subscription) -> None:
    """Keep a subscription; raises NotFound for its destination, InvalidArgument where it is impossible or there are too many."""
    _check(subscription)
    target = conn.execute(
        select(destinations.c.person_id).where(
            destinations.c.destination_id == subscription.destination_id, destinations.c.removed_at_ms.is_(None)
        )
    ).first()
    if target is None:
        raise NotFound(f"There is no destination {subscription.destination_id}.")
    if target.person_id is not None and target.person_id != subscription.person_id:
        raise NotFound(f"There is no destination {subscription.destination_id} of this owner.")
    present = subscriptions.c.removed_at_ms.is_(None)
    if _count(conn, present) >= SUBSCRIPTIONS_MAX:
        raise InvalidArgument(f"There are {SUBSCRIPTIONS_MAX} subscriptions already: remove one first.")
    if subscription.person_id is not None:
        own = _count(conn, present & (subscriptions.c.person_id == subscription.person_id))
        if own >= SUBSCRIPTIONS_OF_ONE_MAX:
            raise InvalidArgument(f"One person has at most {SUBSCRIPTIONS_OF_ONE_MAX} subscriptions: remove one first.")
    values = msgspec.structs.asdict(subscription) | {
        "wanted": msgspec.json.encode(subscription.wanted).decode(),
        "quiet": None if subscription.quiet is None else msgspec.json.encode(subscription.quiet).decode(),
        "state": subscription.state.value,
    }
    conn.execute(insert(subscriptions).values(values))


def get(conn: Connection, subscription_id: str) -> Subscription:
    """The subscription; raises NotFound, of a removed one too."""
    row = conn.execute(
        select(subscriptions).where(
            subscriptions.c.subscription_id == subscription_id, subscriptions.c.removed_at_ms.is_(None)
        )
    ).first()
    if row is None:
        raise NotFound(f"There is no subscription {subscription_id}.")
    return as_subscription(row)


def list_subscriptions(
    conn: Connection, *, person_id: str | None = None, house: bool = False
) -> tuple[Subscription, ...]:
    """Those not removed, by name: all, or one person's, with `house` the house's among them."""
    columns = subscriptions.c
    query = select(subscriptions).where(columns.removed_at_ms.is_(None))
    if person_id is not None:
        own = columns.person_id == person_id
        query = query.where(or_(own, columns.person_id.is_(None)) if house else own)
    return tuple(map(as_subscription, conn.execute(query.order_by(columns.name, columns.subscription_id))))


def counting(conn: Connection) -> tuple[Subscription, ...]:
    """Those whose events are counted: all but the removed and those that are off."""
    columns = subscriptions.c
    query = select(subscriptions).where(columns.removed_at_ms.is_(None), columns.state != SubscriptionState.OFF.value)
    return tuple(map(as_subscription, conn.execute(query.order_by(columns.subscription_id))))


def remove(conn: Connection, subscription_id: str, *, now_ms: int) -> None:
    """Nobody is told by it any more; its events stay on record until trimmed. Raises NotFound."""
    get(conn, subscription_id)
    conn.execute(
        update(subscriptions)
        .where(subscriptions.c.subscription_id == subscription_id)
        .values(removed_at_ms=now_ms, state=SubscriptionState.OFF.value, state_at_ms=now_ms, state_reason="removed")
    )


def ask_again(conn: Connection, subscription_id: str, *, now_ms: int, by: str) -> Subscription:
    """A person asks for it: requested, until its destination takes a handshake. Raises NotFound, Conflict where it has expired.

    The caller enqueues the handshake in the same transaction.
    """
    held = get(conn, subscription_id)
    if held.expires_at_ms is not None and held.expires_at_ms <= now_ms:
        raise Conflict("This subscription has expired: add a new one.")
    if held.state is SubscriptionState.ACTIVE:
        return held
    set_state(conn, subscription_id, SubscriptionState.REQUESTED, now_ms=now_ms, reason=f"asked for by {by}")
    return get(conn, subscription_id)


def turn_off(conn: Connection, subscription_id: str, *, now_ms: int, by: str) -> Subscription:
    """A person wants to hear nothing for now: nothing is counted until they ask again. Raises NotFound."""
    get(conn, subscription_id)
    set_state(conn, subscription_id, SubscriptionState.OFF, now_ms=now_ms, reason=f"turned off by {by}")
    return get(conn, subscription_id)


def set_state(
    conn: Connection,
    subscription_id: str,
    state: SubscriptionState,
    *,
    now_ms: int,
    reason: str,
    only_from: Sequence[SubscriptionState] | None = None,
) -> bool:
    """Move it to `state`; whether it moved."""
    columns = subscriptions.c
    values: dict[str, Any] = {"state": state.value, "state_at_ms": now_ms, "state_reason": reason[:300]}
    if state is SubscriptionState.ACTIVE:
        values["activated_at_ms"] = func.coalesce(columns.activated_at_ms, now_ms)
    statement = update(subscriptions).where(
        columns.subscription_id == subscription_id,
        columns.state != state.value,
        columns.removed_at_ms.is_(None),
    )
    if only_from is not None:
        statement = statement.where(columns.state.in_([one.value for one in only_from]))
    return conn.execute(statement.values(values)).rowcount > 0


def end_expired(conn: Connection, *, now_ms: int) -> int:
    """Those whose time is up are off from now on; how many."""
    columns = subscriptions.c
    statement = update(subscriptions).where(
        columns.expires_at_ms <= now_ms, columns.state != SubscriptionState.OFF.value, columns.removed_at_ms.is_(None)
    )
    off = {"state": SubscriptionState.OFF.value, "state_at_ms": now_ms, "state_reason": "expired"}
    return conn.execute(statement.values(off)).rowcount


def hold(conn: Connection, subscription_ids: Sequence[str]) -> dict[str, int]:
    """Keep these rows from others until the transaction ends; the number of each one's last event."""
    columns = subscriptions.c
    rows = conn.execute(
        select(columns.subscription_id, columns.last_number)
        .where(columns.subscription_id.in_(sorted(set(subscription_ids))))
        .order_by(columns.subscription_id)
        .with_for_update()
    )
    return {row.subscription_id: row.last_number for row in rows}


def known_steps(conn: Connection, episode_ids: Sequence[str]) -> list[tuple[str, str, str, bool]]:
    """What subscriptions had of these episodes: subscription, episode, transition, and whether it was sent."""
    columns = subscription_events.c
    rows = conn.execute(
        select(columns.subscription_id, columns.episode_id, columns.transition_id, columns.withheld).where(
            columns.episode_id.in_(sorted(set(episode_ids)))
        )
    )
    return [(row[0], row[1], row[2], row[3] is None) for row in rows]


def put_events(conn: Connection, rows: Sequence[dict[str, Any]], last_numbers: dict[str, int]) -> None:
    """Store events whose subscriptions are held (`hold`), and how far each has come."""
    if not rows:
        return
    conn.execute(insert(subscription_events), list(rows))
    for subscription_id, number in sorted(last_numbers.items()):
        conn.execute(
            update(subscriptions).where(subscriptions.c.subscription_id == subscription_id).values(last_number=number)
        )


def events_since(conn: Connection, subscription_id: str, *, since: int, limit: int) -> tuple[Event, ...]:
    """The events after number `since`, in order, at most `limit`; raises NotFound, and NoLongerKept where some of them were trimmed."""
    check_limit(limit)
    if since < 0:
        raise InvalidArgument("Numbers of events begin with 1: ask since 0 for all of them.")
    held = get(conn, subscription_id)
    first_kept = first_kept_of(conn, held)
    if since + 1 < first_kept:
        raise NoLongerKept(first_kept)
    columns = subscription_events.c
    query = (
        select(columns.number, columns.record, columns.counted_at_ms, columns.withheld)
        .where(columns.subscription_id == subscription_id, columns.number > since)
        .order_by(columns.number)
        .limit(limit)
    )
    return tuple(
        Event(
            number=row.number,
            step=decode(Transition, row.record),
            counted_at_ms=row.counted_at_ms,
            withheld=None if row.withheld is None else Withheld(row.withheld),
        )
        for row in conn.execute(query)
    )


def first_kept_of(conn: Connection, subscription: Subscription) -> int:
    """The number of the first event still kept; one more than the last where none is."""
    columns = subscription_events.c
    first = conn.execute(
        select(func.min(columns.number)).where(columns.subscription_id == subscription.subscription_id)
    ).scalar_one()
    return subscription.last_number + 1 if first is None else int(first)


def as_subscription(row: Row[Any]) -> Subscription:
    """From a row of the table."""
    return Subscription(
        subscription_id=row.subscription_id,
        name=row.name,
        person_id=row.person_id,
        destination_id=row.destination_id,
        wanted=msgspec.json.decode(row.wanted, type=Wanted),
        quiet=None if row.quiet is None else msgspec.json.decode(row.quiet, type=QuietHours),
        state=SubscriptionState(row.state),
        state_at_ms=row.state_at_ms,
        state_reason=row.state_reason,
        activated_at_ms=row.activated_at_ms,
        expires_at_ms=row.expires_at_ms,
        heartbeat_s=row.heartbeat_s,
        last_number=row.last_number,
        created_at_ms=row.created_at_ms,
        created_by=row.created_by,
    )


def _check(subscription: Subscription) -> None:
    if not 1 <= len(subscription.name) <= NAME_MAX:
        raise InvalidArgument(f"The name of a subscription has 1 to {NAME_MAX} characters.")
    wanted = subscription.wanted
    for name, listed in (
        ("wards", wanted.wards),
        ("patients", wanted.patients),
        ("kinds", wanted.kinds),
        ("priorities", wanted.priorities),
        ("transitions", wanted.transitions),
    ):
        if listed is not None and not 1 <= len(listed) <= NAMED_MAX:
            raise InvalidArgument(f"Name 1 to {NAMED_MAX} {name}, or leave them out for all.")
    if subscription.quiet is not None:
        _check_quiet(subscription.quiet)


def _check_quiet(quiet: QuietHours) -> None:
    if not (0 <= quiet.from_min < _DAY_MIN and 0 <= quiet.until_min < _DAY_MIN) or quiet.from_min == quiet.until_min:
        raise InvalidArgument("Quiet hours go from one time of day to another one, such as 22:00 to 06:30.")
    try:
        ZoneInfo(quiet.time_zone)
    except (KeyError, ValueError, OSError) as error:
        raise InvalidArgument(
            f"There is no time zone {quiet.time_zone[:60]!r}: say one such as Europe/Berlin."
        ) from error


def _count(conn: Connection, condition: Any) -> int:  # noqa: ANN401 - a condition of SQLAlchemy's
    return int(conn.execute(select(func.count()).select_from(subscriptions).where(condition)).scalar_one())
