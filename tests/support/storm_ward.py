"""A ward in a storm: every service in one process and virtual time, everything that goes wrong drawn by one seed.

Checkers look at it after every second, and once more when it has come to rest. Nothing is faked but time, network and disks.
"""

import asyncio
import math
import random
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runtime.blocking import InlineDoor
from runtime.bus import Positions, TopicPartition
from runtime.clock import LoopClock
from runtime.local_bus import LocalBus, LocalLogLimits
from runtime.mqtt import Will
from runtime.telemetry import Telemetry
from storage import claims, devices, patients
from storage.devices import Device
from storage.patients import Patient
from tests.support.fresh_database import lay_schema
from tests.support.memory_mqtt import MemoryBroker, MemoryMqtt
from tests.support.simulated_services import SimulatedPorts
from tests.support.storm_faults import FlakyDatabase, SmallDisk
from tests.support.storm_fleet import StormFleet
from tests.support.storm_log import StormLog
from tests.support.storm_oracle import Due, StormOracle, is_met
from tests.support.storm_people import StormPeople
from tests.support.storm_plan import Mishap, Storm, Trouble
from tests.support.storm_services import StormServices, settings_of

EPOCH_MS = 1_700_000_000_000
DRAIN_S_MAX = 400
END_S_MAX = 30.0
RECOVERY_S = 14.0
"""After the last disturbance: the longest pause of a worker that failed (5 s), a claim, a tick, and time to spare."""
REGISTER_S = 5.0
"""Within which the screen has looked at the register."""


class StormFailed(AssertionError):
    """What a checker found: the seed is not clean."""

    def __init__(self, seed: int, second: float, checker: str, sentence: str) -> None:
        super().__init__(f"seed {seed}, second {second:.1f}: {checker}: {sentence}")
        self.checker = checker


Checker = Callable[["StormWard"], Iterator[str]]
"""Looks at a ward; a sentence for each thing that is wrong."""
Sabotage = Callable[["StormWard"], None]


@dataclass(frozen=True, kw_only=True)
class StormOutcome:
    """What a clean seed came to; equal for equal seeds."""

    trace: str
    """A hash of the whole log."""
    readings: int
    records: int
    episodes: int
    demands: int
    """How often an alert was due, and stood."""
    deaths: int
    failures: int
    """Database calls that failed by design."""
    seconds: float


class StormWard:
    """The ward of one plan; `run` it once, inside a virtual-time loop."""

    def __init__(
        self,
        storm: Storm,
        *,
        every_second: Mapping[str, Checker],
        at_rest: Mapping[str, Checker],
        sabotage: Mapping[int, Sabotage] | None = None,
    ) -> None:
        self.storm = storm
        self.clock = LoopClock(epoch_ms=EPOCH_MS)
        self.database = FlakyDatabase("sqlite://")
        self.disk = SmallDisk(None, partition_count=storm.partitions)
        self.log = StormLog(self.disk)
        self.oracle = StormOracle()
        self.pending: list[Due] = []
        """Alerts that are due, and do not stand yet."""
        self.demands = 0
        self.ungrounded: list[str] = []
        self.bus: LocalBus
        self.services: StormServices
        self.broker = MemoryBroker(seed=storm.seed, faults=storm.network, in_flight_max=storm.pace.in_flight_max)
        self.fleet = StormFleet(storm, connect=self._connect, clock=self.clock)
        self.disturbed_s = 0.0
        """When anything was last amiss."""
        self._every_second, self._at_rest = every_second, at_rest
        self._sabotage = sabotage or {}
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._token: object = None
        self._active: dict[Trouble, None] = {}

    async def run(self) -> StormOutcome:
        """From an empty ward to one at rest; raises StormFailed. Seeds the process's own random source."""
        random.seed(self.storm.seed)
        pace = self.storm.pace
        door = InlineDoor()
        limits = LocalLogLimits(
            publish_records_max=pace.publish_records_max,
            tail_records_max=pace.tail_records_max,
            handover_s_max=pace.handover_s,
        )
        self.bus = LocalBus(self.disk, door=door, clock=self.clock, limits=limits)
        ports = SimulatedPorts(
            bus=self.bus,
            database=self.database,
            door=door,
            clock=self.clock,
            telemetry=Telemetry(),
            broker=self.broker,
        )
        self.services = StormServices(ports, self.database, settings_of(pace), died=self._died)
        lay_schema(self.database)
        self._admit()
        try:
            await self._weather()
            await self._come_to_rest()
        finally:
            for name in self.services.running():
                await self.services.kill(name)
            await self.fleet.links.close()
            for task in [*self._tasks]:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self.bus.close()
            self.database.close()
        return self._outcome()

    async def _weather(self) -> None:
        """Everything that happens while devices measure, and until all troubles are over."""
        people = StormPeople(self)
        for name in self.storm.services:
            await self.services.start(name)
        measuring = self._task(self.fleet.run(), "fleet")
        acting = self._task(people.run(), "people")
        troubles = [self._task(self._trouble(trouble), trouble.mishap.value) for trouble in self.storm.troubles]
        for second in range(self.storm.seconds):
            await self._step()
            if second in self._sabotage:
                self._sabotage[second](self)
        self.broker.calm()
        everything = [measuring, *troubles]
        await self._step_until(lambda: all(task.done() for task in everything), "the storm itself")
        acting.cancel()
        for task in everything:
            task.result()

    async def _come_to_rest(self) -> None:
        """No trouble any more: devices are receipted, services are at the log's end, and end themselves in order."""
        self._calm()
        draining = self._task(self._drain(), "drain")
        await self._step_until(draining.done, "the devices' receipts")
        draining.result()
        await self._step_until(self._is_drained, "rows of readings and assessments")
        await self._step_until(lambda: not self.pending, "alerts that are due")
        goal = self._ends(("readings", "assessments", "commands"))
        await self._step_until(lambda: self._has_read("alerts", goal), "the alert engine")
        for group in ("ingest", "alerts", "stream"):
            await self._end(group)
        goal = self._ends(("readings", "assessments"))
        await self._step_until(lambda: self._has_read("recorder", goal), "the recorder")
        await self._end("recorder")
        if self.services.process("alert-delivery") is not None:
            told = self._ends(("alerts",))
            await self._step_until(lambda: self._has_read("alert-delivery", told), "the delivery of alerts")
        await self.clock.sleep(REGISTER_S)
        await self._step_until(self._screen_is_level, "the screen")
        self._look()
        self._check(self._at_rest)

    def _calm(self) -> None:
        """What was to go wrong and has not had the occasion does not."""
        self.services.slow(0.0)
        self.database.failing.clear()
        self.database.unheard.clear()
        for name in self.services.running():
            life = self.services.life(name)
            if life is not None:
                life.dies_before_in = life.dies_after_in = 0
                life.unsure_publish = None

    async def _drain(self) -> None:
        await self.fleet.drain(within_s=DRAIN_S_MAX)

    async def _end(self, group: str) -> None:
        for name in self.services.running():
            if name.removesuffix("-2") == group:
                await self.services.end(name, within_s=END_S_MAX)

    async def _step(self) -> None:
        """To the next full second, then every checker."""
        now_s = self.clock.monotonic_s()
        await self.clock.sleep(math.floor(now_s + 1.001) - now_s)
        self._look()
        self.services.raise_failures()
        self._check(self._every_second)

    async def _step_until(self, is_done: Callable[[], bool], what: str) -> None:
        for _ in range(DRAIN_S_MAX):
            if is_done():
                return
            await self._step()
        raise StormFailed(
            self.storm.seed, self.clock.monotonic_s(), "comes to rest", f"after {DRAIN_S_MAX} s {what} are outstanding"
        )

    def _check(self, checkers: Mapping[str, Checker]) -> None:
        for name, check in checkers.items():
            for sentence in check(self):
                raise StormFailed(self.storm.seed, self.clock.monotonic_s(), name, sentence)

    def _look(self) -> None:
        """Take in what the log has, and what that makes due."""
        now_s, now_ms = self.clock.monotonic_s(), self.clock.now_ms()
        self._note_disturbance(now_s)
        heard = self.log.look()
        for reading in heard.readings:
            self.pending += self.oracle.hear(reading, now_s)
        for assessment in heard.assessments:
            self.pending += self.oracle.assess(assessment, now_s)
        disturbed_ms = EPOCH_MS + round(self.disturbed_s * 1000)
        self.pending += [
            due for due in self.oracle.silent(now_ms, now_s, disturbed_ms) if not self.log.was_dismissed(due.patient_id)
        ]
        self.ungrounded += [
            f"{step.kind} of {step.patient_id} was raised for no reason: {step.text}"
            for step in heard.steps
            if not self.oracle.has_ground(step, now_ms)
        ]
        before = len(self.pending)
        self.pending = [due for due in self.pending if not is_met(due, self.log.steps)]
        self.demands += before - len(self.pending)

    def overdue(self) -> list[Due]:
        """What should stand by now, though nothing was amiss lately."""
        now_s = self.clock.monotonic_s()
        return [due for due in self.pending if now_s - max(due.logged_s, self.disturbed_s) > RECOVERY_S]

    def _note_disturbance(self, now_s: float) -> None:
        """Whether anything was amiss since the last look."""
        slow = bool(self.services.delay_s)
        token = self.services.deaths.total(), self.database.failures.total(), self.disk.refusals
        standing_still = any(
            (life := self.services.life(name)) is not None and life.stopped_until_s > now_s - 1
            for name in self.services.running()
        )
        if token != self._token or slow or standing_still or self._active or not self.broker.up:
            self.disturbed_s = now_s
        self._token = token

    async def _trouble(self, trouble: Trouble) -> None:
        await self.clock.sleep(trouble.at_s)
        self._active[trouble] = None
        try:
            await self._befall(trouble)
        finally:
            del self._active[trouble]

    async def _befall(self, trouble: Trouble) -> None:  # noqa: C901, PLR0912 - one case a mishap
        services, database, life = self.services, self.database, self.services.life(trouble.of)
        match trouble.mishap:
            case Mishap.KILL:
                await self._kill(trouble.of, trouble.for_s)
            case Mishap.LEAVE:
                if life is not None:
                    await services.end(trouble.of, within_s=5.0)
                    await self._bring_back(trouble.of)
            case Mishap.DIE_BEFORE if life is not None:
                life.dies_before_in = trouble.calls
            case Mishap.DIE_AFTER if life is not None:
                life.dies_after_in = trouble.calls
            case Mishap.STOP if life is not None:
                life.stopped_until_s = self.clock.monotonic_s() + trouble.for_s
                await self.clock.sleep(trouble.for_s)
            case Mishap.PUBLISH_UNSURE if life is not None:
                life.unsure_publish = trouble.calls
            case Mishap.STATEMENT_FAILS:
                database.failing[trouble.of] = trouble.calls
            case Mishap.COMMIT_UNHEARD:
                database.unheard.add(trouble.of)
            case Mishap.DATABASE_AWAY:
                database.is_away = True
                await self.clock.sleep(trouble.for_s)
                database.is_away = False
            case Mishap.DATABASE_SLOW:
                services.slow(self.storm.database_delay_s)
                await self.clock.sleep(trouble.for_s)
                services.slow(0.0)
            case Mishap.DISK_FULL:
                self.disk.fill()
                await self.clock.sleep(trouble.for_s)
                self.disk.free()
            case Mishap.BROKER_CRASH:
                self.broker.crash()
                await self.clock.sleep(trouble.for_s)
                self.broker.restart()
            case Mishap.CUT:
                self.broker.cut(trouble.of if trouble.of == "ingest" else f"device-{trouble.of}")
            case _:
                pass

    def _died(self, name: str) -> None:
        self._task(self._kill(name, 0.5), f"death of {name}")

    async def _kill(self, name: str, down_s: float) -> None:
        await self.services.kill(name)
        await self.clock.sleep(down_s)
        await self._bring_back(name)

    async def _bring_back(self, name: str) -> None:
        while not self.broker.up:
            await self.clock.sleep(0.1)
        if self.services.life(name) is None:
            await self.services.start(name)

    def _task(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks[task] = None
        return task

    def _ends(self, topics: Sequence[str]) -> dict[TopicPartition, int]:
        places = [TopicPartition(topic, number) for topic in topics for number in range(self.storm.partitions)]
        return {place: self.bus.end_of(place) for place in places}

    def _has_read(self, group: str, goal: Positions) -> bool:
        """Whether a group has remembered to be so far."""
        positions = self.positions(group)
        return all(positions.get(place, 0) >= end for place, end in goal.items())

    def positions(self, group: str) -> Positions:
        """Where a group stands by SQL."""
        with self.database.snapshot() as conn:
            return claims.positions_of(conn, group)

    def _is_drained(self) -> bool:
        with self.database.snapshot() as conn:
            stored = {row[0] for row in conn.exec_driver_sql("SELECT reading_id FROM readings")}
            assessed = {row[0] for row in conn.exec_driver_sql("SELECT reading_id FROM assessments")}
        return stored >= self.log.readings.keys() and assessed >= self.log.readings.keys()

    def _screen_is_level(self) -> bool:
        """Whether the screen has followed the log to its end, and looked at the register since it came to rest."""
        process = self.services.process("dashboard")
        feed = None if process is None else process.feed
        if feed is None or not feed.is_live:
            return False
        ends = self._ends(("readings", "assessments", "alerts"))
        return all(feed.positions.get(place, 0) >= end for place, end in ends.items())

    def _connect(self, client_id: str, will: Will | None) -> MemoryMqtt:
        return self.broker.session(client_id, clean=True, will=will)

    def _admit(self) -> None:
        with self.database.transaction() as conn:
            for number, (patient_id, ward_id) in enumerate(self.storm.beds, start=1):
                patient = Patient(
                    patient_id=patient_id,
                    ward_id=ward_id,
                    bed=str(number),
                    name=f"Patient {number}",
                    spo2_scale=1,
                    admitted_at_ms=EPOCH_MS - 3_600_000,
                )
                patients.add(conn, patient)
            for plan in self.storm.devices:
                devices.add(conn, Device(device_id=plan.device_id, ward_id=self.storm.beds[0][1], added_at_ms=EPOCH_MS))
                devices.assign(conn, plan.device_id, plan.patient_id, 0)

    def _outcome(self) -> StormOutcome:
        return StormOutcome(
            trace=self.log.trace,
            readings=len(self.log.readings),
            records=len(self.log.records),
            episodes=len(self.log.steps),
            demands=self.demands,
            deaths=self.services.deaths.total(),
            failures=self.database.failures.total(),
            seconds=self.clock.monotonic_s(),
        )
