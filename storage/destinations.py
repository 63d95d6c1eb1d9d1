"""Where notifications can go: people's own addresses, and the house's."""

import secrets
from typing import Any, Final
from zoneinfo import available_timezones

import msgspec
from sqlalchemy import Connection, Row, desc, func, insert, or_, select, update

from runtime.keyring import Sealed
from storage.ladder_tables import contacts
from storage.ladders import ladder_book
from storage.notification_tables import deliveries, destinations, subscriptions
from storage.sealing import UNREADABLE, keyring_of, open_sealed, seal
from vitals.destination_address import ADDRESS_MAX, check_address
from vitals.errors import Conflict, InvalidArgument, NotFound
from vitals.notification import Channel, DeliveryFault, Destination, Secret

DESTINATIONS_MAX: Final = 500
"""Of the whole installation: each that something is due for has a task of its own."""
DESTINATIONS_OF_ONE_MAX: Final = 20
SECRET_MAX: Final = 2000
TEMPLATE_MAX: Final = 10_000
OPTIONS_MAX: Final = 20
OPTION_LENGTH_MAX: Final = 500
NAME_MAX: Final = 100
_PLACE: Final = {"table": "destinations", "column": "sealed"}


class _Private(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is sealed of a destination: a webhook's address often is a secret itself, and a mailbox is somebody's."""

    address: str
    secret: str | None = None
    options: dict[str, str] = {}


class StoredDestination(msgspec.Struct, frozen=True):
    """A destination with how it fares."""

    destination: Destination
    created_at_ms: int
    created_by: str
    removed_at_ms: int | None = None
    paused_until_ms: int = 0
    """It asked to be left alone until then."""
    accepted_at_ms: int | None = None
    """When it last took anything."""
    failed_at_ms: int | None = None
    """When something for it was last given up, or met a fault of its own at the first attempt."""
    fault: DeliveryFault | None = None
    """Why."""
    is_sealed: bool = False
    """Whether address and secret could not be opened: nothing can be sent until its key is back."""

    @property
    def is_failing(self) -> bool:
        """Whether nothing was accepted since then."""
        return self.failed_at_ms is not None and self.failed_at_ms > (self.accepted_at_ms or 0)


def new_destination_id() -> str:
    """A random id."""
    return secrets.token_hex(8)


def check_destination(destination: Destination) -> None:
    """Raises InvalidArgument where a field is empty or too long, or the address is none of its channel."""
    for name, text, most in (
        ("name", destination.name, NAME_MAX),
        ("address", destination.address, ADDRESS_MAX),
        ("secret", None if destination.secret is None else destination.secret.reveal(), SECRET_MAX),
        ("template", destination.template, TEMPLATE_MAX),
    ):
        if text is not None and not 1 <= len(text) <= most:
            raise InvalidArgument(f"The {name} of a destination has 1 to {most} characters.")
    check_address(destination.channel, destination.address)
    zone = destination.options.get("time_zone")
    if zone is not None and zone not in available_timezones():
        raise InvalidArgument(f"{zone[:64]!r} is no time zone: write one such as Europe/Berlin.")
    if len(destination.options) > OPTIONS_MAX:
        raise InvalidArgument(f"A destination has at most {OPTIONS_MAX} options.")
    for key, value in destination.options.items():
        if max(len(key), len(value)) > OPTION_LENGTH_MAX:
            raise InvalidArgument(f"Names and values of options have at most {OPTION_LENGTH_MAX} characters.")


def add(conn: Connection, destination: Destination, *, by: str, now_ms: int) -> None:
    """Keep a destination; raises InvalidArgument where it is impossible, or there are too many, and KeyMissing."""
    check_destination(destination)
    present = destinations.c.removed_at_ms.is_(None)
    if _count(conn, present) >= DESTINATIONS_MAX:
        raise InvalidArgument(f"There are {DESTINATIONS_MAX} destinations already: remove one first.")
    if destination.person_id is not None:
        own = _count(conn, present & (destinations.c.person_id == destination.person_id))
        if own >= DESTINATIONS_OF_ONE_MAX:
            raise InvalidArgument(f"One person has at most {DESTINATIONS_OF_ONE_MAX} destinations: remove one first.")
    secret = None if destination.secret is None else destination.secret.reveal()
    private = msgspec.json.encode(_Private(destination.address, secret, dict(destination.options)))
    sealed = seal(conn, private, **_PLACE, row=destination.destination_id)
    values = {
        "destination_id": destination.destination_id,
        "person_id": destination.person_id,
        "name": destination.name,
        "channel": destination.channel.value,
        "key_id": sealed.key_id,
        "sealed": sealed.ciphertext,
        "template": destination.template,
        "created_at_ms": now_ms,
        "created_by": by,
    }
    conn.execute(insert(destinations).values(values))


def get(conn: Connection, destination_id: str) -> StoredDestination:
    """The destination, a removed one too; raises NotFound."""
    row = conn.execute(select(destinations).where(destinations.c.destination_id == destination_id)).first()
    if row is None:
        raise NotFound(f"There is no destination {destination_id}.")
    return stored(conn, row)


def list_destinations(
    conn: Connection, *, person_id: str | None = None, house: bool = False
) -> tuple[StoredDestination, ...]:
    """Those not removed, by name: all, or one person's, with `house` the house's among them."""
    columns = destinations.c
    query = select(destinations).where(columns.removed_at_ms.is_(None))
    if person_id is not None:
        own = columns.person_id == person_id
        query = query.where(or_(own, columns.person_id.is_(None)) if house else own)
    rows = conn.execute(query.order_by(columns.name, columns.destination_id)).all()
    return tuple(stored(conn, row) for row in rows)


def remove(conn: Connection, destination_id: str, *, now_ms: int) -> None:
    """Nothing is sent there any more, and its address and secret are forgotten; repeating it changes nothing.

    Raises NotFound, and Conflict while somebody subscribes by it or, of the house's, is reached there by a ladder.
    """
    held = get(conn, destination_id)
    if held.destination.person_id is None and held.removed_at_ms is None:
        _require_no_ladder(conn, destination_id)
    columns = subscriptions.c
    used = conn.execute(
        select(columns.name).where(columns.destination_id == destination_id, columns.removed_at_ms.is_(None)).limit(1)
    ).scalar_one_or_none()
    if used is not None:
        raise Conflict(f"Subscription {used!r} goes to this destination: remove it first.")
    conn.execute(
        update(destinations)
        .where(destinations.c.destination_id == destination_id, destinations.c.removed_at_ms.is_(None))
        .values(removed_at_ms=now_ms, key_id=None, sealed=None)
    )


def _require_no_ladder(conn: Connection, destination_id: str) -> None:
    """Of the house's any ward's ladder may count on it, and who takes it away may be of another ward."""
    target = f"destination:{destination_id}"
    for stored in ladder_book(conn).all():
        if any(target in step.to for step in stored.ladder.steps):
            ladder = f"The {stored.ladder.priority.value} ladder of ward {stored.ladder.ward_id}"
            raise Conflict(f"{ladder} tells this destination: change it first.")
    reached = select(contacts.c.person_id).where(contacts.c.destination_id == destination_id).limit(1)
    if conn.execute(reached).first() is not None:
        raise Conflict("Ladders reach somebody at this destination: take their contact away first.")


def failing(conn: Connection) -> tuple[StoredDestination, ...]:
    """Destinations that have taken nothing since something for them was given up, or met a fault of their own."""
    columns = destinations.c
    query = select(destinations).where(
        columns.removed_at_ms.is_(None),
        columns.failed_at_ms.is_not(None),
        columns.failed_at_ms > func.coalesce(columns.accepted_at_ms, 0),
    )
    return tuple(stored(conn, row) for row in conn.execute(query.order_by(columns.destination_id)).all())


def unreadable(conn: Connection) -> tuple[StoredDestination, ...]:
    """Destinations whose address and secret cannot be opened: their key is missing, or they were changed."""
    return tuple(one for one in list_destinations(conn) if one.is_sealed)


def reseal(conn: Connection, *, limit: int) -> int:
    """As `storage.identities.reseal`."""
    current = keyring_of(conn).current
    columns = destinations.c
    query = select(columns.destination_id, columns.key_id, columns.sealed).where(columns.key_id != current)
    rows = conn.execute(query.order_by(columns.destination_id).limit(limit)).all()
    for row in rows:
        plain = open_sealed(conn, Sealed(row.key_id, row.sealed), **_PLACE, row=row.destination_id)
        sealed = seal(conn, plain, **_PLACE, row=row.destination_id)
        conn.execute(
            update(destinations)
            .where(columns.destination_id == row.destination_id, columns.key_id == row.key_id)
            .values(key_id=sealed.key_id, sealed=sealed.ciphertext)
        )
    return len(rows)


def sealed_by(conn: Connection) -> dict[str, int]:
    """How many rows each key sealed."""
    columns = destinations.c
    query = select(columns.key_id, func.count()).where(columns.key_id.is_not(None)).group_by(columns.key_id)
    return {str(key_id): int(count) for key_id, count in conn.execute(query)}


def destinations_due(conn: Connection, *, now_ms: int) -> list[tuple[str, bool]]:
    """Where something may be sent now: destination, and whether it is of high priority; those first, then what waits longest."""
    columns = deliveries.c
    is_high = (columns.urgency == 0).label("is_high")
    query = (
        select(columns.destination_id, is_high)
        .where(columns.ended_at_ms.is_(None), columns.due_at_ms <= now_ms)
        .where(or_(columns.lease_until_ms.is_(None), columns.lease_until_ms <= now_ms))
        .group_by(columns.destination_id, "is_high")
        .order_by(desc("is_high"), func.min(columns.due_at_ms), columns.destination_id)
    )
    return [(row.destination_id, bool(row.is_high)) for row in conn.execute(query)]


def stored(conn: Connection, row: Row[Any]) -> StoredDestination:
    """From a row of the table; of one that is removed, or whose key is missing, without address and secret."""
    private = _opened(conn, row)
    known = _Private("") if private is None else private
    destination = Destination(
        destination_id=row.destination_id,
        channel=Channel(row.channel),
        address=known.address,
        name=row.name,
        person_id=row.person_id,
        secret=None if known.secret is None else Secret(known.secret),
        template=row.template,
        options=known.options,
    )
    return StoredDestination(
        destination=destination,
        created_at_ms=row.created_at_ms,
        created_by=row.created_by,
        removed_at_ms=row.removed_at_ms,
        paused_until_ms=row.paused_until_ms,
        accepted_at_ms=row.accepted_at_ms,
        failed_at_ms=row.failed_at_ms,
        fault=None if row.fault is None else DeliveryFault(row.fault),
        is_sealed=private is None and row.removed_at_ms is None,
    )


def _opened(conn: Connection, row: Row[Any]) -> _Private | None:
    if row.sealed is None:
        return None
    try:
        plain = open_sealed(conn, Sealed(row.key_id, row.sealed), **_PLACE, row=row.destination_id)
        return msgspec.json.decode(plain, type=_Private)
    except (*UNREADABLE, msgspec.DecodeError):
        return None


def _count(conn: Connection, condition: Any) -> int:  # noqa: ANN401 - a condition of SQLAlchemy's
    return int(conn.execute(select(func.count()).select_from(destinations).where(condition)).scalar_one())
