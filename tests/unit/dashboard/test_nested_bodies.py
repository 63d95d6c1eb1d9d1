"""Bodies nested deeper than any of ours: refused in our shape, and on record."""

import pytest

from dashboard.guard import NESTED_MAX, is_too_nested
from dashboard.permissions import Role
from tests.support.people_scene import OWN, people_scene

JSON = {"content-type": "application/json"}
DEEP = [b'{"a":' * 10_000 + b"1" + b"}" * 10_000, b"[" * 40 + b"]" * 40]


@pytest.mark.parametrize(("depth", "refused"), [(1, False), (NESTED_MAX, False), (NESTED_MAX + 2, True)])
def test_how_deep_a_body_may_be(*, depth: int, refused: bool) -> None:
    assert is_too_nested(b"[" * depth + b"1" + b"]" * depth) is refused


@pytest.mark.asyncio
@pytest.mark.parametrize("body", DEEP)
@pytest.mark.parametrize(("role", "status"), [(Role.ADMINISTRATOR, 400), (Role.NURSE, 403)])
async def test_a_deeply_nested_body_is_refused_and_the_attempt_is_on_record(
    body: bytes, role: Role, status: int
) -> None:
    async with people_scene() as scene:
        ward_id = None if role is Role.ADMINISTRATOR else OWN
        headers = await scene.session(await scene.add("kim", (role, ward_id)))
        answer = await scene.client.post("people", content=body, headers={**headers, **JSON})
        assert (answer.status_code, set(answer.json())) == (status, {"code", "message"})
        with scene.ward.database.transaction() as conn:
            kept = conn.exec_driver_sql("SELECT COUNT(*) FROM audit_entries WHERE action = 'refused'").scalar_one()
        assert kept == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("body", DEEP)
async def test_nobody_signs_in_with_one(body: bytes) -> None:
    async with people_scene() as scene:
        answer = await scene.client.post("sign-in", content=body, headers=JSON)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_argument")
