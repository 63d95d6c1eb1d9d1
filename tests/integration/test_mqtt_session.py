"""The MQTT session against a real Mosquitto: what it promises about answers, order, back-pressure and connections."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from runtime.clock import SystemClock
from runtime.mqtt import Received, Will
from runtime.mqtt_inbox import SessionLimits
from runtime.mqtt_session import MqttSession
from runtime.settings import MqttSettings
from tests.support.mosquitto_server import MosquittoServer, running_mosquitto
from vitals.errors import Unavailable

pytestmark = pytest.mark.integration

PROTOCOLS = pytest.mark.parametrize("protocol", ["5", "3.1.1"])
STEPS_S_MAX = 20.0
"""How long a test waits for what must come."""


@contextlib.asynccontextmanager
async def session(
    settings: MqttSettings,
    client_id: str,
    *,
    will: Will | None = None,
    persistent: bool = True,
    limits: SessionLimits | None = None,
) -> AsyncIterator[MqttSession]:
    """An open session, closed at the end."""
    made = MqttSession(
        settings, client_id=client_id, clock=SystemClock(), will=will, persistent=persistent, limits=limits
    )
    await made.open()
    try:
        yield made
    finally:
        await made.close()


async def take(taker: MqttSession, count: int) -> list[Received]:
    """Exactly so many messages, not acknowledged."""
    taken: list[Received] = []
    async with asyncio.timeout(STEPS_S_MAX):
        while len(taken) < count:
            taken += await taker.take(count - len(taken))
    return taken


def payloads(messages: list[Received]) -> list[int]:
    return [int(message.payload) for message in messages]


async def publish_all(publisher: MqttSession, topic: str, numbers: range) -> None:
    async with asyncio.timeout(STEPS_S_MAX):
        await asyncio.gather(*(publisher.publish(topic, str(number).encode()) for number in numbers))


@PROTOCOLS
@pytest.mark.asyncio
async def test_what_was_not_acknowledged_comes_back_in_order_after_the_wire_was_cut(
    mosquitto: MosquittoServer, protocol: str
) -> None:
    settings, topic = mosquitto.settings(protocol=protocol), f"cut/{protocol}"
    async with session(settings, f"cut-sub-{protocol}") as taker, session(settings, f"cut-pub-{protocol}") as publisher:
        await taker.subscribe([topic])
        await publish_all(publisher, topic, range(10))
        first = await take(taker, 10)
        taker.acknowledge(first[:4])
        taker.acknowledge(first[6:])
        await taker.publish("cut/after-the-acknowledgements", b"")
        taker.drop()
        facts = await asyncio.wait_for(taker.connected(after=1), STEPS_S_MAX)
        assert facts.resumed
        again = await take(taker, 6)
        assert payloads(again) == [4, 5, 6, 7, 8, 9]
        assert all(message.redelivered for message in again)
        taker.acknowledge([*first[4:6], *again])
        assert len(taker.inbox) == 0


@PROTOCOLS
@pytest.mark.asyncio
async def test_many_publishes_at_once_stay_within_what_the_broker_can_take(
    mosquitto: MosquittoServer, protocol: str
) -> None:
    settings, topic = mosquitto.settings(protocol=protocol), f"many/{protocol}"
    async with session(settings, f"many-{protocol}") as both:
        await both.subscribe([topic])
        publishing = asyncio.create_task(publish_all(both, topic, range(2000)))
        received: list[int] = []
        while len(received) < 2000:
            messages = await take(both, 1)
            both.acknowledge(messages)
            received += payloads(messages)
        await publishing
        assert sorted(received) == list(range(2000))
        assert (await both.connected()).number == 1


@pytest.mark.asyncio
async def test_a_publish_that_is_never_answered_fails_when_the_connection_ends() -> None:
    with running_mosquitto() as server:
        async with session(server.settings(keepalive_s=1), "unanswered") as publisher:
            server.freeze()
            with pytest.raises(Unavailable, match="silent"):
                await asyncio.wait_for(publisher.publish("t", b"1"), STEPS_S_MAX)
            with pytest.raises(Unavailable, match=f"127.0.0.1:{server.port}"):
                await publisher.publish("t", b"2")
            server.thaw()
            await asyncio.wait_for(publisher.connected(after=1), STEPS_S_MAX)
            await asyncio.wait_for(publisher.publish("t", b"3"), STEPS_S_MAX)


@PROTOCOLS
@pytest.mark.asyncio
async def test_above_the_high_water_mark_nothing_is_read_and_the_connection_lives_on(
    mosquitto: MosquittoServer, protocol: str
) -> None:
    keepalive_s = 1
    settings, topic = mosquitto.settings(keepalive_s=keepalive_s, protocol=protocol), f"pause/{protocol}"
    limits = SessionLimits(held_messages_max=15)
    async with (
        session(settings, f"pause-sub-{protocol}", limits=limits) as taker,
        session(mosquitto.settings(protocol=protocol), f"pause-pub-{protocol}") as publisher,
    ):
        await taker.subscribe([topic])
        await publish_all(publisher, topic, range(3000))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(taker.connected(after=1), 6 * keepalive_s)
        assert taker.is_paused
        assert len(taker.inbox) == 15
        received: list[int] = []
        while len(received) < 3000:
            messages = await take(taker, 1)
            taker.acknowledge(messages)
            received += payloads(messages)
        assert received == list(range(3000))
        assert taker.inbox.high_water == 15
        assert (await taker.connected()).number == 1


@PROTOCOLS
@pytest.mark.asyncio
async def test_connections_that_come_and_go_do_not_pile_up_what_nobody_takes(
    mosquitto: MosquittoServer, protocol: str
) -> None:
    settings, topic = mosquitto.settings(protocol=protocol, reconnect_s_max=0.05), f"pile/{protocol}"
    limits = SessionLimits(held_messages_max=15)
    async with (
        session(settings, f"pile-sub-{protocol}", limits=limits) as taker,
        session(mosquitto.settings(protocol=protocol), f"pile-pub-{protocol}") as publisher,
    ):
        await taker.subscribe([topic])
        await publish_all(publisher, topic, range(100))
        for number in range(1, 8):
            taker.drop()
            await asyncio.wait_for(taker.connected(after=number), STEPS_S_MAX)
        received: set[int] = set()
        while len(received) < 100:
            messages = await take(taker, 1)
            taker.acknowledge(messages)
            received |= set(payloads(messages))
        assert taker.inbox.high_water == 15


@pytest.mark.asyncio
async def test_a_broker_that_forgot_the_session_is_subscribed_to_again() -> None:
    with running_mosquitto() as server:
        async with session(server.settings(), "forgotten") as both:
            await both.subscribe(["t"])
            server.kill()
            server.start()
            facts = await asyncio.wait_for(both.connected(after=1), STEPS_S_MAX)
            assert not facts.resumed
            await both.publish("t", b"7")
            assert payloads(await take(both, 1)) == [7]


@pytest.mark.asyncio
async def test_a_broker_with_persistence_resumes_the_session_after_its_restart() -> None:
    with running_mosquitto({"persistence": "true"}) as server:
        async with session(server.settings(), "kept") as taker, session(server.settings(), "sender") as publisher:
            await taker.subscribe(["t"])
            await publish_all(publisher, "t", range(5))
            await take(taker, 5)
            server.stop()
            server.start()
            facts = await asyncio.wait_for(taker.connected(after=1), STEPS_S_MAX)
            assert facts.resumed
            assert payloads(await take(taker, 5)) == [0, 1, 2, 3, 4]


@pytest.mark.asyncio
async def test_the_will_speaks_when_the_wire_is_cut_and_is_silent_after_a_goodbye(mosquitto: MosquittoServer) -> None:
    settings = mosquitto.settings()
    async with session(settings, "will-sub") as taker:
        await taker.subscribe(["presence/#"])
        cut = MqttSession(
            settings, client_id="will-cut", clock=SystemClock(), will=Will("presence/cut", b"1"), persistent=False
        )
        await cut.open()
        cut.drop()
        assert [message.topic for message in await take(taker, 1)] == ["presence/cut"]
        await cut.close()
        async with session(settings, "will-bye", will=Will("presence/bye", b"1"), persistent=False):
            pass
        await taker.publish("presence/end", b"1")
        assert [message.topic for message in await take(taker, 1)] == ["presence/end"]


@pytest.mark.asyncio
async def test_a_retained_message_waits_for_its_subscriber_and_is_cleared_by_an_empty_one(
    mosquitto: MosquittoServer,
) -> None:
    async with session(mosquitto.settings(), "retain") as both:
        await both.publish("kept/a", b"1", retain=True)
        await both.publish("kept/b", b"1", retain=True)
        await both.publish("kept/a", b"", retain=True)
        await both.subscribe(["kept/#"])
        (message,) = await take(both, 1)
        assert (message.topic, message.retain) == ("kept/b", True)
        await both.publish("kept/b", b"", retain=True)


@pytest.mark.asyncio
async def test_wrong_credentials_are_one_sentence(tmp_path: Path) -> None:
    passwords = tmp_path / "passwords"
    passwords.write_text("", encoding="utf-8")
    with running_mosquitto({"allow_anonymous": "false", "password_file": str(passwords)}) as server:
        for protocol in ("5", "3.1.1"):
            stranger = MqttSession(server.settings(protocol=protocol), client_id="stranger", clock=SystemClock())
            with pytest.raises(Unavailable, match=rf"127\.0\.0\.1:{server.port}.*refused.*mqtt\.password"):
                await stranger.open()


@pytest.mark.asyncio
async def test_a_broker_that_is_not_there_is_one_sentence() -> None:
    lonely = MqttSession(MqttSettings(port=1), client_id="lonely", clock=SystemClock())
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1 .*Connection refused.*start it"):
        await lonely.open()
    await lonely.close()


@pytest.mark.asyncio
async def test_two_hundred_devices_fit_into_one_process(mosquitto: MosquittoServer) -> None:
    settings = mosquitto.settings()
    async with contextlib.AsyncExitStack() as stack, session(settings, "fleet-sub") as taker:
        await taker.subscribe(["fleet/#"])
        fleet = await asyncio.gather(
            *(
                stack.enter_async_context(session(settings, f"fleet-{number}", persistent=False))
                for number in range(200)
            )
        )
        publishing = asyncio.gather(
            *(device.publish(f"fleet/{number}", str(number).encode()) for number, device in enumerate(fleet))
        )
        messages = await take(taker, 200)
        taker.acknowledge(messages)
        await publishing
        assert sorted(payloads(messages)) == list(range(200))
