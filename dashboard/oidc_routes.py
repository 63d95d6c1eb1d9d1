"""The way to the hospital's sign-in and back. Both are pages: a browser walks them."""

from html import escape
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response
from starlette.types import Scope

from dashboard.context import Context, Here
from dashboard.gate import SIGN_IN_PAGE
from dashboard.oidc import Begun, Hospital, safe_next
from dashboard.person import Person
from dashboard.sessions import cookie_of, cookies_of, is_secure
from dashboard.sign_in_routes import session_cookie
from vitals.errors import Conflict, Forbidden, NotFound, SignInNeeded, Unavailable, WardError

router = APIRouter(include_in_schema=False)
BEGUN_FOR_S: Final = 600
_REFUSALS: Final[tuple[tuple[type[WardError], str], ...]] = (
    (Forbidden, "no-role"),
    (Conflict, "taken"),
    (Unavailable, "unavailable"),
    (SignInNeeded, "untrusted"),
)
"""What the sign-in page is told, which has the sentences: nothing of the address is ever shown as it came."""


@router.get("/sign-in/hospital")
async def begin(
    here: Here, request: Request, next_: Annotated[str, Query(alias="next", max_length=300)] = "/"
) -> Response:
    """Send the browser to the provider."""
    try:
        url, begun = await _hospital(here).begin(next_)
    except WardError as error:
        return _refused(error)
    response = RedirectResponse(url, status_code=303)
    response.headers.append("set-cookie", _cookie(request.scope, begun.packed(), max_age_s=BEGUN_FOR_S))
    return response


@router.get("/sign-in/hospital/callback")
async def finish(
    here: Here,
    request: Request,
    state: Annotated[str, Query(max_length=500)] = "",
    code: Annotated[str, Query(max_length=4000)] = "",
) -> Response:
    """The browser is back: believe the provider, or say why not; 404 where there is none."""
    hospital = _hospital(here)
    begun = Begun.unpacked(cookies_of(request.scope).get(_name(request.scope), ""))
    try:
        if begun is None or not code:
            raise SignInNeeded("The sign-in was given up or took too long: begin again.")
        identity = await hospital.finish(begun, state=state, code=code)
        account = await here.sign_in.by_hospital(identity.subject, identity.login, identity.name, identity.groups or ())
        secret = await here.sessions.begin(account.person_id, replaces=cookie_of(request.scope))
    except WardError as error:
        request.scope["failed_at_hospital"] = begun is not None and begun.is_answered_by(state)
        response = _refused(error)
    else:
        request.scope["signed_in"] = Person(person_id=account.person_id, name=account.name)
        response = _onwards(begun.next)
        response.headers.append("set-cookie", session_cookie(here, request, secret))
    response.headers.append("set-cookie", _cookie(request.scope, "", max_age_s=0))
    return response


def _hospital(here: Context) -> Hospital:
    if here.hospital is None:
        raise NotFound("There is no hospital sign-in here.")
    return here.hospital


def _onwards(then: str) -> Response:
    """A page of ours that goes on by itself: a redirect would still count as the provider's, without our strict cookie."""
    to = escape(safe_next(then), quote=True)
    return HTMLResponse(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Wardlight</title>'
        f'<meta http-equiv="refresh" content="0;url={to}"></head><body><a href="{to}">Go on</a></body></html>'
    )


def _refused(error: WardError) -> Response:
    why = next((word for kind, word in _REFUSALS if isinstance(error, kind)), "none")
    return RedirectResponse(f"{SIGN_IN_PAGE}?refused={why}", status_code=303)


def _name(scope: Scope) -> str:
    return "__Host-wardlight-hospital" if is_secure(scope) else "wardlight-hospital"


def _cookie(scope: Scope, value: str, *, max_age_s: int) -> str:
    """Lax, because the provider sends the browser back: what it guards is this one answer."""
    secure = "; Secure" if is_secure(scope) else ""
    return f"{_name(scope)}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={max_age_s}{secure}"
