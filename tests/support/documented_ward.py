"""One live ward for the documents' commands: real Mosquitto, `wardlight up` as documented, a simulated fleet, a reader's shell."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from dashboard.permissions import Permission, Role
from runtime.clock import SystemClock
from tests.support.documented_meanings import Meanings
from tests.support.documents import PLACEHOLDER, settings_files
from tests.support.mosquitto_server import MosquittoServer
from tests.support.own_programs import own_programs
from tests.support.whole_path import PRETENDED, free_port
from wardlight.api_client import ApiClient

LIVE = "wardlight up --config box.toml"
FIRST_ADMINISTRATOR = "wardlight users add ada --administrator --config box.toml"
"""Documented commands that make the ward what it is, so that it stands on what the documents say."""
PASSWORD = "plain words, and enough of them"
READY_S_MAX = 60.0
ENDED_S_MAX = 40.0
COMMAND_S_MAX = 150.0
LOOK_EVERY_S = 0.05
EXITS_OF_CTRL_C = {0, 130, -signal.SIGINT}
LAST_WORDS_CHARACTERS = 2000


class Running:
    """A command that goes on until Ctrl-C."""

    def __init__(self, command: str, environment: Mapping[str, str], directory: Path) -> None:
        self._output = directory / f"output-{free_port()}.txt"
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                ["sh", "-c", command],
                cwd=directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        """Its output so far."""
        return self._output.read_text(encoding="utf-8", errors="replace")

    def await_ready(self, is_ready: Callable[[], bool], *, look_every_s: float = LOOK_EVERY_S) -> None:
        """Look until `is_ready`; fails where the command ends before or takes too long."""
        clock = SystemClock()
        until_s = clock.monotonic_s() + READY_S_MAX
        while not is_ready():
            if clock.monotonic_s() > until_s:
                pytest.fail(f"Not ready within {READY_S_MAX:.0f} s:\n{self.said[-LAST_WORDS_CHARACTERS:]}")
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = self._process.wait(timeout=look_every_s)
                pytest.fail(f"Ended by itself with {code}:\n{self.said[-LAST_WORDS_CHARACTERS:]}")

    def interrupt(self) -> None:
        """Ctrl-C, as a terminal sends it; fails where it does not end in time and in order."""
        os.killpg(self._process.pid, signal.SIGINT)
        try:
            code = self._process.wait(timeout=ENDED_S_MAX)
        except subprocess.TimeoutExpired:
            self.kill()
            pytest.fail(f"Did not end within {ENDED_S_MAX:.0f} s:\n{self.said[-LAST_WORDS_CHARACTERS:]}")
        assert code in EXITS_OF_CTRL_C, f"ended with {code}:\n{self.said[-LAST_WORDS_CHARACTERS:]}"
        assert "Traceback" not in self.said, self.said[-LAST_WORDS_CHARACTERS:]

    def kill(self) -> None:
        """Whatever is left of it."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


class Shell:
    """Where a reader types: `wardlight` on the path, the documents' settings files at hand, other ports than usual."""

    def __init__(self, directory: Path, environment: Mapping[str, str], *, mqtt_port: int, page_port: int) -> None:
        directory.mkdir(parents=True)
        self.directory = directory
        self.environment = {
            **os.environ,
            "PATH": f"{own_programs(directory)}:{os.environ['PATH']}",
            "HOME": str(directory),
            "XDG_CONFIG_HOME": str(directory / ".config"),
            "PYTHONUNBUFFERED": "1",
            **environment,
        }
        _write_client_settings(directory, mqtt_port=mqtt_port, page_port=page_port)
        for name, content in settings_files().items():
            (directory / name).write_text(content, encoding="utf-8")

    def run(self, command: str) -> "subprocess.CompletedProcess[str]":
        """One command, to its end."""
        return subprocess.run(
            ["sh", "-c", command],
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_S_MAX,
            check=False,
        )

    @contextlib.contextmanager
    def running(self, command: str, **environment: str) -> Iterator[Running]:
        """One command that goes on, killed at the end where it is still there."""
        started = Running(command, {**self.environment, **environment}, self.directory)
        try:
            yield started
        finally:
            started.kill()


class DocumentedWard(Shell):
    """The shell beside a live ward, and what the documents' placeholders stand for there."""

    def __init__(self, directory: Path, broker: MosquittoServer) -> None:
        self.broker = broker
        self.page_port = free_port()
        self.url = f"http://127.0.0.1:{self.page_port}"
        super().__init__(
            directory,
            {
                "WARDLIGHT_MQTT__PORT": str(broker.port),
                "WARDLIGHT_URL": self.url,
            },
            mqtt_port=broker.port,
            page_port=self.page_port,
        )
        self._meanings = Meanings(self)
        self._published = 0
        self.api = ApiClient(self.url)
        """For what a command needs to be there first: quicker than a process for each. Knows nobody before `sign_in`."""

    def sign_in(self) -> None:
        """Be somebody with every role on every ward, and let commands show a token that may all of it."""
        made = self._told(f"{FIRST_ADMINISTRATOR} --json")
        self.environment |= {"WARDLIGHT_PASSWORD": made["one_time_password"], "WARDLIGHT_NEW_PASSWORD": PASSWORD}
        self.environment["WARDLIGHT_TOKEN"] = self._new_token("manage_people")
        for role in (Role.PHYSICIAN, Role.WARD_MANAGER, Role.AUDITOR):
            self._told(f"wardlight users grant ada {role.value} --every-ward --json")
        self.environment["WARDLIGHT_PASSWORD"] = self.environment.pop("WARDLIGHT_NEW_PASSWORD")
        self.environment["WARDLIGHT_TOKEN"] = self._new_token(*Permission)
        self.api.close()
        self.api = ApiClient(self.url, token=self.environment["WARDLIGHT_TOKEN"])

    def _new_token(self, *permissions: str) -> str:
        scopes = " ".join(f"--scope {permission}" for permission in permissions)
        return str(self._told(f"wardlight users token own ada documents {scopes} --json")["secret"])

    def _told(self, command: str) -> Any:
        done = self.run(command)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return json.loads(done.stdout)

    def ask(self, *words: str) -> Any:
        """The JSON that a command prints."""
        return self._told(" ".join(["wardlight", *words, "--json"]))

    def filled(self, command: str) -> str:
        """The command with something of this ward for every placeholder."""
        return PLACEHOLDER.sub(lambda found: self._meanings.of(found[0], command), command)

    def moves(self) -> bool:
        """Whether it says itself that every stage does, the heartbeat as well, which is first made some seconds after a start."""
        return self.run("wardlight status").returncode == 0

    def publish_low_saturation(self) -> str:
        """A new patient's saturation of 55 %, which raises an alert at once; the device's name."""
        self._published += 1
        device = f"low-{self._published}"
        now_ms = SystemClock().now_ms()
        body = json.dumps({"measured_at": now_ms, "signs": {"spo2_percent": 55}})
        done = self.run(f"mosquitto_pub -q 1 -t wardlight/v1/devices/{device}/readings -m '{body}'")
        assert done.returncode == 0, done.stderr
        return device

    def await_value(self, look: Callable[[], Any]) -> Any:
        """What `look` finds, once it finds something."""
        clock = SystemClock()
        until_s = clock.monotonic_s() + READY_S_MAX
        while not (found := look()):
            assert clock.monotonic_s() < until_s, "what was awaited never came"
            with contextlib.suppress(subprocess.TimeoutExpired):
                subprocess.run(["sleep", "10"], timeout=LOOK_EVERY_S * 4, check=False)
        return found

    def devices_named(self, prefix: str) -> list[dict[str, Any]]:
        """Devices that are worn and whose names begin so."""
        rows: list[dict[str, Any]] = self.api.get("devices")
        return [row for row in rows if row["device_id"].startswith(prefix) and row["patient_id"]]


@contextlib.contextmanager
def documented_ward(directory: Path, broker: MosquittoServer) -> Iterator[DocumentedWard]:
    """`wardlight up --config box.toml`, ready, with two simulated wearables; ended by Ctrl-C, which must go well."""
    ward = DocumentedWard(directory, broker)
    health = free_port()
    up = ward.running(
        LIVE,
        WARDLIGHT_DASHBOARD__PORT=str(ward.page_port),
        WARDLIGHT_TELEMETRY__PORT=str(health),
        WARDLIGHT_INGEST__ENROLL_UNASSIGNED="true",
        **PRETENDED,
    )
    with up as services:
        services.await_ready(lambda: is_ready(health))
        ward.sign_in()
        with ward.running("wardlight simulate --beds 2") as fleet:
            fleet.await_ready(lambda: bool(ward.devices_named("sim-")) and ward.moves())
            try:
                yield ward
            finally:
                ward.api.close()
            fleet.interrupt()
        services.interrupt()


def is_ready(port: int) -> bool:
    """Whether the process that serves its health there says that it can work."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def _write_client_settings(directory: Path, *, mqtt_port: int, page_port: int) -> None:
    """Let the usual ports lead to this ward's, by the clients' own settings files; curl fails where the answer is a refusal."""
    folder = directory / ".config"
    folder.mkdir()
    for client in ("mosquitto_pub", "mosquitto_sub"):
        (folder / client).write_text(f"-p {mqtt_port}\n", encoding="utf-8")
    curl = f'connect-to = "127.0.0.1:8080:127.0.0.1:{page_port}"\nfail-with-body\nsilent\nshow-error\nmax-time = 20\n'
    (directory / ".curlrc").write_text(curl, encoding="utf-8")


def require_clients() -> None:
    """Skip, loudly, where the clients that the documents name are not installed."""
    from tests.support.servers import missing

    for program in ("mosquitto_pub", "mosquitto_sub", "curl"):
        if shutil.which(program) is None:
            missing(program)
