"""The bridge: readings per second from a queue in Mosquitto to a durable log, beside a subscriber that only acknowledges.

Before each turn the same number of readings is queued in the broker for a lasting session that is away; then the session
comes back and drains it. Ours: ingest, decoding, devices resolved, published to the local log with fdatasync, then
acknowledged and receipted. Floor: paho alone, which decodes the JSON and acknowledges at once.
"""

import asyncio
import tempfile
from pathlib import Path

import msgspec
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from benchmarks.broker import mosquitto_for
from benchmarks.load import device_ids
from benchmarks.measure import Result, Stopwatch, rates
from benchmarks.publisher import publish
from ingest.service import serve
from ingest.settings import IngestSettings
from runtime.blocking import ThreadDoor
from runtime.clock import SystemClock
from runtime.composition import open_bus
from runtime.settings import LogSettings, MqttSettings
from runtime.telemetry import Telemetry
from storage.devices import enroll
from storage.migrate import upgrade
from storage.session import Database
from tests.support.mosquitto_server import MosquittoServer
from vitals.reading import DeviceReading, Origin, WardId
from vitals.topics import READINGS_FILTER

ROUNDS = 5
DEVICES = 200
READINGS_PER_ROUND = 20_000
OURS, BARE = "wardlight-ingest", "bench-bare"
LOOK_S = 0.002
ROUND_S_MAX = 120.0


def run() -> list[Result]:
    """Measure."""
    with mosquitto_for("bridge") as broker:
        ours, bare = _rates(broker)
    return [Result.of("bridge", value=ours, unit="readings/s", floor=bare)]


def _rates(broker: MosquittoServer) -> tuple[float, float]:
    with tempfile.TemporaryDirectory(prefix="wardlight-bench-") as name:
        directory = Path(name)
        url = f"sqlite:///{directory / 'ward.db'}"
        upgrade(url)
        database = Database(url)
        with database.transaction() as conn:
            for device_id in device_ids(DEVICES):
                enroll(conn, device_id, WardId("bench"), 0)
        rounds: list[tuple[float, float]] = []
        try:
            for number in range(ROUNDS):
                _queue(broker, OURS, f"ours{number}")
                ours_s = asyncio.run(_drain(broker, database, directory))
                _queue(broker, BARE, f"bare{number}")
                rounds.append((ours_s, _drain_bare(broker)))
        finally:
            database.close()
    return rates(rounds, READINGS_PER_ROUND)


def _queue(broker: MosquittoServer, session: str, boot: str) -> None:
    """Queue a round's readings for `session`, and for nobody else."""
    client = _client(session)
    client.on_connect = _subscribe
    client.on_subscribe = _leave
    client.connect("127.0.0.1", broker.port, clean_start=True, properties=_lasting(3600))
    client.loop_forever()
    publish(broker.port, DEVICES, READINGS_PER_ROUND, boot)


def _end_session(broker: MosquittoServer, session: str) -> None:
    client = _client(session)
    client.on_connect = _leave
    client.connect("127.0.0.1", broker.port, clean_start=True, properties=_lasting(0))
    client.loop_forever()


def _subscribe(client: mqtt.Client, *_: object) -> None:
    client.subscribe(READINGS_FILTER, qos=1)


def _leave(client: mqtt.Client, *_: object) -> None:
    client.disconnect()


def _lasting(expiry_s: int) -> Properties:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = expiry_s
    return properties


def _client(session: str) -> mqtt.Client:
    return mqtt.Client(
        CallbackAPIVersion.VERSION2, client_id=session, protocol=MQTTProtocolVersion.MQTTv5, manual_ack=True
    )


async def _drain(broker: MosquittoServer, database: Database, directory: Path) -> float:
    clock, telemetry, stopping = SystemClock(), Telemetry(), asyncio.Event()
    door = ThreadDoor(name="bench-sql", threads_max=1)
    mqtt_settings = MqttSettings(port=broker.port)
    try:
        async with open_bus(LogSettings(directory=directory), clock=clock, telemetry=telemetry) as bus:
            watch = Stopwatch()
            ingest = asyncio.create_task(
                serve(
                    mqtt=mqtt_settings,
                    bus=bus,
                    database=database,
                    door=door,
                    clock=clock,
                    settings=IngestSettings(client_id=OURS, origins_allowed=tuple(Origin)),
                    telemetry=telemetry,
                    stopping=stopping,
                )
            )
            while telemetry.value("wardlight_ingest_accepted_total") < READINGS_PER_ROUND:
                if ingest.done() or watch.wall_s() > ROUND_S_MAX:
                    raise RuntimeError("The bridge did not take what was queued.")
                await clock.sleep(LOOK_S)
            taken_s = watch.wall_s()
            stopping.set()
            await ingest
    finally:
        door.close()
    _end_session(broker, OURS)
    return taken_s


def _drain_bare(broker: MosquittoServer) -> float:
    decoder = msgspec.json.Decoder(DeviceReading)
    client = _client(BARE)
    taken = 0

    def on_message(_client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        nonlocal taken
        decoder.decode(message.payload)
        client.ack(message.mid, message.qos)
        taken += 1
        if taken == READINGS_PER_ROUND:
            client.disconnect()

    client.on_message = on_message
    watch = Stopwatch()
    client.connect("127.0.0.1", broker.port, clean_start=False, properties=_lasting(3600))
    client.loop_forever()
    taken_s = watch.wall_s()
    _end_session(broker, BARE)
    return taken_s
