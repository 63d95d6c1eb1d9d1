"""Patients who move, and devices that change hands: every service in virtual time, from MQTT to MQTT; killed at will."""

import json
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from runtime.blocking import InlineDoor
from runtime.bus import Outgoing
from runtime.clock import LoopClock
from runtime.local_bus import LocalBus
from runtime.telemetry import Telemetry
from storage import corrections, devices, episodes, patients, readings
from storage.corrections import Correction, CorrectionState
from storage.devices import Device
from storage.episodes import Episode
from storage.patients import Patient
from storage.session import Database
from tests.support.alert_timetable import START_MS
from tests.support.fresh_database import lay_schema
from tests.support.memory_mqtt import MemoryBroker, MemoryMqtt
from tests.support.simulated_services import STAY_SERVICES, SimulatedPorts, SimulatedServices
from vitals import codec
from vitals.alert import Action, Command, Transition
from vitals.reading import DeviceId, PatientId, Reading, WardId
from vitals.sign import Sign
from vitals.topics import LogTopic, readings_topic

WELL: Mapping[str, float] = {"spo2_percent": 97.0, "heart_rate_bpm": 76.0}
ILL: Mapping[str, float] = {"spo2_percent": 76.0, "heart_rate_bpm": 76.0}
PARTITIONS = 4


class StayScene:
    """`open`, `admit`, then let devices `measure` while something happens to the patients."""

    def __init__(self, seed: int = 1) -> None:
        self.clock = LoopClock(epoch_ms=START_MS)
        self.database = Database("sqlite://")
        self.broker = MemoryBroker(seed=seed)
        self.bus: LocalBus
        self.services: SimulatedServices
        self._random = random.Random(seed)
        self._devices: dict[str, MemoryMqtt] = {}
        self._sequences: Counter[str] = Counter()
        self.kills: Counter[str] = Counter()

    async def open(self) -> None:
        """Schema, log, and every service."""
        lay_schema(self.database)
        door = InlineDoor()
        self.bus = await LocalBus.open(None, partitions=PARTITIONS, door=door, clock=self.clock)
        self.services = SimulatedServices(
            SimulatedPorts(
                bus=self.bus,
                database=self.database,
                door=door,
                clock=self.clock,
                telemetry=Telemetry(),
                broker=self.broker,
            )
        )
        for name in STAY_SERVICES:
            await self.services.start(name)

    async def close(self) -> None:
        """End everything."""
        for name in STAY_SERVICES:
            await self.services.kill(name)
        await self.bus.close()
        self.database.close()

    async def admit(self, name: str, ward: str, bed: str, device: str) -> None:
        """A patient in a bed, wearing a device since ever."""
        with self.database.transaction() as conn:
            patients.add(conn, Patient(PatientId(name), WardId(ward), bed, name, 1, START_MS))
            devices.add(conn, Device(DeviceId(device), WardId(ward), START_MS))
            devices.assign(conn, DeviceId(device), PatientId(name), 0)

    async def spare(self, device: str, ward: str) -> None:
        """A device that nobody wears."""
        with self.database.transaction() as conn:
            devices.add(conn, Device(DeviceId(device), WardId(ward), START_MS))

    async def measure(self, seconds: int, measured: Mapping[str, Mapping[str, float]], *, kill: bool = False) -> None:
        """Each device once a second; with `kill`, some service dies now and then and is back at once."""
        for _ in range(seconds):
            for device, signs in measured.items():
                await self.send(device, signs)
            await self.clock.sleep(1)
            if kill and self._random.random() < 0.15:
                await self.kill(self._random.choice(STAY_SERVICES))
            self.services.raise_failures()

    async def kill(self, name: str) -> None:
        """SIGKILL of one service, which is started again."""
        await self.services.kill(name)
        self.kills[name] += 1
        await self.services.start(name)

    async def send(self, device: str, signs: Mapping[str, float], *, measured_at_ms: int | None = None) -> None:
        """One message over MQTT, of now unless said otherwise."""
        session = self._devices.get(device)
        if session is None:
            session = self._devices[device] = self.broker.session(f"device-{device}", clean=True)
            await session.open()
        body = {
            "measured_at": self.clock.now_ms() if measured_at_ms is None else measured_at_ms,
            "signs": dict(signs),
            "boot": "b",
            "sequence": self._sequences[device],
        }
        self._sequences[device] += 1
        await session.publish(readings_topic(DeviceId(device)), json.dumps(body).encode())

    def correct(
        self, device: str, *, since_ms: int, to: str | None, until_ms: int | None = None, reason: str = "mixed up"
    ) -> Correction:
        """What a person orders."""
        with self.database.transaction() as conn:
            return corrections.request(
                conn,
                DeviceId(device),
                from_ms=since_ms,
                until_ms=until_ms,
                to_patient_id=None if to is None else PatientId(to),
                reason=reason,
                person_id="n-1",
                by="Nurse One",
                now_ms=self.clock.now_ms(),
            )

    async def order(self, alert: Episode, action: Action) -> None:
        """What a nurse orders about an alert, now."""
        now_ms = self.clock.now_ms()
        command = Command(
            f"{action.value}-{alert.episode_id}", alert.patient_id, alert.episode_id, action, "nurse", now_ms
        )
        await self.bus.publish([Outgoing(LogTopic.COMMANDS, alert.patient_id.encode(), codec.encode(command))])

    async def until(self, condition: Callable[[], bool], *, within_s: float = 60.0) -> None:
        """Wait in virtual time."""
        deadline_s = self.clock.monotonic_s() + within_s
        while not condition():
            assert self.clock.monotonic_s() < deadline_s, "it did not come in time"
            await self.clock.sleep(0.2)
            self.services.raise_failures()

    def is_done(self, correction: Correction) -> bool:
        """Whether it was carried out."""
        with self.database.snapshot() as conn:
            return corrections.get(conn, correction.correction_id).state is CorrectionState.DONE

    def open_alerts(self, patient: str | None = None) -> tuple[Episode, ...]:
        """As SQL says."""
        with self.database.snapshot() as conn:
            return tuple(episode for episode in episodes.open_episodes(conn) if patient in (None, episode.patient_id))

    def all_alerts(self, patient: str) -> tuple[Episode, ...]:
        """As SQL says, newest first."""
        with self.database.snapshot() as conn:
            return episodes.list_episodes(conn, limit=1000, patient_id=PatientId(patient))

    def steps(self, episode: Episode) -> Sequence[Transition]:
        """Every step of it."""
        with self.database.snapshot() as conn:
            return episodes.transitions_of(conn, episode.episode_id)

    def history(self, patient: str, sign: Sign = Sign.SPO2) -> tuple[Reading, ...]:
        """What history shows of a patient."""
        with self.database.snapshot() as conn:
            return readings.history(
                conn, PatientId(patient), signs=[sign], from_ms=0, to_ms=self.clock.now_ms() + 1_000_000, limit=5000
            )

    def retained(self) -> dict[str, Transition]:
        """As a late subscriber of alerts would see it."""
        return {
            topic: codec.decode(Transition, payload)
            for topic, payload in self.broker.retained.items()
            if "/alerts/" in topic
        }
