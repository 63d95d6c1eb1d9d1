"""People who sign in, and the roles they have on wards."""

import secrets
from collections.abc import Iterable

import msgspec
from sqlalchemy import Connection, Row, delete, select, update

from storage import people_tables as tables
from storage.dialect import insert, replace_all
from vitals.errors import Conflict, InvalidArgument, NotFound
from vitals.reading import WardId
from vitals.topics import is_level

EVERY_WARD = "*"
"""A grant's ward in the table where it holds on every one; no id of a ward can be this."""
HOUSE = "house"
HOSPITAL = "hospital"
"""Where a grant comes from: given here, or by the groups that the hospital's sign-in names."""
PEOPLE_MAX = 20_000
GRANTS_MAX = 200
"""Of one person."""


class Account(msgspec.Struct, frozen=True):
    """One person as they sign in."""

    person_id: str
    login: str
    name: str
    password_hash: str | None = None
    must_change: bool = False
    """The password was set by someone else: the person chooses their own before anything else."""
    subject: str | None = None
    """Who they are at the hospital's sign-in: issuer and subject."""
    added_at_ms: int = 0
    disabled_at_ms: int | None = None


class StoredGrant(msgspec.Struct, frozen=True):
    """One role on one ward; on every ward where `ward_id` is None."""

    role: str
    ward_id: WardId | None
    source: str = HOUSE


def new_person_id() -> str:
    """A random id, never derived from a name."""
    return secrets.token_hex(8)


def login_of(text: str) -> str:
    """The one spelling of a login name: trimmed, lower case."""
    return text.strip().lower()


def add(conn: Connection, account: Account) -> None:
    """Open an account; raises Conflict where the login name is taken, InvalidArgument where there are too many people."""
    if len(conn.execute(select(tables.people.c.person_id).limit(PEOPLE_MAX)).all()) >= PEOPLE_MAX:
        raise InvalidArgument(f"There are {PEOPLE_MAX} people already.")
    made = insert(conn, tables.people).values(msgspec.structs.asdict(account)).on_conflict_do_nothing()
    if conn.execute(made.returning(tables.people.c.person_id)).first() is None:
        raise Conflict(f"There is already somebody who signs in as {account.login}.")


def get(conn: Connection, person_id: str) -> Account:
    """The account; raises NotFound."""
    row = conn.execute(select(tables.people).where(tables.people.c.person_id == person_id)).first()
    if row is None:
        raise NotFound(f"There is no person {person_id}.")
    return _account(row)


def find_login(conn: Connection, login: str) -> Account | None:
    """Who signs in under this name; None where nobody."""
    row = conn.execute(select(tables.people).where(tables.people.c.login == login)).first()
    return None if row is None else _account(row)


def find_subject(conn: Connection, subject: str) -> Account | None:
    """Who is this at the hospital's sign-in; None where nobody yet."""
    row = conn.execute(select(tables.people).where(tables.people.c.subject == subject)).first()
    return None if row is None else _account(row)


def list_people(conn: Connection) -> tuple[Account, ...]:
    """Everybody, disabled ones included, by login name."""
    return tuple(_account(row) for row in conn.execute(select(tables.people).order_by(tables.people.c.login)))


def rename(conn: Connection, person_id: str, name: str) -> None:
    """Show the person under this name from now on."""
    conn.execute(update(tables.people).where(tables.people.c.person_id == person_id).values(name=name))


def set_password(conn: Connection, person_id: str, password_hash: str, *, must_change: bool, at_ms: int) -> None:
    """Replace the password, end every session and revoke every token: whoever knew the old one may hold them; raises NotFound."""
    get(conn, person_id)
    conn.execute(
        update(tables.people)
        .where(tables.people.c.person_id == person_id)
        .values(password_hash=password_hash, must_change=must_change)
    )
    conn.execute(delete(tables.sessions).where(tables.sessions.c.person_id == person_id))
    tokens = tables.api_tokens.c
    conn.execute(
        update(tables.api_tokens)
        .where(tokens.person_id == person_id, tokens.revoked_at_ms.is_(None))
        .values(revoked_at_ms=at_ms)
    )


def renew_hash(conn: Connection, person_id: str, password_hash: str) -> None:
    """The same password, hashed anew at today's cost; sessions go on."""
    conn.execute(
        update(tables.people).where(tables.people.c.person_id == person_id).values(password_hash=password_hash)
    )


def set_disabled(conn: Connection, person_id: str, at_ms: int | None) -> None:
    """Close the account (sessions end, tokens are dead while it is closed), or open it again with None; raises NotFound."""
    get(conn, person_id)
    conn.execute(update(tables.people).where(tables.people.c.person_id == person_id).values(disabled_at_ms=at_ms))
    if at_ms is not None:
        conn.execute(delete(tables.sessions).where(tables.sessions.c.person_id == person_id))


def grants_of(conn: Connection, person_id: str) -> tuple[StoredGrant, ...]:
    """The person's roles."""
    rows = conn.execute(select(tables.grants).where(tables.grants.c.person_id == person_id))
    return tuple(sorted(map(_grant, rows), key=_by_role))


def all_grants(conn: Connection) -> dict[str, tuple[StoredGrant, ...]]:
    """Everybody's roles by person."""
    found: dict[str, list[StoredGrant]] = {}
    for row in conn.execute(select(tables.grants)):
        found.setdefault(row.person_id, []).append(_grant(row))
    return {person_id: tuple(sorted(grants, key=_by_role)) for person_id, grants in found.items()}


def grant(conn: Connection, person_id: str, given: StoredGrant, *, at_ms: int, by: str) -> None:
    """Give one role; repeating it changes nothing. Raises NotFound, and InvalidArgument on an impossible ward."""
    get(conn, person_id)
    if given.ward_id is not None and not is_level(given.ward_id):
        raise InvalidArgument("Ward ids are 1-64 letters, digits, '.', '_' or '-'.")
    held = grants_of(conn, person_id)
    if given in held:
        return
    if len(held) >= GRANTS_MAX:
        raise InvalidArgument(f"One person has at most {GRANTS_MAX} roles on wards; grant one on every ward instead.")
    _insert(conn, person_id, [given], at_ms=at_ms, by=by)


def revoke(conn: Connection, person_id: str, taken: StoredGrant) -> None:
    """Take one role away; nothing happens where it was not given. Raises NotFound."""
    get(conn, person_id)
    columns = tables.grants.c
    conn.execute(
        delete(tables.grants).where(
            columns.person_id == person_id,
            columns.role == taken.role,
            columns.ward_id == (taken.ward_id or EVERY_WARD),
            columns.source == taken.source,
        )
    )


def replace_hospital_grants(
    conn: Connection, person_id: str, given: Iterable[tuple[str, WardId | None]], *, at_ms: int
) -> None:
    """What the hospital's groups say now; grants given here stay."""
    columns = tables.grants.c
    conn.execute(delete(tables.grants).where(columns.person_id == person_id, columns.source == HOSPITAL))
    wanted = [StoredGrant(role, ward_id, HOSPITAL) for role, ward_id in dict.fromkeys(given)]
    _insert(conn, person_id, wanted[:GRANTS_MAX], at_ms=at_ms, by="the hospital's sign-in")


def holders_of(conn: Connection, role: str) -> tuple[str, ...]:
    """People with an open account who have this role on every ward."""
    query = (
        select(tables.grants.c.person_id)
        .join(tables.people, tables.people.c.person_id == tables.grants.c.person_id)
        .where(
            tables.grants.c.role == role,
            tables.grants.c.ward_id == EVERY_WARD,
            tables.people.c.disabled_at_ms.is_(None),
        )
        .distinct()
    )
    return tuple(conn.execute(query).scalars())


def _insert(conn: Connection, person_id: str, given: Iterable[StoredGrant], *, at_ms: int, by: str) -> None:
    rows = [
        {
            "person_id": person_id,
            "role": one.role,
            "ward_id": one.ward_id or EVERY_WARD,
            "source": one.source,
            "granted_at_ms": at_ms,
            "granted_by": by,
        }
        for one in given
    ]
    replace_all(conn, tables.grants, rows, key=("person_id", "role", "ward_id", "source"))


def _account(row: Row[tuple[object, ...]]) -> Account:
    return Account(**row._mapping)  # noqa: SLF001 - SQLAlchemy's documented name for it


def _grant(row: Row[tuple[object, ...]]) -> StoredGrant:
    ward_id = None if row.ward_id == EVERY_WARD else WardId(row.ward_id)
    return StoredGrant(row.role, ward_id, row.source)


def _by_role(given: StoredGrant) -> tuple[str, str, str]:
    return given.role, given.ward_id or "", given.source
