"""The guest: whoever sits at a demo."""

import contextlib
from collections.abc import AsyncIterator

import httpx
import pytest

from dashboard.app import create_app
from dashboard.permissions import Permission
from dashboard.person import GUEST
from tests.support.ward_scene import ward_scene


@contextlib.asynccontextmanager
async def guest_client() -> AsyncIterator[httpx.AsyncClient]:
    """A client of a dashboard that lets guests in."""
    async with ward_scene() as scene:
        transport = httpx.ASGITransport(create_app(scene.context()))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080/api/v1/") as client:
            yield client


def test_the_guest_may_everything_but_manage_people() -> None:
    assert {permission for permission in Permission if not GUEST.may(permission, None)} == {Permission.MANAGE_PEOPLE}


@pytest.mark.asyncio
async def test_a_guest_has_no_session_to_lock_and_nobody_signs_in() -> None:
    async with guest_client() as client:
        assert (await client.get("sign-in")).json()["guest"] is True
        me = (await client.get("me")).json()
        assert (me["name"], me["guest"], me["idle_lock_s"]) == ("Guest", True, None)
        for path in ("session/lock", "sign-out"):
            assert (await client.post(path, json={})).status_code == 409
        assert (await client.post("sign-in", json={"login": "a", "password": "b"})).status_code == 409
        assert (await client.get("people")).status_code == 403
