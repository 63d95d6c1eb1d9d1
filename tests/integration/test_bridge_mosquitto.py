"""The bridge on a real Mosquitto: bursts, a log that is down, and everything a device can send wrong."""

import asyncio

import pytest

from ingest.settings import IngestSettings
from runtime.clock import SystemClock
from runtime.mqtt_session import MqttSession
from tests.support.bridge_rig import STEPS_S_MAX, Rig, message, rig
from tests.support.mosquitto_server import MosquittoServer, running_mosquitto
from vitals.reading import DeviceId, RejectionReason
from vitals.topics import readings_topic

pytestmark = pytest.mark.integration

DEVICES = [f"w{number}" for number in range(20)]


async def send_from_all(ward: Rig, sequences: range) -> None:
    """The same sequences from each device."""
    await asyncio.gather(*(ward.send(device, sequences) for device in DEVICES))


def identities(count: int) -> set[str]:
    return {f"{device}/b1/{sequence}" for device in DEVICES for sequence in range(count)}


@pytest.mark.asyncio
async def test_a_burst_of_20000_readings_goes_through_with_bounded_memory() -> None:
    held_max = 500
    with running_mosquitto() as server:
        async with rig(
            server.settings(),
            "burst",
            enroll_unassigned=True,
            held_messages_max=held_max,
            batch_messages_max=100,
            publishes_in_flight_max=3,
        ) as ward:
            ward.bus.is_down = True
            await send_from_all(ward, range(1000))
            ward.bus.is_down = False
            await ward.until_receipted(20_000)
            readings = await ward.readings()
            assert {reading.reading_id for reading in readings} == identities(1000)
            assert ward.bus.in_flight_most <= 3 * 100
            await ward.clock.sleep(1.1)
            outstanding = 20
            assert ward.value("held_messages_high_water") <= held_max + outstanding
            assert ward.value("held_messages") == 0
            assert ward.value("accepted_total") == 20_000


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
@pytest.mark.asyncio
async def test_while_the_log_is_down_for_many_keep_alives_the_session_lives_and_nothing_is_lost(protocol: str) -> None:
    keepalive_s = 1
    with running_mosquitto() as server:
        mqtt = server.settings(keepalive_s=keepalive_s, protocol=protocol)
        async with rig(mqtt, "outage", enroll_unassigned=True, held_messages_max=100, batch_messages_max=25) as ward:
            await send_from_all(ward, range(10))
            await ward.until_receipted(200)
            ward.bus.is_down = True
            for step in range(10, 50):
                await send_from_all(ward, range(step, step + 1))
                await ward.clock.sleep(keepalive_s / 8)
            assert not ward.telemetry.is_ready
            assert ward.value("held_messages") <= 100
            ward.bus.is_down = False
            await ward.until_receipted(1000)
            readings = await ward.readings()
            assert {reading.reading_id for reading in readings} == identities(50)
            assert ward.value("redelivered_total") == 0, "the connection was cut: the broker had to send again"
            assert ward.value("log_outages_total") == 1


@pytest.mark.asyncio
async def test_a_broker_killed_while_the_log_is_down_loses_nothing_that_ingest_holds() -> None:
    with running_mosquitto() as server:
        async with rig(server.settings(), "both-down", enroll_unassigned=True) as ward:
            ward.bus.is_down = True
            before = ward.value("received_total")
            await ward.send("w0", range(50))
            async with asyncio.timeout(STEPS_S_MAX):
                while ward.value("received_total") < before + 50:
                    await ward.clock.sleep(0.02)
            server.kill()
            server.start()
            await asyncio.wait_for(ward.publisher.connected(after=1), STEPS_S_MAX)
            ward.bus.is_down = False
            await ward.until_receipted(50)
            assert {reading.sequence for reading in await ward.readings()} == set(range(50))


FAULTS: dict[RejectionReason, bytes] = {
    RejectionReason.EMPTY: b"",
    RejectionReason.TOO_LARGE: b"\x00" * 1_000_000,
    RejectionReason.NOT_JSON: b"\xff\xfe\xfd",
    RejectionReason.WRONG_SHAPE: b'{"heart_rate_bpm":70}',
    RejectionReason.UNKNOWN_SIGN: b'{"measured_at":%d,"signs":{"pulse":70}}',
    RejectionReason.NO_SIGNS: b'{"measured_at":%d,"signs":{}}',
    RejectionReason.NOT_A_NUMBER: b'{"measured_at":%d,"signs":{"heart_rate_bpm":NaN}}',
    RejectionReason.IMPLAUSIBLE: b'{"measured_at":%d,"signs":{"heart_rate_bpm":9999}}',
    RejectionReason.BAD_TIME: b'{"measured_at":1767225600,"signs":{"heart_rate_bpm":70}}',
    RejectionReason.TIME_IN_FUTURE: b'{"measured_at":"2999-01-01T00:00:00Z","signs":{"heart_rate_bpm":70}}',
    RejectionReason.TOO_OLD: b'{"measured_at":"2001-01-01T00:00:00Z","signs":{"heart_rate_bpm":70}}',
    RejectionReason.BAD_IDENTITY: b'{"measured_at":%d,"signs":{"heart_rate_bpm":70},"boot":"b1"}',
}


@pytest.mark.asyncio
async def test_each_malformed_message_is_counted_explained_and_kept(mosquitto: MosquittoServer) -> None:
    async with rig(mosquitto.settings(), "faults") as ward:
        ward.assign("w0")
        before = {reason: ward.value("rejected_total", reason=reason.value) for reason in RejectionReason}
        sent: dict[RejectionReason, bytes] = {}
        for reason, payload in FAULTS.items():
            now_ms = b"%d" % ward.clock.now_ms()
            sent[reason] = payload.replace(b"%d", now_ms) if b"%d" in payload else payload
            await ward.publisher.publish(readings_topic(DeviceId("w0")), sent[reason])
        sent[RejectionReason.UNASSIGNED] = message(ward.clock, sequence=0)
        await ward.publisher.publish(readings_topic(DeviceId("stranger")), sent[RejectionReason.UNASSIGNED])
        sent[RejectionReason.BAD_TOPIC] = message(ward.clock, sequence=0)
        await ward.publisher.publish("wardlight/v1/devices/no device/readings", sent[RejectionReason.BAD_TOPIC])
        await ward.send("w0", [5])
        await ward.until_receipted(2)
        assert ward.receipted == {("w0", "b1", 5): None, ("stranger", "b1", 0): "unassigned"}
        assert [reading.reading_id for reading in await ward.readings()] == ["w0/b1/5"]
        found = {rejection.reason: rejection for rejection in await ward.rejections() if rejection.device_id != "probe"}
        assert found.keys() == set(RejectionReason)
        for reason, rejection in found.items():
            assert ward.value("rejected_total", reason=reason.value) - before[reason] == 1
            assert 10 < len(rejection.detail) <= 300
            assert rejection.payload_bytes == len(sent[reason])
            assert rejection.payload == sent[reason][: IngestSettings().payload_bytes_kept]


@pytest.mark.asyncio
async def test_a_refused_reading_is_accepted_when_it_is_sent_again_after_its_device_was_assigned(
    mosquitto: MosquittoServer,
) -> None:
    async with rig(mosquitto.settings(), "mended", directory_refresh_s=0.05) as ward:
        await ward.send("late", [0, 1])
        await ward.until_receipted(2)
        assert set(ward.receipted.values()) == {"unassigned"}
        rejections = [rejection for rejection in await ward.rejections() if rejection.device_id == "late"]
        ward.assign("late")
        ward.receipted.clear()
        async with asyncio.timeout(STEPS_S_MAX):
            while set(ward.receipted.values()) != {None}:
                for rejection in rejections:
                    await ward.publisher.publish(readings_topic(DeviceId("late")), rejection.payload)
                await ward.clock.sleep(0.05)
        assert {reading.reading_id for reading in await ward.readings()} == {"late/b1/0", "late/b1/1"}


@pytest.mark.asyncio
async def test_a_retained_reading_from_before_ingest_came_is_taken_too() -> None:
    with running_mosquitto() as server:
        device = MqttSession(server.settings(), client_id="early-bird", clock=SystemClock())
        await device.open()
        payload = message(SystemClock(), sequence=3)
        await device.publish(readings_topic(DeviceId("early")), payload, retain=True)
        await device.close()
        async with rig(server.settings(), "after", enroll_unassigned=True) as ward:
            await ward.until_receipted(1)
            assert [reading.reading_id for reading in await ward.readings()] == ["early/b1/3"]
