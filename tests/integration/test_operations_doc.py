"""docs/operations.md followed literally: its files and commands, in its order, in an empty directory, against real servers.

What stands in a block marked `<!-- run NAME -->` is run line by line in one shell per part; `<!-- start NAME -->` are
services that go on. Ports and the database's password of the page become those of this machine's private servers.
"""

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from runtime.clock import SystemClock
from storage.session import Database
from tests.support.backup_contract import every_row
from tests.support.documents import commands
from tests.support.kafka_server import KafkaServer
from tests.support.mosquitto_server import MosquittoServer
from tests.support.postgres_server import PostgresServer
from tests.support.servers import missing
from tests.support.tree import ROOT, text
from tests.support.whole_path import free_port

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

PAGE = text("docs/operations.md")
BLOCK = re.compile(r"<!-- (run|start) ([\w-]+) -->\n```sh\n(.*?)```", re.DOTALL)
FILE = re.compile(r"```(?:text|toml)\n# ([\w.-]+)\n(.*?)```", re.DOTALL)
FORBIDDEN_TO_A_DEVICE = (
    "wardlight/v1/devices/watch-2/readings",
    "wardlight/v1/devices/watch-2/status",
    "wardlight/v1/devices/watch-1/accepted",
    "wardlight/v1/heartbeat",
    "wardlight/v1/alerts/north/p1/spo2-low",
)
READY_S_MAX = 90.0
COMMAND_S_MAX = 90.0
BEHIND_S = 10
SILENCE_S = 8.0
"""Eight rounds without a heartbeat, on however busy a machine."""
COMMANDS_S = 25
"""Two rounds, one more time of listening in vain, and what the commands themselves may take."""
PASSWORD = "correct horse battery staple"


def block(kind: str, name: str) -> str:
    """The commands of one block."""
    (found,) = [body for marked, of, body in BLOCK.findall(PAGE) if (marked, of) == (kind, name)]
    return str(found)


class Operator:
    """Somebody in an empty directory, with this page and a shell."""

    def __init__(self, directory: Path, replacements: Mapping[str, str]) -> None:
        directory.mkdir()
        self.directory = directory
        self._replacements = replacements
        bin_directory = directory.parent / "bin"
        bin_directory.mkdir(exist_ok=True)
        shim = bin_directory / "wardlight"
        shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m wardlight "$@"\n', encoding="utf-8")
        shim.chmod(0o755)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("WARDLIGHT_")},
            "PATH": f"{bin_directory}:{os.environ['PATH']}:/usr/sbin",
            "PYTHONPATH": str(ROOT),
        }
        self._started: list[subprocess.Popen[bytes]] = []
        for name, body in FILE.findall(PAGE):
            (directory / name).write_text(self.here(body), encoding="utf-8")

    def here(self, written: str) -> str:
        """What the page says, with this machine's ports."""
        for old, new in self._replacements.items():
            written = written.replace(old, new)
        return written

    def run(self, name: str) -> str:
        """Run the block `name` as one shell would; exports stay. Its output."""
        script = f"set -eu\n{self.here(block('run', name))}\nenv -0 > .environment\n"
        done = subprocess.run(
            ["sh", "-c", script],
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_S_MAX,
        )
        assert done.returncode == 0, f"{name}:\n{script}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        pairs = (self.directory / ".environment").read_text(encoding="utf-8").split("\0")
        self.environment = dict(pair.split("=", 1) for pair in pairs if pair)
        return done.stdout

    def start(self, name: str, *, only: str = "") -> None:
        """Start every command of the block `name`, or the one that names `only`; each goes on."""
        for number, line in enumerate(self.here(block("start", name)).strip().splitlines()):
            if only not in line:
                continue
            with (self.directory / f"{name}-{number}.log").open("ab") as output:
                environment = {**self.environment}
                if number:
                    environment["WARDLIGHT_TELEMETRY__PORT"] = str(free_port())
                self._started.append(
                    subprocess.Popen(
                        ["sh", "-c", f"exec {line}"],
                        cwd=self.directory,
                        env=environment,
                        stdin=subprocess.DEVNULL,
                        stdout=output,
                        stderr=subprocess.STDOUT,
                    )
                )

    def stop(self) -> None:
        """SIGTERM to all, and their orderly end."""
        started, self._started = self._started, []
        for process in started:
            process.send_signal(signal.SIGTERM)
        for process in started:
            assert process.wait(timeout=30) == 0, self.said()

    def kill(self) -> None:
        """Whatever is left."""
        for process in self._started:
            process.kill()
            process.wait()

    def until(self, condition: Callable[[], bool]) -> None:
        """Look until it holds; fails where a service ends by itself or it takes too long."""
        clock = SystemClock()
        deadline_s = clock.monotonic_s() + READY_S_MAX
        while True:
            with contextlib.suppress(httpx.TransportError):
                if condition():
                    return
            assert clock.monotonic_s() < deadline_s, self.said()
            for process in self._started:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=0.1)
                    pytest.fail(f"a service ended by itself:\n{self.said()}")

    def said(self) -> str:
        """The last words of every service."""
        logs = sorted(self.directory.glob("*-[0-9].log"))
        return "\n".join(f"{log.name}: {log.read_text(encoding='utf-8', errors='replace')[-1500:]}" for log in logs)


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Operator]:
    """One box: its own Mosquitto, page and telemetry on free ports."""
    if shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin") is None:
        missing("Mosquitto")
    ports = {old: str(free_port()) for old in ("1883", "1884", "8080", "9100")}
    # Mosquitto run by root gives its rights up: it must be able to read and write here, and find its own process again.
    tmp_path.parent.parent.chmod(0o755)
    tmp_path.parent.chmod(0o755)
    tmp_path.chmod(0o755)
    operator = Operator(tmp_path / "ward", ports)
    operator.directory.chmod(0o777)
    conf = operator.directory / "mosquitto.conf"
    root_only = (
        f"user root\npid_file {operator.directory}/mosquitto.pid\n"
        if os.geteuid() == 0
        else f"pid_file {operator.directory}/mosquitto.pid\n"
    )
    conf.write_text(conf.read_text(encoding="utf-8") + root_only, encoding="utf-8")
    operator.environment["WARDLIGHT_URL"] = f"http://127.0.0.1:{ports['8080']}"
    operator.environment["MOSQUITTO_PORT"] = ports["1883"]
    operator.environment["MOSQUITTO_SERVICES_PORT"] = ports["1884"]
    try:
        yield operator
    finally:
        operator.kill()
        with contextlib.suppress(OSError, ValueError):
            os.kill(int((operator.directory / "mosquitto.pid").read_text(encoding="ascii")), signal.SIGTERM)


def one_time_password(said: str) -> str:
    """What `users add` printed."""
    (found,) = re.findall(r"boss signs in once with (\S+)", said)
    return str(found)


def sign_in(operator: Operator, password: str) -> None:
    """What the page is for: the first sign-in, an own password, and a token for monitoring in the environment."""
    url = operator.environment["WARDLIGHT_URL"]
    with httpx.Client(base_url=f"{url}/api/v1/", trust_env=False, timeout=30.0) as client:
        operator.until(lambda: client.get("/healthz".lstrip("/"), follow_redirects=False).status_code < 500)
        answer = client.post("sign-in", json={"login": "boss", "password": password}, headers={"origin": url})
        assert answer.status_code == 200, answer.text
        headers = {"origin": url, "x-wardlight-csrf": client.get("me").json()["csrf"]}
        changed = client.post("me/password", json={"old": password, "new": PASSWORD}, headers=headers)
        assert changed.status_code == 200, changed.text
        me = client.get("me").json()
        headers["x-wardlight-csrf"] = me["csrf"]
        made = client.post(
            "me/tokens", json={"name": "monitoring", "scopes": ["see_status"], "password": PASSWORD}, headers=headers
        )
        assert made.status_code < 300, made.text
        operator.environment["WARDLIGHT_TOKEN"] = made.json()["secret"]


def rows(operator: Operator) -> dict[str, int]:
    """How many rows each table of the box's history holds."""
    database = Database(f"sqlite:///{operator.directory / 'data' / 'ward.db'}")
    try:
        return {name: len(found) for name, found in every_row(database).items()}
    finally:
        database.close()


def test_one_box_is_installed_watched_backed_up_lost_restored_rebuilt_trimmed_and_upgraded(box: Operator) -> None:
    said = box.run("one-box")
    box.start("one-box")
    sign_in(box, one_time_password(said))
    beat = box.run("watch")
    assert json.loads(beat.splitlines()[0]).keys() == {"at_ms", "every_s", "version"}
    assert json.loads(beat.splitlines()[-1])["whole"] is True
    backed_up = box.run("backup")
    assert "readings" in backed_up or "people" in backed_up
    people = rows(box)["people"]
    assert "current" in box.run("keys")
    assert whole(box)
    box.stop()
    box.run("restore")
    assert rows(box)["people"] == people == 1
    box.run("rebuild")
    box.run("trim")
    box.run("upgrade")
    box.start("one-box")
    box.until(lambda: whole(box))
    box.stop()
    for file in (box.directory / "data").glob("log.db*"):
        file.unlink()
    box.run("new-log")
    box.start("one-box")
    box.until(lambda: whole(box))
    box.stop()


def test_a_device_of_one_box_speaks_for_itself_only(box: Operator) -> None:
    box.run("one-box")
    service = ("wardlight", box.environment["WARDLIGHT_MQTT__PASSWORD"])
    device = ("watch-1", box.environment["WATCH_1_PASSWORD"])
    follows = ("-i", "checker", "-c", "-x", "60", "-t", "wardlight/#")
    assert client(box, "mosquitto_sub", *follows, "-E", account=service).returncode == 0
    own = "wardlight/v1/devices/watch-1/readings"
    for topic in (*FORBIDDEN_TO_A_DEVICE, own):
        client(box, "mosquitto_pub", "-t", topic, "-m", topic, account=device)
    assert client(box, "mosquitto_pub", "-t", own, "-m", "anybody's", account=None).returncode != 0
    ends_sessions = client(box, "mosquitto_pub", "-i", "checker", "-t", FORBIDDEN_TO_A_DEVICE[0], "-n", account=device)
    assert ends_sessions.returncode == 0, "it comes in, as itself"
    allowed = (own, *FORBIDDEN_TO_A_DEVICE)
    for topic in FORBIDDEN_TO_A_DEVICE:
        client(box, "mosquitto_pub", "-t", topic, "-m", topic, account=service)
    heard = client(box, "mosquitto_sub", *follows, "-C", str(len(allowed)), "-W", "10", account=service)
    assert heard.stdout.splitlines() == list(allowed), "the device's own words, then the service's, and nothing between"


def client(
    operator: Operator, tool: str, *options: str, account: tuple[str, str] | None
) -> subprocess.CompletedProcess[str]:
    """mosquitto_pub or mosquitto_sub on the box, as this account."""
    who = [] if account is None else ["-u", account[0], "-P", account[1]]
    is_ours = account is not None and account[0] == "wardlight"
    port = operator.environment["MOSQUITTO_SERVICES_PORT" if is_ours else "MOSQUITTO_PORT"]
    return subprocess.run(
        [tool, "-h", "127.0.0.1", "-p", port, "-q", "1", "-V", "mqttv5", *who, *options],
        env=operator.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def whole(operator: Operator) -> bool:
    """Whether `wardlight status` says so by its exit code."""
    done = subprocess.run(
        ["sh", "-c", "wardlight status --json"],
        cwd=operator.directory,
        env=operator.environment,
        capture_output=True,
        check=False,
        timeout=30,
    )
    return done.returncode == 0


def test_a_hospital_comes_up_and_every_stage_moves_and_its_heartbeat_stops_with_the_scorer(
    mosquitto: MosquittoServer, kafka: KafkaServer, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    page = str(free_port())
    url = postgres_server.create_database()
    operator = Operator(
        tmp_path / "house",
        {
            "1883": str(mosquitto.port),
            "127.0.0.1:9092": kafka.bootstrap,
            "8080": page,
            "postgresql+psycopg://wardlight:PASSWORD@127.0.0.1:5432/wardlight": url,
        },
    )
    operator.environment |= {
        "WARDLIGHT_URL": f"http://127.0.0.1:{page}",
        "WARDLIGHT_LOG__TOPIC_PREFIX": f"{tmp_path.name}-",
        "WARDLIGHT_WATCHDOG__BEHIND_S_MAX": str(BEHIND_S),
        "WARDLIGHT_WATCHDOG__EVERY_S": "1",
    }
    try:
        said = operator.run("hospital")
        operator.start("hospital")
        sign_in(operator, one_time_password(said))
        operator.until(lambda: whole(operator))
        scorer = operator._started.pop(2)
        scorer.kill()
        scorer.wait()
        clock = SystemClock()
        killed_s = clock.monotonic_s()
        operator.until(lambda: is_silent(mosquitto.port))
        silent_after_s = clock.monotonic_s() - killed_s
        print(
            f"silence was certain {silent_after_s:.0f} s after the scorer's death; the bound is {BEHIND_S} s, two rounds and {SILENCE_S:.0f} s of listening"
        )
        assert silent_after_s < BEHIND_S + SILENCE_S + COMMANDS_S
        assert not whole(operator)
        last = beat(mosquitto.port)
        operator.start("hospital", only="stream")
        operator.until(lambda: whole(operator))
        assert beat(mosquitto.port)["at_ms"] > last["at_ms"]
        operator.stop()
    finally:
        operator.kill()


def beat(port: int) -> dict[str, Any]:
    """The heartbeat that stands retained."""
    listened = ["mosquitto_sub", "-p", str(port), "-t", "wardlight/v1/heartbeat", "-C", "1", "-W", "10"]
    done = subprocess.run(listened, capture_output=True, text=True, check=True, timeout=30)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def is_silent(port: int) -> bool:
    """Whether no heartbeat comes for a while: only time that passes shows that nothing beats."""
    before = beat(port)
    asyncio.run(SystemClock().sleep(SILENCE_S))
    return beat(port) == before


def test_every_command_of_the_page_is_run_or_only_named() -> None:
    blocks = "\n".join(body for _, _, body in BLOCK.findall(PAGE))
    unmarked = re.findall(r"(?<!-->\n)```sh\n", PAGE)
    assert unmarked == []
    in_blocks = [command for command in commands("docs/operations.md") if command.text in blocks]
    assert len(in_blocks) >= 25
