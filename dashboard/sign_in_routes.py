"""Signing in and out, one's own session and password, and who one is here."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse

from dashboard.context import Context, Here
from dashboard.pages import REVALIDATE, STATIC
from dashboard.people_schemas import ChangePassword, GlassEntry, Me, PasswordBody, SignInBody, SignInWays
from dashboard.person import Person, Signed
from dashboard.schemas import Nothing
from dashboard.sessions import cookie_header, cookie_of, csrf_of
from storage import people, people_glass
from storage.people_glass import Glass
from vitals.errors import Conflict

pages_router = APIRouter(include_in_schema=False)
router = APIRouter(tags=["sign-in"])
_GLASS_SHOWN_MAX = 200


@pages_router.get("/sign-in")
async def sign_in_page() -> FileResponse:
    """Where one signs in."""
    return FileResponse(STATIC / "sign-in.html", headers=REVALIDATE)


@router.get("/sign-in")
async def sign_in_ways(here: Here) -> SignInWays:
    """How one signs in here."""
    return SignInWays(
        guest=here.sessions.guest,
        hospital=None if here.people.oidc_issuer is None else here.people.oidc_name,
        password_length_min=here.people.password_length_min,
    )


@router.post("/sign-in")
async def sign_in(here: Here, request: Request, response: Response, body: SignInBody) -> dict[str, bool]:
    """Begin a session; 401 where login name or password is wrong, 429 while too many were."""
    _is_not_guest(here)
    account = await here.sign_in.by_password(body.login, body.password.get_secret_value(), address=address_of(request))
    secret = await here.sessions.begin(account.person_id, replaces=cookie_of(request.scope))
    request.scope["signed_in"] = Person(person_id=account.person_id, name=account.name)
    response.headers["set-cookie"] = session_cookie(here, request, secret)
    return {"must_change_password": account.must_change}


@router.post("/sign-out")
async def sign_out(here: Here, who: Signed, request: Request, response: Response, _: Nothing) -> dict[str, bool]:
    """End this session."""
    await here.sessions.end(_session_of(who))
    response.headers["set-cookie"] = cookie_header(request.scope, None, max_age_s=0)
    return {"signed_out": True}


@router.get("/me")
async def get_me(here: Here, who: Signed, request: Request) -> Me:
    """Who is signed in here, and what they may."""
    session = None if who.session_id is None else await here.sessions.find(who.session_id)
    account = None if here.sessions.guest else await here.ask(people.get, who.person_id)
    secret = None if session is None else cookie_of(request.scope)
    return Me(
        person_id=who.person_id,
        name=who.name,
        login=None if account is None else account.login,
        guest=here.sessions.guest,
        locked=who.locked,
        must_change_password=who.must_change,
        has_password=account is not None and account.password_hash is not None,
        csrf=None if secret is None else csrf_of(secret),
        permissions={
            permission: None if wards.every else sorted(wards.named) for permission, wards in who.access.items()
        },
        glass=await _open_glass(here, who) if who.glass else [],
        idle_lock_s=None if session is None else here.people.idle_lock_s,
        ends_at_ms=None if session is None else here.sessions.ends_at_ms(session),
        now_ms=here.clock.now_ms(),
    )


@router.post("/me/password")
async def change_password(
    here: Here, who: Signed, request: Request, response: Response, body: ChangePassword
) -> dict[str, bool]:
    """One's own new password; every other session of theirs ends, this one goes on under a new cookie."""
    await here.sign_in.change_password(
        who.person_id, body.old.get_secret_value(), body.new.get_secret_value(), session_id=_session_of(who)
    )
    secret = await here.sessions.begin(who.person_id, replaces=None)
    response.headers["set-cookie"] = session_cookie(here, request, secret)
    return {"changed": True}


@router.post("/session/lock")
async def lock_session(here: Here, who: Signed, _: Nothing) -> dict[str, bool]:
    """Only the ward is shown from now on, until the password is given."""
    await here.sessions.lock(_session_of(who))
    return {"locked": True}


@router.post("/session/unlock")
async def unlock_session(here: Here, who: Signed, body: PasswordBody) -> dict[str, bool]:
    """The password again; 401 where it is wrong, and the session ends where it was too often."""
    session_id = _session_of(who)
    await here.sign_in.by_password_again(who.person_id, body.password.get_secret_value(), session_id=session_id)
    await here.sessions.unlock(session_id)
    return {"locked": False}


@router.post("/session/active")
async def keep_session(here: Here, who: Signed, _: Nothing) -> dict[str, bool]:
    """The person did something on the page that needed no request."""
    if not who.locked:
        await here.sessions.note_input(_session_of(who))
    return {"locked": who.locked}


def session_cookie(here: Context, request: Request, secret: str) -> str:
    """The header that keeps this session in the browser."""
    return cookie_header(request.scope, secret, max_age_s=round(here.people.session_max_h * 3600))


def address_of(request: Request) -> str:
    """Where the request came from; behind a trusted proxy, what that says."""
    return "" if request.client is None else request.client.host


def glass_entry(glass: Glass, person_name: str) -> GlassEntry:
    """As the API tells it."""
    return GlassEntry(
        glass_id=glass.glass_id,
        person_id=glass.person_id,
        person_name=person_name,
        patient_id=glass.patient_id,
        ward_id=glass.ward_id,
        reason=glass.reason,
        opened_at_ms=glass.opened_at_ms,
        expires_at_ms=glass.expires_at_ms,
    )


async def _open_glass(here: Context, who: Person) -> list[GlassEntry]:
    opened = await here.ask(people_glass.list_glass, limit=_GLASS_SHOWN_MAX, open_at_ms=here.clock.now_ms())
    return [glass_entry(glass, name) for glass, name in opened if glass.person_id == who.person_id]


def _is_not_guest(here: Context) -> None:
    if here.sessions.guest:
        raise Conflict("There is no sign-in here: everybody is the guest.")


def _session_of(who: Person) -> str:
    if who.session_id is None:
        raise Conflict("There is no session behind this request: the guest and programs have none.")
    return who.session_id
