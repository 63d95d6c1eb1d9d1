"""Sessions and tokens that are forged, stolen, ended or somebody else's: each is nobody."""

import hashlib

import pytest

from dashboard.permissions import Permission, Role
from dashboard.sessions import COOKIE, CSRF_HEADER, csrf_of
from tests.support.builders import EPOCH_MS
from tests.support.people_scene import OWN, PASSWORD, people_scene

pytestmark = pytest.mark.asyncio
OPEN = "patients"
BODY = {"ward_id": OWN, "bed": "9", "name": "Ada"}


def forged(secret: str) -> dict[str, str]:
    """A cookie somebody made up, with the token of changes that would belong to it."""
    return {"cookie": f"{COOKIE}={secret}", CSRF_HEADER: csrf_of(secret)}


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "x",
        "0" * 43,
        "admin",
        "null",
        "' OR '1'='1",
        "../../etc/passwd",
        "A" * 8000,
        "kim",
        "%00",
        "eyJhbGciOiJub25lIn0.e30.",
    ],
)
async def test_a_made_up_session_is_nobody(secret: str) -> None:
    async with people_scene() as scene:
        await scene.session(await scene.add("kim", *((role, None) for role in Role)))
        answer = await scene.client.get(OPEN, headers=forged(secret))
        assert answer.status_code == 401


async def test_what_the_database_keeps_of_sessions_and_tokens_opens_nothing() -> None:
    """Whoever reads a stolen database has hashes, and signs in with none of them."""
    async with people_scene() as scene:
        person = await scene.add("kim", *((role, None) for role in Role))
        await scene.session(person)
        scene.token(person)
        with scene.ward.database.snapshot() as conn:
            kept = {
                str(value.hex() if isinstance(value, bytes) else value)
                for table in ("sessions", "api_tokens", "people")
                for row in conn.exec_driver_sql(f"SELECT * FROM {table}")  # noqa: S608 - names of the test's own
                for value in row
                if isinstance(value, str | bytes) and len(value) > 8
            }
        assert kept
        for text in kept:
            for headers in (forged(text), {"authorization": f"Bearer {text}"}, {"authorization": f"Bearer wl_{text}"}):
                if all(value.isascii() and value.isprintable() for value in headers.values()):
                    assert (await scene.client.get(OPEN, headers=headers)).status_code == 401


@pytest.mark.parametrize(
    "scheme",
    [
        "Bearer wl_",
        "Bearer wl_" + "0" * 43,
        "bearer wl_x",
        "Basic a2ltOnh4",
        "Bearer null",
        "Token wl_x",
        "Bearer wl_\tx",
        "Bearer " + "wl_" * 3000,
    ],
)
async def test_a_made_up_token_is_nobody(scheme: str) -> None:
    async with people_scene() as scene:
        assert (await scene.client.get(OPEN, headers={"authorization": scheme})).status_code == 401


async def test_a_token_that_has_ended_was_revoked_or_whose_owner_is_out_is_nobody() -> None:
    async with people_scene() as scene:
        admin = await scene.add("root", *((role, None) for role in Role))
        kim = await scene.add("kim", (Role.NURSE, OWN))
        ended = scene.token(kim, expires_at_ms=EPOCH_MS + 1000)
        held = scene.token(kim)
        assert (await scene.client.get(OPEN, headers=ended)).status_code == 200
        scene.clock.pass_s(2)
        assert (await scene.client.get(OPEN, headers=ended)).status_code == 401
        assert (await scene.client.get(OPEN, headers=held)).status_code == 200
        done = await scene.client.post(f"people/{kim}/disable", json={}, headers=await scene.session(admin))
        assert done.status_code == 200, done.text
        assert (await scene.client.get(OPEN, headers=held)).status_code == 401


async def test_a_session_of_before_the_sign_out_is_nobody() -> None:
    async with people_scene() as scene:
        headers = await scene.session(await scene.add("kim", (Role.NURSE, OWN)))
        assert (await scene.client.post("sign-out", json={}, headers=headers)).status_code in {200, 204}
        assert (await scene.client.get(OPEN, headers=headers)).status_code == 401


async def test_a_cookie_that_somebody_planted_before_the_sign_in_stays_nobodys() -> None:
    """Session fixation."""
    async with people_scene() as scene:
        await scene.add("kim", (Role.NURSE, OWN))
        planted = "planted-by-somebody-else-000000000000000000"
        body = {"login": "kim", "password": PASSWORD}
        signed = await scene.client.post("sign-in", json=body, headers={"cookie": f"{COOKIE}={planted}"})
        assert signed.status_code == 200
        assert planted not in str(signed.headers)
        scene.client.cookies.clear()
        assert (await scene.client.get(OPEN, headers=forged(planted))).status_code == 401


@pytest.mark.parametrize("csrf", [None, "", "x", hashlib.sha256(b"").hexdigest(), "another session's"])
async def test_a_change_with_the_cookie_alone_is_refused(csrf: str | None) -> None:
    async with people_scene() as scene:
        mine = await scene.session(await scene.add("kim", (Role.WARD_MANAGER, OWN)))
        other = await scene.session(await scene.add("lee", (Role.WARD_MANAGER, OWN)))
        token = other[CSRF_HEADER] if csrf == "another session's" else csrf
        headers = {"cookie": mine["cookie"], **({} if token is None else {CSRF_HEADER: token})}
        answer = await scene.client.post("patients", json=BODY, headers=headers)
        assert answer.status_code == 403
        assert (await scene.client.get("patients", headers=mine)).json() == []


@pytest.mark.parametrize(
    "extra",
    [
        {"x-http-method-override": "GET"},
        {"x-forwarded-for": "127.0.0.1"},
        {"x-forwarded-host": "127.0.0.1"},
        {"x-original-url": "/healthz"},
        {"x-rewrite-url": "/healthz"},
        {"x-real-ip": "127.0.0.1"},
        {"x-wardlight-person": "root"},
        {"forwarded": "for=127.0.0.1;host=localhost"},
        {"authorization": "Bearer wl_x, Bearer wl_y"},
    ],
)
async def test_no_header_makes_somebody_of_nobody(extra: dict[str, str]) -> None:
    async with people_scene() as scene:
        await scene.add("root", *((role, None) for role in Role))
        assert (await scene.client.get(OPEN, headers=extra)).status_code == 401


async def test_a_refusal_does_not_say_whether_the_login_is_known() -> None:
    async with people_scene() as scene:
        await scene.add("kim", (Role.NURSE, OWN))
        known, unknown = [
            await scene.client.post("sign-in", json={"login": login, "password": "wrong" * 4})
            for login in ("kim", "nobody-at-all")
        ]
        assert (known.status_code, known.json()) == (unknown.status_code, unknown.json())


async def test_a_token_signs_nobody_in_to_a_session_and_changes_no_password() -> None:
    async with people_scene() as scene:
        person = await scene.add("kim", *((role, None) for role in Role))
        token = scene.token(person, list(Permission))
        body = {"old": PASSWORD, "new": "a new long password"}
        assert (await scene.client.post("me/password", json=body, headers=token)).status_code == 409
        again = await scene.client.post("sign-in", json={"login": "kim", "password": PASSWORD})
        assert again.status_code == 200
