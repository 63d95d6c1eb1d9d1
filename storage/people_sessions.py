"""Sessions of people who signed in at a browser, by the hash of what the cookie holds."""

import msgspec
from sqlalchemy import Connection, delete, insert, or_, select, update

from storage import people_tables as tables
from storage.people import Account, StoredGrant, get, grants_of

SESSIONS_OF_ONE_MAX = 20
"""The longest unused end beyond this."""


class Session(msgspec.Struct, frozen=True):
    """One browser, signed in."""

    session_id: str
    person_id: str
    created_at_ms: int
    input_at_ms: int
    """When the person last did something; what live data does by itself does not count."""
    expires_at_ms: int
    locked_at_ms: int | None = None


class Caller(msgspec.Struct, frozen=True):
    """A session or token with the person behind it."""

    account: Account
    grants: tuple[StoredGrant, ...]
    glass: frozenset[str]
    """Patients whose glass this person has broken and who are still open."""


def open_session(conn: Connection, session: Session, *, replaces: str | None) -> None:
    """Begin a session; the one it replaces, those that have ended, and the person's oldest beyond the bound go."""
    columns = tables.sessions.c
    conn.execute(
        delete(tables.sessions).where(
            or_(columns.expires_at_ms <= session.created_at_ms, columns.session_id == (replaces or ""))
        )
    )
    conn.execute(insert(tables.sessions).values(msgspec.structs.asdict(session)))
    surplus = conn.execute(
        select(columns.session_id)
        .where(columns.person_id == session.person_id)
        .order_by(columns.input_at_ms.desc(), columns.created_at_ms.desc())
        .offset(SESSIONS_OF_ONE_MAX)
    ).scalars()
    conn.execute(delete(tables.sessions).where(columns.session_id.in_(list(surplus))))


def find_session(
    conn: Connection, session_id: str, *, now_ms: int, idle_expiry_ms: int
) -> tuple[Session, Caller] | None:
    """The session and who it is; None where there is none, it has ended, or the account is closed."""
    row = conn.execute(select(tables.sessions).where(tables.sessions.c.session_id == session_id)).first()
    if row is None:
        return None
    session = Session(**row._mapping)  # noqa: SLF001 - documented name
    if now_ms >= min(session.expires_at_ms, session.input_at_ms + idle_expiry_ms):
        return None
    caller = caller_of(conn, session.person_id, now_ms=now_ms)
    return None if caller is None else (session, caller)


def caller_of(conn: Connection, person_id: str, *, now_ms: int) -> Caller | None:
    """The person with roles and broken glass; None where the account is closed."""
    account = get(conn, person_id)
    if account.disabled_at_ms is not None:
        return None
    columns = tables.glass.c
    opened = conn.execute(
        select(columns.patient_id).where(columns.person_id == person_id, columns.expires_at_ms > now_ms)
    ).scalars()
    return Caller(account, grants_of(conn, person_id), frozenset(opened))


def note_input(conn: Connection, session_id: str, at_ms: int) -> None:
    """The person did something."""
    columns = tables.sessions.c
    conn.execute(
        update(tables.sessions)
        .where(columns.session_id == session_id, columns.input_at_ms < at_ms)
        .values(input_at_ms=at_ms)
    )


def lock(conn: Connection, session_id: str, at_ms: int) -> None:
    """Only the ward is shown from now on, until the password is given."""
    columns = tables.sessions.c
    conn.execute(update(tables.sessions).where(columns.session_id == session_id).values(locked_at_ms=at_ms))


def unlock(conn: Connection, session_id: str, at_ms: int) -> None:
    """The password was given."""
    columns = tables.sessions.c
    conn.execute(
        update(tables.sessions).where(columns.session_id == session_id).values(locked_at_ms=None, input_at_ms=at_ms)
    )


def end_session(conn: Connection, session_id: str) -> None:
    """Signed out."""
    conn.execute(delete(tables.sessions).where(tables.sessions.c.session_id == session_id))


def end_sessions_of(conn: Connection, person_id: str) -> None:
    """Every session of this person ends."""
    conn.execute(delete(tables.sessions).where(tables.sessions.c.person_id == person_id))
