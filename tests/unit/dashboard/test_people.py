"""Accounts, roles and tokens through the API, and the rule by which grants merge."""

import json

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.people_settings import PeopleSettings
from dashboard.permissions import (
    EVERY_WARD,
    LENDABLE,
    NO_WARD,
    ROLE_PERMISSIONS,
    Grant,
    Permission,
    Role,
    Wards,
    access_of,
    narrowed,
)
from dashboard.sign_in import closed_for, granted_by
from dashboard.sign_in_passwords import check_password
from storage import audit
from tests.support.people_scene import OTHER, OWN, PASSWORD, PeopleScene, people_scene
from vitals.errors import InvalidArgument
from vitals.reading import WardId

GRANTS = st.lists(
    st.builds(Grant, st.sampled_from(Role), st.none() | st.sampled_from([WardId(name) for name in "abc"])), max_size=8
)
WARDS = st.just(EVERY_WARD) | st.builds(Wards, named=st.frozensets(st.sampled_from([WardId(name) for name in "abc"])))


@given(GRANTS, st.randoms())
def test_grants_only_add_whatever_their_order_or_number(grants: list[Grant], source: object) -> None:
    shuffled = [*grants, *grants]
    source.shuffle(shuffled)  # type: ignore[attr-defined]
    access = access_of(grants)
    assert access_of(shuffled) == access
    for permission in Permission:
        for ward_id in (WardId("a"), WardId("b"), WardId("c")):
            given_so = any(
                permission in ROLE_PERMISSIONS[grant.role] and grant.ward_id in (None, ward_id) for grant in grants
            )
            assert (ward_id in access.get(permission, NO_WARD)) is given_so
        every = any(permission in ROLE_PERMISSIONS[grant.role] and grant.ward_id is None for grant in grants)
        assert access.get(permission, NO_WARD).every is every


@given(GRANTS, GRANTS)
def test_more_grants_never_take_anything_away(some: list[Grant], more: list[Grant]) -> None:
    before, after = access_of(some), access_of([*some, *more])
    for permission, wards in before.items():
        assert wards | after[permission] == after[permission]


@given(GRANTS, st.frozensets(st.sampled_from(Permission)), WARDS)
def test_a_token_never_may_more_than_its_owner(
    grants: list[Grant], scopes: frozenset[Permission], wards: Wards
) -> None:
    whole = access_of(grants)
    left = narrowed(whole, scopes, wards)
    assert left.keys() <= scopes
    for permission, where in left.items():
        assert where
        assert where | whole[permission] == whole[permission]
        assert where | wards == wards


def test_groups_of_the_hospital_become_roles_on_wards() -> None:
    table = {"nurses": ("nurse:ward-a", "nurse:ward-b"), "it": ("administrator:*",)}
    assert granted_by(["nurses", "it", "choir", "nurses"], table) == [
        ("nurse", OWN),
        ("nurse", OTHER),
        ("administrator", None),
    ]


def test_the_delay_doubles_up_to_its_cap() -> None:
    settings = PeopleSettings()
    closed = closed_for(settings, settings.failures_free)
    assert [closed(failures) for failures in (1, 4, 5, 6, 7, 12, 13, 10_000)] == [
        0, 0, 5_000, 10_000, 20_000, 640_000, 900_000, 900_000,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("password", "fits"),
    [
        ("eleven char", False), ("twelve chars", True), ("kim.kim.kim.kim", True), ("administrator", False),
        ("Administrator1", False), ("aaaaaaaaaaaaaa", False), ("x" * 201, False), ("долгий пароль", True),
    ],
)  # fmt: skip
def test_a_password_is_long_and_not_the_login_name(password: str, *, fits: bool) -> None:
    if fits:
        check_password(password, login="administrator", length_min=12)
        return
    with pytest.raises(InvalidArgument):
        check_password(password, login="administrator", length_min=12)


async def administrator(scene: PeopleScene) -> dict[str, str]:
    return await scene.session(await scene.add("root", (Role.ADMINISTRATOR, None)))


def said(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    return str(answer.json()["message"])


@pytest.mark.asyncio
async def test_somebody_is_added_granted_revoked_closed_and_opened_again() -> None:
    async with people_scene() as scene:
        headers = await administrator(scene)
        body = {"login": "Kim", "name": "Kim Lee", "grants": [{"role": "nurse", "ward": OWN}]}
        made = (await scene.client.post("people", json=body, headers=headers)).json()
        assert made["person"]["grants"] == [{"role": "nurse", "ward": OWN, "source": "house"}]
        signed = await scene.client.post("sign-in", json={"login": "kim", "password": made["one_time_password"]})
        assert signed.json() == {"must_change_password": True}
        scene.client.cookies.clear()
        path = f"people/{made['person']['person_id']}"
        granted = await scene.client.post(
            f"{path}/grant", json={"role": "physician", "every_ward": True}, headers=headers
        )
        assert {(one["role"], one["ward"]) for one in granted.json()["grants"]} == {("nurse", OWN), ("physician", None)}
        revoked = await scene.client.post(f"{path}/revoke", json={"role": "nurse", "ward": OWN}, headers=headers)
        assert [one["role"] for one in revoked.json()["grants"]] == ["physician"]
        closed = await scene.client.post(f"{path}/disable", json={}, headers=headers)
        assert closed.json()["disabled_at_ms"] is not None
        opened = await scene.client.post(f"{path}/enable", json={}, headers=headers)
        assert opened.json()["disabled_at_ms"] is None
        again = await scene.client.post(f"{path}/password", json={}, headers=headers)
        assert again.json()["one_time_password"] != made["one_time_password"]
        assert [one["login"] for one in (await scene.client.get("people", headers=headers)).json()] == ["kim", "root"]
        said(await scene.client.post("people", json=body, headers=headers), 409)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "grant",
    [
        {"role": "nurse"},
        {"role": "nurse", "ward": OWN, "every_ward": True},
        {"role": "auditor", "ward": OWN},
        {"role": "x"},
    ],
)
async def test_a_grant_says_where_and_house_roles_hold_in_the_house(grant: dict[str, object]) -> None:
    async with people_scene() as scene:
        headers, person_id = await administrator(scene), await scene.add("kim")
        said(await scene.client.post(f"people/{person_id}/grant", json=grant, headers=headers), 422)


@pytest.mark.asyncio
async def test_the_last_administrator_stays() -> None:
    async with people_scene() as scene:
        person_id = await scene.add("root", (Role.ADMINISTRATOR, None))
        headers = await scene.session(person_id)
        role = {"role": "administrator", "every_ward": True}
        said(await scene.client.post(f"people/{person_id}/revoke", json=role, headers=headers), 409)
        said(await scene.client.post(f"people/{person_id}/disable", json={}, headers=headers), 409)
        other = await scene.add("max", (Role.ADMINISTRATOR, None))
        assert (await scene.client.post(f"people/{other}/disable", json={}, headers=headers)).status_code == 200
        said(await scene.client.post(f"people/{person_id}/revoke", json=role, headers=headers), 409)


@pytest.mark.asyncio
async def test_tokens_are_made_told_once_listed_and_revoked() -> None:
    async with people_scene() as scene:
        person_id = await scene.add("kim", (Role.NURSE, OWN))
        root, own = await administrator(scene), await scene.session(person_id)
        body = {"name": "ward screen", "scopes": ["see_ward"], "days": 30}
        for path, headers, more in (
            (f"people/{person_id}/tokens", root, {}),
            ("me/tokens", own, {"password": PASSWORD}),
        ):
            made = (await scene.client.post(path, json=body | more, headers=headers)).json()
            bearer = {"authorization": f"Bearer {made['secret']}"}
            assert (await scene.client.get("wards", headers=bearer)).status_code == 200
            (listed, *_) = (await scene.client.get(path, headers=headers)).json()
            assert "secret" not in listed
            assert listed["used_at_ms"] == scene.clock.at_ms
            revoke = f"{path}/{made['token']['token_id']}/revoke"
            assert (await scene.client.post(revoke, json={}, headers=headers)).status_code == 200
            assert (await scene.client.get("wards", headers=bearer)).status_code == 401
            scene.clock.pass_s(1)


@pytest.mark.asyncio
async def test_a_token_makes_no_tokens_and_nobody_revokes_anothers() -> None:
    async with people_scene() as scene:
        kim, lee = await scene.add("kim", (Role.NURSE, OWN)), await scene.add("lee", (Role.NURSE, OWN))
        body = {"name": "more", "scopes": ["see_ward"], "password": PASSWORD}
        said(await scene.client.post("me/tokens", json=body, headers=scene.token(kim)), 403)
        hers = (await scene.client.post("me/tokens", json=body, headers=await scene.session(kim))).json()["token"]
        theirs = await scene.session(lee)
        said(await scene.client.post(f"me/tokens/{hers['token_id']}/revoke", json={}, headers=theirs), 403)


@pytest.mark.asyncio
async def test_a_token_of_ones_own_takes_the_password() -> None:
    async with people_scene() as scene:
        kim = await scene.session(await scene.add("kim", (Role.NURSE, OWN)))
        body = {"name": "laptop", "scopes": ["see_ward"]}
        said(await scene.client.post("me/tokens", json=body, headers=kim), 422)
        said(await scene.client.post("me/tokens", json={**body, "password": "wrong password"}, headers=kim), 401)
        made = await scene.client.post("me/tokens", json={**body, "password": PASSWORD}, headers=kim)
        assert made.status_code == 201


@pytest.mark.asyncio
async def test_no_token_outlives_a_change_or_reset_of_the_password() -> None:
    async with people_scene() as scene:
        person_id = await scene.add("kim", (Role.NURSE, OWN))
        token, own = scene.token(person_id), await scene.session(person_id)
        change = {"old": PASSWORD, "new": "another long password"}
        assert (await scene.client.post("me/password", json=change, headers=own)).status_code == 200
        said(await scene.client.get("wards", headers=token), 401)
        token = scene.token(person_id)
        reset = await scene.client.post(f"people/{person_id}/password", json={}, headers=await administrator(scene))
        assert reset.status_code == 200
        said(await scene.client.get("wards", headers=token), 401)


@pytest.mark.asyncio
async def test_a_token_waits_like_its_owner_for_a_password_of_their_own() -> None:
    async with people_scene() as scene:
        token = scene.token(await scene.add("kim", (Role.NURSE, OWN), must_change=True))
        said(await scene.client.get("wards", headers=token), 423)


@pytest.mark.asyncio
async def test_in_somebody_elses_name_only_tokens_that_show_are_made() -> None:
    async with people_scene() as scene:
        person_id, root = await scene.add("kim", (Role.PHYSICIAN, OWN)), await administrator(scene)
        path = f"people/{person_id}/tokens"
        for scope in Permission:
            body = {"name": "screen", "scopes": ["see_ward", scope]}
            made = await scene.client.post(path, json=body, headers=root)
            assert made.status_code == (201 if scope in LENDABLE else 403), scope
        assert {Permission.SEE_WARD, Permission.SEE_STATUS, Permission.SEE_LEDGER} == LENDABLE


@pytest.mark.asyncio
async def test_an_administrators_token_makes_no_tokens() -> None:
    async with people_scene() as scene:
        person_id = await scene.add("kim", (Role.NURSE, OWN))
        token = scene.token(await scene.add("root", (Role.ADMINISTRATOR, None)))
        body = {"name": "screen", "scopes": ["see_ward"]}
        said(await scene.client.post(f"people/{person_id}/tokens", json=body, headers=token), 403)


@pytest.mark.asyncio
async def test_the_trail_names_the_token_that_was_made_and_its_maker() -> None:
    async with people_scene() as scene:
        kim, root = await scene.add("kim", (Role.NURSE, OWN)), await scene.add("root", (Role.ADMINISTRATOR, None))
        body = {"name": "screen", "scopes": ["see_ward"]}
        made = await scene.client.post(f"people/{kim}/tokens", json=body, headers=await scene.session(root))
        with scene.ward.database.snapshot() as conn:
            (entry,) = [
                link for link in audit.list_entries(conn, limit=9) if link.action == audit.AuditAction.ISSUE_TOKEN
            ]
        assert entry.person_id == root
        detail = json.loads(entry.detail)
        assert detail["token_id"] == made.json()["token"]["token_id"]
        assert (detail["maker"], detail["owner"], detail["scopes"]) == (root, kim, "see_ward")
