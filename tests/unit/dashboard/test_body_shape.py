"""Bodies nested deeper than any of ours, holding NUL or a field twice: refused in our shape, and on record. Addresses with NUL, too."""

import pytest

from dashboard.body_shape import NESTED_MAX, fault_of
from dashboard.permissions import Role
from tests.support.people_scene import OWN, people_scene

JSON = {"content-type": "application/json"}
NUL_HELD = b'{"name": "Ada\\u0000", "ward_id": "w"}'
TWICE = b'{"ward_id": "north", "name": "Ada", "ward_id": "south"}'
REFUSED = [(NUL_HELD, 422), (TWICE, 422), (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, 400), (b"[" * 40 + b"]" * 40, 400)]


@pytest.mark.parametrize(("depth", "refused"), [(1, False), (NESTED_MAX, False), (NESTED_MAX + 2, True)])
def test_how_deep_a_body_may_be(*, depth: int, refused: bool) -> None:
    assert (fault_of(b"[" * depth + b"1" + b"]" * depth) is not None) is refused


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        (rb'{"a": "\u0000"}', True),
        (rb'{"a\u0000": 1}', True),
        (rb'[[{"a": ["b", "c\u0000d"]}]]', True),
        (rb'{"a": "\\u0000"}', False),
        (b'{"a": "\\u0001"}', False),
        (b"no JSON \\u0000", False),
        (b"", False),
        (TWICE, True),
        (b'[{"a": {"b": 1, "b": 1}}]', True),
        (b'[{"a": 1}, {"a": 1}]', False),
    ],
)
def test_whether_a_body_holds_nul_or_a_field_twice(*, body: bytes, refused: bool) -> None:
    assert (fault_of(body) is not None) is refused


@pytest.mark.asyncio
@pytest.mark.parametrize(("body", "status"), REFUSED)
@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.NURSE])
async def test_such_a_body_is_refused_and_the_attempt_is_on_record(body: bytes, status: int, role: Role) -> None:
    async with people_scene() as scene:
        ward_id = None if role is Role.ADMINISTRATOR else OWN
        headers = await scene.session(await scene.add("kim", (role, ward_id)))
        answer = await scene.client.post("people", content=body, headers={**headers, **JSON})
        told = 403 if role is Role.NURSE else status
        assert (answer.status_code, set(answer.json())) == (told, {"code", "message"})
        with scene.ward.database.transaction() as conn:
            kept = conn.exec_driver_sql("SELECT COUNT(*) FROM audit_entries WHERE action = 'refused'").scalar_one()
        assert kept == 1


@pytest.mark.asyncio
@pytest.mark.parametrize(("body", "status"), REFUSED)
async def test_nobody_signs_in_with_one(body: bytes, status: int) -> None:
    async with people_scene() as scene:
        answer = await scene.client.post("sign-in", content=body, headers=JSON)
        assert (answer.status_code, answer.json()["code"]) == (status, "invalid_argument")


@pytest.mark.asyncio
@pytest.mark.parametrize("path", ["patients/a%00b", "patients?ward_id=%00", "alerts?after=1~%00", "audit?person=a%00"])
async def test_an_address_that_holds_nul_is_refused(path: str) -> None:
    async with people_scene() as scene:
        headers = await scene.session(await scene.add("kim", (Role.ADMINISTRATOR, None)))
        answer = await scene.client.get(path, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_argument")
        assert "NUL" in answer.json()["message"]
