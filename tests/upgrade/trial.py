"""An upgrade under load: the services of an earlier state, this program's beside them, and then this program's alone.

Side by side where both have the same schema; otherwise as docs/operations.md has it: the old ones are stopped, the schema
is brought up to date, the present ones start, and devices and broker keep readings meanwhile.
"""

import asyncio
import io
import re
import secrets
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from runtime.blocking import ThreadDoor
from runtime.clock import SystemClock
from runtime.keys_file import KeysFile
from simulators.fleet import Fleet
from simulators.settings import SimulatorSettings
from storage import accounts, episodes
from storage.migrate import check_database, head, revision_of, upgrade
from storage.session import Database
from tests.support.kafka_server import running_kafka
from tests.support.mosquitto_server import running_mosquitto
from tests.support.postgres_server import private_server
from tests.support.processes import ROOT, ServiceProcess
from tests.support.whole_path import BOOT, PRETENDED, build_fleet, hospital_environment
from vitals.errors import InvalidArgument

READERS_FIRST = ("recorder", "stream", "alerts")
"""In the order of docs/upgrading.md; ingest comes last, and never two of it."""
ROOMS: Mapping[str, tuple[str, ...]] = {
    "recorder": ("storage",),
    "stream": ("stream",),
    "alerts": ("alerts",),
    "ingest": ("ingest",),
}
BEDS = 20
READY_S = 12.0
"""How long a new process is given before the next comes."""
SETTLE_S_MAX = 240.0
LOOK_S = 1.0
_PASSED_OVER = re.compile(r"record_passed_over|record_skipped|dashboard_record_skipped|states_refused|Traceback")
_ADMIT = """
import sys
from runtime.settings import MqttSettings
from simulators.settings import SimulatorSettings
from tests.support.whole_path import admit, build_fleet
fleet = build_fleet(MqttSettings(), SimulatorSettings(beds=int(sys.argv[2]), scenario="mix"))
admit(sys.argv[1], fleet)
"""


@dataclass(frozen=True, kw_only=True)
class TrialPlan:
    """What is tried."""

    old: Path
    """The earlier state, as a tree of its own."""
    phase_s: float
    readings_per_s: float


@dataclass(frozen=True, kw_only=True)
class Account:
    """What came of it."""

    schema_before: str
    schema_after: str
    receipted: int
    lost: int
    episodes_before: int
    episodes_after: int
    open_twice: int
    """Patients and kinds with more than one open episode."""
    said: Mapping[str, int]
    """What any of the services complained of."""

    def complaints(self) -> list[str]:
        """Why it was no clean upgrade; states that were refused are told, and are none: their episodes were taken over."""
        found = [f"{count} x {what}" for what, count in self.said.items() if what != "states_refused"]
        if self.lost or self.open_twice or not self.receipted:
            found.append(f"{self.lost} lost, {self.open_twice} open twice, {self.receipted} receipted")
        return found

    def told(self) -> str:
        """In one sentence."""
        return (
            f"schema {self.schema_before} to {self.schema_after}; {self.receipted:,} receipted, {self.lost} lost;"
            f" {self.episodes_before} episodes raised by the old, {self.episodes_after} at the end, {self.open_twice} open"
            f" twice; passed over or refused: {dict(self.said) or 'nothing'}"
        )


def checked_out(commit: str, directory: Path) -> Path:
    """The tree of `commit` in `directory`; raises InvalidArgument where this history does not hold it."""
    packed = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=False)
    if packed.returncode != 0:
        raise InvalidArgument(f"There is no commit {commit} in this history: {packed.stderr.decode().strip()}.")
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as tree:
        tree.extractall(directory, filter="data")
    return directory


async def try_upgrade(plan: TrialPlan, directory: Path) -> Account:
    """Old alone, both where they can, new alone, a phase each; then everything receipted must be stored and assessed."""
    clock, door = SystemClock(), ThreadDoor(name="upgrade", threads_max=1)
    with private_server() as postgres, running_kafka() as kafka, running_mosquitto() as broker:
        url, mqtt = postgres.create_database(), broker.settings()
        environment = hospital_environment(
            mqtt, bootstrap=kafka.bootstrap, database_url=url, prefix=f"upgrade-{secrets.token_hex(4)}-"
        )
        await door.run(_admit, plan.old, url)
        fleet = build_fleet(mqtt, _simulation(plan))
        keys_file = directory / "ward.keys"
        await door.run(KeysFile(keys_file).create)
        services = _Generations(environment, directory, plan.old, keys_file)
        stopping = asyncio.Event()
        sending: asyncio.Task[object] | None = None
        try:
            for room in ROOMS:
                services.start(room, old=True)
            sending = asyncio.create_task(_send(fleet, stopping), name="fleet")
            await _phase(services, clock, plan.phase_s)
            before = await door.run(_raised, url)
            if before[1] == head():
                await _side_by_side(services, clock, plan.phase_s)
            else:
                for room in (*reversed(READERS_FIRST), "ingest"):
                    services.stop_old(room)
                await door.run(partial(upgrade, url, keys=KeysFile(keys_file)))
                for room in ROOMS:
                    services.start(room, old=False)
            await _phase(services, clock, plan.phase_s)
            stopping.set()
            await sending
            return await _settled(url, fleet, services, before, door, clock)
        finally:
            stopping.set()
            if sending is not None:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
            services.stop()
            door.close()


class _Generations:
    """Old and new processes of each room."""

    def __init__(self, environment: Mapping[str, str], directory: Path, old: Path, keys_file: Path) -> None:
        # An earlier state may not know these settings, and would refuse to start.
        self._environments = {
            True: {name: value for name, value in environment.items() if name not in PRETENDED},
            False: {**environment, "WARDLIGHT_DATABASE__KEYS_FILE": str(keys_file)},
        }
        self._directory = directory
        self._trees = {True: old, False: ROOT}
        self._running: dict[tuple[str, bool], ServiceProcess] = {}

    def start(self, room: str, *, old: bool) -> None:
        output = self._directory / f"{'old' if old else 'new'}-{room}.log"
        service = ServiceProcess(ROOMS[room], self._environments[old], output, tree=self._trees[old])
        service.start()
        self._running[room, old] = service

    def stop_old(self, room: str) -> None:
        self._running.pop((room, True)).stop()

    def require_alive(self) -> None:
        for service in self._running.values():
            service.require_alive()

    def stop(self) -> None:
        for service in self._running.values():
            service.stop()
        self._running.clear()

    def said(self) -> Counter[str]:
        """What any of them complained of, ever."""
        return Counter(
            found
            for output in sorted(self._directory.glob("*-*.log"))
            for found in _PASSED_OVER.findall(output.read_text(encoding="utf-8", errors="replace"))
        )


def _admit(old: Path, url: str) -> None:
    """By the earlier state itself: its own schema, its own patients."""
    subprocess.run([sys.executable, "-c", _ADMIT, url, str(BEDS)], cwd=old, check=True)


def _simulation(plan: TrialPlan) -> SimulatorSettings:
    return SimulatorSettings(
        beds=BEDS,
        rate_hz=plan.readings_per_s / BEDS,
        scenario="mix",
        onsets_within_s=3 * plan.phase_s,
        drain_s=120,
    )


async def _send(fleet: Fleet, stopping: asyncio.Event) -> None:
    await fleet.open()
    await fleet.run(stopping=stopping)


async def _side_by_side(services: "_Generations", clock: SystemClock, seconds: float) -> None:
    """Readers before writers, each beside its elder for a while; of ingest one after the other."""
    for room in READERS_FIRST:
        services.start(room, old=False)
        await clock.sleep(READY_S)
    await _phase(services, clock, seconds)
    for room in READERS_FIRST:
        services.stop_old(room)
    services.stop_old("ingest")
    services.start("ingest", old=False)


async def _phase(services: _Generations, clock: SystemClock, seconds: float) -> None:
    end_s = clock.monotonic_s() + seconds
    while clock.monotonic_s() < end_s:
        services.require_alive()
        await clock.sleep(LOOK_S)


def _raised(url: str) -> tuple[int, str]:
    """Episodes so far, and the schema."""
    database = Database(url)
    try:
        with database.snapshot() as conn:
            return accounts.episodes_since(conn, 0)[0], str(revision_of(conn))
    finally:
        database.close()


async def _settled(
    url: str,
    fleet: Fleet,
    services: _Generations,
    before: tuple[int, str],
    door: ThreadDoor,
    clock: SystemClock,
) -> Account:
    receipted = set(fleet.receipted_ids())
    boots = {BOOT, *fleet.boots}
    deadline_s = clock.monotonic_s() + SETTLE_S_MAX
    while True:
        services.require_alive()
        held, open_twice = await door.run(_held, url, boots)
        if receipted <= held or clock.monotonic_s() > deadline_s:
            break
        await clock.sleep(LOOK_S)
    after, _ = await door.run(_raised, url)
    return Account(
        schema_before=before[1],
        schema_after=head(),
        receipted=len(receipted),
        lost=len(receipted - held),
        episodes_before=before[0],
        episodes_after=after,
        open_twice=open_twice,
        said=services.said(),
    )


def _held(url: str, boots: set[str]) -> tuple[set[str], int]:
    """What is stored and assessed, and how many patients and kinds have more than one open episode."""
    database = Database(url)
    try:
        check_database(database)
        with database.snapshot() as conn:
            held: set[str] = set()
            for boot in boots:
                stored = set(accounts.reading_ids_of_boot(conn, boot))
                held |= stored & set(accounts.assessed_ids_of_boot(conn, boot))
            kinds = Counter((each.patient_id, each.kind) for each in episodes.open_episodes(conn))
            return held, sum(count > 1 for count in kinds.values())
    finally:
        database.close()
