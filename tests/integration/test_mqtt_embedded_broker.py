"""The embedded broker: enough of MQTT 3.1.1 for the demo, on the loopback interface only."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from runtime.clock import SystemClock
from runtime.embedded_broker import EmbeddedBroker
from runtime.mqtt_session import MqttSession
from runtime.settings import MqttSettings
from vitals.errors import ConfigurationError, InvalidArgument, Unavailable

STEPS_S_MAX = 20.0

# No server is needed, yet sockets are: it stands with the integration tests.
pytestmark = pytest.mark.integration


@contextlib.asynccontextmanager
async def broker() -> AsyncIterator[EmbeddedBroker]:
    made = EmbeddedBroker(port=0, packet_bytes_max=100_000)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


@contextlib.asynccontextmanager
async def client(server: EmbeddedBroker, name: str) -> AsyncIterator[MqttSession]:
    settings = MqttSettings(port=server.port, protocol="3.1.1", reconnect_s_max=0.05, keeps_sessions=False)
    made = MqttSession(settings, client_id=name, clock=SystemClock(), persistent=False)
    await made.open()
    try:
        yield made
    finally:
        await made.close()


@pytest.mark.asyncio
async def test_messages_go_through_in_order_and_retained_ones_wait() -> None:
    async with broker() as server, client(server, "a") as one, client(server, "b") as other:
        await other.publish("t/kept", b"0", retain=True)
        await one.subscribe(["t/#"])
        for number in range(1, 50):
            await other.publish("t/x", str(number).encode())
        received: list[int] = []
        async with asyncio.timeout(STEPS_S_MAX):
            while len(received) < 50:
                messages = await one.take(100)
                one.acknowledge(messages)
                received += [int(message.payload) for message in messages]
        assert received == list(range(50))


@pytest.mark.asyncio
async def test_a_packet_beyond_the_limit_ends_its_connection_only() -> None:
    async with broker() as server, client(server, "a") as one, client(server, "b") as other:
        with pytest.raises(Unavailable):
            await asyncio.wait_for(one.publish("t", b"x" * 200_000), STEPS_S_MAX)
        await asyncio.wait_for(other.publish("t", b"x" * 50_000), STEPS_S_MAX)
        await asyncio.wait_for(one.connected(after=1), STEPS_S_MAX)


@pytest.mark.asyncio
async def test_a_client_that_loses_its_connection_again_and_again_stays_subscribed() -> None:
    async with broker() as server, client(server, "a") as one, client(server, "b") as other:
        await one.subscribe(["t"])
        for number in range(1, 21):
            one.drop()
            await asyncio.wait_for(one.connected(after=number), STEPS_S_MAX)
            await other.publish("t", str(number).encode())
            (message,) = await asyncio.wait_for(one.take(1), STEPS_S_MAX)
            one.acknowledge([message])
            assert int(message.payload) == number


@pytest.mark.asyncio
async def test_an_occupied_port_is_one_sentence() -> None:
    async with broker() as server:
        with pytest.raises(ConfigurationError, match=rf"{server.port} \(Address already in use\): choose another"):
            await EmbeddedBroker(port=server.port).start()


def test_it_listens_on_the_loopback_interface_only() -> None:
    with pytest.raises(InvalidArgument, match="lets anyone in"):
        EmbeddedBroker(host="0.0.0.0")  # noqa: S104 - refused


@pytest.mark.asyncio
async def test_mqtt_5_is_met_with_a_sentence_that_names_the_setting() -> None:
    async with broker() as server:
        stranger = MqttSession(
            MqttSettings(port=server.port, connect_timeout_s=1.0), client_id="five", clock=SystemClock()
        )
        with pytest.raises(Unavailable, match=r"mqtt\.protocol"):
            await stranger.open()
