"""Every service of docker-compose.yml, started by its own command and environment against real brokers on loopback."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from runtime.clock import SystemClock
from tests.support.kafka_server import KafkaServer
from tests.support.mosquitto_server import MosquittoServer
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
        command = [sys.executable, *SERVICES[name]["command"][1:]]
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


def environment_of(name: str, places: Mapping[str, str]) -> dict[str, str]:
    """The service's environment as compose makes it, with the containers' names turned into `places`."""
    made: dict[str, str] = {}
    for key, value in SERVICES[name]["environment"].items():
        filled = re.sub(r"\$\{ENROLL_UNASSIGNED:-false\}", "true", str(value)).replace("${WATCHDOG_PING_URL:-}", "")
        made[key] = re.sub(r"\$\{(\w+):[?-][^}]*\}", "secret", filled)
    made["WARDLIGHT_MQTT__HOST"] = "127.0.0.1"
    made["WARDLIGHT_MQTT__PORT"] = places["mqtt"]
    if "WARDLIGHT_DATABASE__URL" in made:
        made["WARDLIGHT_DATABASE__URL"] = places["database"]
        made["WARDLIGHT_LOG__BOOTSTRAP"] = places["kafka"]
        made["WARDLIGHT_LOG__TOPIC_PREFIX"] = "compose-"
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
def places(mosquitto: MosquittoServer, kafka: KafkaServer, postgres_url: str) -> dict[str, str]:
    """Where the brokers and an empty database are."""
    return {"mqtt": str(mosquitto.port), "kafka": kafka.bootstrap, "database": postgres_url}


def test_every_service_gets_healthy_carries_readings_and_stops_in_time(places: dict[str, str], tmp_path: Path) -> None:
    with started("migrate", environment_of("migrate", places), tmp_path) as migrate:
        assert migrate.child.wait(timeout=60) == 0, migrate.said()
    with ExitStack() as stack:
        processes = []
        for name in LONG_RUNNING:
            process = stack.enter_context(started(name, environment_of(name, places), tmp_path))
            await_condition(process.is_healthy, READY_S_MAX, process)
            processes.append(process)
        await_condition(lambda: is_stored(places["database"]), STORED_S_MAX, processes[0])
        for process in reversed(processes):
            process.child.send_signal(signal.SIGTERM)
            grace_s = int(SERVICES[process.name]["stop_grace_period"].removesuffix("s"))
            assert process.child.wait(timeout=grace_s) == 0, process.said()


def test_a_service_without_its_schema_says_what_to_do(places: dict[str, str], tmp_path: Path) -> None:
    with started("recorder", environment_of("recorder", places), tmp_path) as recorder:
        assert recorder.child.wait(timeout=60) != 0
        assert "Traceback" not in recorder.said()
        assert "upgrade" in recorder.said() or "migrate" in recorder.said()


def is_stored(url: str) -> bool:
    """Whether readings and their assessments have reached the database."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        stored = connection.execute("SELECT count(*) FROM readings JOIN assessments USING (reading_id)").fetchone()
    return stored is not None and stored[0] >= 50
