"""A whole ward in one process and virtual time: real services on the in-memory log and database, a broker in memory, one seed.

Nothing is faked but the network and the clock. Checkers look at the ward after every second.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from runtime.blocking import InlineDoor
from runtime.bus import Delivered, Incoming, Reader
from runtime.clock import LoopClock
from runtime.local_bus import LocalBus
from runtime.mqtt import Will
from runtime.telemetry import Telemetry
from simulators.fleet import Fleet
from simulators.settings import SimulatorSettings
from storage import accounts, devices, episodes, patients
from storage.devices import Device
from storage.episodes import Episode
from storage.patients import Patient
from storage.session import Database
from tests.support.fresh_database import lay_schema
from tests.support.memory_mqtt import Faults, MemoryBroker, MemoryMqtt
from tests.support.simulated_services import SERVICES, SimulatedPorts, SimulatedServices
from vitals.assessment import Assessment
from vitals.codec import decode, decode_readings_record
from vitals.reading import PatientId, Reading, WardId
from vitals.topics import LogTopic

EPOCH_MS = 1_700_000_000_000
WARD = WardId("sim")
BOOT = "boot"
PARTITIONS = 4
DRAIN_S_MAX = 600


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One simulation: everything follows from it."""

    seed: int
    beds: int = 6
    seconds: int = 60
    faults: Faults = field(default_factory=Faults)
    crash_every_s: float | None = None
    """A random service dies about this often, and is back a moment later."""
    broker_crash_at_s: int | None = None
    """The broker dies then, forgets all it held, and is back two seconds later."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What is left when a simulation has drained."""

    published: set[str]
    receipted: set[str]
    stored: set[str]
    assessed: set[str]
    episodes: tuple[Episode, ...]
    retained: dict[str, bytes]
    """The broker's retained messages."""
    assessments: dict[str, set[bytes]]
    """By reading id, every body that was ever published for it."""
    crashes: Counter[str]


Checker = Callable[["SimulatedWard"], None]


class SimulatedWard:
    """The ward of one plan; `run` it once, inside a virtual-time loop."""

    def __init__(self, plan: Plan, *, checkers: Sequence[Checker] = ()) -> None:
        self.plan = plan
        self.database = Database("sqlite://")
        self.readings_in_log: set[str] = set()
        self.assessments: dict[str, set[bytes]] = {}
        self.crashes: Counter[str] = Counter()
        self._random = random.Random(plan.seed)
        self._clock = LoopClock(epoch_ms=EPOCH_MS)
        self._broker = MemoryBroker(seed=plan.seed, faults=plan.faults)
        self._checkers = checkers
        self._settings = SimulatorSettings(beds=plan.beds, seed=plan.seed, receipt_timeout_s=5, drain_s=DRAIN_S_MAX)
        self.fleet = Fleet(self._settings, connect=self._connect, clock=self._clock, boot=BOOT)
        self._bus: LocalBus
        self._services: SimulatedServices

    async def run(self) -> Outcome:
        """From an empty ward to a drained one; seeds the process's own random source, from which pauses are drawn."""
        random.seed(self.plan.seed)
        door = InlineDoor()
        self._bus = await LocalBus.open(None, partitions=PARTITIONS, door=door, clock=self._clock)
        self._services = SimulatedServices(
            SimulatedPorts(
                bus=self._bus,
                database=self.database,
                door=door,
                clock=self._clock,
                telemetry=Telemetry(),
                broker=self._broker,
            )
        )
        lay_schema(self.database)
        self._admit()
        observer = await self._bus.reader(group=None, topics=[LogTopic.READINGS, LogTopic.ASSESSMENTS])
        for name in SERVICES:
            await self._services.start(name)
        stopping = asyncio.Event()
        measuring = asyncio.create_task(self.fleet.run(stopping=stopping), name="fleet")
        await self._live(observer)
        stopping.set()
        await self._step_until(observer, measuring.done, what="the devices' receipts")
        measuring.result()
        await self._step_until(observer, self._is_drained, what="the services")
        outcome = self._outcome()
        for name in SERVICES:
            await self._services.kill(name)
        await observer.close()
        await self._bus.close()
        self.database.close()
        return outcome

    async def _live(self, observer: Reader) -> None:
        """Step second by second, with the plan's mishaps."""
        crash_at_s = self._next_crash_s()
        broker_crash_at_s = self.plan.broker_crash_at_s
        for second in range(self.plan.seconds):
            if second == broker_crash_at_s:
                self._broker.crash()
                self.crashes["broker"] += 1
            if broker_crash_at_s is not None and second == broker_crash_at_s + 2:
                self._broker.restart()
            if crash_at_s is not None and second >= crash_at_s and self._broker.up:
                await self._crash(self._random.choice(SERVICES))
                crash_at_s = self._next_crash_s()
            await self._step(observer)

    async def _crash(self, name: str) -> None:
        await self._services.kill(name)
        await self._clock.sleep(self._random.uniform(0, 0.9))
        await self._services.start(name)
        self.crashes[name] += 1

    async def _step(self, observer: Reader) -> None:
        """To the next full second, then every checker."""
        await self._clock.sleep(1 - self._clock.monotonic_s() % 1)
        await self._observe(observer)
        self._services.raise_failures()
        for check in self._checkers:
            check(self)

    async def _step_until(self, observer: Reader, is_done: Callable[[], bool], *, what: str) -> None:
        for _ in range(DRAIN_S_MAX):
            if is_done():
                return
            await self._step(observer)
        raise AssertionError(f"after {DRAIN_S_MAX} quiet seconds {what} are still outstanding")

    async def _observe(self, observer: Reader) -> None:
        """Everything the log has now, as a reader of its own sees it."""
        while True:
            polled = await observer.poll(records_max=5000, timeout_s=0.001)
            if not isinstance(polled, Delivered):
                await observer.seek({})
            elif not polled.records:
                return
            else:
                for record in polled.records:
                    self._note(record)

    def _note(self, record: Incoming) -> None:
        if record.topic == LogTopic.ASSESSMENTS:
            assessment = decode(Assessment, record.value)
            self.assessments.setdefault(assessment.reading_id, set()).add(record.value)
            return
        reading = decode_readings_record(record.value)
        if isinstance(reading, Reading):
            self.readings_in_log.add(reading.reading_id)

    def _is_drained(self) -> bool:
        with self.database.snapshot() as conn:
            stored = set(accounts.reading_ids_of_boot(conn, BOOT))
            assessed = set(accounts.assessed_ids_of_boot(conn, BOOT))
        return stored == assessed == self.readings_in_log

    def _connect(self, client_id: str, will: Will | None) -> MemoryMqtt:
        return self._broker.session(client_id, clean=True, will=will)

    def _admit(self) -> None:
        with self.database.transaction() as conn:
            for number, device in enumerate(self.fleet.links.devices, start=1):
                patient = Patient(
                    patient_id=PatientId(f"patient-{number}"),
                    ward_id=WARD,
                    bed=str(number),
                    name=f"Patient {number}",
                    spo2_scale=1,
                    admitted_at_ms=EPOCH_MS,
                )
                patients.add(conn, patient)
                devices.add(conn, Device(device_id=device.device_id, ward_id=WARD, added_at_ms=EPOCH_MS))
                devices.assign(conn, device.device_id, patient.patient_id, 0)

    def _next_crash_s(self) -> float | None:
        if self.plan.crash_every_s is None:
            return None
        return self._clock.monotonic_s() + self._random.expovariate(1 / self.plan.crash_every_s)

    def _outcome(self) -> Outcome:
        with self.database.snapshot() as conn:
            return Outcome(
                published=set(self.fleet.published_ids()),
                receipted=set(self.fleet.receipted_ids()),
                stored=set(accounts.reading_ids_of_boot(conn, BOOT)),
                assessed=set(accounts.assessed_ids_of_boot(conn, BOOT)),
                episodes=episodes.list_episodes(conn, limit=1000),
                retained=dict(self._broker.retained),
                assessments=self.assessments,
                crashes=self.crashes,
            )
