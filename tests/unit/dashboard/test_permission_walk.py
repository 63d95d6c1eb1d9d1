"""Every route for every role, own and other ward, session and token, signed out and locked: exactly as table and role say."""

import contextlib
import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount
from starlette.types import Message, Receive, Scope, Send

from dashboard.app import create_app
from dashboard.exports import Exports
from dashboard.gate import Gate
from dashboard.permissions import HOUSE_ROLES, ROLE_PERMISSIONS, RULES, Permission, Role, Rule, Where
from dashboard.person import Person
from dashboard.sessions import COOKIE
from storage import audit
from tests.support.builders import EPOCH_MS
from tests.support.people_scene import OTHER, OWN, PeopleScene, alert_of, people_scene
from vitals.reading import WardId

pytestmark = pytest.mark.asyncio
LETTER = {OWN: "a", OTHER: "b"}
PASSED = 299


@dataclass(frozen=True)
class Caller:
    """Somebody, and the wards of their one role: theirs, or every one (None)."""

    role: Role
    ward_id: WardId | None


CALLERS = [
    *(Caller(role, OWN) for role in Role if role not in HOUSE_ROLES),
    *(Caller(role, None) for role in Role),
]


ASKS_WHERE = frozenset(
    {
        Where.PATH_PATIENT,
        Where.PATH_DEVICE,
        Where.PATH_EPISODE,
        Where.PATH_REJECTION,
        Where.PATH_SILENCE,
        Where.QUERY,
        Where.BODY,
    }
)


def expected(rule: Rule, caller: Caller, subject: WardId | None) -> bool:
    """What table and role say, said anew: `subject` is the ward the request is about, None where it names none.

    What the path names and nobody knows is for the route to say so (404), but a refused message of nobody's device; a silence of the whole house is the house's.
    """
    where = set(rule.where)
    if rule.permission is None:
        return True
    if rule.permission not in ROLE_PERMISSIONS[caller.role]:
        return False
    if caller.ward_id is None or not ASKS_WHERE & where:
        return caller.ward_id is None or Where.HOUSE not in where
    return subject == caller.ward_id if subject else not {Where.BODY, Where.PATH_REJECTION, Where.PATH_SILENCE} & where


def request_of(key: str, ward_id: WardId | None, query: str | None = None) -> Scope:
    """A request under this line of the table about things on that ward, asking `query` where it is given."""
    method, _, template = key.partition(" ")
    letter = "x" if ward_id is None else LETTER[ward_id]
    episode_id = "none" if ward_id is None else alert_of(f"p{letter}", ward_id).episode_id
    known = {
        "patient_id": f"p{letter}",
        "device_id": f"watch-{letter}",
        "episode_id": episode_id,
        "rejection_id": f"r{letter}",
        "silence_id": f"s{letter}",
    }
    path = re.sub(r"\{(\w+)(?::\w+)?\}", lambda found: known.get(found[1], "aaaa"), template)
    if query is None:
        query = "" if ward_id is None else f"ward={ward_id}&patient=p{letter}"
    body = {} if ward_id is None else {"ward_id": ward_id, "patient_id": f"p{letter}", "to_patient_id": f"p{letter}"}
    return {
        "type": "http", "method": method, "path": path, "query_string": query.encode(),
        "headers": [(b"host", b"127.0.0.1")], "body": json.dumps(body).encode(), "scheme": "http",
    }  # fmt: skip


async def passes(gate: Gate, scope: Scope) -> int:
    """The status that the gate gives, PASSED where it lets the request through."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    await gate(scope, receive, send)
    return int(sent[0]["status"])


async def beyond(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Whatever lies behind the gate."""
    await send({"type": "http.response.start", "status": PASSED, "headers": []})


def gate_for(scene: PeopleScene, person: Person | None) -> Gate:
    async def identify(_: Scope) -> Person | None:
        return person

    exports = Exports(scene.clock, scene.context.settings.audit_export_span_ms)
    return Gate(beyond, identify=identify, locate=scene.context.locate, exports=exports)


async def found_by(scene: PeopleScene, headers: Mapping[str, str]) -> Person:
    """The person as a session's or token's headers identify them."""
    raw = [(name.encode(), value.encode()) for name, value in {"host": "127.0.0.1", **headers}.items()]
    person = await scene.context.sessions.identify({"method": "GET", "path": "/api/v1/me", "headers": raw})
    assert person is not None
    return person


def routes_of(app: Any) -> set[str]:
    found: set[str] = set()
    for route in iter_route_contexts(app.routes):
        methods = {"GET"} if isinstance(route.original_route, Mount) else (route.methods or set()) - {"HEAD"}
        found |= {f"{method} {route.path}" for method in methods}
    return found


@contextlib.asynccontextmanager
async def furnished() -> AsyncIterator[PeopleScene]:
    async with people_scene() as scene:
        scene.furnish()
        assert routes_of(create_app(scene.context)) == RULES.keys()
        yield scene


async def test_a_role_reaches_exactly_what_the_table_gives_it() -> None:
    async with furnished() as scene:
        for number, caller in enumerate(CALLERS):
            person_id = await scene.add(f"kim{number}", (caller.role, caller.ward_id), password=None)
            for headers in (await scene.session(person_id), scene.token(person_id)):
                gate = gate_for(scene, await found_by(scene, headers))
                for key, rule in RULES.items():
                    for subject in (OWN, OTHER, None):
                        status = await passes(gate, request_of(key, subject))
                        allowed = expected(rule, caller, subject)
                        assert (status == PASSED) is allowed, (caller, key, subject, status)
                        assert allowed or status in {403, 303}, (caller, key, subject, status)


HISTORY = "GET /api/v1/patients/{patient_id}/history"
ASSESSMENTS = "GET /api/v1/patients/{patient_id}/assessments"
CHARTING = "GET /api/v1/patients/{patient_id}/charting"
HOUR_MS = 3_600_000
DAY_OF_THE_PAGE = f"from={EPOCH_MS - 24 * HOUR_MS}&to={EPOCH_MS + 60_000}&every=120000"
EXPORTS = [
    *(f"format={name}" for name in ("csv", "parquet", "fhir", "json")),
    f"from={EPOCH_MS - 25 * HOUR_MS}",
    "from=0&limit=5000",
    f"from={EPOCH_MS - 50 * HOUR_MS}&to={EPOCH_MS - 10 * HOUR_MS}&every=1h&format=table",
]


async def test_history_that_can_be_carried_away_takes_the_permission_to_export() -> None:
    both = Rule(Permission.EXPORT, Where.PATH_PATIENT)
    async with furnished() as scene:
        for number, caller in enumerate(CALLERS):
            person_id = await scene.add(f"kim{number}", (caller.role, caller.ward_id), password=None)
            gate = gate_for(scene, await found_by(scene, await scene.session(person_id)))
            for subject in (OWN, OTHER, None):
                seen = expected(RULES[HISTORY], caller, subject)
                for query in ("", "format=table", DAY_OF_THE_PAGE):
                    status = await passes(gate, request_of(HISTORY, subject, query))
                    assert (status == PASSED) is seen, (caller, subject, query, status)
                for query in ("", "limit=50", f"limit=50&before={EPOCH_MS - 900 * HOUR_MS}~charting/x"):
                    status = await passes(gate, request_of(CHARTING, subject, query))
                    assert (status == PASSED) is seen, (caller, subject, query, status)
                carried = [(key, query) for key in (HISTORY, ASSESSMENTS) for query in EXPORTS]
                carried += [(CHARTING, query) for query in ("limit=51", "limit=500", "limit=51.0", "format=csv")]
                for key, query in carried:
                    status = await passes(gate, request_of(key, subject, query))
                    assert (status == PASSED) is (seen and expected(both, caller, subject)), (caller, subject, query)


async def test_who_may_not_export_is_told_so_in_one_sentence_and_it_is_on_record() -> None:
    async with people_scene() as scene:
        scene.furnish()
        nurse = await scene.session(await scene.add("kim", (Role.NURSE, OWN)))
        keeper = await scene.add("lee", (Role.WARD_MANAGER, OWN))
        query = {"format": "csv"}
        refused = await scene.client.get("patients/pa/history", params=query, headers=nurse)
        assert refused.status_code == 403
        assert refused.json()["message"] == (
            "History over more than 24 h, more than 50 charted entries at once, or either as CSV, Parquet, FHIR or JSON,"
            " is an export:"
            " it takes the permission export on the patient's ward."
        )
        narrow = scene.token(keeper, [Permission.SEE_PATIENT])
        assert (await scene.client.get("patients/pa/history", params=query, headers=narrow)).status_code == 403
        whole = await scene.session(keeper)
        assert (await scene.client.get("patients/pa/history", params=query, headers=whole)).status_code == 200
        with scene.ward.database.snapshot() as conn:
            told = [link.action for link in audit.list_entries(conn, limit=9)]
        assert [action for action in sorted(told) if action in {"export", "refused", "see"}] == [
            "export",
            "refused",
            "refused",
        ]


async def test_signed_out_one_reaches_what_is_public_and_nothing_else() -> None:
    async with furnished() as scene:
        gate = gate_for(scene, None)
        for key, rule in RULES.items():
            status = await passes(gate, request_of(key, OWN))
            page = key.startswith("GET /") and not key.startswith("GET /api/")
            assert status == (PASSED if Where.PUBLIC in rule.where else 303 if page else 401), key


async def test_a_locked_session_shows_the_ward_and_nothing_else() -> None:
    async with furnished() as scene:
        person_id = await scene.add("kim", *((role, None) for role in Role))
        person = await found_by(scene, await scene.session(person_id))
        open_gate, locked_gate = gate_for(scene, person), gate_for(scene, replace(person, locked=True))
        for key, rule in RULES.items():
            before, after = (
                await passes(open_gate, request_of(key, OWN, f"ward={OWN}&active=true")),
                await passes(locked_gate, request_of(key, OWN, f"ward={OWN}&active=true")),
            )
            shows_the_ward = rule.permission is Permission.SEE_WARD and key.startswith("GET ") and rule.when_locked
            about_oneself = rule.permission is None and rule.when_locked
            if shows_the_ward or about_oneself:
                assert after == before, key
            else:
                assert after in {423, 303}, key


@pytest.mark.parametrize(
    ("key", "query"),
    [
        *((f"GET /api/v1/{path}", "patient=pa") for path in ("alerts", "events")),
        *((f"GET /api/v1/{path}", f"ward={OWN}&active=true&patient=pa") for path in ("alerts", "events")),
        *(
            ("GET /api/v1/patients", f"with_discharged={word}")
            for word in ("true", "1", "On", "false&with_discharged=y")
        ),
        *(("GET /api/v1/alerts", query) for query in ("", "active=false", "active=0", "active=true&active=false")),
    ],
)
async def test_a_locked_session_asks_for_no_patient_and_nothing_that_is_over(key: str, query: str) -> None:
    async with furnished() as scene:
        person = await found_by(scene, await scene.session(await scene.add("kim", (Role.NURSE, OWN))))
        assert await passes(gate_for(scene, person), request_of(key, OWN, query)) == PASSED
        assert await passes(gate_for(scene, replace(person, locked=True)), request_of(key, OWN, query)) == 423


async def test_a_locked_session_sees_no_alert_s_life_and_no_list_of_what_is_over() -> None:
    shown = {key for key, rule in RULES.items() if rule.permission is Permission.SEE_WARD and rule.when_locked}
    hidden = {"GET /alerts", "GET /api/v1/alerts/{episode_id}/timeline", "GET /api/v1/silences"}
    assert hidden <= RULES.keys() - shown


async def test_who_sees_only_the_ward_asks_for_no_patient() -> None:
    async with furnished() as scene:
        owner = await scene.add("kim", (Role.NURSE, OWN))
        gate = gate_for(scene, await found_by(scene, scene.token(owner, [Permission.SEE_WARD])))
        for key in ("GET /api/v1/alerts", "GET /api/v1/events"):
            assert await passes(gate, request_of(key, OWN, f"ward={OWN}")) == PASSED
            assert await passes(gate, request_of(key, OWN, "patient=pa")) == 403


async def test_what_waits_for_its_own_password_reaches_only_itself() -> None:
    async with furnished() as scene:
        person_id = await scene.add("kim", (Role.NURSE, None), must_change=True)
        gate = gate_for(scene, await found_by(scene, await scene.session(person_id)))
        reached = {key for key in RULES if await passes(gate, request_of(key, OWN)) == PASSED}
        assert {key for key in reached if RULES[key].permission is not None} == set()
        assert "POST /api/v1/me/password" in reached
        assert "POST /api/v1/me/tokens" not in reached


async def test_a_route_without_a_rule_is_refused() -> None:
    async with people_scene() as scene:
        app = create_app(scene.context)

        @app.get("/api/v1/forgotten")
        async def forgotten() -> str:
            return "reached"

        headers = await scene.session(await scene.add("kim", (Role.NURSE, None)))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1/") as client:
            answer = await client.get("api/v1/forgotten", headers=headers)
            assert answer.status_code == 403
            assert "no rule" in answer.json()["message"]


async def test_a_ward_nurse_moves_a_patient_to_any_ward_there_is_and_to_no_mistyped_one() -> None:
    async with people_scene() as scene:
        scene.furnish()
        kim = await scene.session(await scene.add("kim", (Role.NURSE, OWN)))
        await scene.add("icu nurse", (Role.NURSE, WardId("icu")))
        max_ = await scene.session(await scene.add("max", (Role.NURSE, None)))

        async def moves(patient_id: str, ward_id: str, headers: Mapping[str, str]) -> httpx.Response:
            body = {"ward_id": ward_id, "bed": "9"}
            return await scene.client.post(f"patients/{patient_id}/transfer", json=body, headers=dict(headers))

        assert (await scene.client.get("wards/known", headers=kim)).json() == ["icu", OWN, OTHER]
        mistyped = await moves("pa", "ivu", kim)
        assert mistyped.status_code == 404
        assert "no ward ivu" in mistyped.json()["message"]
        assert "icu, ward-a, ward-b" in mistyped.json()["message"]
        assert (await moves("pb", OWN, kim)).status_code == 403, "a patient of another ward is not theirs to fetch"
        assert (await moves("pa", "icu", kim)).json()["ward_id"] == "icu"
        assert (await moves("pa", OWN, kim)).status_code == 403, "nor to fetch back"
        assert (await moves("pb", "new-ward", max_)).json()["ward_id"] == "new-ward", (
            "one who may everywhere begins one"
        )
        assert (await moves("pa", "new-ward", max_)).status_code == 409, "bed 9 is taken there"


async def test_a_session_cookie_is_not_taken_for_another_name() -> None:
    async with people_scene() as scene:
        headers = await scene.session(await scene.add("kim", (Role.NURSE, None)))
        renamed = {"cookie": headers["cookie"].replace(COOKIE, "other")}
        assert (await scene.client.get("me", headers=renamed)).status_code == 401
