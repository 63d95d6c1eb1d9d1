"""The alert service over a log, a database and a broker in memory, in virtual time; killed and restarted at will."""

import asyncio
from collections.abc import Callable, Mapping

from alerts import delivery, worker
from alerts.delivery import DeliveryHandler
from alerts.policy import FixedPolicy, Policy
from alerts.rules import AlertRules
from alerts.settings import AlertsSettings
from alerts.worker import AlertsHandler
from runtime.blocking import InlineDoor
from runtime.bus import Outgoing, TopicPartition
from runtime.clock import LoopClock
from runtime.local_bus import LocalBus
from runtime.telemetry import Telemetry
from runtime.worker import Worker, WorkerLimits
from storage import episodes
from storage.patients import Patient, add
from storage.session import Database
from tests.support.alert_timetable import PATIENT, START_MS, UNLATCHED, WARD, named
from tests.support.fresh_database import lay_schema
from tests.support.memory_mqtt import MemoryBroker
from vitals import codec
from vitals.alert import Action, Command, Transition
from vitals.assessment import Assessment
from vitals.reading import DeviceId, PatientId, Reading
from vitals.sign import Sign
from vitals.topics import LogTopic

PARTITIONS = 4


class AlertWard:
    """Everything around the alert service; `start` begins a process of it, `kill` ends one without a farewell."""

    def __init__(self, settings: AlertsSettings | None = None, policy: Policy | None = None) -> None:
        """Without a `policy` the settings' rules hold, and every alert ends with its condition."""
        self.settings = settings or AlertsSettings()
        rules = AlertRules(life=UNLATCHED)
        self.policy: Policy = policy or FixedPolicy(rules)
        self.clock = LoopClock(epoch_ms=START_MS)
        self.door = InlineDoor()
        self.database = Database("sqlite://")
        self.broker = MemoryBroker(seed=1)
        self.telemetry = Telemetry()
        self.bus: LocalBus
        self._tasks: list[asyncio.Task[None]] = []
        self._workers: list[Worker] = []
        self._sequences: dict[PatientId, int] = {}

    async def open(self, *patients: PatientId) -> None:
        """Lay the schema, admit patients, open the log."""
        lay_schema(self.database)
        self.bus = await LocalBus.open(None, partitions=PARTITIONS, door=self.door, clock=self.clock)
        for index, patient_id in enumerate(patients or (PATIENT,)):
            with self.database.transaction() as conn:
                add(conn, Patient(patient_id, WARD, str(index + 1), f"Patient {index + 1}", 1, START_MS))

    def start(self) -> None:
        """Begin engine and delivery as a new process would: nothing in memory."""
        self._run(worker.GROUP, worker.TOPICS, self.handler())
        self._tasks.append(asyncio.create_task(self._deliver()))

    def handler(self) -> AlertsHandler:
        """An engine of a new process, in nobody's hands yet."""
        return AlertsHandler(
            bus=self.bus,
            database=self.database,
            door=self.door,
            clock=self.clock,
            telemetry=self.telemetry,
            settings=self.settings,
            policy=self.policy,
        )

    async def kill(self) -> None:
        """End all at once, wherever they are."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        self._workers.clear()

    async def stop(self) -> None:
        """End in order."""
        for running in self._workers:
            running.stop()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.kill()

    async def measure(self, seconds: float, *, patient: PatientId = PATIENT, **signs: float) -> None:
        """One reading a second for so long."""
        for _ in range(round(seconds)):
            await self.publish(self.reading(named(**signs), patient=patient))
            await self.clock.sleep(1)

    def reading(self, signs: Mapping[Sign, float], *, patient: PatientId = PATIENT) -> Reading:
        """A reading of now."""
        sequence = self._sequences[patient] = self._sequences.get(patient, 0) + 1
        now_ms = self.clock.now_ms()
        return Reading(
            reading_id=f"device-{patient}/b/{sequence}",
            patient_id=patient,
            device_id=DeviceId(f"device-{patient}"),
            measured_at_ms=now_ms,
            received_at_ms=now_ms,
            signs=dict(signs),
            boot="b",
            sequence=sequence,
        )

    async def publish(self, record: Reading | Assessment | Command) -> None:
        """Put a record into its topic."""
        topics = {Reading: LogTopic.READINGS, Assessment: LogTopic.ASSESSMENTS, Command: LogTopic.COMMANDS}
        await self.bus.publish([Outgoing(topics[type(record)].value, record.patient_id.encode(), codec.encode(record))])

    async def command(self, action: Action, episode_id: str, *, command_id: str = "c-1") -> None:
        """What a nurse orders now."""
        await self.publish(Command(command_id, PATIENT, episode_id, action, "nurse-1", self.clock.now_ms()))

    async def until(self, condition: Callable[[], bool], *, within_s: float = 5.0) -> float:
        """Wait for a condition in virtual time; how long it took."""
        began_s = self.clock.monotonic_s()
        while not condition():
            assert self.clock.monotonic_s() - began_s < within_s, "it did not come in time"
            await self.clock.sleep(0.2)
        return self.clock.monotonic_s() - began_s

    def open_episodes(self) -> tuple[episodes.Episode, ...]:
        """As SQL says."""
        with self.database.snapshot() as conn:
            return episodes.open_episodes(conn)

    def all_episodes(self) -> tuple[episodes.Episode, ...]:
        """As SQL says, newest first."""
        with self.database.snapshot() as conn:
            return episodes.list_episodes(conn, limit=1000)

    def retained(self) -> dict[str, Transition]:
        """As a late MQTT subscriber would see it."""
        return {topic: codec.decode(Transition, payload) for topic, payload in self.broker.retained.items()}

    async def told(self) -> list[Transition]:
        """Every distinct transition in the log, in order per patient; each is told again only as it was."""
        reader = await self.bus.reader(group=None, topics=[LogTopic.ALERTS.value])
        await reader.poll(records_max=1, timeout_s=0)
        await reader.seek({})
        ends = await self.bus.ends([LogTopic.ALERTS.value])
        found: dict[str, Transition] = {}
        seen: dict[TopicPartition, int] = {}
        while any(seen.get(place, 0) < end for place, end in ends.items()):
            polled = await reader.poll(records_max=500, timeout_s=1)
            for record in getattr(polled, "records", ()):
                transition = codec.decode(Transition, record.value)
                first = found.setdefault(transition.transition_id, transition)
                assert first == transition, "what is told again says the same"
                seen[TopicPartition(record.topic, record.partition)] = record.offset + 1
        await reader.close()
        return list(found.values())

    def _run(self, name: str, topics: tuple[str, ...], handler: AlertsHandler | DeliveryHandler) -> Worker:
        running = Worker(
            name=name,
            topics=topics,
            bus=self.bus,
            handler=handler,
            clock=self.clock,
            limits=WorkerLimits(records_max=self.settings.records_max, poll_timeout_s=0.4, backoff_s_max=1.0),
        )
        self._workers.append(running)
        self._tasks.append(asyncio.create_task(running.run(), name=name))
        return running

    async def _deliver(self) -> None:
        session = self.broker.session("delivery", clean=True)
        await session.open()
        handler = DeliveryHandler(
            bus=self.bus,
            database=self.database,
            door=self.door,
            clock=self.clock,
            telemetry=self.telemetry,
            settings=self.settings,
            mqtt=session,
        )
        running = self._run(delivery.GROUP, delivery.TOPICS, handler)
        try:
            await asyncio.gather(*(task for task in self._tasks if task.get_name() == running.name))
        finally:
            await session.kill()


async def at_work(ward: AlertWard | None = None) -> AlertWard:
    """A ward with one patient in it (of the settings' rules where none is given), whose alert service runs."""
    ward = AlertWard() if ward is None else ward
    await ward.open()
    ward.start()
    return ward
