"""A ward for tests of the dashboard: patients seeded into SQL, a log in memory, the service on a free port."""

import asyncio
import contextlib
import math
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dashboard.context import Context
from dashboard.people_settings import PeopleSettings
from dashboard.service import Dashboard, context_over
from dashboard.settings import DashboardSettings
from runtime.blocking import InlineDoor, ThreadDoor
from runtime.bus import Delivered, Outgoing
from runtime.clock import Clock, SystemClock
from runtime.local_bus import LocalBus
from runtime.telemetry import Telemetry
from storage import assessments, devices, episodes, patients, readings
from storage.devices import Device
from storage.patients import Patient
from storage.session import Database
from tests.support.fresh_database import lay_schema
from vitals.alert import AlertKind, Command, Priority, Reason, Transition, TransitionKind
from vitals.assessment import Assessment, Driver
from vitals.codec import decode, encode
from vitals.identity import episode_id, transition_id
from vitals.news2 import score
from vitals.reading import DeviceId, Origin, PatientId, Reading, WardId
from vitals.sign import Sign
from vitals.topics import LogTopic

NAMES = (
    "Amina Yusuf", "Bernd Krüger", "Chiara Ricci", "Daniel Osei", "Elif Demir", "Fatima Haddad", "George Papadakis",
    "Hana Novák", "Ingrid Solberg", "João Carvalho", "Keiko Tanaka", "Liam O'Brien", "Maria Lindqvist", "Nikolai Petrov",
    "Olga Kowalska", "Priya Raman", "Quentin Dubois", "Rosa Jiménez", "Samuel Mbeki", "Tuğba Aydin", "Ulrich Weber",
    "Valentina Rossi", "Wei Zhang", "Yara Haddad",
)  # fmt: skip
WARD = WardId("ward-3")
SETTINGS = DashboardSettings(port=0, heartbeat_s=0.5, registry_interval_s=0.2, publish_interval_s=0.2, sign_in="guest")

PEOPLE = PeopleSettings(argon2_memory_kib=1024, argon2_passes=1)


@dataclass
class WardScene:
    """What a test plays with; `run` serves it."""

    database: Database
    bus: LocalBus
    clock: Clock
    door: InlineDoor | ThreadDoor
    settings: DashboardSettings = SETTINGS
    people: PeopleSettings = PEOPLE
    telemetry: Telemetry = field(default_factory=Telemetry)
    republished: list[tuple[str, bytes]] = field(default_factory=list)

    async def republish(self, topic: str, payload: bytes) -> None:
        """The port the service is given in place of MQTT."""
        self.republished.append((topic, payload))

    def context(self) -> Context:
        """What the routes stand on, without a server; the feed does not run."""
        return context_over(
            bus=self.bus,
            database=self.database,
            door=self.door,
            clock=self.clock,
            telemetry=self.telemetry,
            settings=self.settings,
            people=self.people,
            republish=self.republish,
        )

    def dashboard(self, *, port: int | None = None) -> Dashboard:
        """A service over this scene."""
        settings = self.settings if port is None else self.settings.model_copy(update={"port": port})
        return Dashboard(
            bus=self.bus,
            database=self.database,
            door=self.door,
            clock=self.clock,
            telemetry=self.telemetry,
            settings=settings,
            people=self.people,
            republish=self.republish,
        )

    def admit(self, bed: str, name: str, *, ward: WardId = WARD) -> PatientId:
        """A patient in a bed, with a device `watch-{bed}`."""
        patient_id = PatientId(f"p{bed}")
        now_ms = self.clock.now_ms()
        with self.database.transaction() as conn:
            patients.add(conn, Patient(patient_id, ward, bed, name, 1, now_ms))
            devices.add(conn, Device(DeviceId(f"watch-{bed}"), ward, now_ms))
            devices.assign(conn, DeviceId(f"watch-{bed}"), patient_id, 0)
        return patient_id

    def store(self, readings_: Sequence[Reading], assessed: Sequence[Assessment] = ()) -> None:
        """What the recorder would have written."""
        with self.database.transaction() as conn:
            readings.store(conn, readings_)
            assessments.store(conn, assessed)

    def store_steps(self, *steps: Transition) -> None:
        """What alerts would have written."""
        with self.database.transaction() as conn:
            episodes.store(conn, steps)

    async def publish(self, *records: Reading | Assessment | Transition) -> None:
        """Put records on the log, keyed by patient."""
        topics = {
            Reading: LogTopic.READINGS,
            Assessment: LogTopic.ASSESSMENTS,
            Transition: LogTopic.ALERTS,
        }
        await self.bus.publish(
            [Outgoing(topics[type(record)], record.patient_id.encode(), encode(record)) for record in records]
        )

    async def commands(self) -> AsyncIterator[Command]:
        """Orders as they come, from the log's beginning."""
        reader = await self.bus.reader(group=None, topics=[LogTopic.COMMANDS])
        try:
            while True:
                polled = await reader.poll(records_max=100, timeout_s=0.2)
                if isinstance(polled, Delivered):
                    for record in polled.records:
                        yield decode(Command, record.value)
                else:
                    await reader.seek({})
        finally:
            await reader.close()


@contextlib.asynccontextmanager
async def ward_scene(directory: Path | None = None, *, clock: Clock | None = None) -> AsyncIterator[WardScene]:
    """An empty ward: SQL in a file of `directory` (in memory without one), the log in memory."""
    clock = SystemClock() if clock is None else clock
    door = InlineDoor() if directory is None else ThreadDoor(name="scene", threads_max=3)
    database = Database("sqlite://" if directory is None else f"sqlite:///{directory / 'ward.db'}")
    lay_schema(database)
    bus = await LocalBus.open(None, partitions=3, door=InlineDoor(), clock=clock)
    try:
        yield WardScene(database=database, bus=bus, clock=clock, door=door)
    finally:
        await bus.close()
        database.close()
        if isinstance(door, ThreadDoor):
            door.close()


@contextlib.asynccontextmanager
async def serving(scene: WardScene, *, port: int | None = None) -> AsyncIterator[Dashboard]:
    """The service, live; stopped at the end of the block."""
    dashboard = scene.dashboard(port=port)
    stopping = asyncio.Event()
    task = asyncio.create_task(dashboard.run(stopping))
    try:
        while not dashboard.feed.is_live and not task.done():
            await scene.clock.sleep(0.01)
        yield dashboard
    finally:
        stopping.set()
        await task


def transition(
    patient_id: PatientId,
    kind: AlertKind,
    step: TransitionKind,
    *,
    priority: Priority,
    text: str,
    at_ms: int,
    raised_at_ms: int,
    by: str | None = None,
    sign: Sign | None = None,
    acknowledged: bool = False,
    ward: WardId = WARD,
) -> Transition:
    """One step of the patient's episode of `kind` raised at `raised_at_ms`."""
    episode = episode_id(patient_id, kind, f"record@{raised_at_ms}")
    return Transition(
        transition_id=transition_id(episode, step, f"record@{at_ms}"),
        episode_id=episode,
        patient_id=patient_id,
        ward_id=ward,
        kind=kind,
        transition=step,
        reason=Reason.PERSON if by else Reason.LIMIT_BREACHED,
        priority=priority,
        at_ms=at_ms,
        onset_ms=raised_at_ms - 15_000,
        raised_at_ms=raised_at_ms,
        active=step is not TransitionKind.RESOLVED,
        acknowledged=acknowledged or step is TransitionKind.ACKNOWLEDGED,
        text=text,
        sign=sign,
        by=by,
        origin=Origin.DEMO,
    )


def course(
    patient_id: PatientId,
    device: str,
    *,
    end_ms: int,
    seconds: int,
    seed: int,
    every_s: int = 5,
    fall_s: int = 0,
    gap: tuple[int, int] | None = None,
) -> list[Reading]:
    """Readings of the last `seconds`: ordinary and wandering, sinking in saturation over the last `fall_s`, with a gap."""
    source = random.Random(seed)
    base_hr, base_rr, base_spo2 = source.uniform(58, 92), source.uniform(12, 19), source.uniform(95.5, 98.5)
    base_t, base_sys = source.uniform(36.3, 37.6), source.uniform(104, 142)
    phase = source.uniform(0, 6)
    found = []
    for second in range(0, seconds, every_s):
        if gap is not None and gap[0] <= seconds - second <= gap[1]:
            continue
        fall = max(0.0, 1 - (seconds - second) / fall_s) if fall_s else 0.0
        wave = math.sin(phase + second / 170) + 0.5 * math.sin(second / 61)
        signs = {
            Sign.HEART_RATE: round(base_hr + 3 * wave + source.gauss(0, 0.8) + 42 * fall, 1),
            Sign.RESPIRATORY_RATE: round(base_rr + wave + source.gauss(0, 0.3) + 11 * fall, 1),
            Sign.SPO2: round(min(100, base_spo2 - 0.4 * wave + source.gauss(0, 0.25) - 14 * fall), 1),
            Sign.TEMPERATURE: round(base_t + 0.05 * wave, 1),
        }
        if second % 60 == 0:
            signs[Sign.SYSTOLIC] = round(base_sys + 4 * wave)
            signs[Sign.DIASTOLIC] = round(base_sys * 0.62 + 2 * wave)
            signs[Sign.MEAN_PRESSURE] = round(base_sys * 0.75 + 3 * wave)
        at_ms = end_ms - (seconds - second) * 1000
        found.append(
            Reading(
                reading_id=f"{device}/b1/{at_ms}",
                patient_id=patient_id,
                device_id=DeviceId(device),
                measured_at_ms=at_ms,
                received_at_ms=at_ms + 40,
                signs=signs,
                boot="b1",
                sequence=at_ms,
                origin=Origin.DEMO,
            )
        )
    return found


def assessed(reading: Reading, *, complete: bool = False, flagged: bool = False) -> Assessment:
    """What stream would say of a reading; with `complete` consciousness and oxygen are charted."""
    observations = {Sign.SYSTOLIC: 118.0, **reading.signs}
    if complete:
        observations |= {Sign.CONSCIOUSNESS: 0.0, Sign.SUPPLEMENTAL_OXYGEN: 0.0}
    news2 = score(observations)
    usual = {Sign.HEART_RATE: 78.0, Sign.RESPIRATORY_RATE: 15.0, Sign.SPO2: 97.0}
    spread = {Sign.HEART_RATE: 4.0, Sign.RESPIRATORY_RATE: 1.5, Sign.SPO2: 0.9}
    drivers = [
        Driver(
            sign=sign,
            value=reading.signs[sign],
            usual=usual[sign],
            deviation=round((reading.signs[sign] - usual[sign]) / spread[sign], 1),
            news2_points=news2.points.get(sign),
        )
        for sign in usual
        if sign in reading.signs
    ]
    drivers.sort(key=lambda driver: -abs(driver.deviation or 0))
    return Assessment(
        reading_id=reading.reading_id,
        patient_id=reading.patient_id,
        measured_at_ms=reading.measured_at_ms,
        received_at_ms=reading.received_at_ms,
        news2=news2,
        drivers=tuple(drivers),
        warming_up=False,
        model_version="scene-1",
        origin=reading.origin,
        anomaly=0.74 if flagged else 0.22,
        anomaly_threshold=0.61,
        flagged=flagged,
    )
