"""Who is behind a request: a session by its cookie, a program by its token, or the guest."""

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import Scope

from dashboard.guard import CHANGING, is_loopback_host
from dashboard.people_settings import PeopleSettings
from dashboard.permissions import EVERY_WARD, Access, Grant, Permission, Role, Wards, access_of, narrowed
from dashboard.person import GUEST, Person
from runtime.blocking import Door
from runtime.clock import Clock
from storage import people_sessions, people_tokens
from storage.people import StoredGrant
from storage.people_sessions import Caller, Session
from storage.people_tokens import Token
from storage.session import Connection, Database, in_snapshot, in_transaction
from vitals.errors import Forbidden, SignInNeeded, Unavailable
from vitals.reading import PatientId

COOKIE: Final = "wardlight"
SECURE_COOKIE: Final = "__Host-wardlight"
CSRF_HEADER: Final = "x-wardlight-csrf"
TOKEN_PREFIX: Final = "wl_"  # noqa: S105 - what tokens begin with, no secret
_NOTE_INPUT_MS: Final = 5_000
"""Input is written down at most this often,"""
_NOTE_USE_MS: Final = 60_000
"""and the use of a token this often."""
_HOUR_MS: Final = 3_600_000
_KNOWN_MAX: Final = 10_000


class Sessions:
    """Begins, finds, locks and ends sessions; finds tokens. With `guest`, whoever asks is the guest."""

    def __init__(self, *, database: Database, door: Door, clock: Clock, settings: PeopleSettings, guest: bool) -> None:
        self._database = database
        self._door = door
        self._clock = clock
        self._settings = settings
        self._known: OrderedDict[str, tuple[int, Person]] = OrderedDict()
        """Sessions as they were last seen, for when the database does not answer."""
        self.guest = guest

    async def identify(self, scope: Scope) -> Person | None:
        """Who is behind the request; None where nobody known. Raises Forbidden for a change without its CSRF token."""
        if self.guest:
            return GUEST
        headers = Headers(scope=scope)
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token.startswith(TOKEN_PREFIX):
            return await self._by_token(token)
        secret = cookie_of(scope)
        if secret is None:
            return None
        person = await self._by_session(secret, scope)
        if person is not None and scope["method"] in CHANGING:
            given = headers.get(CSRF_HEADER, "")
            if not hmac.compare_digest(given.encode(), csrf_of(secret).encode()):
                raise Forbidden("Changes need the page's own token: reload the page and try again.")
        return person

    async def begin(self, person_id: str, *, replaces: str | None) -> str:
        """A new session's secret, for the cookie; the session that `replaces` was the secret of ends."""
        secret = secrets.token_urlsafe(32)
        now_ms = self._clock.now_ms()
        session = Session(
            session_id=hash_of(secret),
            person_id=person_id,
            created_at_ms=now_ms,
            input_at_ms=now_ms,
            expires_at_ms=now_ms + round(self._settings.session_max_h * _HOUR_MS),
        )
        replaced = None if replaces is None else hash_of(replaces)
        await self._change(lambda conn: people_sessions.open_session(conn, session, replaces=replaced))
        return secret

    async def find(self, session_id: str) -> Session:
        """The session as it stands; raises SignInNeeded where it has ended."""
        found = await self._find(session_id)
        if found is None:
            raise SignInNeeded("The session has ended: sign in again.")
        return found[0]

    async def lock(self, session_id: str) -> None:
        """From now on it only shows the ward."""
        await self._change(lambda conn: people_sessions.lock(conn, session_id, self._clock.now_ms()))

    async def unlock(self, session_id: str) -> None:
        """The password was given."""
        await self._change(lambda conn: people_sessions.unlock(conn, session_id, self._clock.now_ms()))

    async def note_input(self, session_id: str) -> None:
        """The person did something."""
        await self._change(lambda conn: people_sessions.note_input(conn, session_id, self._clock.now_ms()))

    async def end(self, session_id: str) -> None:
        """Signed out."""
        await self._change(lambda conn: people_sessions.end_session(conn, session_id))

    def is_locked(self, session: Session) -> bool:
        """By the person, or for lack of input; one stays locked until the password is given."""
        idle_ms = self._clock.now_ms() - session.input_at_ms
        return session.locked_at_ms is not None or idle_ms >= self._settings.idle_lock_s * 1000

    def ends_at_ms(self, session: Session) -> int:
        """When the session ends if nothing is done meanwhile."""
        return min(session.expires_at_ms, session.input_at_ms + round(self._settings.idle_expiry_h * _HOUR_MS))

    async def _by_session(self, secret: str, scope: Scope) -> Person | None:
        session_id = hash_of(secret)
        try:
            found = await self._find(session_id)
        except Unavailable:
            return self._as_last_known(session_id)
        if found is None:
            self._known.pop(session_id, None)
            return None
        person = await self._person_of(*found, scope)
        self._remember(session_id, person)
        return person

    async def _person_of(self, session: Session, caller: Caller, scope: Scope) -> Person:
        locked = self.is_locked(session)
        if not locked and _is_input(scope) and self._clock.now_ms() - session.input_at_ms >= _NOTE_INPUT_MS:
            await self.note_input(session.session_id)
        return Person(
            person_id=caller.account.person_id,
            name=caller.account.name,
            access=access_of(grants_in(caller.grants)),
            glass=frozenset(map(PatientId, caller.glass)),
            session_id=session.session_id,
            locked=locked,
            must_change=caller.account.must_change,
        )

    def _remember(self, session_id: str, person: Person) -> None:
        self._known[session_id] = (self._clock.now_ms(), person)
        self._known.move_to_end(session_id)
        if len(self._known) > _KNOWN_MAX:
            self._known.popitem(last=False)

    def _as_last_known(self, session_id: str) -> Person | None:
        """While the database does not answer, who was known a short while ago goes on seeing the ward, and no more.

        Raises Unavailable for everybody else.
        """
        at_ms, person = self._known.get(session_id, (0, None))
        if person is None or self._clock.now_ms() - at_ms > self._settings.known_without_database_s * 1000:
            raise Unavailable("The database does not answer, so nobody can be recognised: try again.")
        return replace(person, locked=True)

    async def _by_token(self, secret: str) -> Person | None:
        found = await in_snapshot(
            self._door, self._database, people_tokens.find_token, hash_of(secret), now_ms=self._clock.now_ms()
        )
        if found is None:
            return None
        token, caller = found
        now_ms = self._clock.now_ms()
        if token.used_at_ms is None or now_ms - token.used_at_ms >= _NOTE_USE_MS:
            await self._change(lambda conn: people_tokens.note_use(conn, token.token_id, now_ms))
        return Person(
            person_id=caller.account.person_id,
            name=f"{caller.account.name} (token {token.name})",
            access=access_through(token, caller),
            token_id=token.token_id,
            must_change=caller.account.must_change,
        )

    async def _find(self, session_id: str) -> tuple[Session, Caller] | None:
        return await in_snapshot(
            self._door,
            self._database,
            people_sessions.find_session,
            session_id,
            now_ms=self._clock.now_ms(),
            idle_expiry_ms=round(self._settings.idle_expiry_h * _HOUR_MS),
        )

    async def _change(self, call: Callable[[Connection], None]) -> None:
        await in_transaction(self._door, self._database, call)


def access_through(token: Token, caller: Caller) -> Access:
    """What the token may: what its owner may, within its scopes and wards."""
    scopes = [Permission(name) for name in token.scopes if name in tuple(Permission)]
    wards = EVERY_WARD if token.wards is None else Wards(named=frozenset(token.wards))
    return narrowed(access_of(grants_in(caller.grants)), scopes, wards)


def grants_in(stored: Iterable[StoredGrant]) -> list[Grant]:
    """The stored roles that this version knows; another gives nothing."""
    return [Grant(Role(one.role), one.ward_id) for one in stored if one.role in tuple(Role)]


def hash_of(secret: str) -> str:
    """What is kept of a secret that has 256 random bits of its own."""
    return hashlib.sha256(secret.encode()).hexdigest()


def csrf_of(secret: str) -> str:
    """The token that changes of this session carry in a header, which pages of other sites cannot set."""
    return hashlib.sha256(b"wardlight csrf " + secret.encode()).hexdigest()[:32]


def new_token() -> str:
    """A secret for programs."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def is_secure(scope: Scope) -> bool:
    """Whether cookies are for TLS only: always, except on plain HTTP to this machine itself."""
    return scope.get("scheme") == "https" or not is_loopback_host(Headers(scope=scope).get("host", ""))


def cookie_of(scope: Scope) -> str | None:
    """The session's secret, where the browser sent one."""
    name = SECURE_COOKIE if is_secure(scope) else COOKIE
    return cookies_of(scope).get(name) or None


def cookies_of(scope: Scope) -> Mapping[str, str]:
    """The request's cookies."""
    return cookie_parser(Headers(scope=scope).get("cookie", ""))


def cookie_header(scope: Scope, secret: str | None, *, max_age_s: int) -> str:
    """The header that keeps the session in the browser, or (None) takes it out."""
    secure = is_secure(scope)
    name = SECURE_COOKIE if secure else COOKIE
    age = f"; Max-Age={max_age_s if secret else 0}"
    return f"{name}={secret or ''}; Path=/; HttpOnly; SameSite=Strict{age}{'; Secure' if secure else ''}"


def _is_input(scope: Scope) -> bool:
    """Whether a person did something: opened a page, or changed something; what pages ask by themselves does not count."""
    return scope["method"] in CHANGING or not scope["path"].startswith("/api/")
