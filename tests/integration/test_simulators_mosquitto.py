"""Simulated devices against a real Mosquitto that is killed and comes back."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from runtime.clock import SystemClock
from runtime.mqtt_session import MqttSession
from simulators.fleet import Fleet
from simulators.replay import Replay
from simulators.service import build_fleet, build_replay, simulate
from simulators.settings import SimulatorSettings
from tests.support.mosquitto_server import MosquittoServer, running_mosquitto
from tests.support.receipting_bridge import ReceiptingBridge
from vitals.errors import Unavailable
from vitals.reading import DeviceId, Origin
from vitals.topics import STATUS_FILTER, status_topic

pytestmark = pytest.mark.integration


@pytest.fixture
def broker() -> Iterator[MosquittoServer]:
    with running_mosquitto() as server:
        yield server


@contextlib.asynccontextmanager
async def bridge_on(broker: MosquittoServer) -> AsyncIterator[ReceiptingBridge]:
    session = MqttSession(broker.settings(), client_id="bridge", clock=SystemClock())
    await session.open()
    bridge = ReceiptingBridge(session)
    work = asyncio.create_task(bridge.run())
    try:
        yield bridge
    finally:
        await session.close()
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


async def until_published(fleet: Fleet, count: int) -> None:
    clock = SystemClock()
    async with asyncio.timeout(60):
        while fleet.report().devices.published < count:
            await clock.sleep(0.01)


@pytest.mark.asyncio
async def test_every_reading_is_receipted_in_order_though_the_broker_is_killed_twice(broker: MosquittoServer) -> None:
    settings = SimulatorSettings(beds=12, rate_hz=20, scenario="healthy", probe_timeout_s=0.3, drain_s=60)
    async with bridge_on(broker) as bridge:
        fleet = build_fleet(broker.settings(), settings, clock=SystemClock())
        running = asyncio.create_task(fleet.run(stopping=asyncio.Event(), readings_per_device=100))
        for published in (300, 700):
            await until_published(fleet, published)
            broker.kill()
            broker.start()
        report = await running
    assert report.devices.made == 1200
    assert report.devices.receipted == 1200
    assert report.devices.unreceipted == report.devices.lost_on_device == 0
    assert set(fleet.receipted_ids()) == set(fleet.published_ids()) == bridge.ids
    assert bridge.out_of_order() == {}


@pytest.mark.asyncio
async def test_status_is_online_while_connected_and_offline_by_the_last_will_or_the_goodbye(
    broker: MosquittoServer,
) -> None:
    watcher = MqttSession(broker.settings(), client_id="watcher", clock=SystemClock())
    await watcher.open()
    await watcher.subscribe([STATUS_FILTER])
    stopping = asyncio.Event()
    settings = SimulatorSettings(beds=1, scenario="healthy", drain_s=0)
    fleet = build_fleet(broker.settings(), settings, clock=SystemClock())
    running = asyncio.create_task(fleet.run(stopping=stopping))
    async with asyncio.timeout(20):
        online = await watcher.take(1)
        stopping.set()
        await running
        offline = await watcher.take(1)
    await watcher.close()
    assert [message.topic for message in (*online, *offline)] == [status_topic(DeviceId("sim-01"))] * 2
    assert online[0].payload == b'{"status":"online"}'
    assert offline[0].payload == b'{"status":"offline"}'


@pytest.mark.asyncio
async def test_a_replay_at_full_speed_publishes_every_row_in_its_own_time_and_ends_at_its_anchor(
    broker: MosquittoServer, tmp_path: Path
) -> None:
    file = tmp_path / "monitor7.csv"
    rows = [f"{minute},{60 + minute % 20},15.5,97,0,0,0" for minute in range(600)]
    file.write_text("minute,HR,RESP,SpO2,NBPSys,NBPDias,NBPMean\n" + "\n".join(rows), encoding="utf-8")
    anchor_ms = 1_760_000_000_000

    async def play() -> Replay:
        player = await build_replay(
            broker.settings(), SimulatorSettings(), [file], clock=SystemClock(), speed=None, anchor_ms=anchor_ms
        )
        report = await player.run(stopping=asyncio.Event())
        assert report.finished
        assert report.devices.receipted == 600
        return player

    async with bridge_on(broker) as bridge:
        first = await play()
        second = await play()
    readings = bridge.first_seen[DeviceId("mimic2-monitor7")]
    assert [reading.measured_at for reading in readings] == [anchor_ms - (599 - n) * 60_000 for n in range(600)]
    assert {reading.origin for reading in readings} == {Origin.REPLAY}
    assert set(first.receipted_ids()) == set(second.receipted_ids()) == bridge.ids


@pytest.mark.asyncio
async def test_an_unreachable_broker_is_one_sentence(broker: MosquittoServer) -> None:
    broker.stop()
    with pytest.raises(Unavailable, match=str(broker.port)):
        await simulate(broker.settings(), SimulatorSettings(beds=3), clock=SystemClock(), stopping=asyncio.Event())
