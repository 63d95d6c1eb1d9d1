"""Outgoing requests: bounded, guarded at the address that is connected to, and never led elsewhere."""

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from runtime.address_guard import AddressGuard, AllowedHost, IPAddress
from runtime.outgoing_http import NoAnswer, OutgoingFault, OutgoingHttp, OutgoingLimits
from runtime.ping import ping
from tests.support.endpoint import Asked, Endpoint, answer
from tests.support.mail_server import loopback_certificate, server_tls
from vitals.errors import Unavailable

pytestmark = pytest.mark.asyncio
LIMITS = OutgoingLimits(connect_s=1.0, request_s=0.3, answer_s=0.2, answer_bytes_max=1000)


class Names:
    """A name server that says what the test lets it say, one answer after the other."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, host: str, port: int) -> Sequence[IPAddress]:
        if not self.answers:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        said = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        return [ipaddress.ip_address(said)]


@asynccontextmanager
async def outgoing(*entries: str, names: Names | None = None) -> AsyncIterator[OutgoingHttp]:
    guard = AddressGuard([AllowedHost.parse(entry) for entry in entries or ("http://127.0.0.0/8:*",)])
    http = OutgoingHttp(guard, limits=LIMITS, resolver=names)
    try:
        yield http
    finally:
        await http.close()


async def fault_of(http: OutgoingHttp, url: str) -> tuple[OutgoingFault, bool]:
    with pytest.raises(NoAnswer) as failed:
        await http.request("POST", url, body=b"x")
    return failed.value.fault, failed.value.is_final


async def test_a_request_arrives_whole_and_connections_are_kept() -> None:
    async with (
        Endpoint(answers=[answer(200, headers={"X-Id": "7"}, body=b"fine")]).listening() as server,
        outgoing() as http,
    ):
        for _ in range(3):
            got = await http.request("POST", server.url("/a?b=c"), headers={"X-Sent": "1"}, body=b"body")
            assert (got.status, got.body, got.is_whole, got.headers["x-id"]) == (200, b"fine", True, "7")
    assert server.connections == 1
    assert [(one.method, one.path, one.body) for one in server.asked] == [("POST", "/a?b=c", b"body")] * 3
    assert server.asked[0].headers["host"] == f"127.0.0.1:{server.port}"
    assert server.asked[0].headers["x-sent"] == "1"


async def test_a_redirect_is_an_answer_and_leads_nowhere() -> None:
    secrets = Endpoint()
    async with secrets.listening():
        to = answer(307, headers={"Location": secrets.url("/latest/meta-data")})
        async with Endpoint(answers=[to]).listening() as server, outgoing() as http:
            assert (await http.request("POST", server.url())).status == 307
    assert secrets.asked == []


async def test_a_name_that_turns_to_this_machine_is_refused_at_the_connection() -> None:
    async with Endpoint().listening() as server:
        names = Names("127.0.0.1")
        async with outgoing(f"http://pager.example:{server.port}", names=names) as http:
            assert await fault_of(http, server.url(host="pager.example")) == (OutgoingFault.ADDRESS_REFUSED, False)
    assert server.asked == []
    assert names.asked == 1


async def test_the_address_that_was_judged_is_the_one_connected_to() -> None:
    """A second look-up, which rebinding would need, never happens."""
    async with Endpoint().listening() as server:
        names = Names("127.0.0.1", "169.254.169.254")
        async with outgoing(names=names) as http:
            assert (await http.request("POST", server.url(host="pager.example"))).status == 200
            assert (await http.request("POST", server.url(host="pager.example"))).status == 200
    assert (names.asked, server.connections) == (1, 1)
    assert server.asked[0].headers["host"] == f"pager.example:{server.port}"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "0x7f000001", "2130706433", "[::ffff:127.0.0.1]", "localhost"])
async def test_no_way_of_writing_this_machine_passes(host: str) -> None:
    async with outgoing("pager.example") as http:
        fault, _ = await fault_of(http, f"https://{host}/")
        assert fault in {OutgoingFault.ADDRESS_REFUSED, OutgoingFault.NAME_UNKNOWN, OutgoingFault.ADDRESS_INVALID}


@pytest.mark.parametrize(
    "url", ["", "no url", "https://", "https://me:secret@pager.example/", "file:///etc/passwd", "http://pager.example/"]
)
async def test_an_address_that_can_never_work_is_final_and_shows_no_secret(url: str) -> None:
    async with outgoing("pager.example") as http:
        with pytest.raises(NoAnswer) as failed:
            await http.request("POST", url)
    assert failed.value.is_final
    assert "secret" not in str(failed.value)


async def test_a_name_without_address_may_get_one() -> None:
    async with outgoing(names=Names()) as http:
        assert await fault_of(http, "https://pager.example/") == (OutgoingFault.NAME_UNKNOWN, False)


async def test_nobody_listening_is_told_apart_from_nobody_answering() -> None:
    async with Endpoint(answers=[b""]).listening() as mute, outgoing() as http:
        assert await fault_of(http, mute.url()) == (OutgoingFault.TIMED_OUT, False)
    async with outgoing() as http:
        assert await fault_of(http, mute.url()) == (OutgoingFault.NOT_CONNECTED, False)


async def test_tls_is_proven_against_the_name_and_by_authorities_that_are_trusted(tmp_path: Path) -> None:
    chain, key = loopback_certificate(tmp_path)
    guard = AddressGuard([AllowedHost.parse("127.0.0.0/8:*")])
    trusting = OutgoingHttp(guard, limits=LIMITS, ca_file=chain, resolver=Names("127.0.0.1"))
    strange = OutgoingHttp(guard, limits=LIMITS, resolver=Names("127.0.0.1"))
    async with Endpoint().listening(tls=server_tls(chain, key)) as server:
        try:
            assert (await trusting.request("POST", server.url(scheme="https", host="localhost"))).status == 200
            for http, host in ((strange, "localhost"), (trusting, "pager.example")):
                assert await fault_of(http, server.url(scheme="https", host=host)) == (OutgoingFault.TLS_FAILED, False)
        finally:
            await trusting.close()
            await strange.close()
    assert len(server.asked) == 1


async def test_an_answer_that_is_not_http_is_told_as_such() -> None:
    async with Endpoint(answers=[b"SSH-2.0-OpenSSH_9\r\n\r\n"]).listening() as server, outgoing() as http:
        assert await fault_of(http, server.url()) == (OutgoingFault.ANSWER_INVALID, False)


async def test_headers_that_trickle_in_are_cut_off_by_the_whole_requests_bound() -> None:
    async def trickle(_: Asked, writer: asyncio.StreamWriter) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nX: " + b"y" * 1000:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.wait({asyncio.ensure_future(asyncio.Event().wait())}, timeout=0.05)

    async with Endpoint(responder=trickle).listening() as server, outgoing() as http:
        assert await fault_of(http, server.url()) == (OutgoingFault.TIMED_OUT, False)


async def test_a_huge_or_endless_body_does_not_take_back_what_the_status_said() -> None:
    async def flood(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    async def drip(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 100\r\n\r\nx")
        await writer.drain()
        await asyncio.Event().wait()

    for responder, body in ((flood, b"x" * 1000), (drip, b"x")):
        async with Endpoint(responder=responder).listening() as server, outgoing() as http:
            got = await http.request("POST", server.url())
            assert (got.status, got.body, got.is_whole) == (202, body, False)


async def test_a_ping_goes_where_the_settings_say_and_keeps_the_address_to_itself() -> None:
    async with Endpoint(answers=[answer(200), answer(500)]).listening() as server:
        await ping(server.url("/secret"), timeout_s=1)
        with pytest.raises(Unavailable, match="answers 500"):
            await ping(server.url("/secret"), timeout_s=1)
    with pytest.raises(Unavailable) as failed:
        await ping(server.url("/secret"), timeout_s=1)
    assert "secret" not in str(failed.value)
