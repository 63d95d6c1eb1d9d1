"""Everything that one campaign runs on: three Kafka brokers, Mosquitto, PostgreSQL and the services, joined by a network that can fail."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import psycopg

from runtime.blocking import Door, ThreadDoor
from runtime.clock import Clock
from runtime.settings import LogSettings, MqttSettings
from storage.migrate import upgrade
from storage.session import Database
from tests.chaos.brokers import KafkaCluster, start_brokers
from tests.chaos.proxy import Network
from tests.chaos.services import Service, Supervisor
from tests.support.mosquitto_server import MosquittoServer
from tests.support.postgres_server import PostgresServer, start_postgres
from tests.support.servers import missing
from tests.support.whole_path import PRETENDED

PREFIX = "chaos-"
PARTITIONS = 3
PASSWORD = "before"
ROLE = "services"
DEVICES = "devices"
"""The party that is this process: simulated devices, and whoever watches."""
ROOMS: Mapping[str, tuple[str, ...]] = {
    "ingest": ("ingest",),
    "stream": ("stream",),
    "recorder": ("storage",),
    "alerts": ("alerts",),
    "dashboard": ("dashboard",),
    "trainer": ("stream", "trainer"),
}
FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
"""What lets a service see another time; Debian's package faketime."""
DISK_BYTES = 700 * 1024 * 1024
_READY_S_MAX = 120.0


class Cluster:
    """Servers and services that run; what faults act upon."""

    def __init__(
        self,
        *,
        directory: Path,
        clock: Clock,
        door: Door,
        network: Network,
        kafka: KafkaCluster,
        mosquitto: MosquittoServer,
        postgres: PostgresServer,
        database_name: str,
    ) -> None:
        self.directory = directory
        self.clock = clock
        self.door = door
        self.network = network
        self.kafka = kafka
        self.mosquitto = mosquitto
        self.postgres = postgres
        self.database_url = postgres.url(database_name)
        """Past the network, with all rights."""
        self.services: dict[str, Service] = {}
        self.ports: dict[str, int] = {}
        self.supervisor = Supervisor(self.services, self.ports, clock=clock, door=door)
        self.environment: dict[str, str] = {}
        self.database = Database(self.database_url, connections_max=8)
        self.mqtt_port = 0
        """Mosquitto's, through the network."""

    def device_mqtt(self) -> MqttSettings:
        """How devices reach the broker: through the network."""
        return self.mosquitto.settings().model_copy(update={"port": self.mqtt_port})

    def log_settings(self) -> LogSettings:
        """How whoever watches reaches the log: past the network."""
        return LogSettings(
            kind="kafka",
            bootstrap=self.kafka.direct,
            topic_prefix=PREFIX,
            partitions=PARTITIONS,
            replication=self.replication,
        )

    @property
    def replication(self) -> int:
        """Copies of each record."""
        return len(self.kafka.nodes)

    def add_service(self, name: str, room: str, **more: str) -> Service:
        """A service that is not yet started."""
        self.ports[name] = _free_port()
        environment = {
            **self.environment,
            "WARDLIGHT_TELEMETRY__PORT": str(self.ports[name]),
            "WARDLIGHT_LOG__INSTANCE_ID": name,
            **self._faked_clock(name),
            **more,
        }
        self.services[name] = Service(name, ROOMS[room], environment, self.directory)
        return self.services[name]

    def remove_service(self, name: str) -> None:
        """Forget one that was stopped."""
        del self.services[name], self.ports[name]

    def clock_file(self, name: str) -> Path:
        """Where this service's clock is set."""
        return self.directory / f"{name}.clock"

    def _faked_clock(self, name: str) -> dict[str, str]:
        if FAKETIME is None:
            return {}
        self.clock_file(name).write_text("+0s", encoding="ascii")
        return {
            "LD_PRELOAD": str(FAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(self.clock_file(name)),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    @property
    def disk(self) -> Path | None:
        """The disk of its own that the database lies on, where there is one."""
        place = self.directory / "disk"
        return place if place.is_mount() else None

    def postgres_pids(self) -> list[int]:
        """The postmaster and its children."""
        first = self.postgres.pid
        try:
            children = Path(f"/proc/{first}/task/{first}/children").read_text(encoding="ascii")
        except OSError:
            return []
        return [first, *map(int, children.split())]

    def postgres_runs(self) -> bool:
        """Whether its first process lives."""
        return self.postgres._process.poll() is None

    def signal_postgres(self, number: signal.Signals) -> None:
        """To the whole database server."""
        for pid in self.postgres_pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def set_sql_password(self, password: str) -> None:
        """From now on the services' role has this one."""
        with self._connection() as connection:
            connection.execute(f"ALTER ROLE {ROLE} PASSWORD '{password}'".encode())

    def end_sessions(self) -> None:
        """Every session of the services in the database."""
        with self._connection() as connection:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [ROLE])

    def _connection(self) -> "psycopg.Connection[tuple[object, ...]]":
        """As the owner, past the network."""
        return psycopg.connect(self.database_url.replace("+psycopg", ""), autocommit=True)

    async def ready(self) -> None:
        """Returns once every service says that it is ready."""
        deadline_s = self.clock.monotonic_s() + _READY_S_MAX
        while unready := await self.supervisor.unready():
            if self.clock.monotonic_s() > deadline_s:
                words = "\n".join(f"--- {name}\n{self.services[name].last_words()}" for name in unready)
                raise RuntimeError(f"Not ready: {', '.join(unready)}\n{words}")
            await self.clock.sleep(0.5)

    def pids(self) -> dict[str, int]:
        """The process of each party that connects to others."""
        found = {name: service.pid for name, service in self.services.items()}
        running = {name: pid for name, pid in found.items() if pid is not None}
        for name, node in self.kafka.nodes.items():
            with contextlib.suppress(RuntimeError):
                running[name] = node.pid
        return {**running, DEVICES: os.getpid()}


@contextlib.asynccontextmanager
async def running_cluster(clock: Clock, *, brokers: int = 3) -> AsyncIterator[Cluster]:
    """A whole cluster, every service ready; ended and removed at the end, by its own ids."""
    async with contextlib.AsyncExitStack() as stack:
        directory = stack.enter_context(_open_directory())
        door = ThreadDoor(name="chaos", threads_max=12)
        stack.callback(door.close)
        running: list[Cluster] = []
        starting: dict[str, int] = {}
        network = Network(lambda: running[0].pids() if running else starting)
        stack.push_async_callback(network.close)
        kafka = await start_brokers(network, directory, door, count=brokers)
        stack.callback(kafka.stop)
        mosquitto = _mosquitto(directory)
        await door.run(mosquitto.start)
        stack.callback(mosquitto.stop)
        disk = stack.enter_context(_small_disk(directory / "disk"))
        postgres = await door.run(start_postgres, disk)
        if postgres is None:
            missing("PostgreSQL")
        stack.callback(postgres.stop)
        await door.run(_require_passwords, postgres, disk)
        url = await door.run(postgres.create_database)
        await door.run(upgrade, url)
        cluster = Cluster(
            directory=directory,
            clock=clock,
            door=door,
            network=network,
            kafka=kafka,
            mosquitto=mosquitto,
            postgres=postgres,
            database_name=url.rsplit("/", 1)[1],
        )
        running.append(cluster)
        stack.callback(cluster.database.close)
        await _start_services(cluster)
        stack.push_async_callback(_stop_services, cluster)
        supervising = asyncio.create_task(cluster.supervisor.run(), name="supervisor")
        stack.callback(supervising.cancel)
        await cluster.ready()
        yield cluster


@contextlib.contextmanager
def _open_directory() -> Iterator[Path]:
    """Removed at the end; the database's own account may look into it."""
    with tempfile.TemporaryDirectory(prefix="wardlight-chaos-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        yield directory


async def _start_services(cluster: Cluster) -> None:
    cluster.mqtt_port = await cluster.network.door("mqtt", cluster.mosquitto.port)
    sql_port = await cluster.network.door("sql", cluster.postgres.port)
    name = cluster.database_url.rsplit("/", 1)[1]
    cluster.environment = {
        "WARDLIGHT_MQTT__HOST": "127.0.0.1",
        "WARDLIGHT_MQTT__PORT": str(cluster.mqtt_port),
        "WARDLIGHT_MQTT__USERNAME": ROLE,
        "WARDLIGHT_MQTT__PASSWORD": PASSWORD,
        "WARDLIGHT_LOG__KIND": "kafka",
        "WARDLIGHT_LOG__BOOTSTRAP": cluster.kafka.bootstrap,
        "WARDLIGHT_LOG__TOPIC_PREFIX": PREFIX,
        "WARDLIGHT_LOG__PARTITIONS": str(PARTITIONS),
        "WARDLIGHT_LOG__REPLICATION": str(cluster.replication),
        "WARDLIGHT_DATABASE__URL": f"postgresql+psycopg://{ROLE}:{PASSWORD}@127.0.0.1:{sql_port}/{name}",
        "WARDLIGHT_DASHBOARD__PORT": "0",
        "WARDLIGHT_DASHBOARD__SIGN_IN": "guest",
        **PRETENDED,
    }
    for room in ROOMS:
        cluster.add_service(room, room).start()


async def _stop_services(cluster: Cluster) -> None:
    cluster.network.heal()
    cluster.supervisor.rest()
    for service in cluster.services.values():
        service.is_wanted = False
    await asyncio.gather(*(cluster.door.run(service.stop) for service in cluster.services.values()))


def write_accounts(directory: Path, accounts: Mapping[str, str]) -> None:
    """Mosquitto's accounts, name and password; read on its start and on SIGHUP."""
    file = directory / "accounts"
    file.write_text("".join(f"{name}:{password}\n" for name, password in accounts.items()), encoding="ascii")
    file.chmod(0o600)
    subprocess.run(["mosquitto_passwd", "-U", str(file)], check=True, capture_output=True)


def _mosquitto(directory: Path) -> MosquittoServer:
    write_accounts(directory, {ROLE: PASSWORD})
    return MosquittoServer(directory, {"password_file": str(directory / "accounts")})


def _require_passwords(postgres: PostgresServer, disk: Path) -> None:
    """Services sign in by a password; who watches is trusted."""
    rules = disk / "data" / "pg_hba.conf"
    rules.write_text(
        f"host all {ROLE} 127.0.0.1/32 scram-sha-256\n{rules.read_text(encoding='utf-8')}", encoding="utf-8"
    )
    with psycopg.connect(postgres.url("postgres").replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {ROLE} SUPERUSER LOGIN PASSWORD '{PASSWORD}'".encode())
        connection.execute(b"SELECT pg_reload_conf()")


@contextlib.contextmanager
def _small_disk(place: Path) -> Iterator[Path]:
    """A disk of its own for the database, so that it can be filled; a plain folder where only root may mount."""
    place.mkdir()
    mounted = os.geteuid() == 0 and shutil.which("mount") is not None
    if mounted:
        words = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=755", "wardlight-chaos", str(place)]
        mounted = subprocess.run(words, check=False, capture_output=True).returncode == 0
    try:
        yield place
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(place)], check=False, capture_output=True)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port
