"""Webhooks as a way in: to what only this machine reaches (SSRF), through names, numbers, redirects; and old ones played again."""

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import AsyncIterator, Mapping, Sequence

import pytest

from alerts.channels.signing import REPLAY_WINDOW_S, signature, signed_headers, signing_key
from dashboard.permissions import Role
from runtime.address_guard import AddressGuard, AllowedHost, IPAddress
from runtime.outgoing_http import NoAnswer, OutgoingFault, OutgoingHttp, OutgoingLimits
from tests.support.endpoint import Endpoint, answer
from tests.support.people_scene import people_scene

pytestmark = pytest.mark.asyncio
LIMITS = OutgoingLimits(connect_s=2.0, request_s=2.0, answer_s=0.5, answer_bytes_max=1000)
METADATA = "169.254.169.254"
SECRET = "a plain text of 24 bytes or more"


class Names:
    """A name server in the attacker's hand: another answer each time it is asked."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.asked = 0

    async def __call__(self, host: str, port: int) -> Sequence[IPAddress]:
        said = self._answers[min(self.asked, len(self._answers) - 1)]
        self.asked += 1
        return [ipaddress.ip_address(each) for each in said]


@contextlib.asynccontextmanager
async def outgoing(*entries: str, names: Names | None = None) -> AsyncIterator[OutgoingHttp]:
    http = OutgoingHttp(AddressGuard([AllowedHost.parse(each) for each in entries]), limits=LIMITS, resolver=names)
    try:
        yield http
    finally:
        await http.close()


async def fault_of(http: OutgoingHttp, url: str, headers: Mapping[str, str] | None = None) -> OutgoingFault:
    with pytest.raises(NoAnswer) as failed:
        await http.request("POST", url, headers=headers, body=b"x")
    assert "\n" not in str(failed.value)
    return failed.value.fault


HERE = ["127.0.0.1", "127.1", "0x7f.1", "0x7f000001", "017700000001", "2130706433", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:127.0.0.1]", "localhost", "LOCALHOST.", "127.0.0.1.", "0", "0.0.0.0", "[::]", "[64:ff9b::7f00:1]",  # noqa: S104 - nothing is bound
        "[2002:7f00:1::]", "127.0.0.1%2f", "127。0。0。1", "①②⑦.⓪.⓪.①"]  # fmt: skip


@pytest.mark.parametrize("host", HERE)
async def test_no_way_of_writing_this_machine_reaches_it(host: str) -> None:
    async with Endpoint().listening() as inside, outgoing("93.184.216.0/24:*") as http:
        for scheme, port in (("https", ""), ("https", f":{inside.port}"), ("http", f":{inside.port}")):
            fault = await fault_of(http, f"{scheme}://{host}{port}/")
            assert fault in {OutgoingFault.ADDRESS_REFUSED, OutgoingFault.ADDRESS_INVALID, OutgoingFault.NAME_UNKNOWN}
        assert inside.connections == 0


@pytest.mark.parametrize(
    "address",
    [
        METADATA,
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::",
        "fd00:ec2::254",
        "100.100.100.200",
        "168.63.129.16",
        "0.0.0.0",  # noqa: S104 - nothing is bound
    ],
)
async def test_a_clouds_metadata_is_reached_by_no_name_and_under_no_setting(address: str) -> None:
    names = Names([address])
    async with outgoing("0.0.0.0/0:*", "[::/0]:*", "evil.example:*", "http://evil.example:*", names=names) as http:
        for url in ("https://evil.example/", "http://evil.example/latest/meta-data/", "https://evil.example:8443/"):
            assert await fault_of(http, url) is OutgoingFault.ADDRESS_REFUSED


async def test_a_name_that_turns_between_look_up_and_connection_gains_nothing() -> None:
    """DNS rebinding: looked up once for each connection, and what was judged is what is connected to."""
    names = Names(["127.0.0.1"], ["93.184.216.34"], ["127.0.0.1"])
    async with Endpoint().listening() as inside, outgoing(names=names) as http:
        assert await fault_of(http, "https://evil.example/") is OutgoingFault.ADDRESS_REFUSED
        assert names.asked == 1
        assert inside.connections == 0


async def test_a_good_address_beside_a_bad_one_does_not_carry_it_in() -> None:
    names = Names(["10.0.0.1", "127.0.0.1", METADATA])
    async with Endpoint().listening() as inside, outgoing("http://evil.example:*", names=names) as http:
        with pytest.raises(NoAnswer):
            async with asyncio.timeout(10):
                await http.request("POST", inside.url(host="evil.example"), body=b"x")
        assert inside.connections == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "to",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1:{port}/inside",
        "file:///etc/passwd",
        "//127.0.0.1:{port}/",
    ],
)
async def test_a_redirect_leads_nowhere(status: int, to: str) -> None:
    async with Endpoint().listening() as inside:
        leading = answer(status, headers={"Location": to.format(port=inside.port)})
        async with Endpoint(answers=[leading]).listening() as outside, outgoing("http://127.0.0.0/8:*") as http:
            got = await http.request("POST", outside.url(), body=b"x")
        assert got.status == status
        assert inside.connections == 0
        assert len(outside.asked) == 1


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "gopher://127.0.0.1:25/_x",
        "ftp://127.0.0.1/",
        "unix:///var/run/docker.sock",
        "http+unix://x/",
        "ldap://127.0.0.1",
        "data:text/plain,x",
        "javascript:1",
        "//127.0.0.1/",
        "https://",
        "https:///x",
        "https://user:pw@pager.example/",
        "https://pager.example@127.0.0.1/",
        "https://127.0.0.1#@pager.example/",
        "https://127.0.0.1\\@pager.example/",
        "https://pager.example:99999/",
        "https://[::1/",
        "https://[fe80::1%25lo]/",
    ],
)
async def test_an_address_that_means_something_else_is_refused(url: str) -> None:
    names = Names(["127.0.0.1"])
    async with outgoing("pager.example", names=names) as http:
        assert await fault_of(http, url) in {OutgoingFault.ADDRESS_REFUSED, OutgoingFault.ADDRESS_INVALID}


@pytest.mark.parametrize("bad", ["/a\r\nX-Evil: 1", "/a\nX: 1", "/a HTTP/1.1\r\nHost: x\r\n\r\nGET /b", "/\0"])
async def test_a_line_break_in_an_address_adds_no_header_and_no_request(bad: str) -> None:
    async with Endpoint().listening() as server, outgoing("http://127.0.0.0/8:*") as http:
        with contextlib.suppress(NoAnswer):
            await http.request("POST", server.url() + bad, body=b"x")
        assert len(server.asked) <= 1
        assert all("x-evil" not in asked.headers and "x" not in asked.headers for asked in server.asked)


async def test_a_line_break_in_a_header_is_not_sent() -> None:
    async with Endpoint().listening() as server, outgoing("http://127.0.0.0/8:*") as http:
        fault = await fault_of(http, server.url(), {"X-Token": "a\r\nX-Evil: 1"})
        assert fault is OutgoingFault.ANSWER_INVALID
        assert server.asked == []


async def test_the_environments_proxy_leads_nothing_astray(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Endpoint().listening() as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url("/"))
        async with outgoing() as http:
            assert await fault_of(http, "https://127.0.0.1/") is OutgoingFault.ADDRESS_REFUSED
        assert proxy.connections == 0


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd",
        "gopher://x/",
        "https://user:pw@x.example/",
        "https://x.example/\r\nX: 1",
        "javascript:alert(1)",
        "//x",
        "https://x:0/",
        "https://é.example/",
        "https://x.example/ y",
    ],
)
async def test_such_an_address_is_not_even_kept(address: str) -> None:
    async with people_scene() as scene:
        headers = await scene.session(await scene.add("kim", *((role, None) for role in Role)))
        body = {"channel": "webhook", "address": address, "name": "x", "secret": SECRET}
        assert (await scene.client.post("destinations", json=body, headers=headers)).status_code == 422


async def test_the_resolver_is_asked_for_no_more_than_a_name() -> None:
    """What the machine's own resolver makes of numbers in every notation is judged as an address."""
    for host in ("127.1", "0x7f.1", "2130706433"):
        found = socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)
        assert {each[4][0] for each in found} == {"127.0.0.1"}


async def test_a_signed_request_is_bound_to_its_id_time_and_body() -> None:
    sent = signed_headers(SECRET, notification_id="n-1", timestamp_s=1000, body=b"{}")
    for changed in (("n-2", 1000, b"{}"), ("n-1", 1001, b"{}"), ("n-1", 1000, b"{} "), ("n-1.1000", 0, b"{}")):
        other = signature(signing_key(SECRET), notification_id=changed[0], timestamp_s=changed[1], body=changed[2])
        assert other != sent["webhook-signature"]
    assert REPLAY_WINDOW_S <= 300


@pytest.mark.parametrize("secret", ["", "short", "whsec_", "whsec_!!!!", "whsec_" + "A" * 8])
async def test_a_secret_that_could_be_guessed_signs_nothing(secret: str) -> None:
    with pytest.raises(ValueError, match="secret"):
        signing_key(secret)
