"""What no HTTP client would send, over a real socket: smuggled, broken, endless, slow; the page is answered meanwhile."""

import asyncio
import contextlib
import gzip
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from runtime.clock import SystemClock
from runtime.telemetry import CONNECTIONS_MAX, Telemetry, TelemetryServer
from tests.support.ward_scene import WardScene, serving, ward_scene

pytestmark = pytest.mark.asyncio
HEAD_S = BODY_S = 0.6
ANSWER_S = 20.0
GOOD = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
POST = b"POST /api/v1/patients HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
BODY = b'{"ward_id": "w1", "bed": "1", "name": "Ada"}'


@dataclass
class Server:
    """Where it listens, and its ward."""

    scene: WardScene
    port: int

    async def answer(self, sent: bytes) -> bytes:
        """Everything that comes back until the connection ends."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            async with asyncio.timeout(ANSWER_S):
                writer.write(sent)
                with contextlib.suppress(ConnectionError):
                    await writer.drain()
                return await _to_the_end(reader)
        finally:
            writer.close()

    async def is_well(self) -> bool:
        """Whether it goes on answering."""
        return (await self.answer(GOOD)).startswith(b"HTTP/1.1 200")

    def patients(self) -> int:
        """How many there are."""
        with self.scene.database.snapshot() as conn:
            return int(conn.exec_driver_sql("SELECT COUNT(*) FROM patients").scalar_one())


@contextlib.asynccontextmanager
async def server() -> AsyncIterator[Server]:
    """The real service on a free port, impatient."""
    async with ward_scene() as scene:
        scene.settings = scene.settings.model_copy(update={"head_s": HEAD_S, "body_s": BODY_S, "connections_max": 20})
        async with serving(scene) as dashboard:
            yield Server(scene, int(dashboard.url.rsplit(":", 1)[1].strip("/")))


async def _to_the_end(reader: asyncio.StreamReader) -> bytes:
    got = bytearray()
    with contextlib.suppress(ConnectionError):
        while block := await reader.read(65_536):
            got += block
    return bytes(got)


def length(size: int) -> bytes:
    """The header."""
    return b"Content-Length: %d\r\n" % size


REFUSED = {
    "two lengths": POST + length(5) + length(len(BODY)) + b"\r\n" + BODY,
    "a length and chunks": POST + length(4) + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n",
    "chunks twice": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "chunks hidden": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "an unknown coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a negative length": POST + b"Content-Length: -1\r\n\r\n",
    "a length in hexadecimal": POST + b"Content-Length: 0x10\r\n\r\n" + BODY,
    "a length with a sign": POST + b"Content-Length: +10\r\n\r\n" + BODY,
    "a chunk of no number": POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + BODY,
    "a chunk without end": POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 30 + b"\r\n" + BODY,
    "a folded header": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n evil\r\n\r\n",
    "a header with NUL": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\0b\r\n\r\n",
    "a bare line feed within": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\rb\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n",
    "a foreign host": b"GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
    "a foreign address": b"GET http://169.254.169.254/ HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
    "another protocol": b"SSH-2.0-x\r\n\r\n",
    "a TLS greeting": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 100 + b"\r\n\r\n",
    "HTTP/2 outright": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a method of nobody": b"DEBUG /api/v1/patients HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
    "TRACE": b"TRACE / HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: x\r\nConnection: close\r\n\r\n",
    "CONNECT": b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
    "a header without end": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"x" * 2_000_000,
    "headers without end": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X: y\r\n" * 300_000,
    "an address without end": b"GET /" + b"a" * 2_000_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "a body beyond the bound": POST + length(10_000_000) + b"Connection: close\r\n\r\n" + b" " * 200_000,
    "chunks beyond the bound": POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"8000\r\n" + b" " * 0x8000 + b"\r\n8000\r\n" + b" " * 0x8000 + b"\r\n8000\r\n" + b" " * 0x8000 + b"\r\n0\r\n\r\n",
    "a packed body": POST + b"Content-Encoding: gzip\r\nConnection: close\r\n" + length(len(gzip.compress(BODY))) + b"\r\n" + gzip.compress(BODY),
    "a form": b"POST /api/v1/patients HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\nConnection: close\r\n" + length(len(BODY)) + b"\r\n" + BODY,
    "a WebSocket": b"GET /api/v1/events HTTP/1.1\r\nHost: evil.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n\r\n",
}  # fmt: skip


async def test_what_no_client_would_send_is_refused_and_changes_nothing() -> None:
    async with server() as running:
        for name, sent in REFUSED.items():
            got = await running.answer(sent)
            status = got[9:12]
            assert status in {
                b"",
                b"400",
                b"403",
                b"404",
                b"405",
                b"408",
                b"413",
                b"414",
                b"415",
                b"421",
                b"422",
                b"431",
            }, (name, got[:200])
            assert got.count(b"HTTP/1.1 2") == 0, (name, got[:500])
            assert b"Traceback" not in got, name
        assert running.patients() == 0
        assert await running.is_well()


OUTSIDE = [
    b"/static/../settings.py", b"/static/%2e%2e/app.py", b"/static/..%2f..%2fpyproject.toml", b"/static//etc/passwd", b"/static/%00",
    b"/../../etc/passwd", b"/static/js/../../app.py", b"/static/....//app.py", b"/static/%c0%ae%c0%ae/app.py", b"/static/\\..\\app.py",
]  # fmt: skip


async def test_no_path_leads_out_of_the_files_of_the_page() -> None:
    async with server() as running:
        for path in OUTSIDE:
            got = await running.answer(b"GET " + path + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            assert got[9:12] in {b"400", b"403", b"404", b"422"}, (path, got[:200])
            assert b"import" not in got


async def test_many_that_send_slowly_are_cut_off_and_everybody_else_is_answered() -> None:
    """Slow loris: heads and bodies that come a byte at a time, on more connections than there are."""
    clock = SystemClock()
    async with server() as running:
        beginnings = [b"GET / HTTP/1.1\r\nHost: ", POST + length(100) + b"\r\n", b"", b"G"]
        slow = [await asyncio.open_connection("127.0.0.1", running.port) for _ in range(40)]
        for number, (_, writer) in enumerate(slow):
            writer.write(beginnings[number % len(beginnings)])

        async def drip(writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(ConnectionError):
                while not writer.is_closing():
                    writer.write(b"x")
                    await writer.drain()
                    await clock.sleep(0.05)

        drips = [asyncio.create_task(drip(writer)) for _, writer in slow]
        try:
            assert await running.is_well()
            async with asyncio.timeout(ANSWER_S):
                ends = await asyncio.gather(*(_to_the_end(reader) for reader, _ in slow))
        finally:
            for task in drips:
                task.cancel()
            for _, writer in slow:
                writer.close()
        assert all(end == b"" or end[9:12] in {b"400", b"408"} for end in ends), ends
        assert await running.is_well()


async def test_requests_one_after_another_without_waiting_are_each_judged_alone() -> None:
    async with server() as running:
        foreign = b"GET /api/v1/patients HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
        got = await running.answer(GOOD.replace(b"Connection: close\r\n", b"") + foreign)
        assert [part[:3] for part in got.split(b"HTTP/1.1 ")[1:]] == [b"200", b"421"]


@contextlib.asynccontextmanager
async def telemetry() -> AsyncIterator[TelemetryServer]:
    """The metrics of a process, impatient."""
    served = Telemetry().start_http("127.0.0.1", 0, request_s=HEAD_S)
    try:
        yield served
    finally:
        served.close()


async def test_who_keeps_the_metrics_waiting_is_cut_off_and_takes_no_thread_for_ever() -> None:
    async with telemetry() as served:
        many = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(CONNECTIONS_MAX + 5)]
        try:
            async with asyncio.timeout(ANSWER_S):
                await asyncio.gather(*(_to_the_end(reader) for reader, _ in many))
                reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
                writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
                assert b"wardlight_" in await _to_the_end(reader)
                writer.close()
        finally:
            for _, writer in many:
                writer.close()
