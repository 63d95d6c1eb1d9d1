"""How people are reached by ladders, in SQL, and the whole phone book of one moment."""

from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy import Connection, delete, select

from storage import people, people_tables
from storage.dialect import replace_all
from storage.ladder_tables import contacts
from storage.notification_tables import destinations
from storage.schedules import all_schedules, overrides_of
from vitals.alert import Priority
from vitals.errors import Conflict, Forbidden, NotFound
from vitals.phone_book import Contact, Holder, Member, PhoneBook

CONTACTS_MAX: Final = 10
"""Of one person."""


class StoredContact(msgspec.Struct, frozen=True):
    """One way to reach one person."""

    person_id: str
    login: str
    name: str
    destination_id: str
    destination_name: str
    channel: str
    priorities: tuple[Priority, ...]
    at_ms: int
    by: str


def put(
    conn: Connection,
    person_id: str,
    destination_id: str,
    priorities: Sequence[Priority],
    *,
    at_ms: int,
    by: str,
) -> StoredContact:
    """Let ladders reach the person there, for alerts of these priorities, in place of what was said of it before.

    Raises NotFound, Forbidden where the destination is somebody else's, Conflict beyond `CONTACTS_MAX`.
    """
    people.get(conn, person_id)
    columns = destinations.c
    row = conn.execute(
        select(columns.person_id).where(columns.destination_id == destination_id, columns.removed_at_ms.is_(None))
    ).first()
    if row is None:
        raise NotFound(f"There is no destination {destination_id}.")
    if row.person_id not in (None, person_id):
        raise Forbidden("This destination is somebody else's.")
    held = [one for one in list_contacts(conn, person_id) if one.destination_id != destination_id]
    if len(held) >= CONTACTS_MAX:
        raise Conflict(f"A person is reached at {CONTACTS_MAX} destinations at most: take one away first.")
    wanted = [priority.value for priority in Priority if priority in priorities]
    values = {
        "person_id": person_id,
        "destination_id": destination_id,
        "priorities": " ".join(wanted),
        "at_ms": at_ms,
        "by_person": by,
    }
    replace_all(conn, contacts, [values], key=("person_id", "destination_id"))
    return get(conn, person_id, destination_id)


def get(conn: Connection, person_id: str, destination_id: str) -> StoredContact:
    """How ladders reach the person there; raises NotFound."""
    for one in list_contacts(conn, person_id):
        if one.destination_id == destination_id:
            return one
    raise NotFound("Ladders do not reach this person there.")


def remove(conn: Connection, person_id: str, destination_id: str) -> None:
    """Ladders reach the person there no more; raises NotFound."""
    columns = contacts.c
    done = conn.execute(
        delete(contacts).where(columns.person_id == person_id, columns.destination_id == destination_id)
    )
    if not done.rowcount:
        raise NotFound("Ladders do not reach this person there.")


def list_contacts(conn: Connection, person_id: str | None = None) -> tuple[StoredContact, ...]:
    """Contacts (of one person) whose destination is still there, by login."""
    members = people_tables.people.c
    query = (
        select(
            contacts, members.login, members.name, destinations.c.name.label("destination_name"), destinations.c.channel
        )
        .join(people_tables.people, members.person_id == contacts.c.person_id)
        .join(destinations, destinations.c.destination_id == contacts.c.destination_id)
        .where(destinations.c.removed_at_ms.is_(None))
        .order_by(members.login, contacts.c.destination_id)
    )
    if person_id is not None:
        query = query.where(contacts.c.person_id == person_id)
    return tuple(
        StoredContact(
            person_id=row.person_id,
            login=row.login,
            name=row.name,
            destination_id=row.destination_id,
            destination_name=row.destination_name,
            channel=row.channel,
            priorities=_priorities(row.priorities),
            at_ms=row.at_ms,
            by=row.by_person,
        )
        for row in conn.execute(query)
    )


def phone_book(conn: Connection, at_ms: int) -> PhoneBook:
    """Everybody who can be told of something at `at_ms`."""
    reached: dict[str, list[Contact]] = {}
    for one in list_contacts(conn):
        reached.setdefault(one.person_id, []).append(Contact(one.destination_id, one.priorities))
    columns = destinations.c
    house = conn.execute(
        select(columns.destination_id).where(columns.person_id.is_(None), columns.removed_at_ms.is_(None))
    )
    who, grants = people_tables.people.c, people_tables.grants.c
    members = conn.execute(select(who.person_id, who.login, who.name, who.disabled_at_ms))
    holders = conn.execute(select(grants.person_id, grants.role, grants.ward_id))
    return PhoneBook(
        members=[Member(row.person_id, row.login, row.name, row.disabled_at_ms is None) for row in members],
        holders=[Holder(row.person_id, row.role, row.ward_id) for row in holders],
        contacts=reached,
        house_destinations=house.scalars(),
        schedules=[stored.schedule for stored in all_schedules(conn)],
        overrides=overrides_of(conn, ending_after_ms=at_ms, beginning_before_ms=at_ms + 1),
    )


def _priorities(text: str) -> tuple[Priority, ...]:
    return tuple(Priority(word) for word in text.split())
