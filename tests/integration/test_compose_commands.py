"""Every service of docker-compose.yml, by its own command, environment and accounts, against brokers that let nobody else in."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from runtime.clock import SystemClock
from tests.support.mosquitto_server import MosquittoServer
from tests.support.secured_kafka import SecuredKafka
from tests.support.secured_postgres import SecuredPostgres
from tests.support.tree import ROOT, text

pytestmark = pytest.mark.integration

SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(text("docker-compose.yml"))["services"]
LONG_RUNNING = ("recorder", "ingest", "stream", "trainer", "alerts", "dashboard", "simulators")
READY_S_MAX = 90.0
STORED_S_MAX = 60.0


class Process:
    """One service, its output in a file."""

    def __init__(self, name: str, environment: Mapping[str, str], directory: Path) -> None:
        self.name = name
        self.port = free_port()
        self.output = directory / f"{name}.log"
        program, *arguments = SERVICES[name]["command"]
        command = [sys.executable, *(["-m", "wardlight"] if program == "wardlight" else []), *arguments]
        with self.output.open("wb") as output:
            self.child = subprocess.Popen(
                command,
                cwd=directory,
                env={
                    "PATH": os.environ["PATH"],
                    "PYTHONPATH": str(ROOT),
                    **environment,
                    "WARDLIGHT_TELEMETRY__HOST": "127.0.0.1",
                    "WARDLIGHT_TELEMETRY__PORT": str(self.port),
                },
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def is_healthy(self) -> bool:
        """What the container's health check asks."""
        path = "/healthz" if "/healthz" in str(SERVICES[self.name]["healthcheck"]) else "/readyz"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def said(self) -> str:
        """Its output so far."""
        return self.output.read_text(encoding="utf-8", errors="replace")[-4000:]


@contextmanager
def started(name: str, environment: Mapping[str, str], directory: Path) -> Iterator[Process]:
    """The service, killed at the end if it is still there."""
    process = Process(name, environment, directory)
    try:
        yield process
    finally:
        if process.child.poll() is None:
            process.child.kill()
            process.child.wait()


def free_port() -> int:
    """A loopback port nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where the brokers and an empty database are, and what they let in."""

    mqtt: MosquittoServer
    kafka: SecuredKafka
    postgres: SecuredPostgres
    database: str
    """As its owner reaches it."""
    keys_file: Path


def environment_of(name: str, places: Places) -> dict[str, str]:
    """The service's environment as compose makes it, with the containers' names turned into `places`."""
    made: dict[str, str] = {}
    for key, value in SERVICES[name]["environment"].items():
        filled = (
            str(value).replace("${ENROLL_UNASSIGNED:-false}", "true").replace("${ORIGINS_ALLOWED:-real}", "real,demo")
        )
        filled = filled.replace("${WATCHDOG_PING_URL:-}", "")
        made[key] = re.sub(r"\$\{(\w+):[?-][^}]*\}", "secret", filled)
        if key.startswith("WARDLIGHT_ROLES__"):
            made[key] = places.postgres.passwords[key.removeprefix("WARDLIGHT_ROLES__").lower()].get_secret_value()
    made["WARDLIGHT_MQTT__HOST"] = "127.0.0.1"
    made["WARDLIGHT_MQTT__PORT"] = str(places.mqtt.port)
    url = made.get("WARDLIGHT_DATABASE__URL")
    if url is not None:
        service = re.search(r"//wardlight_(\w+):", url)
        made["WARDLIGHT_DATABASE__URL"] = (
            places.database if service is None else places.postgres.url(places.database, service[1])
        )
    if "WARDLIGHT_DATABASE__KEYS_FILE" in made:
        made["WARDLIGHT_DATABASE__KEYS_FILE"] = str(places.keys_file)
    principal = made.get("WARDLIGHT_LOG__USERNAME")
    if principal is not None:
        made["WARDLIGHT_LOG__PASSWORD"] = places.kafka.passwords[principal]
        made["WARDLIGHT_LOG__BOOTSTRAP"] = places.kafka.bootstrap
        made["WARDLIGHT_LOG__CA_FILE"] = str(places.kafka.ca_file)
    if name == "dashboard":
        made["WARDLIGHT_DASHBOARD__PORT"] = "0"
        made["WARDLIGHT_DASHBOARD__HOST"] = "127.0.0.1"
    return made


def await_condition(condition: Callable[[], bool], within_s: float, process: Process) -> None:
    """Look until `condition` holds; fails with the process's output where it ends or takes too long."""
    clock = SystemClock()
    while not condition():
        if clock.monotonic_s() > within_s:
            pytest.fail(f"{process.name} took too long: {process.said()}")
        try:
            process.child.wait(timeout=0.1)
        except subprocess.TimeoutExpired:
            continue
        pytest.fail(f"{process.name} ended by itself: {process.said()}")


@pytest.fixture
def places(
    mosquitto: MosquittoServer, secured_kafka: SecuredKafka, secured_postgres: SecuredPostgres, tmp_path: Path
) -> Places:
    """Where the brokers and an empty database are."""
    return Places(
        mqtt=mosquitto,
        kafka=secured_kafka,
        postgres=secured_postgres,
        database=secured_postgres.empty_database(),
        keys_file=tmp_path / "house-keys" / "ward.keys",
    )


def test_every_service_gets_healthy_carries_readings_and_stops_in_time(places: Places, tmp_path: Path) -> None:
    for name in ("migrate", "topics"):
        with started(name, environment_of(name, places), tmp_path) as once:
            assert once.child.wait(timeout=READY_S_MAX) == 0, once.said()
    assert places.keys_file.stat().st_mode & 0o777 == 0o600
    with ExitStack() as stack:
        processes = []
        for name in LONG_RUNNING:
            process = stack.enter_context(started(name, environment_of(name, places), tmp_path))
            await_condition(process.is_healthy, READY_S_MAX, process)
            processes.append(process)
        await_condition(lambda: is_stored(places.database), STORED_S_MAX, processes[0])
        for process in reversed(processes):
            process.child.send_signal(signal.SIGTERM)
            grace_s = int(SERVICES[process.name]["stop_grace_period"].removesuffix("s"))
            assert process.child.wait(timeout=grace_s) == 0, process.said()
            assert "access_denied" not in process.output.read_text(encoding="utf-8", errors="replace"), process.name


def test_a_service_without_its_schema_says_what_to_do(places: Places, tmp_path: Path) -> None:
    with started("recorder", environment_of("recorder", places), tmp_path) as recorder:
        assert recorder.child.wait(timeout=60) != 0
        assert "Traceback" not in recorder.said()
        assert "upgrade" in recorder.said() or "migrate" in recorder.said()


def is_stored(url: str) -> bool:
    """Whether readings and their assessments have reached the database."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        stored = connection.execute("SELECT count(*) FROM readings JOIN assessments USING (reading_id)").fetchone()
    return stored is not None and stored[0] >= 50
