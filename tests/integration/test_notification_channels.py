"""Every way out at once, to real servers of which some fail: receipts for each, nothing lost, nothing twice, nobody delayed.

Time runs 60 times as fast (`SystemClock(speed=60)`), so that ten minutes of outage are ten seconds; bounds of requests stay real.
"""

import asyncio
import ipaddress
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from alerts.notification import Channel
from runtime.address_guard import IPAddress
from runtime.clock import SystemClock
from tests.support.endpoint import OK, Asked, Endpoint, answer
from tests.support.mail_server import MailServer
from tests.support.outbox_scene import step
from tests.support.sending_scene import SendingScene, sending_scene
from vitals.alert import Priority, Transition, TransitionKind

pytestmark = [pytest.mark.integration, pytest.mark.asyncio]
SPEED = 60.0
OUTAGE_S = 600.0
ALERTS = 12
HANG_S = 2.0
"""For so long, in real time, a request waits for a server that hangs."""


class Recovering(Endpoint):
    """A webhook that answers 503 for ten minutes, then takes what it is told; it keeps when it took what."""

    def __init__(self) -> None:
        super().__init__(responder=self._answer)
        self.clock: SystemClock | None = None
        self.until_s = 0.0
        self.took: list[str] = []

    def fail_for(self, seconds: float, clock: SystemClock) -> None:
        """From now on."""
        self.clock, self.until_s = clock, clock.monotonic_s() + seconds

    async def _answer(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        assert self.clock is not None
        is_well = self.clock.monotonic_s() >= self.until_s
        if is_well:
            self.took.append(asked.headers["idempotency-key"])
        writer.write(OK if is_well else answer(503))
        await writer.drain()


async def never(_: Asked, __: asyncio.StreamWriter) -> None:
    """Hang."""
    await asyncio.Event().wait()


def alerts(priority: Priority = Priority.HIGH) -> list[Transition]:
    """Alerts of as many patients."""
    return [step(f"e{number}", patient=f"p{number}", priority=priority) for number in range(ALERTS)]


async def test_ten_minutes_of_outage_a_hanging_and_a_broken_server_cost_nobody_else_anything(tmp_path: Path) -> None:
    recovering, hanging, broken = Recovering(), Endpoint(responder=never), Endpoint(answers=[answer(500)])
    ntfy, slack, teams, on_call, fhir = (Endpoint() for _ in range(5))
    mail = MailServer(tmp_path)
    async with AsyncExitStack() as stack:
        for server in (recovering, hanging, broken, ntfy, slack, teams, on_call, fhir):
            await stack.enter_async_context(server.listening())
        await stack.enter_async_context(mail.listening())
        scene = await stack.enter_async_context(
            sending_scene(
                tmp_path,
                speed=SPEED,
                expire_high_h=0.25,
                request_s=HANG_S,
                attempt_timeout_s=2 * HANG_S,
                **mail.settings(),
            )
        )
        assert isinstance(scene.clock, SystemClock)
        recovering.fail_for(OUTAGE_S, scene.clock)
        subscribe_all(scene, recovering, hanging, broken, ntfy, slack, teams, on_call, fhir)
        began_s = scene.clock.monotonic_s()
        await scene.raise_alerts(*alerts())

        healthy = (ntfy, slack, teams, on_call, fhir)
        await scene.until(lambda: all(len(one.asked) >= ALERTS for one in healthy) and len(mail.letters) >= ALERTS)
        assert (scene.clock.monotonic_s() - began_s) / SPEED < ALERTS * HANG_S / 2, "they waited for nobody"
        assert recovering.took == []

        await scene.until(lambda: [state for state, _ in scene.came_of("recovering")] == ["accepted"] * ALERTS)
        assert scene.clock.monotonic_s() - began_s >= OUTAGE_S
        await scene.until(
            lambda: all(state == "expired" for name in ("hanging", "broken") for state, _ in scene.came_of(name))
        )
        nothing_lost_and_nothing_twice(recovering, healthy, mail)
        every_delivery_has_its_receipts(scene)


def subscribe_all(scene: SendingScene, *servers: Endpoint) -> None:
    recovering, hanging, broken, ntfy, slack, teams, on_call, fhir = servers
    scene.wants("recovering", Channel.WEBHOOK, recovering.url())
    scene.wants("hanging", Channel.WEBHOOK, hanging.url())
    scene.wants("broken", Channel.WEBHOOK, broken.url())
    scene.wants("mail", Channel.EMAIL, "ward@hospital.example")
    scene.wants("ntfy", Channel.NTFY, ntfy.url("/north-nurses"))
    scene.wants("slack", Channel.SLACK, slack.url("/services/T/B/X"))
    scene.wants("teams", Channel.TEAMS, teams.url("/workflows/x"))
    scene.wants("on-call", Channel.ALERTMANAGER, on_call.url("/alertmanager"))
    scene.wants("fhir", Channel.FHIR, fhir.url("/notify"), content="full-resource")


def nothing_lost_and_nothing_twice(recovering: Recovering, healthy: Sequence[Endpoint], mail: MailServer) -> None:
    assert Counter(Counter(recovering.took).values()) == {1: ALERTS}
    assert {event["episode_id"] for asked in recovering.asked for event in asked.json["events"]} == {
        f"e{number}" for number in range(ALERTS)
    }
    bodies = [asked.body for asked in recovering.asked if asked.headers["idempotency-key"] == recovering.took[0]]
    assert len(bodies) > 1
    assert len(set(bodies)) == 1, "an attempt repeats the same bytes"
    for endpoint in healthy:
        assert len({asked.body for asked in endpoint.asked}) == len(endpoint.asked) == ALERTS
    assert len({letter["Message-ID"] for letter in mail.letters}) == len(mail.letters) == ALERTS
    assert mail.sessions_in_the_clear == 0


def every_delivery_has_its_receipts(scene: SendingScene) -> None:
    for state, receipts in scene.came_of("recovering"):
        assert (state, receipts[0], receipts[-1]) == ("accepted", ("queued", None), ("delivered", None))
        assert set(receipts[1:-2]) == {("failed", "server_error")}
        assert receipts[-2] == ("sent", None)
    for name, code in (("hanging", "timed_out"), ("broken", "server_error")):
        for state, receipts in scene.came_of(name):
            assert (state, receipts[0]) == ("expired", ("queued", None))
            assert {one for one in receipts[1:] if one[0] == "failed"} <= {("failed", code)}
            assert [one[0] for one in receipts].count("expired") == 1
    for name in ("mail", "ntfy", "slack", "teams"):
        assert [receipts for _, receipts in scene.came_of(name)] == [[("queued", None), ("sent", None)]] * ALERTS
    for name in ("on-call", "fhir"):
        assert {receipts[-1] for _, receipts in scene.came_of(name)} == {("delivered", None)}


async def test_what_ends_while_a_webhook_is_away_is_told_after_what_began_and_in_its_order(tmp_path: Path) -> None:
    server = Recovering()
    async with server.listening(), sending_scene(tmp_path, speed=SPEED) as scene:
        assert isinstance(scene.clock, SystemClock)
        server.fail_for(120.0, scene.clock)
        scene.wants("hook", Channel.WEBHOOK, server.url())
        await scene.raise_alerts(step("e1", priority=Priority.HIGH))
        await scene.raise_alerts(step("e1", TransitionKind.RESOLVED, priority=Priority.HIGH, at_s=20.0))
        await scene.until(lambda: len(server.took) == 2)
        taken = [asked for asked in server.asked if asked.headers["idempotency-key"] in server.took]
        told = {asked.headers["idempotency-key"]: asked.json["events"][0]["transition"] for asked in taken}
        assert [told[one] for one in server.took] == ["raised", "resolved"]


class Turning:
    """A name server of an attacker: the name leads to this machine."""

    def __init__(self, *answers: str) -> None:
        self._answers = list(answers)

    async def __call__(self, host: str, port: int) -> Sequence[IPAddress]:
        said = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [ipaddress.ip_address(said)]


@pytest.mark.parametrize("turned_to", ["127.0.0.1", "169.254.169.254", "::ffff:127.0.0.1", "10.0.0.1"])
async def test_a_name_that_turns_inward_is_never_connected_to_and_its_receipt_says_why(
    tmp_path: Path, turned_to: str
) -> None:
    inside = Endpoint()
    async with inside.listening(), sending_scene(tmp_path, hosts_allowed=(), resolver=Turning(turned_to)) as scene:
        scene.wants("hook", Channel.WEBHOOK, f"https://pager.example:443/{inside.port}")
        await scene.raise_alerts(step(priority=Priority.HIGH))
        await scene.until(
            lambda: any(("failed", "address_forbidden") in receipts for _, receipts in scene.came_of("hook"))
        )
        assert scene.came_of("hook")[0][0] in {"waiting", "sending"}, "the name may resolve well again"
    assert inside.connections == 0


async def test_a_redirect_to_a_metadata_address_is_refused_for_good_and_followed_by_nobody(tmp_path: Path) -> None:
    metadata = Endpoint()
    async with metadata.listening():
        to = answer(308, headers={"Location": metadata.url("/latest/meta-data/iam")})
        async with Endpoint(answers=[to]).listening() as server, sending_scene(tmp_path) as scene:
            scene.wants("hook", Channel.WEBHOOK, server.url())
            await scene.raise_alerts(step(priority=Priority.HIGH))
            await scene.until(lambda: [state for state, _ in scene.came_of("hook")] == ["failed"])
            assert scene.came_of("hook")[0][1][-1] == ("failed", "refused")
    assert metadata.connections == 0


async def test_a_huge_or_a_dripping_answer_takes_nothing_back_and_holds_nobody_up(tmp_path: Path) -> None:
    async def flood(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    async def drip(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.wait({asyncio.ensure_future(asyncio.Event().wait())}, timeout=0.05)

    flooding, dripping = Endpoint(responder=flood), Endpoint(responder=drip)
    async with flooding.listening(), dripping.listening(), sending_scene(tmp_path, answer_s=0.3) as scene:
        for name, server in (("flood", flooding), ("drip", dripping)):
            scene.wants(name, Channel.WEBHOOK, server.url())
        await scene.raise_alerts(step(priority=Priority.HIGH))
        for name in ("flood", "drip"):
            await scene.until(lambda name=name: [state for state, _ in scene.came_of(name)] == ["accepted"])  # type: ignore[misc]
    assert len(flooding.asked) == len(dripping.asked) == 1
