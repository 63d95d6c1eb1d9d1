"""What whoever watches from outside sees of one course: every record of the log, every alert told over MQTT, and when."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from runtime.bus import Assigned, Incoming, Reader, TopicPartition, positions_after
from runtime.clock import Clock
from runtime.kafka_bus import KafkaBus
from runtime.mqtt_session import MqttSession
from runtime.settings import LogSettings, MqttSettings
from runtime.telemetry import Telemetry
from tests.chaos.load import TECHNICAL
from vitals.alert import Transition
from vitals.assessment import Assessment
from vitals.codec import decode, decode_readings_record
from vitals.errors import MalformedRecord, Unavailable
from vitals.reading import Reading, Tick, WardId
from vitals.topics import ALERTS_FILTER, LogTopic

TOPICS = (LogTopic.READINGS.value, LogTopic.ASSESSMENTS.value, LogTopic.ALERTS.value)
_QUIET_S = 0.7
"""A broker that sends no retained message for so long has sent all it keeps."""


@dataclass
class Seen:
    """What was seen so far; mutable."""

    readings: Counter[str] = field(default_factory=Counter)
    """How often each reading stands in the log."""
    assessments: dict[str, set[bytes]] = field(default_factory=dict)
    """By reading, every body that was published for it."""
    steps: dict[str, set[bytes]] = field(default_factory=dict)
    """By transition, every body of it."""
    ticks_ms: dict[int, int] = field(default_factory=dict)
    """By partition the newest time that its owner in alerts wrote down."""
    malformed: int = 0
    told_ms: dict[str, int] = field(default_factory=dict)
    """By episode, when a subscriber first heard of it."""

    def note(self, record: Incoming) -> None:
        """Take in one record of the log."""
        try:
            if record.topic == LogTopic.READINGS:
                self._note_reading(record)
            elif record.topic == LogTopic.ASSESSMENTS:
                self.assessments.setdefault(decode(Assessment, record.value).reading_id, set()).add(record.value)
            else:
                self.steps.setdefault(decode(Transition, record.value).transition_id, set()).add(record.value)
        except MalformedRecord:
            self.malformed += 1

    def _note_reading(self, record: Incoming) -> None:
        match decode_readings_record(record.value):
            case Reading(reading_id=reading_id):
                self.readings[reading_id] += 1
            case Tick(at_ms=at_ms, probe=False):
                self.ticks_ms[record.partition] = max(at_ms, self.ticks_ms.get(record.partition, 0))


@contextlib.asynccontextmanager
async def watching(log: LogSettings, mqtt: MqttSettings, clock: Clock) -> AsyncIterator[Seen]:
    """Everything from now on until the block ends, past the network that fails."""
    seen = Seen()
    bus = await _bus(log, clock)
    ends = await bus.ends(TOPICS)
    tasks = [
        asyncio.create_task(_follow(bus, dict(ends), seen, clock), name="witness-log"),
        asyncio.create_task(_listen(mqtt, seen, clock), name="witness-mqtt"),
    ]
    try:
        yield seen
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await bus.close()


async def retained(mqtt: MqttSettings, ward_id: WardId, clock: Clock) -> set[str]:
    """The episodes that stand retained on a ward's topics now, as a new subscriber finds them."""
    session = MqttSession(mqtt, client_id="chaos-retained", clock=clock, persistent=False)
    await session.open()
    found: set[str] = set()
    try:
        await session.subscribe([ALERTS_FILTER])
        while True:
            try:
                async with asyncio.timeout(_QUIET_S):
                    messages = await session.take(500)
            except TimeoutError:
                return found
            session.acknowledge(messages)
            steps = [decode(Transition, message.payload) for message in messages if message.retain and message.payload]
            found |= {step.episode_id for step in steps if step.ward_id == ward_id and step.kind not in TECHNICAL}
    finally:
        await session.close()


async def _bus(log: LogSettings, clock: Clock) -> KafkaBus:
    while True:
        try:
            return await KafkaBus.start(log, clock=clock, telemetry=Telemetry())
        except Unavailable:
            await clock.sleep(0.5)


async def _follow(bus: KafkaBus, positions: dict[TopicPartition, int], seen: Seen, clock: Clock) -> None:
    while True:
        reader: Reader | None = None
        try:
            reader = await bus.reader(group=None, topics=TOPICS)
            while True:
                polled = await reader.poll(records_max=2000, timeout_s=0.3)
                if isinstance(polled, Assigned):
                    await reader.seek(positions)
                    continue
                for record in polled.records:
                    seen.note(record)
                positions |= positions_after(polled.records)
        except Unavailable:
            await clock.sleep(0.5)
        finally:
            if reader is not None:
                await reader.close()


async def _listen(mqtt: MqttSettings, seen: Seen, clock: Clock) -> None:
    session = MqttSession(mqtt, client_id="chaos-witness", clock=clock, persistent=False)
    while True:
        try:
            await session.open()
            await session.subscribe([ALERTS_FILTER])
        except Unavailable:
            await clock.sleep(0.2)
        else:
            break
    try:
        while messages := await session.take(500):
            now_ms = clock.now_ms()
            session.acknowledge(messages)
            for message in messages:
                if message.payload:
                    seen.told_ms.setdefault(decode(Transition, message.payload).episode_id, now_ms)
    finally:
        await session.close()
