"""Tokens with which programs ask in a person's name; only the hash of each is kept."""

import msgspec
from sqlalchemy import Connection, Row, insert, select, update

from storage import people_tables as tables
from storage.people import get
from storage.people_sessions import Caller, caller_of
from vitals.errors import InvalidArgument, NotFound
from vitals.reading import WardId

TOKENS_OF_ONE_MAX = 50


class Token(msgspec.Struct, frozen=True):
    """What one program may, in whose name, until when."""

    token_id: str
    person_id: str
    name: str
    scopes: tuple[str, ...]
    """Permissions; never more than the owner has at the moment of use."""
    wards: tuple[WardId, ...] | None
    """None: wherever the owner may."""
    created_at_ms: int
    created_by: str
    expires_at_ms: int
    used_at_ms: int | None = None
    revoked_at_ms: int | None = None


def add_token(conn: Connection, token: Token, secret_hash: str) -> None:
    """Keep a token; raises NotFound for an unknown owner, InvalidArgument where they have too many."""
    get(conn, token.person_id)
    held = [one for one in tokens_of(conn, token.person_id) if one.revoked_at_ms is None]
    if len(held) >= TOKENS_OF_ONE_MAX:
        raise InvalidArgument(f"One person has at most {TOKENS_OF_ONE_MAX} tokens: revoke one first.")
    values = msgspec.structs.asdict(token) | {
        "scopes": " ".join(token.scopes),
        "wards": None if token.wards is None else " ".join(token.wards),
        "secret_hash": secret_hash,
    }
    conn.execute(insert(tables.api_tokens).values(values))


def find_token(conn: Connection, secret_hash: str, *, now_ms: int) -> tuple[Token, Caller] | None:
    """The token and its owner; None where there is none, it has ended or was revoked, or the account is closed."""
    row = conn.execute(select(tables.api_tokens).where(tables.api_tokens.c.secret_hash == secret_hash)).first()
    if row is None:
        return None
    token = _token(row)
    if token.revoked_at_ms is not None or now_ms >= token.expires_at_ms:
        return None
    caller = caller_of(conn, token.person_id, now_ms=now_ms)
    return None if caller is None else (token, caller)


def get_token(conn: Connection, token_id: str) -> Token:
    """One token; raises NotFound."""
    row = conn.execute(select(tables.api_tokens).where(tables.api_tokens.c.token_id == token_id)).first()
    if row is None:
        raise NotFound(f"There is no token {token_id}.")
    return _token(row)


def tokens_of(conn: Connection, person_id: str) -> tuple[Token, ...]:
    """A person's tokens, newest first, revoked ones included."""
    columns = tables.api_tokens.c
    query = select(tables.api_tokens).where(columns.person_id == person_id)
    return tuple(map(_token, conn.execute(query.order_by(columns.created_at_ms.desc(), columns.token_id))))


def note_use(conn: Connection, token_id: str, at_ms: int) -> None:
    """The token was used."""
    conn.execute(update(tables.api_tokens).where(tables.api_tokens.c.token_id == token_id).values(used_at_ms=at_ms))


def revoke_token(conn: Connection, token_id: str, at_ms: int) -> None:
    """The token is dead; repeating it changes nothing. Raises NotFound."""
    get_token(conn, token_id)
    columns = tables.api_tokens.c
    conn.execute(
        update(tables.api_tokens)
        .where(columns.token_id == token_id, columns.revoked_at_ms.is_(None))
        .values(revoked_at_ms=at_ms)
    )


def _token(row: Row[tuple[object, ...]]) -> Token:
    return Token(
        token_id=row.token_id,
        person_id=row.person_id,
        name=row.name,
        scopes=tuple(row.scopes.split()),
        wards=None if row.wards is None else tuple(map(WardId, row.wards.split())),
        created_at_ms=row.created_at_ms,
        created_by=row.created_by,
        expires_at_ms=row.expires_at_ms,
        used_at_ms=row.used_at_ms,
        revoked_at_ms=row.revoked_at_ms,
    )
