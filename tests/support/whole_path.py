"""The whole path on real servers: services as processes around Mosquitto, Kafka and PostgreSQL (or one box), and a fleet that counts."""

import asyncio
import contextlib
import random
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from runtime.clock import SystemClock
from runtime.keys_file import KeysInMemory
from runtime.settings import MqttSettings
from simulators.fleet import Fleet
from simulators.service import connect_by
from simulators.settings import SimulatorSettings
from storage import accounts, devices, episodes, patients
from storage.devices import Device
from storage.episodes import Episode
from storage.migrate import upgrade
from storage.patients import Patient
from storage.session import Database
from tests.support.processes import ServiceProcess, running_services
from vitals.reading import Origin, PatientId, WardId

WARD = WardId("ward-a")
BOOT = "boot"
LOOK_EVERY_S = 0.25
PRETENDED: Mapping[str, str] = {"WARDLIGHT_INGEST__ORIGINS_ALLOWED": ",".join(Origin)}
"""Lets the readings of simulated and replayed devices in, which a ward with patients refuses."""

ROOMS: Mapping[str, tuple[str, ...]] = {
    "ingest": ("ingest",),
    "stream": ("stream",),
    "alerts": ("alerts",),
    "recorder": ("storage",),
}


@dataclass(frozen=True, kw_only=True)
class Result:
    """Sets to compare, and the episodes."""

    published: set[str]
    receipted: set[str]
    stored: set[str]
    assessed: set[str]
    episodes: tuple[Episode, ...]
    redelivered: int
    kills: dict[str, int] = field(default_factory=dict)
    resident_bytes_max: dict[str, int] = field(default_factory=dict)


def free_port() -> int:
    """A loopback port that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def one_box_environment(mqtt: MqttSettings, directory: Path) -> dict[str, str]:
    """Settings of one process on the local log and SQLite, with a broker outside."""
    return {
        "WARDLIGHT_MQTT__HOST": mqtt.host,
        "WARDLIGHT_MQTT__PORT": str(mqtt.port),
        "WARDLIGHT_LOG__DIRECTORY": str(directory),
        "WARDLIGHT_DATABASE__URL": f"sqlite:///{directory / 'ward.db'}",
        "WARDLIGHT_DASHBOARD__PORT": "0",
        "WARDLIGHT_DASHBOARD__SIGN_IN": "guest",
        **PRETENDED,
    }


def hospital_environment(mqtt: MqttSettings, *, bootstrap: str, database_url: str, prefix: str) -> dict[str, str]:
    """Settings of separate services on Kafka and PostgreSQL."""
    return {
        "WARDLIGHT_MQTT__HOST": mqtt.host,
        "WARDLIGHT_MQTT__PORT": str(mqtt.port),
        "WARDLIGHT_LOG__KIND": "kafka",
        "WARDLIGHT_LOG__BOOTSTRAP": bootstrap,
        "WARDLIGHT_LOG__TOPIC_PREFIX": prefix,
        "WARDLIGHT_DATABASE__URL": database_url,
        **PRETENDED,
    }


def admit(database_url: str, fleet: Fleet) -> None:
    """One patient per device, with ids that are the same in every run, so that episode ids can be compared."""
    upgrade(database_url)
    database = Database(database_url, keys=KeysInMemory())
    try:
        with database.transaction() as conn:
            for number, device in enumerate(fleet.links.devices, start=1):
                patient = Patient(
                    patient_id=PatientId(f"patient-{number:03}"),
                    ward_id=WARD,
                    bed=str(number),
                    name=f"Patient {number}",
                    spo2_scale=1,
                    admitted_at_ms=0,
                )
                patients.add(conn, patient)
                devices.add(conn, Device(device_id=device.device_id, ward_id=WARD, added_at_ms=0))
                devices.assign(conn, device.device_id, patient.patient_id, 0)
    finally:
        database.close()


def build_fleet(mqtt: MqttSettings, settings: SimulatorSettings) -> Fleet:
    """A fleet whose readings, apart from the moment of their start, are the same in every run."""
    clock = SystemClock()
    return Fleet(settings, connect=connect_by(mqtt, clock=clock), clock=clock, boot=BOOT)


async def run_path(
    fleet: Fleet,
    services: Mapping[str, ServiceProcess],
    database_url: str,
    *,
    readings_per_device: int,
    meanwhile: Callable[[], Awaitable[None]] | None = None,
    settle_s_max: float = 240.0,
) -> Result:
    """Let the fleet measure while `meanwhile` does its worst; wait until everything receipted is stored and assessed."""
    clock = SystemClock()
    database = Database(database_url)
    watch = _MemoryWatch(services, clock)
    watching = asyncio.create_task(watch.run(), name="memory-watch")
    try:
        await fleet.open()
        async with asyncio.TaskGroup() as together:
            measuring = together.create_task(
                fleet.run(stopping=asyncio.Event(), readings_per_device=readings_per_device), name="fleet"
            )
            if meanwhile is not None:
                await meanwhile()
        report = measuring.result()
        receipted = set(fleet.receipted_ids())
        deadline_s = clock.monotonic_s() + settle_s_max
        while clock.monotonic_s() < deadline_s and not _holds(database, receipted):
            for service in services.values():
                service.require_alive()
            await clock.sleep(LOOK_EVERY_S)
        with database.snapshot() as conn:
            return Result(
                published=set(fleet.published_ids()),
                receipted=receipted,
                stored=set(accounts.reading_ids_of_boot(conn, BOOT)),
                assessed=set(accounts.assessed_ids_of_boot(conn, BOOT)),
                episodes=episodes.list_episodes(conn, limit=1000),
                redelivered=report.devices.redelivered,
                kills={name: service.kills for name, service in services.items()},
                resident_bytes_max=dict(watch.resident_bytes_max),
            )
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        database.close()


async def kill_at_random(
    services: Mapping[str, ServiceProcess], *, seed: int, kills: int, within_s: float, back_after_s: float = 0.5
) -> None:
    """SIGKILL the services in turn at random moments spread over `within_s`; each is started again a moment later."""
    print(f"kill plan: seed {seed}, {kills} kills of {sorted(services)} within {within_s:g} s")
    clock, chance = SystemClock(), random.Random(seed)
    names = sorted(services)
    moments = sorted(chance.uniform(0, within_s) for _ in range(kills))
    started_s = clock.monotonic_s()
    for number, moment_s in enumerate(moments):
        await clock.sleep(max(0.0, started_s + moment_s - clock.monotonic_s()))
        victim = services[names[number % len(names)]]
        victim.kill()
        await clock.sleep(back_after_s)
        victim.start()


@contextlib.contextmanager
def hospital(environment: Mapping[str, str], directory: Path) -> Iterator[dict[str, ServiceProcess]]:
    """One process of each service."""
    with running_services(ROOMS, environment, directory) as services:
        yield services


class _MemoryWatch:
    """The most resident memory that each service was seen with."""

    def __init__(self, services: Mapping[str, ServiceProcess], clock: SystemClock) -> None:
        self._services = services
        self._clock = clock
        self.resident_bytes_max: dict[str, int] = {}

    async def run(self) -> None:
        while True:
            for name, service in self._services.items():
                with contextlib.suppress(OSError, AssertionError):
                    seen = service.resident_bytes()
                    self.resident_bytes_max[name] = max(seen, self.resident_bytes_max.get(name, 0))
            await self._clock.sleep(1)


def _holds(database: Database, ids: set[str]) -> bool:
    with database.snapshot() as conn:
        return ids <= set(accounts.assessed_ids_of_boot(conn, BOOT))
