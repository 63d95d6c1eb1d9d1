"""Behind the guard: who asks, and whether the table of permissions lets them; decided before any route runs.

The request's path is matched against the table itself, not against the framework's routes, so what the table does not
name cannot be reached: a route without a rule is refused (`ruled`), and pages and mounts without one keep the
application from being built (`check_mounts`).
"""

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, quote

from fastapi import FastAPI, Request
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.routing import BaseRoute, Mount, Route, compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from dashboard.beyond_ward import asks_beyond_ward, names_patient
from dashboard.body_shape import BodyFault
from dashboard.exports import Exports
from dashboard.guard import CHANGING
from dashboard.permissions import RULES, SIGNED_ALWAYS, Permission, Rule, Where
from dashboard.person import Person
from dashboard.refusals import log_unusable, refusal, status_of
from storage.whereabouts import Kind, Named, Place
from vitals.errors import ErrorCode, Forbidden, Locked, SignInNeeded, WardError

Identify = Callable[[Scope], Awaitable[Person | None]]
"""Who is behind a request; None where nobody known."""
Locate = Callable[[Sequence[Named]], Awaitable[Sequence[Place]]]
"""Where the things are that a request names."""

SIGN_IN_PAGE = "/sign-in"
_HOMES: Sequence[tuple[str, Permission]] = (
    ("/", Permission.SEE_WARD),
    ("/people", Permission.MANAGE_PEOPLE),
    ("/audit", Permission.SEE_AUDIT),
    ("/registry", Permission.MANAGE_DEVICES),
    ("/status", Permission.SEE_STATUS),
)
"""Where somebody is led whom a page is not for."""
_PATHS: Mapping[Where, tuple[Kind, str]] = {
    Where.PATH_PATIENT: (Kind.PATIENT, "patient_id"),
    Where.PATH_DEVICE: (Kind.DEVICE, "device_id"),
    Where.PATH_EPISODE: (Kind.EPISODE, "episode_id"),
    Where.PATH_REJECTION: (Kind.REJECTION, "rejection_id"),
    Where.PATH_SILENCE: (Kind.SILENCE, "silence_id"),
}
_FIELDS: Mapping[str, Kind] = {"ward_id": Kind.WARD, "patient_id": Kind.PATIENT, "device_id": Kind.DEVICE}
_QUERIES: Mapping[str, Kind] = {"ward": Kind.WARD, "patient": Kind.PATIENT}


@dataclass(frozen=True)
class Ruled:
    """A request's line in the table, and what the path says."""

    key: str
    rule: Rule
    parameters: Mapping[str, str]


class Table:
    """The table as paths are matched against it: literal words before parameters."""

    def __init__(self, rules: Mapping[str, Rule]) -> None:
        self._lines = [
            (method, compile_path(path)[0], key, rule)
            for key, rule in sorted(rules.items(), key=_parameters_last)
            for method, _, path in [key.partition(" ")]
        ]

    def find(self, method: str, path: str) -> Ruled | None:
        """The line that this request falls under; None where there is none."""
        if method == "GET" and path.startswith("/static/"):
            path = "/static"
        for wanted, pattern, key, rule in self._lines:
            found = pattern.match(path) if wanted == method else None
            if found is not None:
                return Ruled(key, rule, found.groupdict())
        return None


class Gate:
    """ASGI middleware: puts `person` and `ruled` into the scope of what may pass, answers 401, 403 or 423 to the rest."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        identify: Identify,
        locate: Locate,
        exports: Exports,
        rules: Mapping[str, Rule] = RULES,
    ) -> None:
        self._app = app
        self._identify = identify
        self._locate = locate
        self._exports = exports
        self._table = Table(rules)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        ruled = self._table.find(method, scope["path"])
        scope["ruled"] = ruled
        if ruled is not None:
            try:
                await self._admitted(scope, ruled)
            except WardError as error:
                await _refused(error, scope)(scope, receive, send)
                return
            fault: BodyFault | None = scope.get("body_fault")
            if fault is not None:
                await refusal(fault.status, ErrorCode.INVALID_ARGUMENT, fault.sentence)(scope, receive, send)
                return
            scope["recheck"] = partial(self._admitted, scope, ruled)
        await self._app(scope, receive, send)

    async def _admitted(self, scope: Scope, ruled: Ruled) -> Person | None:
        """Who may pass; raises SignInNeeded, Locked, Forbidden."""
        rule = ruled.rule
        if Where.PUBLIC in rule.where:
            return None
        person = await self._identify(scope)
        scope["person"] = person
        if person is None:
            raise SignInNeeded("Sign in first: nobody is signed in here, or the session or token has ended.")
        if person.must_change and rule is not SIGNED_ALWAYS:
            raise Locked("Choose a password of your own first: somebody else knows the one you have.")
        if person.only_shows and scope["method"] in CHANGING:
            raise Forbidden("This token only shows: changing something takes a token with a permission to.")
        query = scope["query_string"]
        if person.locked and (not rule.when_locked or asks_beyond_ward(ruled.key, rule, query)):
            raise Locked("This session is locked after a time without input: unlock it with your password.")
        if rule.permission is not None:
            await self._judge(scope, ruled, rule.permission, person)
        if names_patient(rule, query):
            await self._judge(scope, ruled, Permission.SEE_PATIENT, person)
        if self._exports(ruled.key, scope["query_string"]):
            await self._judge_export(scope, ruled, person)
        return person

    async def _judge_export(self, scope: Scope, ruled: Ruled, person: Person) -> None:
        """What the trail calls an export takes that permission as well, whatever the route's line asks."""
        try:
            await self._judge(scope, ruled, Permission.EXPORT, person)
        except Forbidden as error:
            raise self._exports.refusal from error

    async def _judge(self, scope: Scope, ruled: Ruled, permission: Permission, person: Person) -> None:
        if not person.may_somewhere(permission):
            raise Forbidden(f"Your roles do not include {permission.replace('_', ' ')}.")
        where = ruled.rule.where
        if Where.HOUSE in where and not person.may(permission, None):
            raise Forbidden(f"This concerns the whole house: it takes {permission.replace('_', ' ')} on every ward.")
        in_path = [
            Named(kind, ruled.parameters[name]) for place in where if place in _PATHS for kind, name in [_PATHS[place]]
        ]
        in_query = list(_named_in_query(scope)) if Where.QUERY in where else []
        in_body = list(_named_in_body(scope)) if Where.BODY in where else []
        for place in await self._locate([*in_path, *in_query]) if in_path or in_query else ():
            _require(person, permission, place)
        if Where.BODY in where:
            for place in (await self._locate(in_body) if in_body else ()) or [Place(None)]:
                _require(person, permission, place)


def _require(person: Person, permission: Permission, place: Place) -> None:
    if not person.may(permission, place.ward_id, place.patient_id):
        ward = "any ward" if place.ward_id is None else f"ward {place.ward_id}"
        whole = " It takes a role on every ward." if place.ward_id is None else ""
        raise Forbidden(f"You may not {permission.replace('_', ' ')} here: this belongs to {ward}.{whole}")


def _named_in_query(scope: Scope) -> Iterable[Named]:
    for name, value in parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True):
        if name in _QUERIES:
            yield Named(_QUERIES[name], value)


def _named_in_body(scope: Scope) -> Iterable[Named]:
    try:
        body = json.loads(scope.get("body", b""))
    except ValueError:
        return
    if not isinstance(body, dict):
        return
    for name, value in body.items():
        for field, kind in _FIELDS.items():
            if isinstance(value, str) and (name == field or name.endswith(f"_{field}")):
                yield Named(kind, value)


def _refused(error: WardError, scope: Scope) -> ASGIApp:
    """The answer; a page leads to where its reader may go instead."""
    log_unusable(error)
    if scope["method"] != "GET" or scope["path"].startswith("/api/"):
        return refusal(status_of(error), error.code, str(error))
    return _elsewhere(error, scope)


def _elsewhere(error: WardError, scope: Scope) -> ASGIApp:
    if isinstance(error, SignInNeeded):
        wanted = scope["path"] + (f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else "")
        return RedirectResponse(f"{SIGN_IN_PAGE}?next={quote(wanted)}", status_code=303)
    if isinstance(error, Locked):
        if scope["person"].must_change:
            return RedirectResponse(SIGN_IN_PAGE, status_code=303)
        return RedirectResponse("/", status_code=303)
    person: Person | None = scope.get("person")
    if scope["path"] == "/" and person is not None:
        for page, permission in _HOMES:
            if page != "/" and person.may_somewhere(permission):
                return RedirectResponse(page, status_code=303)
    return PlainTextResponse(str(error), status_code=status_of(error))


def _parameters_last(line: tuple[str, Any]) -> tuple[int, int, str]:
    key = line[0]
    return key.count("{"), -len(key), key


async def ruled(request: Request) -> None:
    """A dependency of every route: refuses what the table does not name, or names otherwise than the framework routes it."""
    found: Ruled | None = request.scope.get("ruled")
    route = request.scope.get("route")
    path = getattr(route, "path", None)
    if found is None or path is None or not found.key.endswith(path):
        raise Forbidden("This route has no rule in dashboard/permissions.py: nobody may use it.")


def check_mounts(app: FastAPI, rules: Mapping[str, Rule] = RULES) -> None:
    """Raises RuntimeError for a mount or plain route without a rule, which `ruled` cannot stand before."""
    for route in app.routes:
        path = _plain_path(route)
        if path is not None and f"GET {path}" not in rules:
            raise RuntimeError(f"GET {path} has no rule in dashboard/permissions.py.")


def _plain_path(route: BaseRoute) -> str | None:
    return route.path if type(route) is Route or isinstance(route, Mount) else None
