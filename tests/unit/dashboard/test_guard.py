"""Which requests may pass at all, and the headers of every answer."""

from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from dashboard.app import create_app
from dashboard.settings import DashboardSettings
from tests.support.ward_scene import ward_scene

pytestmark = pytest.mark.asyncio
PATIENT = b'{"ward_id": "w1", "bed": "1", "name": "Ada"}'
OURS = {"host": "127.0.0.1:8080", "content-type": "application/json"}


async def answer(
    method: str = "GET", path: str = "/", *, headers: Mapping[str, str] = OURS, body: bytes | None = None
) -> httpx.Response:
    async with ward_scene() as scene:
        transport = httpx.ASGITransport(create_app(scene.context()))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
            return await client.request(method, path, headers=dict(headers), content=body)


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "LOCALHOST:1", "[::1]:8080"])
async def test_our_own_names_are_answered(host: str) -> None:
    assert (await answer(headers={"host": host})).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "", "[", "10.0.0.1:8080", "user@evil.example"]
)
async def test_a_foreign_host_name_is_refused_so_that_no_site_can_rebind_its_name_to_us(host: str) -> None:
    assert (await answer(headers={"host": host})).status_code == 421


@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"origin": "http://127.0.0.1:8080"},
        {"origin": "http://127.0.0.1:8080", "sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "none"},
    ],
)
async def test_our_own_pages_and_programs_may_change_things(extra: Mapping[str, str]) -> None:
    done = await answer("POST", "/api/v1/patients", headers={**OURS, **extra}, body=PATIENT)
    assert done.status_code == 201


@pytest.mark.parametrize(
    "extra",
    [
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
async def test_pages_of_other_sites_may_not(extra: Mapping[str, str]) -> None:
    done = await answer("POST", "/api/v1/patients", headers={**OURS, **extra}, body=PATIENT)
    assert done.status_code == 403


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
async def test_what_a_plain_form_can_send_is_refused(kind: str) -> None:
    headers = {"host": "127.0.0.1:8080", "content-type": kind}
    assert (await answer("POST", "/api/v1/patients", headers=headers, body=PATIENT)).status_code == 415


async def test_a_large_body_is_refused() -> None:
    body = b" " * (DashboardSettings().body_bytes_max + 1)
    assert (await answer("POST", "/api/v1/patients", body=body)).status_code == 413


@pytest.mark.parametrize("path", ["/", "/patients/p1", "/static/js/board.js", "/api/v1/patients", "/nothing"])
async def test_every_answer_forbids_framing_sniffing_and_foreign_script(path: str) -> None:
    headers = (await answer(path=path)).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] in ("no-cache", "no-store")


@pytest.mark.parametrize(("certificate", "said"), [(None, None), (Path("ward.pem"), "max-age=31536000")])
@pytest.mark.parametrize("host", ["127.0.0.1:8080", "evil.example"])
async def test_with_tls_of_our_own_browsers_are_told_to_come_by_it_only(
    certificate: Path | None, said: str | None, host: str
) -> None:
    async with ward_scene() as scene:
        tls = {"tls_cert_file": certificate, "tls_key_file": certificate}
        scene.settings = scene.settings.model_copy(update=tls)
        transport = httpx.ASGITransport(create_app(scene.context()))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
            answered = await client.get("/", headers={"host": host})
    assert answered.headers.get("strict-transport-security") == said


@pytest.mark.parametrize("path", ["/static/../settings.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py"])
async def test_only_static_files_are_served(path: str) -> None:
    assert (await answer(path=path)).status_code == 404
