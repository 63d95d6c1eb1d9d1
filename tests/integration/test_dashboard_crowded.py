"""The dashboard while somebody holds connections open to keep everybody else out."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import httpx
import pytest

from dashboard.fanout import Told
from dashboard.service import Dashboard
from runtime.clock import SystemClock
from tests.support.ward_scene import serving, ward_scene

pytestmark = [pytest.mark.integration, pytest.mark.asyncio]
MANY = 205
HALF_A_REQUEST = b"POST /api/v1/patients HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
Link = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@contextlib.asynccontextmanager
async def crowded(
    said: bytes, *, number: int = MANY, **settings: object
) -> AsyncIterator[tuple[Dashboard, list[Link]]]:
    async with ward_scene() as scene:
        scene.settings = scene.settings.model_copy(update=settings)
        async with serving(scene) as dashboard:
            at = urlsplit(dashboard.url)
            assert at.hostname is not None
            links = [await asyncio.open_connection(at.hostname, at.port) for _ in range(number)]
            for _, writer in links:
                writer.write(said)
                await writer.drain()
            try:
                yield dashboard, links
            finally:
                for _, writer in links:
                    writer.close()


async def page(dashboard: Dashboard) -> int:
    async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
        return (await client.get(dashboard.url)).status_code


async def left(link: Link) -> bytes:
    """All that comes until the other side closes."""
    try:
        return await asyncio.wait_for(link[0].read(), 5)
    except ConnectionResetError:
        return b""


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\n", HALF_A_REQUEST + b"content-length: 9\r\n\r\n{"])
async def test_the_page_answers_whoever_holds_connections_open(said: bytes) -> None:
    async with crowded(said) as (dashboard, _):
        assert await page(dashboard) == 200


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n"])
async def test_a_connection_that_does_not_say_what_it_wants_is_closed(said: bytes) -> None:
    async with crowded(said, head_s=0.5) as (_, links):
        assert set(await asyncio.gather(*map(left, links))) == {b""}


async def test_a_head_that_trickles_in_is_closed_as_well() -> None:
    async with crowded(b"GET / HTTP/1.1\r\n", number=1, head_s=0.5) as (_, [link]):
        ended = asyncio.ensure_future(left(link))
        while not ended.done():
            link[1].write(b"x: y\r\n")
            await asyncio.wait({ended}, timeout=0.1)
        assert ended.result() == b""


async def test_a_body_that_does_not_come_is_answered_408_and_the_connection_closed() -> None:
    async with crowded(HALF_A_REQUEST + b"content-length: 9\r\n\r\n{", number=3, body_s=0.5) as (_, links):
        for link in links:
            answer = await left(link)
            assert answer.startswith(b"HTTP/1.1 408 ")
            assert b'"code": "invalid_argument"' in answer


async def test_a_stream_lives_longer_than_the_time_a_head_may_take() -> None:
    asked = b"GET /api/v1/events HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
    async with crowded(asked, number=1, head_s=0.3, body_s=0.3) as (_, [(reader, _writer)]):
        beats = 0
        while beats < 3:
            beats += b"event: clock" in await asyncio.wait_for(reader.readline(), 5)


async def test_beyond_the_bound_the_oldest_idle_connection_gives_way() -> None:
    async with crowded(b"", number=16, connections_max=16) as (dashboard, links):
        assert await page(dashboard) == 200
        assert await left(links[0]) == b""
        assert not links[-1][0].at_eof()


@pytest.mark.parametrize("path", ["/static/vendor/uplot/uPlot.iife.min.js", "/api/v1/events"])
async def test_who_does_not_read_the_answer_is_cut_off_and_gives_the_place_back(path: str) -> None:
    asked = f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".encode() * 400
    much = Told(b"event: much\ndata: " + b"x" * 40_000 + b"\n\n", lambda _: True)
    bounds = {"answer_s": 0.5, "requests_max": 10, "browser_rounds_max": 10_000}
    async with crowded(asked, number=12, **bounds) as (dashboard, links):
        async with asyncio.timeout(30):
            while not all(is_cut_off(link) for link in links):
                for _ in range(20):
                    dashboard._fanout.publish(much)
                await SystemClock().sleep(0.05)
        assert await page(dashboard) == 200


def is_cut_off(link: Link) -> bool:
    """Whether the other side has ended the connection; a client that does not read finds out by sending."""
    link[1].write(b"x")
    return link[1].transport.is_closing()
