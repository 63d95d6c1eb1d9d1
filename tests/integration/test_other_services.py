"""Services by the library apprise, tried with its ntfy and its Slack shape against servers of the test's own."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from alerts.notification import Accepted, Channel, Undelivered
from tests.support.channel_scene import sending
from tests.support.endpoint import Asked, Endpoint, answer

pytestmark = [pytest.mark.integration, pytest.mark.asyncio]
SETTINGS: Mapping[str, Any] = {"apprise_services": ("ntfy", "slack"), "request_s": 60.0}


async def send(url: str | None, **settings: Any) -> Accepted:
    async with sending(**{**SETTINGS, **settings}) as sender:
        return await sender(Channel.APPRISE, "ntfy", secret=url)


async def fault_of(url: str | None, **settings: Any) -> tuple[str, bool]:
    with pytest.raises(Undelivered) as failed:
        await send(url, **settings)
    assert "geheim" not in failed.value.sentence
    return failed.value.code.value, failed.value.retryable


def ntfy(server: Endpoint) -> str:
    return f"ntfy://user:geheim@127.0.0.1:{server.port}/north-nurses"


async def test_a_message_arrives_and_is_promised_not_delivered() -> None:
    async with Endpoint().listening() as server:
        assert await send(ntfy(server)) == Accepted()
    (asked,) = server.asked
    assert asked.json["title"] == "HIGH: SpO2 low, Bed 12, North"
    assert "SpO2 84 %" in asked.json["message"]


async def test_the_status_in_its_log_decides_whether_it_is_tried_again() -> None:
    async with Endpoint(answers=[answer(429)]).listening() as server:
        assert await fault_of(ntfy(server)) == ("rate_limited", True)
    async with Endpoint(answers=[answer(403)]).listening() as server:
        assert await fault_of(ntfy(server)) == ("unauthorized", True)


async def test_it_reaches_nothing_that_the_settings_do_not_open_and_follows_no_redirect() -> None:
    async with Endpoint().listening() as server:
        assert await fault_of(ntfy(server), hosts_allowed=()) == ("address_forbidden", True)
        assert server.connections == 0
        to = answer(307, headers={"Location": server.url("/latest/meta-data")})
        async with Endpoint(answers=[to]).listening() as redirecting:
            assert (await fault_of(ntfy(redirecting)))[0] in {"refused", "unreachable"}
    assert server.connections == 0


async def test_a_server_that_drips_or_hangs_costs_one_process_until_its_time_is_up() -> None:
    async def drip(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.wait({asyncio.ensure_future(asyncio.Event().wait())}, timeout=0.2)

    async with Endpoint(responder=drip).listening() as server:
        assert await fault_of(ntfy(server), request_s=3.0) == ("timed_out", True)


async def test_a_huge_answer_meets_the_bound_of_memory_and_not_ours() -> None:
    async def flood(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000000\r\n\r\n")
        while True:
            writer.write(b"x" * 1_000_000)
            await writer.drain()

    async with Endpoint(responder=flood).listening() as server:
        assert (await fault_of(ntfy(server)))[0] in {"crashed", "timed_out", "unreachable"}


async def test_only_services_that_the_settings_name_are_used() -> None:
    assert await fault_of("syslog://") == ("misconfigured", False)
    assert await fault_of("ntfy://geheim", apprise_services=()) == ("misconfigured", False)
    assert await fault_of("slack://not-an-address") == ("misconfigured", False)
    assert await fault_of(None) == ("misconfigured", False)
