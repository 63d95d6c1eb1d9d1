"""Somebody who may little tries to become somebody who may more: refused, and on record where it was about a patient or people."""

from typing import Any

import pytest

from dashboard.permissions import Permission, Role
from dashboard.settings import DashboardSettings
from tests.support.people_scene import FAR_MS, OTHER, OWN, PASSWORD, people_scene

LITTLE = [role for role in Role if role is not Role.ADMINISTRATOR]
JSON = {"content-type": "application/json"}


@pytest.mark.parametrize("role", LITTLE)
@pytest.mark.asyncio
async def test_nobody_but_an_administrator_gives_roles_or_opens_accounts(role: Role) -> None:
    async with people_scene() as scene:
        root = await scene.add("root", (Role.ADMINISTRATOR, None))
        kim = await scene.add("kim", (role, None))
        headers = await scene.session(kim)
        admin = {"role": Role.ADMINISTRATOR, "ward_id": None}
        tries: list[tuple[str, dict[str, Any]]] = [
            (f"people/{kim}/grant", admin),
            (f"people/{root}/revoke", admin),
            (f"people/{root}/password", {}),
            (f"people/{root}/disable", {}),
            (f"people/{root}/tokens", {"name": "x", "scopes": list(Permission), "expires_at_ms": FAR_MS}),
            ("people", {"login": "mallory", "name": "M", "grants": [admin]}),
        ]
        for path, body in tries:
            assert (await scene.client.post(path, json=body, headers=headers)).status_code == 403, path
        me = (await scene.client.get("me", headers=headers)).json()
        assert Permission.MANAGE_PEOPLE not in me["permissions"]
        with scene.ward.database.snapshot() as conn:
            asked = "SELECT COUNT(*) FROM audit_entries WHERE action = 'refused'"
            assert conn.exec_driver_sql(asked).scalar_one() == len(tries)


@pytest.mark.parametrize(
    "more",
    [
        {"role": "administrator"},
        {"is_admin": True},
        {"grants": []},
        {"permissions": ["manage_people"]},
        {"person_id": "root"},
    ],
)
@pytest.mark.asyncio
async def test_fields_that_no_form_has_give_nothing(more: dict[str, object]) -> None:
    """Mass assignment: what a body has beyond its fields is refused, not passed on."""
    async with people_scene() as scene:
        headers = await scene.session(await scene.add("kim", (Role.NURSE, OWN)))
        body = {"old": PASSWORD, "new": "a new long password", **more}
        assert (await scene.client.post("me/password", json=body, headers=headers)).status_code == 422


BODIES = [
    b'{"ward_id": "ward-a", "ward_id": "ward-b", "bed": "9", "name": "Eve"}',
    b'{"ward_id": "ward-b", "ward_id": "ward-a", "bed": "9", "name": "Eve"}',
    b'{"ward\\u005fid": "ward-b", "bed": "9", "name": "Eve"}',
    b'\xef\xbb\xbf{"ward_id": "ward-b", "bed": "9", "name": "Eve"}',
    '{"ward_id": "ward-b", "bed": "9", "name": "Eve"}'.encode("utf-16"),
    '{"ward_id": "ward-b", "bed": "9", "name": "Eve"}'.encode("utf-32"),
    b'{"ward_id": ["ward-b"], "bed": "9", "name": "Eve"}',
    b'[{"ward_id": "ward-b", "bed": "9", "name": "Eve"}]',
    b'{"WARD_ID": "ward-b", "ward_id": "ward-a ", "bed": "9", "name": "Eve"}',
]


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-16", "application/fhir+json"])
@pytest.mark.asyncio
async def test_a_body_that_gate_and_route_could_read_differently_reaches_no_other_ward(body: bytes, kind: str) -> None:
    async with people_scene() as scene:
        headers = await scene.session(await scene.add("kim", (Role.WARD_MANAGER, OWN)))
        answer = await scene.client.post("patients", content=body, headers={**headers, "content-type": kind})
        assert answer.status_code != 500, answer.text
        with scene.ward.database.snapshot() as conn:
            there = conn.exec_driver_sql("SELECT COUNT(*) FROM patients WHERE ward_id = ?", (OTHER,)).scalar_one()
        assert there == 0
        assert answer.status_code != 201 or answer.json()["ward_id"] == OWN


@pytest.mark.parametrize(
    "query",
    [
        "ward=ward-a&ward=ward-b",
        "ward=ward-b&ward=ward-a",
        "ward=ward-a%00",
        "ward=ward-a,ward-b",
        "ward%5B%5D=ward-b",
        "ward=",
        "WARD=ward-b",
        "ward=ward-a;ward=ward-b",
        "patient=pb",
        "ward=ward-a&patient=pb",
        "%77ard=ward-b",
    ],
)
@pytest.mark.parametrize("path", ["patients", "alerts", "silences", "rejected"])
@pytest.mark.asyncio
async def test_a_query_that_names_two_wards_or_none_shows_no_other_ward(query: str, path: str) -> None:
    async with people_scene() as scene:
        scene.furnish()
        headers = await scene.session(await scene.add("kim", (Role.NURSE, OWN)))
        answer = await scene.client.get(f"{path}?{query}", headers=headers)
        assert answer.status_code in {200, 403, 422}, answer.text
        assert "Patient b" not in answer.text
        assert '"pb"' not in answer.text
        assert OTHER not in answer.text or answer.status_code == 403


@pytest.mark.asyncio
async def test_a_token_makes_no_wider_token_and_none_of_another_ward() -> None:
    async with people_scene() as scene:
        scene.furnish()
        kim = await scene.add("kim", *((role, None) for role in Role))
        narrow = scene.token(kim, [Permission.SEE_PATIENT], wards=(OWN,))
        body = {"name": "wide", "scopes": list(Permission), "days": 1, "password": PASSWORD}
        assert (await scene.client.post("me/tokens", json=body, headers=narrow)).status_code in {403, 422}
        assert (await scene.client.get("patients/pb", headers=narrow)).status_code == 403
        assert (await scene.client.post("patients/pa/discharge", json={}, headers=narrow)).status_code == 403


@pytest.mark.asyncio
async def test_nobody_pulls_a_patient_over_from_a_ward_that_they_have_no_role_on() -> None:
    async with people_scene() as scene:
        scene.furnish()
        headers = await scene.session(await scene.add("kim", (Role.WARD_MANAGER, OWN)))
        body = {"ward_id": OWN, "bed": "7"}
        assert (await scene.client.post("patients/pb/transfer", json=body, headers=headers)).status_code == 403
        swap = {"with_patient_id": "pb", "to_patient_id": "pb"}
        assert (await scene.client.post("patients/pb/swap-beds", json=swap, headers=headers)).status_code == 403


@pytest.mark.parametrize("reason", ["", " ", "\n", "\x1b[2J", "a" * 5000])
@pytest.mark.asyncio
async def test_a_glass_is_not_broken_without_a_reason(reason: str) -> None:
    async with people_scene() as scene:
        scene.furnish()
        headers = await scene.session(await scene.add("kim", (Role.NURSE, OWN)))
        answer = await scene.client.post("patients/pb/break-glass", json={"reason": reason}, headers=headers)
        assert answer.status_code == 422, answer.text
        assert (await scene.client.get("patients/pb", headers=headers)).status_code == 403


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "ward.example", "127.0.0.1.evil.example", "2130706433"])  # noqa: S104 - refused
def test_guests_are_let_in_from_no_other_machine(host: str) -> None:
    with pytest.raises(ValueError, match="guests are let in on this one only"):
        DashboardSettings(sign_in="guest", host=host)
