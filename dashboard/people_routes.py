"""People, their roles and tokens, for administrators; one's own tokens; broken glass."""

import secrets
from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse

from dashboard.context import Context, Here
from dashboard.pages import REVALIDATE, STATIC
from dashboard.people_schemas import (
    BreakGlass,
    GlassEntry,
    GrantBody,
    GrantEntry,
    NewPerson,
    NewToken,
    OneTimePassword,
    OwnToken,
    PersonEntry,
    PersonId,
    TokenEntry,
    TokenId,
    TokenMade,
)
from dashboard.permissions import LENDABLE, Permission, Role
from dashboard.person import Person, Signed
from dashboard.schemas import Level, Nothing
from dashboard.sessions import hash_of, new_token
from dashboard.sign_in_passwords import one_time_password
from dashboard.sign_in_routes import glass_entry
from storage import patients, people, people_glass, people_tokens
from storage.people import Account, StoredGrant, login_of
from storage.people_glass import Glass
from storage.people_tokens import Token
from storage.session import Connection
from vitals.errors import Conflict, Forbidden
from vitals.reading import PatientId, WardId

pages_router = APIRouter(include_in_schema=False)
router = APIRouter(tags=["people"])
_DAY_MS = 86_400_000


@pages_router.get("/people")
async def people_page() -> FileResponse:
    """Accounts, roles and tokens."""
    return FileResponse(STATIC / "people.html", headers=REVALIDATE)


@router.get("/people")
async def list_people(here: Here) -> list[PersonEntry]:
    """Everybody who may sign in, by login name, closed accounts included."""

    def ask() -> list[PersonEntry]:
        with here.database.snapshot() as conn:
            grants = people.all_grants(conn)
            return [_entry(account, grants.get(account.person_id, ())) for account in people.list_people(conn)]

    return await here.door.run(ask)


@router.post("/people", status_code=201)
async def add_person(here: Here, who: Signed, body: NewPerson) -> OneTimePassword:
    """Open an account; its one-time password is told here and nowhere else."""
    password = one_time_password()
    account = Account(
        person_id=people.new_person_id(),
        login=login_of(body.login),
        name=body.name,
        password_hash=await here.sign_in.passwords.hashed(password),
        must_change=True,
        added_at_ms=here.clock.now_ms(),
    )

    def add(conn: Connection) -> None:
        people.add(conn, account)
        for given in body.grants:
            people.grant(conn, account.person_id, _stored(given), at_ms=account.added_at_ms, by=who.name)

    await here.change(add)
    return OneTimePassword(person=await _one(here, account.person_id), one_time_password=password)


@router.post("/people/{person_id}/password")
async def reset_password(here: Here, person_id: PersonId, _: Nothing) -> OneTimePassword:
    """A new one-time password, told here; the person's sessions end and their tokens are revoked."""
    password = one_time_password()
    made = await here.sign_in.passwords.hashed(password)
    await here.change(people.set_password, person_id, made, must_change=True, at_ms=here.clock.now_ms())
    return OneTimePassword(person=await _one(here, person_id), one_time_password=password)


@router.post("/people/{person_id}/grant")
async def grant_role(here: Here, who: Signed, person_id: PersonId, body: GrantBody) -> PersonEntry:
    """Give one role on one ward, or on every one."""
    await here.change(people.grant, person_id, _stored(body), at_ms=here.clock.now_ms(), by=who.name)
    return await _one(here, person_id)


@router.post("/people/{person_id}/revoke")
async def revoke_role(here: Here, person_id: PersonId, body: GrantBody) -> PersonEntry:
    """Take one role away; 409 where the house would be without an administrator."""
    taken = _stored(body)

    def revoke(conn: Connection) -> None:
        people.revoke(conn, person_id, taken)
        _keep_an_administrator(conn)

    await here.change(revoke)
    return await _one(here, person_id)


@router.post("/people/{person_id}/disable")
async def disable_person(here: Here, person_id: PersonId, _: Nothing) -> PersonEntry:
    """Close the account: sessions end at once, tokens are dead; 409 where the house would be without an administrator."""

    def disable(conn: Connection) -> None:
        people.set_disabled(conn, person_id, here.clock.now_ms())
        _keep_an_administrator(conn)

    await here.change(disable)
    return await _one(here, person_id)


@router.post("/people/{person_id}/enable")
async def enable_person(here: Here, person_id: PersonId, _: Nothing) -> PersonEntry:
    """Open the account again."""
    await here.change(people.set_disabled, person_id, None)
    return await _one(here, person_id)


@router.get("/people/{person_id}/tokens")
async def list_tokens_of(here: Here, person_id: PersonId) -> list[TokenEntry]:
    """A person's tokens, newest first."""
    return [_token_entry(token) for token in await here.ask(people_tokens.tokens_of, person_id)]


@router.post("/people/{person_id}/tokens", status_code=201)
async def add_token_of(here: Here, who: Signed, person_id: PersonId, body: NewToken) -> TokenMade:
    """A token in the person's name, for a program that shows; its secret is told here and nowhere else.

    Whatever changes something or opens a patient is the person's own to lend: over `/me/tokens`.
    """
    if who.session_id is None:
        raise Forbidden("A token or the guest cannot make tokens: sign in as a person.")
    own_only = sorted(set(body.scopes) - LENDABLE)
    if own_only:
        raise Forbidden(
            f"Nobody makes a token for {', '.join(own_only)} in somebody else's name: they make it themselves, with their"
            f" password. Here only {', '.join(sorted(LENDABLE))}."
        )
    return await _make_token(here, who, person_id, body)


@router.post("/people/{person_id}/tokens/{token_id}/revoke")
async def revoke_token_of(here: Here, person_id: PersonId, token_id: TokenId, _: Nothing) -> TokenEntry:
    """The token is dead."""
    return await _revoke_token(here, person_id, token_id)


@router.get("/me/tokens")
async def list_my_tokens(here: Here, who: Signed) -> list[TokenEntry]:
    """One's own tokens, newest first."""
    return [_token_entry(token) for token in await here.ask(people_tokens.tokens_of, who.person_id)]


@router.post("/me/tokens", status_code=201)
async def add_my_token(here: Here, who: Signed, body: OwnToken) -> TokenMade:
    """A token for a program of one's own; it never may more than oneself. 401 where the password is wrong."""
    if who.session_id is None:
        raise Forbidden("A token or the guest cannot make tokens: sign in as a person.")
    await here.sign_in.by_password_again(who.person_id, body.password.get_secret_value(), session_id=who.session_id)
    return await _make_token(here, who, who.person_id, body)


@router.post("/me/tokens/{token_id}/revoke")
async def revoke_my_token(here: Here, who: Signed, token_id: TokenId, _: Nothing) -> TokenEntry:
    """One's own token is dead."""
    return await _revoke_token(here, who.person_id, token_id)


@router.post("/patients/{patient_id}/break-glass", status_code=201)
async def break_glass(here: Here, who: Signed, patient_id: Level, body: BreakGlass) -> GlassEntry:
    """In an emergency, open a patient of another ward for a while; the reason goes on record. 409 where it is open anyway."""
    patient = await here.ask(patients.get, PatientId(patient_id))
    if who.session_id is None:
        raise Forbidden("A token or the guest cannot break glass: sign in as a person.")
    if who.may(Permission.SEE_PATIENT, patient.ward_id):
        raise Conflict("This patient is open to you already.")
    now_ms = here.clock.now_ms()
    glass = Glass(
        glass_id=secrets.token_hex(8),
        person_id=who.person_id,
        patient_id=patient.patient_id,
        ward_id=patient.ward_id,
        reason=body.reason,
        opened_at_ms=now_ms,
        expires_at_ms=now_ms + here.people.break_glass_min * 60_000,
    )
    await here.change(people_glass.break_glass, glass)
    return glass_entry(glass, who.name)


@router.get("/break-glass")
async def list_broken_glass(
    here: Here, limit: Annotated[int, Query(ge=1, le=1000)] = 200, *, open_only: bool = False
) -> list[GlassEntry]:
    """Who opened which patient of another ward, why and until when, newest first."""
    open_at_ms = here.clock.now_ms() if open_only else None
    found = await here.ask(people_glass.list_glass, limit=limit, open_at_ms=open_at_ms)
    return [glass_entry(glass, name) for glass, name in found]


async def _one(here: Context, person_id: str) -> PersonEntry:
    def ask() -> PersonEntry:
        with here.database.snapshot() as conn:
            return _entry(people.get(conn, person_id), people.grants_of(conn, person_id))

    return await here.door.run(ask)


async def _make_token(here: Context, who: Person, person_id: str, body: NewToken) -> TokenMade:
    secret = new_token()
    now_ms = here.clock.now_ms()
    token = Token(
        token_id=secrets.token_hex(8),
        person_id=person_id,
        name=body.name,
        scopes=tuple(sorted(set(body.scopes))),
        wards=None if body.wards is None else tuple(sorted(set(map(WardId, body.wards)))),
        created_at_ms=now_ms,
        created_by=who.name,
        expires_at_ms=now_ms + min(body.days, here.people.token_days_max) * _DAY_MS,
    )
    await here.change(people_tokens.add_token, token, hash_of(secret))
    return TokenMade(token=_token_entry(token), secret=secret)


async def _revoke_token(here: Context, person_id: str, token_id: str) -> TokenEntry:
    def revoke(conn: Connection) -> Token:
        token = people_tokens.get_token(conn, token_id)
        if token.person_id != person_id:
            raise Forbidden("This token is somebody else's.")
        people_tokens.revoke_token(conn, token_id, here.clock.now_ms())
        return people_tokens.get_token(conn, token_id)

    return _token_entry(await here.change(revoke))


def _keep_an_administrator(conn: Connection) -> None:
    if not people.holders_of(conn, Role.ADMINISTRATOR):
        raise Conflict("Nobody would be administrator any more: make somebody else one first.")


def _stored(given: GrantBody) -> StoredGrant:
    return StoredGrant(given.role.value, None if given.ward is None else WardId(given.ward))


def _entry(account: Account, grants: Iterable[StoredGrant]) -> PersonEntry:
    return PersonEntry(
        person_id=account.person_id,
        login=account.login,
        name=account.name,
        has_password=account.password_hash is not None,
        from_hospital=account.subject is not None,
        disabled_at_ms=account.disabled_at_ms,
        added_at_ms=account.added_at_ms,
        grants=[GrantEntry(role=one.role, ward=one.ward_id, source=one.source) for one in grants],
    )


def _token_entry(token: Token) -> TokenEntry:
    return TokenEntry(
        token_id=token.token_id,
        person_id=token.person_id,
        name=token.name,
        scopes=list(token.scopes),
        wards=None if token.wards is None else list(token.wards),
        created_at_ms=token.created_at_ms,
        created_by=token.created_by,
        expires_at_ms=token.expires_at_ms,
        used_at_ms=token.used_at_ms,
        revoked_at_ms=token.revoked_at_ms,
    )
