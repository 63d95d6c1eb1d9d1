"""Audit and ledger over the API, and what signing in leaves on record."""

from collections.abc import Sequence

import httpx
import pytest

from dashboard.in_hand import FAILING_S
from dashboard.permissions import Role
from storage import audit, devices, ledger
from storage.audit import Link
from storage.devices import Device
from storage.ledger_journal import Accepted, Jotting, Refusal, jot
from tests.support.builders import EPOCH_MS
from tests.support.people_scene import OTHER, OWN, PASSWORD, PeopleScene, people_scene
from vitals.ledger import HOUR_MS
from vitals.reading import DeviceId, WardId

pytestmark = pytest.mark.asyncio


def trail(scene: PeopleScene) -> Sequence[Link]:
    with scene.ward.database.snapshot() as conn:
        assert audit.verify(conn).broken is None
        return audit.list_entries(conn, limit=1000)[::-1]


def said(scene: PeopleScene) -> list[tuple[str, str, str | None]]:
    return [(link.action, link.name, link.subject) for link in trail(scene)]


async def signed_in(scene: PeopleScene, login: str, *roles: tuple[Role, WardId | None]) -> dict[str, str]:
    await scene.add(login, *roles)
    scene.client.cookies.clear()
    answer = await scene.client.post("sign-in", json={"login": login, "password": PASSWORD})
    assert answer.status_code == 200
    return {"x-wardlight-csrf": (await scene.client.get("me")).json()["csrf"]}


async def test_signing_in_and_out_and_failing_to_are_on_record_without_any_password() -> None:
    async with people_scene() as scene:
        headers = await signed_in(scene, "kim", (Role.NURSE, OWN))
        await scene.client.post("sign-out", json={}, headers=headers)
        await scene.client.post("sign-in", json={"login": "kim", "password": "a wrong one"})
        await scene.client.post("sign-in", json={"login": "my secret phrase", "password": "x"})
        found = said(scene)
        assert found == [
            ("sign_in", "Kim", "kim"),
            ("sign_out", "Kim", "sign-out"),
            ("sign_in_failed", "Nobody", "kim"),
            ("sign_in_failed", "Nobody", None),
        ]
        assert not any("wrong one" in link.detail or "secret" in str(link.subject) for link in trail(scene))


async def test_a_locked_out_login_is_on_record_once() -> None:
    async with people_scene() as scene:
        await scene.add("kim", (Role.NURSE, OWN))
        statuses = [
            (await scene.client.post("sign-in", json={"login": "kim", "password": "no"})).status_code for _ in range(12)
        ]
        assert 429 in statuses
        assert [action for action, _, _ in said(scene)].count("locked_out") == 1


async def test_a_closed_address_is_on_record_once_in_a_while_whatever_logins_it_tries() -> None:
    async with people_scene(address_failures_free=3) as scene:

        async def attempt(login: str) -> int:
            return (await scene.client.post("sign-in", json={"login": login, "password": "no"})).status_code

        assert [await attempt(f"guess{number}") for number in range(20)] == [401] * 3 + [429] * 17
        assert [action for action, _, _ in said(scene)] == ["sign_in_failed"] * 3 + ["locked_out"]
        scene.clock.pass_s(FAILING_S)
        assert await attempt("guess") == 401
        assert await attempt("guess") == 429
        assert [action for action, _, _ in said(scene)][4:] == ["sign_in_failed", "locked_out"]


@pytest.mark.parametrize("path", ["session/unlock", "me/password", "me/tokens"])
async def test_nobody_signed_in_leaves_no_entry_where_a_password_is_asked_for_again(path: str) -> None:
    async with people_scene() as scene:
        for _ in range(3):
            assert (await scene.client.post(path, json={"password": "x"})).status_code == 401
        assert said(scene) == []


async def test_what_somebody_may_not_see_is_on_record_as_refused() -> None:
    async with people_scene() as scene:
        await signed_in(scene, "kim", (Role.NURSE, OWN))
        assert (await scene.client.get("audit")).status_code == 403
        assert said(scene)[-1] == ("refused", "Kim", "audit")


async def test_an_auditor_reads_filters_verifies_and_anchors() -> None:
    async with people_scene() as scene:
        await signed_in(scene, "ada", (Role.AUDITOR, None))
        first = (await scene.client.get("audit", params={"limit": 1})).json()
        assert [entry["action"] for entry in first["entries"]] == ["sign_in"]
        page = (await scene.client.get("audit", params={"person": "Ada", "action": "see"})).json()
        assert [(entry["subject"], entry["address"]) for entry in page["entries"]] == [("audit", "10.0.0.7")]
        verified = (await scene.client.get("audit/verify")).json()
        assert (verified["sound"], verified["anchored"], verified["broken"]) == (True, False, None)
        line = (await scene.client.get("audit/anchor")).json()["anchor"]
        assert (await scene.client.get("audit/verify", params={"anchor": line})).json()["anchored"]
        forged = await scene.client.get(
            "audit/verify", params={"anchor": line[:-1] + ("0" if line[-1] != "0" else "1")}
        )
        assert forged.status_code == 422


def jotted(scene: PeopleScene) -> None:
    now_ms = scene.ward.clock.now_ms()
    hour_ms = now_ms // HOUR_MS * HOUR_MS
    with scene.ward.database.transaction() as conn:
        accepted = [
            Accepted("own-device", "b1", hour_ms, [0, 1, 4]),
            Accepted("other-device", "b1", hour_ms, [0]),
            Accepted("stranger", None, hour_ms, [], unnumbered=2),
        ]
        jot(conn, Jotting(now_ms, accepted, [], [Refusal("own-device", hour_ms, "bad_time", "b1", 5)]))
        ledger.enter(conn)


async def devices_of(client: httpx.AsyncClient, **query: str) -> list[str]:
    answer = await client.get("ledger", params=query)
    assert answer.status_code == 200, answer.text
    return [line["device_id"] for line in answer.json()["lines"]]


async def test_a_technician_sees_the_ledger_of_their_ward_and_a_role_on_every_ward_all() -> None:
    async with people_scene() as scene:
        technician = await signed_in(scene, "tom", (Role.DEVICE_TECHNICIAN, OWN))
        for device_id, ward in (("own-device", OWN), ("other-device", OTHER)):
            with scene.ward.database.transaction() as conn:
                devices.add(conn, Device(DeviceId(device_id), ward, 0))
        jotted(scene)
        found = (await scene.client.get("ledger")).json()
        assert [line["device_id"] for line in found["lines"]] == ["own-device"]
        line = found["lines"][0]
        assert (line["published"], line["accepted"], line["stored"], line["missing"]) == (6, 3, 3, 2)
        assert line["rejected_by_reason"] == {"bad_time": 1}
        assert [(gap["first"], gap["last"], gap["cause"]) for gap in found["gaps"]] == [(2, 3, "settling")]
        assert found["total"]["published"] == 6
        assert not found["balanced"]
        await scene.client.post("sign-out", json={}, headers=technician)
        await signed_in(scene, "ada", (Role.AUDITOR, None))
        assert await devices_of(scene.client) == ["other-device", "own-device", "stranger"]
        assert await devices_of(scene.client, device="stranger", every="hour") == ["stranger"]
        stranger = (await scene.client.get("ledger", params={"device": "stranger"})).json()["lines"][0]
        assert (stranger["published"], stranger["unknowable"]) == (None, 2)


@pytest.mark.parametrize(
    "query", [{"from": "5", "to": "5"}, {"from": "0", "to": str(EPOCH_MS)}, {"every": "week"}, {"device": "a/b"}]
)
async def test_an_impossible_window_is_refused_in_one_sentence(query: dict[str, str]) -> None:
    async with people_scene() as scene:
        await signed_in(scene, "ada", (Role.AUDITOR, None))
        answer = await scene.client.get("ledger", params=query)
        assert answer.status_code == 422
        assert answer.json()["message"].endswith(".")
