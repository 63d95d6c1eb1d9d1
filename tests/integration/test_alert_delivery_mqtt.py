"""Alerts on a real Mosquitto: what a late subscriber sees, and what remains when the broker dies."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from alerts.service import Alerts
from alerts.settings import AlertsSettings
from runtime.blocking import ThreadDoor
from runtime.bus import Outgoing
from runtime.clock import SystemClock
from runtime.keys_file import KeysInMemory
from runtime.local_bus import LocalBus
from runtime.mqtt_session import MqttSession
from runtime.settings import MqttSettings
from runtime.telemetry import Telemetry
from storage import episodes
from storage.migrate import upgrade_database
from storage.patients import Patient, add
from storage.session import Database
from tests.support.alert_timetable import PATIENT, WARD, named
from tests.support.mosquitto_server import MosquittoServer, running_mosquitto
from vitals import codec
from vitals.alert import Action, Command, Transition
from vitals.reading import DeviceId, Reading

pytestmark = pytest.mark.integration
TOPIC = f"wardlight/v1/alerts/{WARD}/{PATIENT}/spo2-low"
WAIT_S = 20.0
RULES = """\
format: 1
clear_s: 0
life: {high: {latches: false}}
sources: {clear_s: for this test, life: for this test}
"""
"""An alert ends with the first value within its limit."""


class Box:
    """One process's worth of alerts on a real broker, and what goes in."""

    def __init__(self, directory: Path, mqtt: MqttSettings, database_url: str | None = None) -> None:
        self.mqtt = mqtt
        self.clock = SystemClock()
        self.door = ThreadDoor(name="test", threads_max=2)
        self.database = Database(database_url or f"sqlite:///{directory}/ward.db", keys=KeysInMemory())
        self.directory = directory
        self.sequence = 0
        self.bus: LocalBus

    async def open(self) -> None:
        """Schema, patient, log."""
        await self.door.run(upgrade_database, self.database)
        with self.database.transaction() as conn:
            add(conn, Patient(PATIENT, WARD, "1", "Patient 1", 1, 0))
        self.bus = await LocalBus.open(self.directory / "log.db", partitions=2, door=self.door, clock=self.clock)

    async def close(self) -> None:
        """Release everything."""
        await self.bus.close()
        self.door.close()
        self.database.close()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Alerts]:
        """The service, running for the block."""
        stopping = asyncio.Event()
        rules = self.directory / "rules.yaml"
        rules.write_text(RULES)
        alerts = Alerts(
            bus=self.bus,
            database=self.database,
            door=self.door,
            clock=self.clock,
            telemetry=Telemetry(),
            mqtt=self.mqtt,
            settings=AlertsSettings(rules_file=rules),
        )
        task = asyncio.create_task(alerts.serve(stopping))
        try:
            yield alerts
        finally:
            stopping.set()
            await task

    async def measure(self, spo2_percent: float) -> None:
        """One reading of now."""
        self.sequence += 1
        now_ms = self.clock.now_ms()
        reading = Reading(
            f"d/b/{self.sequence}",
            PATIENT,
            DeviceId("d"),
            now_ms,
            now_ms,
            named(spo2=spo2_percent),
            "b",
            self.sequence,
        )
        await self.bus.publish([Outgoing("readings", PATIENT.encode(), codec.encode(reading))])

    async def acknowledge(self, episode_id: str) -> None:
        """A nurse's order."""
        command = Command("c-1", PATIENT, episode_id, Action.ACKNOWLEDGE, "nurse-1", self.clock.now_ms())
        await self.bus.publish([Outgoing("commands", PATIENT.encode(), codec.encode(command))])

    async def standing(self) -> Transition | None:
        """What a subscriber who comes now finds retained."""
        session = MqttSession(self.mqtt, client_id="late-subscriber", clock=self.clock, persistent=False)
        await session.open()
        try:
            await session.subscribe(["wardlight/v1/alerts/#"])
            found = None
            while True:
                try:
                    messages = await asyncio.wait_for(session.take(10), timeout=0.2)
                except TimeoutError:
                    return found
                session.acknowledge(messages)
                for message in messages:
                    if message.topic != TOPIC:
                        assert message.payload == b"", "a refresh clears what may stand under another ward"
                        continue
                    found = codec.decode(Transition, message.payload) if message.payload else None
        finally:
            await session.close()

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """Wait for a condition."""
        async with asyncio.timeout(WAIT_S):
            while not await condition():
                await self.clock.sleep(0.02)

    async def stands(self) -> bool:
        """Whether an alert is retained."""
        return await self.standing() is not None

    async def stands_acknowledged(self) -> bool:
        """Whether an acknowledged alert is retained."""
        found = await self.standing()
        return found is not None and found.acknowledged

    async def is_clear(self) -> bool:
        """Whether nothing is retained."""
        return await self.standing() is None

    def open_episodes(self) -> tuple[episodes.Episode, ...]:
        """As SQL says."""
        with self.database.snapshot() as conn:
            return episodes.open_episodes(conn)


@asynccontextmanager
async def box(directory: Path, mqtt: MqttSettings, database_url: str | None = None) -> AsyncIterator[Box]:
    made = Box(directory, mqtt, database_url)
    await made.open()
    try:
        yield made
    finally:
        await made.close()


@pytest.mark.asyncio
async def test_a_late_subscriber_finds_the_alert_and_nothing_after_its_end(
    tmp_path: Path, mosquitto: MosquittoServer
) -> None:
    async with box(tmp_path, mosquitto.settings()) as ward, ward.serving():
        await ward.measure(96)
        await ward.measure(55)
        await ward.until(ward.stands)
        standing = await ward.standing()
        assert standing is not None
        assert (standing.active, standing.text) == (True, "SpO2 55 %, limit 60 %")
        await ward.acknowledge(standing.episode_id)
        await ward.until(ward.stands_acknowledged)
        assert ward.open_episodes()[0].acknowledged
        await ward.measure(96)
        await ward.until(ward.is_clear)
        assert not ward.open_episodes()


@pytest.mark.asyncio
async def test_alerts_raised_while_the_broker_is_dead_are_there_when_it_is_back(tmp_path: Path) -> None:
    with running_mosquitto() as broker:
        broker.kill()
        async with box(tmp_path, broker.settings(reconnect_s_max=0.2)) as ward, ward.serving():
            await ward.measure(96)
            await ward.measure(55)

            async def is_in_sql() -> bool:
                return len(ward.open_episodes()) == 1

            await ward.until(is_in_sql)
            broker.start()
            await ward.until(ward.stands)


@pytest.mark.asyncio
async def test_a_killed_broker_is_told_again_of_what_it_forgot(tmp_path: Path) -> None:
    with running_mosquitto() as broker:
        async with box(tmp_path, broker.settings(reconnect_s_max=0.2)) as ward, ward.serving():
            await ward.measure(96)
            await ward.measure(55)
            await ward.until(ward.stands)
            broker.kill()
            broker.start()
            await ward.until(ward.stands)


@pytest.mark.asyncio
async def test_a_service_that_starts_again_goes_on_with_the_same_episode_in_postgresql(
    tmp_path: Path, mosquitto: MosquittoServer, postgres_url: str
) -> None:
    async with box(tmp_path, mosquitto.settings(), postgres_url) as ward:
        async with ward.serving():
            await ward.measure(96)
            await ward.measure(55)
            await ward.until(ward.stands)
        (before,) = ward.open_episodes()
        async with ward.serving():
            await ward.measure(54)
            await ward.measure(96)
            await ward.until(ward.is_clear)
        with ward.database.snapshot() as conn:
            (after,) = episodes.list_episodes(conn, limit=10)
        assert (after.episode_id, after.active) == (before.episode_id, False)
