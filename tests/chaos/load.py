"""A ward with known truth: devices that keep each reading until it is receipted, and patients who fall ill one after another.

What is to be alerted is recomputed by an undisturbed ward of the same seed, the same services on a log, a database and
a broker in memory and in virtual time: which patient, of what kind, by which reading. Every course has patients and
devices of its own, so that the truth of one stands apart from that of all before it.
"""

import asyncio
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from runtime.blocking import InlineDoor
from runtime.clock import Clock, LoopClock
from runtime.local_bus import LocalBus
from runtime.mqtt import Will
from runtime.settings import MqttSettings
from runtime.telemetry import Telemetry
from simulators.device import Device
from simulators.fleet import Fleet
from simulators.links import Connect
from simulators.service import connect_by
from simulators.settings import SimulatorSettings
from storage import devices, episodes, patients
from storage.patients import Patient
from storage.session import Connection, Database
from tests.support.fresh_database import lay_schema
from tests.support.memory_mqtt import MemoryBroker, MemoryMqtt
from tests.support.simulated_services import SimulatedPorts, SimulatedServices
from vitals.alert import AlertKind
from vitals.fault import FAULT_KINDS
from vitals.identity import episode_id, sequenced_reading_id
from vitals.reading import DeviceId, PatientId, WardId

EPOCH_MS = 1_700_000_000_000
TECHNICAL = frozenset({AlertKind.LOST_CONTACT, *FAULT_KINDS})
"""What a fault itself causes, and rightly: told apart from what patients' signs say."""
_ENGINE = ("ingest", "stream", "recorder", "alerts")
_DRAIN_S_MAX = 300


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Who lies in the ward and for how long at most; everything follows from it."""

    seed: int = 21
    course_s_max: int = 150
    course_s_min: int = 30
    """However soon the faults are over: long enough for the first alerts."""
    ill_every_s: int = 20
    """Two patients at a time begin to desaturate this often,"""
    healthy: int = 2
    """beside so many who stay well."""
    time_scale: float = 18.0

    @property
    def groups(self) -> int:
        """Of patients who fall ill together."""
        return max(1, (self.course_s_max - 25) // self.ill_every_s)

    @property
    def beds(self) -> int:
        """Of all groups together: as many readings come each second."""
        return 2 * self.groups + self.healthy

    def settings(self, token: str) -> list[SimulatorSettings]:
        """Each group's fleet, the healthy last."""
        shared = SimulatorSettings(seed=self.seed, day_s=43_200, receipt_timeout_s=8, drain_s=90, in_flight_max=1000)
        ill = [
            {
                "beds": 2,
                "scenario": "desaturation",
                "onset_s": 1.0 + number * self.ill_every_s,
                "time_scale": self.time_scale,
            }
            for number in range(self.groups)
        ]
        groups = [*ill, {"beds": self.healthy, "scenario": "healthy"}]
        return [
            shared.model_copy(update={**group, "device_prefix": f"c{token}-{number}", "seed": self.seed + number})
            for number, group in enumerate(groups)
        ]


class Due(NamedTuple):
    """An alert that the truth asks for: which place (group, bed), of what kind, raised by which reading of that bed."""

    group: int
    bed: int
    kind: AlertKind
    sequence: int


class Place(NamedTuple):
    """A bed and who lies in it with what on."""

    group: int
    bed: int
    device_id: DeviceId
    patient_id: PatientId


class Load:
    """One course: `run` once, after its patients were admitted."""

    def __init__(self, plan: Plan, token: str, *, connect: Connect, clock: Clock) -> None:
        self.token = token
        """The boot of its devices, and part of every name."""
        self.ward_id = WardId(f"ward-{token}")
        self.fleets = [Fleet(each, connect=connect, clock=clock, boot=token) for each in plan.settings(token)]

    def places(self) -> list[Place]:
        """All beds."""
        return [
            Place(group, bed, device.device_id, PatientId(f"patient-{self.token}-{group}-{bed}"))
            for group, fleet in enumerate(self.fleets)
            for bed, device in enumerate(fleet.links.devices)
        ]

    def admit(self, conn: Connection) -> None:
        """One patient per bed, with a device on."""
        for number, place in enumerate(self.places(), start=1):
            patient = Patient(
                patient_id=place.patient_id,
                ward_id=self.ward_id,
                bed=str(number),
                name=f"Patient {number}",
                spo2_scale=1,
                admitted_at_ms=0,
            )
            patients.add(conn, patient, nameless_without_key=True)
            devices.add(conn, devices.Device(device_id=place.device_id, ward_id=self.ward_id, added_at_ms=0))
            devices.assign(conn, place.device_id, place.patient_id, 0)

    def discharge(self, conn: Connection, at_ms: int) -> None:
        """Everybody leaves, so that nobody is missed afterwards."""
        for place in self.places():
            patients.discharge(conn, place.patient_id, at_ms)

    async def open(self) -> None:
        """Connect every device; raises Unavailable."""
        for fleet in self.fleets:
            await fleet.open()

    async def run(self, stopping: asyncio.Event, *, readings_per_device: int) -> None:
        """Measure until `stopping`, then wait for receipts."""
        async with asyncio.TaskGroup() as together:
            for fleet in self.fleets:
                together.create_task(fleet.run(stopping=stopping, readings_per_device=readings_per_device))

    def made(self) -> dict[Place, int]:
        """How many readings each bed's device has measured so far."""
        return {place: self._device(place).outbox.next_sequence for place in self.places()}

    def made_ids(self) -> set[str]:
        """Ids of every reading measured so far, sent or not."""
        return {
            sequenced_reading_id(place.device_id, self.token, sequence)
            for place, count in self.made().items()
            for sequence in range(count)
        }

    def receipted_ids(self) -> set[str]:
        """Ids of the readings that devices have let go."""
        return {reading_id for fleet in self.fleets for reading_id in fleet.receipted_ids()}

    def measured_at_ms(self, place: Place, sequence: int) -> int:
        """When a bed's reading was measured."""
        fleet = self.fleets[place.group]
        return fleet.started_at_ms + round(fleet.elapsed_s(place.bed, sequence) * 1000)

    @property
    def redelivered(self) -> int:
        """How often a reading was sent again."""
        return sum(fleet.report().devices.redelivered for fleet in self.fleets)

    def due(self, dues: Sequence[Due]) -> "dict[str, tuple[Due, Place]]":
        """Which alerts are due by now, by the ids that their episodes must have."""
        places = {(place.group, place.bed): place for place in self.places()}
        made = {(place.group, place.bed): count for place, count in self.made().items()}
        found = {}
        for due in dues:
            if due.sequence < made[due.group, due.bed]:
                place = places[due.group, due.bed]
                opened_by = sequenced_reading_id(place.device_id, self.token, due.sequence)
                found[episode_id(place.patient_id, due.kind, opened_by)] = (due, place)
        return found

    def _device(self, place: Place) -> Device:
        return self.fleets[place.group].links.devices[place.bed]


def build_load(plan: Plan, token: str, mqtt: MqttSettings, *, clock: Clock) -> Load:
    """A course for the broker of `mqtt`."""
    return Load(plan, token, connect=connect_by(mqtt, clock=clock), clock=clock)


async def undisturbed(plan: Plan) -> list[Due]:
    """Every alert that the truth of `plan` asks for, as a ward raises it to which nothing happens; in a virtual-time loop."""
    random.seed(plan.seed)
    clock, door, broker = LoopClock(epoch_ms=EPOCH_MS), InlineDoor(), MemoryBroker(seed=plan.seed)
    database = Database("sqlite://")
    lay_schema(database)

    def connect(client_id: str, will: Will | None) -> MemoryMqtt:
        return broker.session(client_id, clean=True, will=will)

    load = Load(plan, "truth", connect=connect, clock=clock)
    with database.transaction() as conn:
        load.admit(conn)
    bus = await LocalBus.open(None, partitions=4, door=door, clock=clock)
    ports = SimulatedPorts(bus=bus, database=database, door=door, clock=clock, telemetry=Telemetry(), broker=broker)
    services = SimulatedServices(ports)
    for name in _ENGINE:
        await services.start(name)
    await load.open()
    await load.run(asyncio.Event(), readings_per_device=plan.course_s_max)
    await clock.sleep(5)
    services.raise_failures()
    with database.snapshot() as conn:
        raised = {each.episode_id for each in episodes.list_episodes(conn, limit=1000) if each.kind not in TECHNICAL}
    found = [due for due, its_id in _candidates(load, plan) if its_id in raised]
    if len(found) != len(raised):
        raise RuntimeError(f"{len(raised)} alerts were raised, {len(found)} of them by a reading of the plan.")
    for name in _ENGINE:
        await services.kill(name)
    await bus.close()
    database.close()
    return found


def _candidates(load: Load, plan: Plan) -> Iterator[tuple[Due, str]]:
    for place in load.places():
        for sequence in range(plan.course_s_max):
            opened_by = sequenced_reading_id(place.device_id, load.token, sequence)
            for kind in AlertKind:
                due = Due(place.group, place.bed, kind, sequence)
                yield due, episode_id(place.patient_id, kind, opened_by)
