"""Signing in and out, the lock, what wrong passwords cost, and what a session and its cookie are."""

import pytest

from dashboard.people_settings import PeopleSettings
from dashboard.permissions import Permission, Role
from dashboard.sessions import COOKIE, CSRF_HEADER, SECURE_COOKIE
from dashboard.sign_in import WRONG, network_of
from storage import people, people_tables
from storage.session import Database
from tests.support.people_scene import OTHER, OWN, PASSWORD, PeopleScene, people_scene
from vitals.errors import Unavailable

pytestmark = pytest.mark.asyncio
IDLE_LOCK_S = PeopleSettings().idle_lock_s


async def sign_in(scene: PeopleScene, password: str = PASSWORD, login: str = "kim", **more: str) -> int:
    """The answer's status; the client keeps the cookie as a browser does."""
    answer = await scene.client.post("sign-in", json={"login": login, "password": password}, headers=more)
    return answer.status_code


async def csrf(scene: PeopleScene) -> dict[str, str]:
    return {CSRF_HEADER: (await scene.client.get("me")).json()["csrf"]}


async def test_whoever_signs_in_is_known_by_name_and_wards_until_they_sign_out() -> None:
    async with people_scene() as scene:
        await scene.add("kim", (Role.NURSE, OWN))
        assert (await scene.client.get("me")).status_code == 401
        assert await sign_in(scene, login=" KIM ") == 200
        me = (await scene.client.get("me")).json()
        assert (me["name"], me["login"], me["locked"], me["guest"]) == ("Kim", "kim", False, False)
        assert me["permissions"]["see_ward"] == [OWN]
        assert "manage_people" not in me["permissions"]
        assert (await scene.client.post("sign-out", json={}, headers=await csrf(scene))).status_code == 200
        assert (await scene.client.get("me")).status_code == 401


async def test_the_cookie_is_for_this_server_only_and_out_of_reach_of_scripts() -> None:
    async with people_scene() as scene:
        await scene.add("kim", (Role.NURSE, OWN))
        body = {"login": "kim", "password": PASSWORD}
        plain = (await scene.client.post("sign-in", json=body)).headers["set-cookie"]
        assert plain.startswith(f"{COOKIE}=")
        assert {"Path=/", "HttpOnly", "SameSite=Strict"} <= set(plain.split("; "))
        assert "Secure" not in plain
        secure = await scene.client.post("https://127.0.0.1:8080/api/v1/sign-in", json=body)
        assert secure.headers["set-cookie"].startswith(f"{SECURE_COOKIE}=")
        assert secure.headers["set-cookie"].endswith("; Secure")


async def test_a_session_that_signs_in_again_gets_another_secret_and_the_old_one_ends() -> None:
    async with people_scene() as scene:
        await scene.add("kim", (Role.NURSE, OWN))
        await sign_in(scene)
        old = scene.client.cookies[COOKIE]
        await sign_in(scene)
        assert scene.client.cookies[COOKIE] != old
        scene.client.cookies.clear()
        assert (await scene.client.get("me", headers={"cookie": f"{COOKIE}={old}"})).status_code == 401


@pytest.mark.parametrize(
    ("login", "password"), [("kim", "wrong password"), ("nobody", PASSWORD), ("kim", ""), ("", "")]
)
async def test_what_is_wrong_is_not_told(login: str, password: str) -> None:
    async with people_scene() as scene:
        await scene.add("kim", (Role.NURSE, OWN))
        answer = await scene.client.post("sign-in", json={"login": login, "password": password})
        assert (answer.status_code, answer.json()) == (401, {"code": "sign_in_needed", "message": WRONG})


async def test_a_closed_account_and_one_of_the_hospital_have_no_password_that_opens_them() -> None:
    async with people_scene() as scene:
        closed = await scene.add("kim", (Role.NURSE, OWN))
        await scene.add("lee", (Role.NURSE, OWN), password=None)
        with scene.ward.database.transaction() as conn:
            people.set_disabled(conn, closed, 1)
        assert await sign_in(scene) == 401
        assert await sign_in(scene, login="lee") == 401


async def test_wrong_passwords_close_the_account_for_longer_each_time_and_a_right_one_opens_it() -> None:
    async with people_scene() as scene:
        await scene.add("kim", (Role.NURSE, OWN))
        for _ in range(5):
            assert await sign_in(scene, "wrong password") == 401
        assert await sign_in(scene) == 429
        scene.clock.pass_s(5)
        assert await sign_in(scene, "wrong password") == 401
        scene.clock.pass_s(9)
        assert await sign_in(scene) == 429
        scene.clock.pass_s(1)
        assert await sign_in(scene) == 200
        assert await sign_in(scene, "wrong password") == 401
        assert await sign_in(scene) == 200


async def test_an_account_that_is_not_there_closes_alike() -> None:
    async with people_scene() as scene:
        answers = [await sign_in(scene, login="nobody") for _ in range(6)]
        assert answers == [401, 401, 401, 401, 401, 429]


async def test_an_address_that_tries_many_accounts_is_closed_too() -> None:
    async with people_scene(address_failures_free=3) as scene:
        await scene.add("kim", (Role.NURSE, OWN))
        for login in ("a", "b", "c"):
            assert await sign_in(scene, login=login) == 401
        assert await sign_in(scene) == 429


async def test_without_input_the_session_locks_and_opens_by_its_password() -> None:
    async with people_scene() as scene:
        scene.furnish()
        await scene.add("kim", (Role.NURSE, OWN))
        await sign_in(scene)
        headers = await csrf(scene)
        scene.clock.pass_s(IDLE_LOCK_S - 1)
        assert (await scene.client.get("patients/pa")).status_code == 200
        scene.clock.pass_s(1)
        assert (await scene.client.get("patients/pa")).status_code == 423
        assert (await scene.client.get("alerts?active=true")).status_code == 200
        assert (await scene.client.get("alerts?patient=pa")).status_code == 423
        assert (await scene.client.post("session/active", json={}, headers=headers)).json() == {"locked": True}
        assert (await scene.client.post("patients/pa/discharge", json={}, headers=headers)).status_code == 423
        wrong = await scene.client.post("session/unlock", json={"password": "wrong password"}, headers=headers)
        assert wrong.status_code == 401
        right = await scene.client.post("session/unlock", json={"password": PASSWORD}, headers=headers)
        assert right.json() == {"locked": False}
        assert (await scene.client.get("patients/pa")).status_code == 200


async def test_nobody_elsewhere_keeps_a_locked_session_from_its_owner() -> None:
    async with people_scene(failures_free=2, address_failures_free=3) as scene:
        own = await scene.session(await scene.add("kim", (Role.NURSE, OWN)))
        await scene.client.post("session/lock", json={}, headers=own)
        assert [await sign_in(scene, "wrong password") for _ in range(3)] == [401, 401, 429]
        unlocked = await scene.client.post("session/unlock", json={"password": PASSWORD}, headers=own)
        assert unlocked.json() == {"locked": False}
        new = {"old": PASSWORD, "new": "another long password"}
        assert (await scene.client.post("me/password", json=new, headers=own)).status_code == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("session/unlock", {"password": "wrong password"}),
        ("me/password", {"old": "wrong password", "new": "another long password"}),
        ("me/tokens", {"password": "wrong password", "name": "laptop", "scopes": ["see_ward"]}),
    ],
)
async def test_wrong_passwords_within_a_session_end_it_and_close_nothing_else(path: str, body: object) -> None:
    async with people_scene(session_failures_max=2, failures_free=1) as scene:
        person_id = await scene.add("kim", (Role.NURSE, OWN))
        own, another = await scene.session(person_id), await scene.session(person_id)
        answers = [(await scene.client.post(path, json=body, headers=own)).status_code for _ in range(2)]
        assert answers == [401, 401]
        assert (await scene.client.get("me", headers=own)).status_code == 401
        assert (await scene.client.get("me", headers=another)).status_code == 200
        assert await sign_in(scene) == 200


async def test_addresses_of_one_network_count_as_one() -> None:
    assert network_of("2001:db8:1:2::1") == network_of("2001:db8:1:2:ffff::") == "2001:db8:1:2::/64"
    assert network_of("2001:db8:1:3::1") != network_of("2001:db8:1:2::1")
    assert network_of("::ffff:10.0.0.7") == network_of("10.0.0.7") == "10.0.0.7"
    assert (network_of("fe80::1%eth0"), network_of(""), network_of("proxy")) == ("fe80::/64", "", "proxy")


async def test_a_right_password_at_the_lock_forgives_the_wrong_ones() -> None:
    async with people_scene(session_failures_max=3) as scene:
        await scene.add("kim", (Role.NURSE, OWN))
        await sign_in(scene)
        headers = await csrf(scene)
        await scene.client.post("session/lock", json={}, headers=headers)
        answers = [
            (await scene.client.post("session/unlock", json={"password": word}, headers=headers)).status_code
            for word in ("wrong password", "wrong password", PASSWORD, "wrong password", "wrong password", PASSWORD)
        ]
        assert answers == [401, 401, 200, 401, 401, 200]


async def test_input_keeps_the_session_open_and_what_pages_ask_by_themselves_does_not() -> None:
    async with people_scene() as scene:
        await scene.add("kim", (Role.NURSE, OWN))
        await sign_in(scene)
        headers = await csrf(scene)
        for _ in range(3):
            scene.clock.pass_s(IDLE_LOCK_S - 10)
            assert (await scene.client.post("session/active", json={}, headers=headers)).json() == {"locked": False}
        scene.clock.pass_s(IDLE_LOCK_S - 10)
        assert (await scene.client.get("wards")).status_code == 200
        scene.clock.pass_s(10)
        assert (await scene.client.get("me")).json()["locked"] is True


async def test_a_session_ends_by_age_and_for_lack_of_input() -> None:
    async with people_scene(idle_expiry_h=1, session_max_h=3) as scene:
        person_id = await scene.add("kim", (Role.NURSE, OWN))
        idle = await scene.session(person_id)
        scene.clock.pass_s(3600)
        assert (await scene.client.get("me", headers=idle)).status_code == 401
        used = await scene.session(person_id)
        for _ in range(3):
            scene.clock.pass_s(590)
            assert (await scene.client.post("session/active", json={}, headers=used)).status_code == 200
        with scene.ward.database.transaction() as conn:
            conn.execute(people_tables.sessions.update().values(input_at_ms=scene.clock.at_ms + 3 * 3_600_000))
        scene.clock.pass_s(3 * 3600)
        assert (await scene.client.get("me", headers=used)).status_code == 401


async def test_a_closed_account_is_out_at_once() -> None:
    async with people_scene() as scene:
        person_id = await scene.add("kim", (Role.NURSE, OWN))
        session, token = await scene.session(person_id), scene.token(person_id)
        with scene.ward.database.transaction() as conn:
            people.set_disabled(conn, person_id, 1)
        for headers in (session, token):
            assert (await scene.client.get("me", headers=headers)).status_code == 401


async def test_a_change_without_the_sessions_own_token_is_refused() -> None:
    async with people_scene() as scene:
        scene.furnish()
        await scene.add("kim", (Role.NURSE, OWN))
        await sign_in(scene)
        for headers in ({}, {CSRF_HEADER: "0" * 32}, {CSRF_HEADER: ""}):
            answer = await scene.client.post("patients/pa/discharge", json={}, headers=headers)
            assert answer.status_code == 403
        assert (await scene.client.post("patients/pa/discharge", json={}, headers=await csrf(scene))).status_code == 200


async def test_somebody_elses_password_is_changed_before_anything_else() -> None:
    async with people_scene() as scene:
        await scene.add("kim", (Role.NURSE, OWN), must_change=True)
        await sign_in(scene)
        assert (await scene.client.get("wards")).status_code == 423
        headers, new = await csrf(scene), "another long password"
        for old, chosen, status in (("wrong", new, 401), (PASSWORD, "short", 422), (PASSWORD, PASSWORD, 422)):
            answer = await scene.client.post("me/password", json={"old": old, "new": chosen}, headers=headers)
            assert answer.status_code == status
        before = scene.client.cookies[COOKIE]
        answer = await scene.client.post("me/password", json={"old": PASSWORD, "new": new}, headers=headers)
        assert answer.status_code == 200
        assert scene.client.cookies[COOKIE] != before
        assert (await scene.client.get("wards")).status_code == 200
        assert await sign_in(scene) == 401
        assert await sign_in(scene, new) == 200


async def test_a_broken_glass_opens_one_patient_for_a_while_and_is_on_record() -> None:
    async with people_scene() as scene:
        scene.furnish()
        nurse_id = await scene.add("kim", (Role.NURSE, OWN))
        nurse = await scene.session(nurse_id)
        auditor = await scene.session(await scene.add("max", (Role.AUDITOR, None)))
        reason = {"reason": "Collapsed in the corridor"}
        assert (await scene.client.get("patients/pb", headers=nurse)).status_code == 403
        vague = await scene.client.post("patients/pb/break-glass", json={"reason": "emergency"}, headers=nurse)
        assert vague.status_code == 422
        assert (await scene.client.post("patients/pa/break-glass", json=reason, headers=nurse)).status_code == 409
        made = await scene.client.post("patients/pb/break-glass", json=reason, headers=nurse)
        assert made.status_code == 201
        assert (await scene.client.get("patients/pb", headers=nurse)).status_code == 200
        assert (await scene.client.get("alerts?patient=pb", headers=nurse)).status_code == 200
        assert (await scene.client.get("alerts", params={"ward": OTHER}, headers=nurse)).status_code == 403
        discharge = await scene.client.post("patients/pb/discharge", json={}, headers=nurse)
        assert discharge.status_code == 403
        assert [one["patient_id"] for one in (await scene.client.get("me", headers=nurse)).json()["glass"]] == ["pb"]
        listed = (await scene.client.get("break-glass", headers=auditor)).json()
        assert [(one["person_name"], one["patient_id"], one["reason"]) for one in listed] == [
            ("Kim", "pb", "Collapsed in the corridor")
        ]
        assert (await scene.client.get("break-glass", headers=nurse)).status_code == 403
        token = scene.token(nurse_id)
        assert (await scene.client.get("patients/pb", headers=token)).status_code == 403
        assert (await scene.client.post("patients/pb/break-glass", json=reason, headers=token)).status_code == 403
        scene.clock.pass_s(PeopleSettings().break_glass_min * 60)
        fresh = await scene.session(nurse_id)
        assert (await scene.client.get("patients/pb", headers=fresh)).status_code == 403


async def test_only_who_sees_patients_may_break_glass() -> None:
    async with people_scene() as scene:
        scene.furnish()
        for number, role in enumerate((Role.DEVICE_TECHNICIAN, Role.DATA_ANALYST)):
            headers = await scene.session(await scene.add(f"kim{number}", (role, OWN)))
            answer = await scene.client.post(
                "patients/pb/break-glass", json={"reason": "a good reason"}, headers=headers
            )
            assert answer.status_code == 403


async def test_a_token_may_what_its_owner_may_within_its_scopes_and_wards() -> None:
    async with people_scene() as scene:
        scene.furnish()
        owner = await scene.add("kim", (Role.NURSE, OWN), (Role.NURSE, OTHER))
        narrow = scene.token(owner, [Permission.SEE_WARD, Permission.EXPORT], wards=(OWN,))
        assert [one["ward_id"] for one in (await scene.client.get("wards", headers=narrow)).json()] == [OWN]
        assert (await scene.client.get("patients/pa", headers=narrow)).status_code == 403
        me = (await scene.client.get("me", headers=narrow)).json()
        assert me["permissions"] == {"see_ward": [OWN]}
        wide = scene.token(owner)
        assert (await scene.client.post("patients/pb/discharge", json={}, headers=wide)).status_code == 200
        with scene.ward.database.transaction() as conn:
            people.revoke(conn, owner, people.StoredGrant("nurse", OWN))
        assert (await scene.client.get("wards", headers=narrow)).status_code == 403


async def test_a_token_ends_and_nonsense_is_none() -> None:
    async with people_scene() as scene:
        owner = await scene.add("kim", (Role.NURSE, OWN))
        token = scene.token(owner, expires_at_ms=scene.clock.at_ms + 1000)
        assert (await scene.client.get("wards", headers=token)).status_code == 200
        scene.clock.pass_s(1)
        assert (await scene.client.get("wards", headers=token)).status_code == 401
        for nonsense in ("Bearer", "Bearer wl_", "Bearer wl_x", "Basic a2ltOng=", "wl_x"):
            assert (await scene.client.get("wards", headers={"authorization": nonsense})).status_code == 401


async def test_while_the_database_is_down_who_was_there_sees_the_ward_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with people_scene(known_without_database_s=60) as scene:
        known = await scene.session(await scene.add("kim", (Role.NURSE, OWN)))
        stranger = await scene.session(await scene.add("lee", (Role.NURSE, OWN)))
        assert (await scene.client.get("wards", headers=known)).status_code == 200

        scene.clock.stands = True

        def down(_: Database) -> None:
            raise Unavailable("The database does not answer.")

        with monkeypatch.context() as patch:
            patch.setattr(Database, "snapshot", down)
            patch.setattr(Database, "transaction", down)
            page = "http://127.0.0.1:8080/"
            assert (await scene.client.get(page, headers=known)).status_code == 200
            assert (await scene.client.get(page, params={"ward": OWN}, headers=known)).status_code == 200
            assert (await scene.client.get(f"{page}patients/pa", headers=known)).headers["location"] == "/"
            assert (await scene.client.post("patients/pa/discharge", json={}, headers=known)).status_code == 423
            assert (await scene.client.get(page, headers=stranger)).status_code == 503
            scene.clock.pass_s(61)
            assert (await scene.client.get(page, headers=known)).status_code == 503
        scene.clock.stands = False
        assert (await scene.client.get("me", headers=known)).json()["locked"] is False


async def test_another_programs_authorization_does_not_hide_the_session() -> None:
    async with people_scene() as scene:
        headers = await scene.session(await scene.add("kim", (Role.NURSE, OWN)))
        for foreign in ("Basic a2ltOng=", "Bearer eyJhbGciOi", "Negotiate x"):
            assert (await scene.client.get("wards", headers={**headers, "authorization": foreign})).status_code == 200
        wrong = {**headers, "authorization": "Bearer wl_wrong"}
        assert (await scene.client.get("wards", headers=wrong)).status_code == 401
