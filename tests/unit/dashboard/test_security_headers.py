"""Every route of the table answers with the headers that keep a browser on our side, whatever it answers."""

import re

import httpx
import pytest

from dashboard.app import create_app
from dashboard.guard import SECURITY_HEADERS
from dashboard.permissions import RULES
from tests.support.ward_scene import ward_scene

ENDLESS = {"GET /api/v1/events"}
"""Streams; their headers are those of any answer, given by the same middleware."""
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
}


@pytest.mark.asyncio
async def test_every_answer_of_every_route_carries_them_and_none_with_data_is_kept_by_a_browser() -> None:
    async with ward_scene() as scene:
        scene.admit("1", "Ada")
        transport = httpx.ASGITransport(create_app(scene.context()))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            for key in sorted(RULES.keys() - ENDLESS):
                method, _, template = key.partition(" ")
                path = re.sub(r"\{patient_id\}", "p1", template)
                path = re.sub(r"\{[^}]*\}", "aaaa", path)
                answer = await client.request(method, path, json={} if method in ("POST", "PUT") else None)
                for name, value in SECURITY_HEADERS.items():
                    assert answer.headers.get(name) == value, (key, name)
                is_page = answer.headers.get("content-type", "").startswith("text/html")
                kept = {"no-cache", "no-store"} if is_page or not path.startswith("/api/") else {"no-store"}
                assert answer.headers["cache-control"] in kept, key


def test_the_policy_lets_nothing_in_but_our_own_files() -> None:
    said = dict(part.strip().split(" ", 1) for part in SECURITY_HEADERS["content-security-policy"].split(";"))
    assert said.items() >= POLICY.items()
    assert said["img-src"] == "'self' data:"
    assert not re.search(r"unsafe|\*|https?:", SECURITY_HEADERS["content-security-policy"])
    assert SECURITY_HEADERS["x-content-type-options"] == "nosniff"
    assert SECURITY_HEADERS["referrer-policy"] == "no-referrer"
    assert "camera=()" in SECURITY_HEADERS["permissions-policy"]
