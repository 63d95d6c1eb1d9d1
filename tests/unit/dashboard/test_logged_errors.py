"""What the log says of an error nobody foresaw: where it happened, and nothing of what the request carried."""

import logging
from typing import Literal

import httpx
import pytest
import structlog

from dashboard.app import create_app
from dashboard.sessions import Sessions
from dashboard.sign_in import SignIn
from runtime.clock import SystemClock
from runtime.logs import set_up_logging
from runtime.settings import TelemetrySettings
from tests.support.ward_scene import ward_scene
from vitals.errors import Unusable

COOKIE = "a-cookie-that-opens-the-ward"
PASSWORD = "a-password-of-somebody"


async def _fails(_self: object, *arguments: object, **named: object) -> None:
    raise RuntimeError("the floor gave way")


async def _is_damaged(_self: object, *arguments: object, **named: object) -> None:
    raise Unusable("The database ward.db is damaged.")


@pytest.mark.asyncio
@pytest.mark.parametrize(("room", "method"), [(SignIn, "by_password"), (Sessions, "_by_session")])
async def test_a_database_that_a_person_must_mend_is_refused_and_logged(
    room: type, method: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, method, _is_damaged)
    set_up_logging(TelemetrySettings(), clock=SystemClock())
    async with ward_scene() as scene:
        scene.settings = scene.settings.model_copy(update={"sign_in": "required"})
        transport = httpx.ASGITransport(create_app(scene.context()))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
            asked = {"login": "kim", "password": PASSWORD}
            if room is SignIn:
                answer = await client.post("/api/v1/sign-in", json=asked)
            else:
                answer = await client.get("/api/v1/patients", headers={"cookie": f"wardlight={COOKIE}"})
    assert answer.status_code == 503
    assert answer.json() == {"code": "unusable", "message": "The database ward.db is damaged."}
    assert "database_unusable" in capsys.readouterr().err


@pytest.mark.asyncio
@pytest.mark.parametrize("log_format", ["json", "console"])
@pytest.mark.parametrize("writer", ["theirs", "ours"])
async def test_an_error_in_a_route_is_logged_without_the_cookie_and_the_password(
    log_format: Literal["json", "console"],
    writer: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(SignIn, "by_password", _fails)
    set_up_logging(TelemetrySettings(log_format=log_format), clock=SystemClock())
    async with ward_scene() as scene:
        scene.settings = scene.settings.model_copy(update={"sign_in": "required"})
        transport = httpx.ASGITransport(create_app(scene.context()))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
            asked = {"login": "kim", "password": PASSWORD}
            try:
                await client.post("/api/v1/sign-in", json=asked, headers={"cookie": f"wardlight={COOKIE}"})
            except RuntimeError:
                if writer == "theirs":
                    logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
                else:
                    structlog.get_logger().exception("route_failed")
    said = capsys.readouterr().err
    assert "the floor gave way" in said
    assert "sign_in_routes.py" in said
    assert COOKIE not in said
    assert PASSWORD not in said
