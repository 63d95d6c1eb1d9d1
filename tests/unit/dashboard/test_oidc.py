"""Signing in through the hospital: a real provider over HTTP, its honest tokens and every kind of dishonest one."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pydantic import SecretStr

from dashboard.oidc import Begun, safe_next
from dashboard.people_settings import PeopleSettings
from dashboard.permissions import Role
from dashboard.sessions import COOKIE
from runtime.settings import Configuration
from storage import audit, people
from tests.support.builders import EPOCH_MS
from tests.support.oidc_provider import CLIENT_ID, CLIENT_SECRET, PATIENCE_S, Provider, oidc_provider
from tests.support.people_scene import OWN, PeopleScene, people_scene
from vitals.errors import ConfigurationError

CALLBACK = "http://127.0.0.1:8080/sign-in/hospital/callback"
GRANTS = {"ward-a-nurses": (f"nurse:{OWN}",), "it": ("administrator:*",)}
ADA = {"sub": "s-1", "preferred_username": "ada", "name": "Ada Okafor", "groups": ["ward-a-nurses", "choir"]}


@contextlib.asynccontextmanager
async def hospital() -> AsyncIterator[tuple[PeopleScene, Provider]]:
    with oidc_provider(now_s=EPOCH_MS // 1000) as provider:
        provider.claims = dict(ADA)
        async with people_scene(
            oidc_issuer=provider.url,
            oidc_client_id=CLIENT_ID,
            oidc_client_secret=SecretStr(CLIENT_SECRET),
            oidc_redirect_url=CALLBACK,
            oidc_grants=GRANTS,
            oidc_at_once_max=2,
        ) as scene:
            yield scene, provider


async def there(scene: PeopleScene, then: str = "/") -> str:
    """Go to the provider and sign in; the address it sends the browser back to."""
    sent = await scene.client.get("http://127.0.0.1:8080/sign-in/hospital", params={"next": then})
    assert sent.status_code == 303, sent.text
    async with httpx.AsyncClient(trust_env=False) as browser:
        back = await browser.get(sent.headers["location"])
    return back.headers["location"]


async def through(scene: PeopleScene, then: str = "/") -> httpx.Response:
    return await scene.client.get(await there(scene, then))


@pytest.mark.asyncio
async def test_whoever_the_hospital_knows_gets_the_roles_of_their_groups() -> None:
    async with hospital() as (scene, _):
        done = await through(scene, "/patients/pa")
        assert done.status_code == 200
        assert 'content="0;url=/patients/pa"' in done.text
        me = (await scene.client.get("me")).json()
        assert (me["name"], me["login"], me["has_password"]) == ("Ada Okafor", "ada", False)
        assert me["permissions"]["see_ward"] == [OWN]
        assert "SameSite=Strict" in done.headers["set-cookie"]


@pytest.mark.asyncio
async def test_groups_are_read_anew_at_every_sign_in_and_roles_given_here_stay() -> None:
    async with hospital() as (scene, provider):
        await through(scene)
        person_id = (await scene.client.get("me")).json()["person_id"]
        with scene.ward.database.transaction() as conn:
            people.grant(conn, person_id, people.StoredGrant("auditor", None), at_ms=1, by="root")
        provider.claims |= {"groups": [], "name": "Ada Okafor-Lind"}
        await through(scene)
        me = (await scene.client.get("me")).json()
        assert me["person_id"] == person_id
        assert me["name"] == "Ada Okafor-Lind"
        assert "see_ward" not in me["permissions"]
        assert "see_audit" in me["permissions"]


@pytest.mark.asyncio
async def test_who_is_in_no_group_any_more_loses_roles_and_sessions_with_the_refusal() -> None:
    async with hospital() as (scene, provider):
        await through(scene)
        person_id = (await scene.client.get("me")).json()["person_id"]
        elsewhere, program = await scene.session(person_id), scene.token(person_id)
        assert (await scene.client.get("wards", headers=elsewhere)).status_code == 200
        provider.claims |= {"groups": []}
        assert (await through(scene)).headers["location"] == "/sign-in?refused=no-role"
        with scene.ward.database.snapshot() as conn:
            assert people.grants_of(conn, person_id) == ()
        scene.client.cookies.clear()
        assert (await scene.client.get("me", headers=elsewhere)).status_code == 401
        assert (await scene.client.get("wards", headers=program)).status_code == 403


@pytest.mark.asyncio
async def test_groups_that_the_token_does_not_name_are_asked_for() -> None:
    async with hospital() as (scene, provider):
        del provider.claims["groups"]
        await through(scene)
        assert (await scene.client.get("me")).json()["permissions"]["see_ward"] == [OWN]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "tamper",
    [
        "expired",
        "future",
        "audience",
        "audiences",
        "issuer",
        "nonce",
        "subject",
        "none",
        "shared secret",
        "key",
        "body",
    ],
)
async def test_a_token_that_is_not_to_be_trusted_signs_nobody_in(tamper: str) -> None:
    async with hospital() as (scene, provider):
        provider.tamper = tamper
        done = await through(scene)
        assert done.headers["location"] == "/sign-in?refused=untrusted"
        assert COOKIE not in scene.client.cookies
        with scene.ward.database.snapshot() as conn:
            assert people.list_people(conn) == ()


@pytest.mark.asyncio
async def test_an_answer_to_another_sign_in_is_refused() -> None:
    async with hospital() as (scene, _):
        back = await there(scene)
        query = parse_qs(urlsplit(back).query)
        for state, code in (("another", query["code"][0]), (query["state"][0], "")):
            done = await scene.client.get(CALLBACK, params={"state": state, "code": code})
            assert done.headers["location"] == "/sign-in?refused=untrusted"
        scene.client.cookies.clear()
        assert (await scene.client.get(back)).headers["location"] == "/sign-in?refused=untrusted"


@pytest.mark.asyncio
async def test_a_failure_at_the_hospital_is_on_record_once_in_a_while_and_only_of_a_sign_in_that_was_begun() -> None:
    async with hospital() as (scene, provider):
        for asked in ({}, {"state": "another", "code": "x"}):
            await scene.client.get(CALLBACK, params=asked)
        await there(scene)
        await scene.client.get(CALLBACK, params={"state": "another", "code": "x"})
        assert actions(scene) == []
        provider.tamper = "expired"
        for _ in range(3):
            assert (await through(scene)).headers["location"] == "/sign-in?refused=untrusted"
        assert actions(scene) == ["sign_in_failed"]
        provider.tamper = None
        await through(scene)
        assert actions(scene) == ["sign_in_failed", "sign_in"]


@pytest.mark.asyncio
async def test_without_a_hospital_there_is_nowhere_to_come_back_to_and_nothing_on_record() -> None:
    async with people_scene() as scene:
        assert (await scene.client.get(CALLBACK)).status_code == 404
        assert actions(scene) == []


def actions(scene: PeopleScene) -> list[str]:
    """What the audit trail holds, the oldest first."""
    with scene.ward.database.snapshot() as conn:
        return [link.action for link in audit.list_entries(conn, limit=1000)[::-1]]


@pytest.mark.asyncio
async def test_a_code_is_good_once() -> None:
    async with hospital() as (scene, _):
        back = await there(scene)
        kept = dict(scene.client.cookies)
        assert (await scene.client.get(back)).status_code == 200
        scene.client.cookies.update(kept)
        assert (await scene.client.get(back)).headers["location"] == "/sign-in?refused=untrusted"


@pytest.mark.asyncio
async def test_a_new_key_of_the_provider_is_found_and_not_asked_for_each_time() -> None:
    async with hospital() as (scene, provider):
        await through(scene)
        await through(scene)
        assert provider.asked.count("/keys") == 1
        provider.rotate()
        scene.clock.pass_s(31)
        assert (await through(scene)).status_code == 200
        assert provider.asked.count("/keys") == 2


@pytest.mark.asyncio
async def test_without_a_role_with_a_closed_account_or_under_anothers_name_nobody_comes_in() -> None:
    async with hospital() as (scene, provider):
        provider.claims |= {"groups": ["choir"]}
        assert (await through(scene)).headers["location"] == "/sign-in?refused=no-role"
        provider.claims |= {"groups": ["ward-a-nurses"]}
        await through(scene)
        with scene.ward.database.transaction() as conn:
            (ada,) = people.list_people(conn)
            people.set_disabled(conn, ada.person_id, 1)
        assert (await through(scene)).headers["location"] == "/sign-in?refused=no-role"
        await scene.add("kim", (Role.NURSE, None))
        provider.claims |= {"sub": "s-2", "preferred_username": "Kim"}
        assert (await through(scene)).headers["location"] == "/sign-in?refused=taken"


@pytest.mark.asyncio
async def test_a_provider_that_does_not_answer_is_told_as_that() -> None:
    async with hospital() as (scene, provider):
        pass
    gone = {"oidc_issuer": provider.url, "oidc_client_id": CLIENT_ID, "oidc_redirect_url": CALLBACK}
    async with people_scene(**gone) as scene:
        done = await scene.client.get("http://127.0.0.1:8080/sign-in/hospital")
        assert done.headers["location"] == "/sign-in?refused=unavailable"


@pytest.mark.asyncio
async def test_without_a_hospital_its_sign_in_leads_back() -> None:
    async with people_scene() as scene:
        assert (await scene.client.get("sign-in")).json()["hospital"] is None
        done = await scene.client.get("http://127.0.0.1:8080/sign-in/hospital")
        assert done.headers["location"] == "/sign-in?refused=none"


@pytest.mark.parametrize(
    "then",
    [
        *("//evil.example", "https://evil.example", "/\\evil.example", "javascript:x", "", "/\n/x", "/" + "x" * 300),
        *(
            "/.//evil.example/phish",
            "/..//evil.example",
            "/%2e//evil.example",
            "/a/..//evil.example",
            "/.\\/evil.example",
        ),
        *("/.\\\\evil.example", "/./\t/evil.example", "/patients//evil.example"),
    ],
)
def test_one_is_led_to_pages_of_ours_only(then: str) -> None:
    assert safe_next(then) == "/"
    for ours in ("/", "/patients/p1?tab=2", "/ledger?after=a//b", "/#//x"):
        assert safe_next(ours) == ours


@pytest.mark.parametrize("cookie", ["", "x", "W10", "WyJhIl0", "bnVsbA", "WzEsMiwzLDRd", "é"])
def test_a_cookie_that_is_not_ours_is_none(cookie: str) -> None:
    assert Begun.unpacked(cookie) is None


@pytest.mark.parametrize(
    "people_settings",
    [
        {"oidc_issuer": "http://login.example"},
        {"oidc_issuer": "https://login.example"},
        {"oidc_grants": {"it": ["root:*"]}},
        {"oidc_grants": {"it": ["nurse"]}},
        {"oidc_grants": {"it": ["administrator:ward-a"]}},
        {"oidc_grants": "{"},
    ],
)
def test_settings_that_cannot_work_are_refused(people_settings: dict[str, object]) -> None:
    given = {"oidc_client_id": "c", "oidc_redirect_url": CALLBACK, **people_settings}
    if people_settings.get("oidc_issuer") == "https://login.example":
        given.pop("oidc_client_id")
    with pytest.raises(ConfigurationError, match=r"^Setting people"):
        Configuration({"people": given}).section("people", PeopleSettings)


def test_the_table_of_groups_comes_from_the_environment_as_json() -> None:
    read = Configuration.read(file=None, environment={"WARDLIGHT_PEOPLE__OIDC_GRANTS": '{"it": ["administrator:*"]}'})
    assert read.section("people", PeopleSettings).oidc_grants == {"it": ("administrator:*",)}


@pytest.mark.asyncio
async def test_answers_that_somebody_makes_up_are_put_to_the_provider_only_so_many_at_once() -> None:
    async with hospital() as (scene, provider):
        back = await there(scene)
        provider.answers.clear()
        waiting = [asyncio.create_task(scene.client.get(back)) for _ in range(2)]
        for _ in waiting:
            assert await asyncio.to_thread(provider.redeeming.acquire, timeout=PATIENCE_S)  # noqa: TID251 - a real server
        refused = await scene.client.get(back)
        provider.answers.set()
        assert refused.headers["location"] == "/sign-in?refused=unavailable"
        assert provider.asked.count("/token") == 2
        await asyncio.gather(*waiting)
        assert (await through(scene)).status_code == 200
