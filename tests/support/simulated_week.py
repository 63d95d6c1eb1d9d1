"""Days of event time of a whole ward in minutes: every service in one process, virtual time, one seed, truth held against.

A gateway brings what the wearables measured once a minute, as many do. Services poll, tick and remember as seldom as their
settings allow, since nobody waits for them here; what they decide does not depend on it.
"""

import asyncio
import random
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from alerts.settings import AlertsSettings
from ingest.settings import IngestSettings
from runtime.blocking import InlineDoor
from runtime.bus import Outgoing
from runtime.clock import LoopClock, SystemClock
from runtime.local_bus import LocalBus, LocalLogLimits
from runtime.mqtt import Will
from runtime.telemetry import Telemetry
from runtime.worker import WorkerLimits
from simulators.fleet import Fleet
from simulators.nurse import NAME, PERSON_ID, Nurse, observed
from simulators.scenarios import WARD_MIX
from simulators.settings import SimulatorSettings
from simulators.truth import ChartedTruth, TruthRecord
from storage import accounts, devices, episodes, ledger, patients
from storage.devices import Device
from storage.episodes import Episode
from storage.ledger import Imbalance, Line
from storage.ledger_keeper import LedgerKeeper
from storage.ledger_settings import LedgerSettings
from storage.patients import Patient
from storage.retention import RetentionSettings
from storage.session import Database
from storage.settings import RecorderSettings
from storage.trimmer import Trimmer
from storage.window import ROWS_MAX, Cursor
from stream.settings import StreamSettings
from tests.support.fresh_database import lay_schema
from tests.support.memory_mqtt import MemoryBroker, MemoryMqtt
from tests.support.reading_ids import ReadingIds
from tests.support.simulated_services import SERVICES, ServiceSettings, SimulatedPorts, SimulatedServices
from tests.support.table_sizes import TableSizes, table_sizes
from tests.support.week_verdicts import Verdict, judged, patient_of
from vitals.alert import AlertKind
from vitals.charting import chart
from vitals.codec import encode
from vitals.lateness import LIVE_AGE_MS_MAX
from vitals.reading import CHARTING, Origin, WardId
from vitals.topics import LogTopic

EPOCH_MS = 1_700_000_000_000 - 1_700_000_000_000 % 86_400_000
WARD = WardId("week")
PARTITIONS = 2
MINUTE_S = 60.0
DRAIN_MINUTES_MAX = 180
SEEN_EVERY_S = 12 * 3600.0
"""How often memory and tables are looked at."""

SELDOM = ServiceSettings(
    ingest=IngestSettings(directory_refresh_s=60, receipt_every_s=1, origins_allowed=tuple(Origin)),
    stream=StreamSettings(poll_timeout_s=10, remember_every_s=300),
    recorder=RecorderSettings(poll_timeout_s=10, commit_interval_s=50),
    alerts=AlertsSettings(tick_s=10, remember_every_s=60, registry_every_s=60),
    workers=WorkerLimits(poll_timeout_s=10),
)


LEDGER = LedgerSettings()


@dataclass(frozen=True, kw_only=True)
class WeekPlan:
    """One run: everything but the time it takes follows from it."""

    beds: int = 48
    hours: float = 168.0
    seed: int = 1
    onsets_within_h: float = 24.0
    bursting_every: int = 6
    """One bed in so many measures ten seconds in each ten minutes."""
    average_s: float = 30.0
    directory: Path | None = None
    """Where log and database lie; in memory where there is none."""
    log_days: int = 2
    """How far the log reaches back."""
    readings_days: int | None = None
    """How long readings are kept as they came; None keeps all."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """The process and its tables at one moment of the event time."""

    hour: float
    wall_s: float
    rss_mb: float
    tables: TableSizes


@dataclass(frozen=True, kw_only=True)
class WeekOutcome:
    """What is left when all has drained."""

    published: set[str]
    receipted: set[str]
    refused: set[str]
    stored: list[str]
    assessed: list[str]
    verdicts: tuple[Verdict, ...]
    opinions: int
    """Episodes of an unusual pattern, which truth does not judge."""
    imbalances: tuple[Imbalance, ...]
    """What the ledger says is amiss, once all has settled."""
    ledger: Line
    """The ledger of all devices and hours together."""
    trimmed: Counter[str]
    """Rows by table that retention took."""
    cpu_s: float
    seen: tuple[Seen, ...]
    wall_s: float

    def complaints(self) -> list[str]:
        """Whatever was lost, doubled or made up, a sentence each."""
        stored, assessed = set(self.stored), set(self.assessed)
        found = {
            "published and neither receipted nor refused": self.published - self.receipted - self.refused,
            "receipted and not stored": self.receipted - stored,
            "stored and never published": stored - self.published,
            "stored and not assessed": stored - assessed,
            "both receipted and refused": self.receipted & self.refused,
        }
        sentences = [f"{len(ids)} readings are {what}, such as {min(ids)}." for what, ids in found.items() if ids]
        doubled = len(self.stored) - len(stored) + len(self.assessed) - len(assessed)
        sentences += [f"{doubled} rows are doubled."] if doubled else []
        sentences += [f"The ledger says of {one.device_id}: {one.readings} {one.kind}." for one in self.imbalances]
        accepted = len(self.receipted)
        if (self.ledger.accepted - self.ledger.duplicates, self.ledger.stored) != (accepted, accepted):
            sentences.append(
                f"The ledger accepted {self.ledger.accepted}, {self.ledger.duplicates} of them repeats, and stored"
                f" {self.ledger.stored}; devices were receipted for {accepted}."
            )
        return sentences


Told = Callable[[Seen], None]


class SimulatedWeek:
    """The ward of one plan; `run` it once, inside a virtual-time loop."""

    def __init__(self, plan: WeekPlan, *, told: Told | None = None) -> None:
        self.plan = plan
        self._told = told
        url = "sqlite://" if plan.directory is None else f"sqlite:///{plan.directory / 'ward.db'}"
        self.database = Database(url)
        self._wall = SystemClock()
        self._clock = LoopClock(epoch_ms=EPOCH_MS)
        self._broker = MemoryBroker(seed=plan.seed)
        self._seen: list[Seen] = []
        settings = SimulatorSettings(
            beds=plan.beds,
            seed=plan.seed,
            rate_hz=1 / MINUTE_S,
            scenario=WARD_MIX,
            onsets_within_s=plan.onsets_within_h * 3600,
            average_s=plan.average_s,
            burst=10,
            bursting_every=plan.bursting_every,
            device_rounds=False,
            day_s=0,
            drain_s=DRAIN_MINUTES_MAX * 60,
            receipt_timeout_s=300,
            probe_timeout_s=30,
        )
        self.fleet = Fleet(settings, connect=self._connect, clock=self._clock, boot="week")
        self._next = [0] * plan.beds
        self._ever_stored, self._ever_assessed = ReadingIds(), ReadingIds()
        self._trimmed: Counter[str] = Counter()
        self._bus: LocalBus
        self._keeper: LedgerKeeper
        self._trimmer: Trimmer

    async def run(self) -> WeekOutcome:
        """From an empty ward to a drained one; seeds the process's own random source, from which pauses are drawn."""
        random.seed(self.plan.seed)
        door = InlineDoor()
        file = None if self.plan.directory is None else self.plan.directory / "log.db"
        limits = LocalLogLimits(retention_ms=self.plan.log_days * 86_400_000)
        self._bus = await LocalBus.open(file, partitions=PARTITIONS, door=door, clock=self._clock, limits=limits)
        lay_schema(self.database)
        ports = SimulatedPorts(
            bus=self._bus,
            database=self.database,
            door=door,
            clock=self._clock,
            telemetry=Telemetry(),
            broker=self._broker,
        )
        services = SimulatedServices(ports, SELDOM)
        shared = {"database": self.database, "door": door, "clock": self._clock, "telemetry": ports.telemetry}
        self._keeper = LedgerKeeper(bus=self._bus, settings=LEDGER, **shared)  # type: ignore[arg-type]
        retention = RetentionSettings(readings_days=self.plan.readings_days, pause_s=0)
        self._trimmer = Trimmer(settings=retention, **shared)  # type: ignore[arg-type]
        await self.fleet.open()
        self._admit()
        for name in SERVICES:
            await services.start(name)
        await self._live(services)
        drained = asyncio.create_task(self.fleet.finish(), name="fleet-finish")
        await self._until(services, drained.done, what="the devices' receipts")
        await self._until(services, self._is_drained, what="the services")
        await self._clock.sleep(2 * LEDGER.settle_s)
        await self._keeper.enter()
        outcome = self._outcome()
        for name in SERVICES:
            await services.kill(name)
        await self.fleet.links.close()
        await self._bus.close()
        self.database.close()
        return outcome

    async def _live(self, services: SimulatedServices) -> None:
        """Minute by minute: bring what was measured in it, then let time pass."""
        look_s = SEEN_EVERY_S
        truths = self.fleet.truths()
        nurses = [Nurse(truth.truth, phase_s=MINUTE_S * bed) for bed, truth in enumerate(truths)]
        for minute in range(1, round(self.plan.hours * 60) + 1):
            await self._sleep_until(minute * MINUTE_S)
            entries = [
                self._charted(entry, truth)
                for nurse, truth in zip(nurses, truths, strict=True)
                for entry in nurse.due(until_s=minute * MINUTE_S)
            ]
            if entries:
                await self._bus.publish(entries)
            for bed in range(self.plan.beds):
                self._bring(bed, through_s=minute * MINUTE_S)
            self.fleet.links.watch()
            if minute * MINUTE_S >= look_s:
                services.raise_failures()
                await self._keep_house()
                self._look(minute / 60)
                look_s += SEEN_EVERY_S

    async def _keep_house(self) -> None:
        """Ledger and retention, as beside the recorder; what is about to be trimmed was seen to be stored."""
        await self._keeper.enter()
        await self._keeper.judge()
        if self.plan.readings_days is not None:
            self._ever_stored.add(self._stored())
            self._ever_assessed.add(self._assessed())
            self._trimmed.update(await self._trimmer.run_once())

    def _charted(self, entry: ChartedTruth, truth: TruthRecord) -> Outgoing:
        reading = chart(
            observed(entry, started_at_ms=truth.started_at_ms),
            patient_id=patient_of(truth.device_id),
            person_id=PERSON_ID,
            by=NAME,
            now_ms=self._clock.now_ms(),
            age_ms_max=LIVE_AGE_MS_MAX,
        )
        return Outgoing(LogTopic.READINGS.value, reading.patient_id.encode(), encode(reading))

    def _bring(self, bed: int, *, through_s: float) -> None:
        number = self._next[bed]
        while self.fleet.elapsed_s(bed, number) < through_s:
            self.fleet.measure(bed, number)
            number += 1
        self._next[bed] = number

    async def _sleep_until(self, second: float) -> None:
        await self._clock.sleep(second - (self._clock.now_ms() - self.fleet.started_at_ms) / 1000)

    async def _until(self, services: SimulatedServices, is_done: Callable[[], bool], *, what: str) -> None:
        for _ in range(DRAIN_MINUTES_MAX):
            if is_done():
                return
            await self._clock.sleep(MINUTE_S)
            services.raise_failures()
        raise AssertionError(f"after {DRAIN_MINUTES_MAX} quiet minutes {what} are still outstanding")

    def _is_drained(self) -> bool:
        stored = {*self._ever_stored, *self._stored()}
        return set(self.fleet.receipted_ids()) <= stored == {*self._ever_assessed, *self._assessed()}

    def _stored(self) -> list[str]:
        with self.database.snapshot() as conn:
            return [one for boot in sorted(self.fleet.boots) for one in accounts.reading_ids_of_boot(conn, boot)]

    def _assessed(self) -> list[str]:
        with self.database.snapshot() as conn:
            return [one for boot in sorted(self.fleet.boots) for one in accounts.assessed_ids_of_boot(conn, boot)]

    def _look(self, hour: float) -> None:
        with self.database.snapshot() as conn:
            sizes = table_sizes(conn, self.plan.directory)
        seen = Seen(
            hour=hour,
            wall_s=round(self._wall.monotonic_s(), 1),
            rss_mb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
            tables=sizes,
        )
        self._seen.append(seen)
        if self._told is not None:
            self._told(seen)

    def _outcome(self) -> WeekOutcome:
        self._look(self.plan.hours)
        now_ms, settle_ms = self._clock.now_ms(), LEDGER.settle_ms
        with self.database.snapshot() as conn:
            found = _all_episodes(conn)
            imbalances = ledger.imbalances(conn, now_ms=now_ms, settle_ms=settle_ms, told_for_ms=now_ms - EPOCH_MS)
            lines = ledger.lines(conn, from_ms=0, to_ms=now_ms, now_ms=now_ms, settle_ms=settle_ms)
        stored, assessed = self._stored(), self._assessed()
        truths = self.fleet.truths()
        return WeekOutcome(
            published=set(self.fleet.published_ids()),
            receipted=set(self.fleet.receipted_ids()),
            refused=set(self.fleet.links.refused_ids()),
            stored=[*stored, *set(self._ever_stored).difference(stored)],
            assessed=[*assessed, *set(self._ever_assessed).difference(assessed)],
            verdicts=tuple(judged(truths, found, through_s=self.plan.hours * 3600)),
            opinions=sum(episode.kind is AlertKind.UNUSUAL_PATTERN for episode in found),
            imbalances=tuple(imbalances),
            ledger=_sum(lines),
            trimmed=self._trimmed,
            cpu_s=time.process_time(),
            seen=tuple(self._seen),
            wall_s=self._wall.monotonic_s(),
        )

    def _connect(self, client_id: str, will: Will | None) -> MemoryMqtt:
        return self._broker.session(client_id, clean=True, will=will)

    def _admit(self) -> None:
        """A patient per bed; the device of a swap is assigned from its moment on."""
        with self.database.transaction() as conn:
            for bed, truth in enumerate(self.fleet.truths(), start=1):
                patient = Patient(
                    patient_id=patient_of(truth.device_id),
                    ward_id=WARD,
                    bed=str(bed),
                    name=f"Patient {bed}",
                    spo2_scale=1,
                    admitted_at_ms=EPOCH_MS,
                )
                patients.add(conn, patient)
                worn = [(truth.device_id, 0)]
                if truth.spare_device_id is not None:
                    worn.append((truth.spare_device_id, truth.started_at_ms + round((truth.truth.onset_s or 0) * 1000)))
                for device_id, from_ms in worn:
                    devices.add(conn, Device(device_id=device_id, ward_id=WARD, added_at_ms=EPOCH_MS))
                    devices.assign(conn, device_id, patient.patient_id, from_ms)


def _sum(lines: Iterable[Line]) -> Line:
    """Devices' lines together, without the charted ones, which no device published."""
    devices = [line for line in lines if line.device_id != CHARTING]
    counts = ("published", "unknowable", "accepted", "duplicates", "rejected", "stored", "assessed", "missing")
    totals = {name: sum(getattr(line, name) for line in devices) for name in counts}
    return Line(device_id="all", from_ms=0, to_ms=0, **totals)


def _all_episodes(conn: Connection) -> list[Episode]:
    found: list[Episode] = []
    after: Cursor | None = None
    while page := episodes.list_episodes(conn, limit=ROWS_MAX, after=after):
        found += page
        after = Cursor(found[-1].raised_at_ms, found[-1].episode_id)
    return found
