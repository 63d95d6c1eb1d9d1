"""Ingest between a real Mosquitto and a log in memory that can be switched off, and devices to feed it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence

from ingest.service import serve
from ingest.settings import IngestSettings
from runtime.blocking import InlineDoor
from runtime.bus import Bus, Delivered, Incoming, Outgoing
from runtime.clock import SystemClock
from runtime.local_bus import LocalBus
from runtime.mqtt_session import MqttSession
from runtime.settings import MqttSettings
from runtime.telemetry import Telemetry
from storage import devices
from storage.session import Database
from tests.support.fresh_database import lay_schema
from vitals.codec import decode, decode_readings_record
from vitals.errors import Unavailable
from vitals.reading import DeviceId, Reading, Receipt, Rejection, WardId
from vitals.topics import LogTopic, readings_topic

STEPS_S_MAX = 60.0
"""How long a test waits for what must come."""
RECEIPTS_FILTER = "wardlight/v1/devices/+/accepted"
Identity = tuple[str, str, int]
"""Device, boot, sequence."""


class SwitchedBus(LocalBus):
    """A log in memory; while `is_down` it confirms nothing."""

    is_down = False
    in_flight = 0
    in_flight_most = 0
    """The most records ever handed over at once and not confirmed."""

    async def publish(self, records: Sequence[Outgoing]) -> None:
        self.in_flight += len(records)
        self.in_flight_most = max(self.in_flight_most, self.in_flight)
        try:
            if self.is_down:
                raise Unavailable("The log is switched off.")
            await super().publish(records)
        finally:
            self.in_flight -= len(records)


class Rig:
    """Ingest, running; a publisher standing for any number of devices."""

    def __init__(self, bus: SwitchedBus, database: Database, publisher: MqttSession, telemetry: Telemetry) -> None:
        self.clock = SystemClock()
        self.bus = bus
        self.database = database
        self.publisher = publisher
        self.telemetry = telemetry
        self.receipted: dict[Identity, str | None] = {}
        """Every reading receipted so far, with the reason where it was refused."""
        self._news = asyncio.Event()

    def value(self, name: str, **labels: str) -> float:
        """A metric of ingest."""
        return self.telemetry.value(f"wardlight_ingest_{name}", **labels)

    async def send(self, device: str, sequences: Sequence[int], **fields: object) -> None:
        """Readings of one device, under boot b1, all at once."""
        await asyncio.gather(
            *(
                self.publisher.publish(
                    readings_topic(DeviceId(device)), message(self.clock, sequence=sequence, **fields)
                )
                for sequence in sequences
            )
        )

    async def listen(self) -> None:
        """Collect receipts, for ever."""
        while messages := await self.publisher.take(1000):
            self.publisher.acknowledge(messages)
            for received in messages:
                receipt = decode(Receipt, received.payload)
                device = received.topic.split("/")[3]
                for sequence in range(receipt.from_sequence, receipt.through_sequence + 1):
                    self.receipted[(device, receipt.boot, sequence)] = receipt.rejected
            self._news.set()

    async def until_receipted(self, count: int) -> None:
        """Wait for so many different readings to be receipted."""
        async with asyncio.timeout(STEPS_S_MAX):
            while len(self.receipted) < count:
                self._news.clear()
                await self._news.wait()

    async def readings(self) -> list[Reading]:
        """All of the log's readings, in order of partition and offset."""
        return await readings_in(self.bus)

    async def rejections(self) -> list[Rejection]:
        """All that was refused."""
        return [decode(Rejection, record.value) for record in await records_in(self.bus, LogTopic.REJECTED)]

    def assign(self, device: str) -> None:
        """Make a patient for a device."""
        with self.database.transaction() as conn:
            devices.enroll(conn, DeviceId(device), WardId("north"), 0)


def message(clock: SystemClock, **fields: object) -> bytes:
    """One device message under boot b1, measured now; with a `sequence`."""
    body = {"measured_at": clock.now_ms(), "signs": {"heart_rate_bpm": 70}, "boot": "b1"}
    return json.dumps({**body, **fields}).encode()


async def records_in(bus: Bus, topic: LogTopic) -> list[Incoming]:
    """Everything in a topic of the log."""
    wanted = sum((await bus.ends([topic.value])).values()) - sum((await bus.beginnings([topic.value])).values())
    reader = await bus.reader(group=None, topics=[topic.value])
    await reader.poll(records_max=1, timeout_s=1)
    await reader.seek({})
    found: list[Incoming] = []
    async with asyncio.timeout(STEPS_S_MAX):
        while len(found) < wanted:
            polled = await reader.poll(records_max=5000, timeout_s=1)
            if isinstance(polled, Delivered):
                found += polled.records
    await reader.close()
    return found


async def readings_in(bus: Bus) -> list[Reading]:
    """Every reading in the log; ticks left out."""
    records = [decode_readings_record(record.value) for record in await records_in(bus, LogTopic.READINGS)]
    return [record for record in records if isinstance(record, Reading)]


@contextlib.asynccontextmanager
async def rig(mqtt: MqttSettings, client_id: str, **settings: object) -> AsyncIterator[Rig]:
    """A running rig whose ingest is the MQTT client `client_id`; ended in order."""
    clock, telemetry, stopping = SystemClock(), Telemetry(), asyncio.Event()
    database = Database("sqlite://")
    lay_schema(database)
    bus = await SwitchedBus.open(None, partitions=4, door=InlineDoor(), clock=clock)
    assert isinstance(bus, SwitchedBus)
    publisher = MqttSession(mqtt.model_copy(update={"keepalive_s": 30}), client_id=f"{client_id}-devices", clock=clock)
    await publisher.open()
    await publisher.subscribe([RECEIPTS_FILTER])
    made = Rig(bus, database, publisher, telemetry)
    listening = asyncio.create_task(made.listen())
    ingest = asyncio.create_task(
        serve(
            mqtt=mqtt,
            bus=bus,
            database=database,
            door=InlineDoor(),
            clock=clock,
            settings=IngestSettings.model_validate({"client_id": client_id, "backoff_s_max": 0.5, **settings}),
            telemetry=telemetry,
            stopping=stopping,
        )
    )
    try:
        await _subscribed(made, publisher)
        yield made
    finally:
        stopping.set()
        await ingest
        await publisher.close()
        listening.cancel()
        await bus.close()
        database.close()


async def _subscribed(made: Rig, publisher: MqttSession) -> None:
    """Until ingest hears devices and has answered every probe; probes have no signs, so they are refused."""
    topic = readings_topic(DeviceId("probe"))
    async with asyncio.timeout(STEPS_S_MAX):
        while not made.receipted:
            await publisher.publish(topic, message(made.clock, sequence=0, signs={}))
            await made.clock.sleep(0.02)
        await publisher.publish(topic, message(made.clock, sequence=1, signs={}))
        await made.until_receipted(2)
    made.receipted.clear()
