"""docs/operations.md followed literally: its files and commands, in its order, in an empty directory, against real servers."""

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from dashboard.permissions import Permission
from runtime.clock import SystemClock
from storage.session import Database
from tests.support.backup_contract import every_row
from tests.support.documents import commands
from tests.support.kafka_server import KafkaServer
from tests.support.mosquitto_server import MosquittoServer
from tests.support.operator import BLOCK, PAGE, Operator
from tests.support.postgres_server import PostgresServer
from tests.support.servers import missing
from tests.support.whole_path import free_port

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

FORBIDDEN_TO_A_DEVICE = (
    "wardlight/v1/devices/watch-2/readings",
    "wardlight/v1/devices/watch-2/status",
    "wardlight/v1/devices/watch-1/accepted",
    "wardlight/v1/heartbeat",
    "wardlight/v1/alerts/north/p1/spo2-low",
)
BEHIND_S = 10
SILENCE_S = 8.0
"""Eight rounds without a heartbeat, on however busy a machine."""
COMMANDS_S = 25
"""Two rounds, one more time of listening in vain, and what the commands themselves may take."""
PASSWORD = "correct horse battery staple"


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


def sign_in(operator: Operator, said: str) -> None:
    """The first sign-in with what `users add` printed, an own password, and a token for monitoring in the environment."""
    url = operator.environment["WARDLIGHT_URL"]
    operator.until(lambda: httpx.get(f"{url}/healthz", trust_env=False).status_code == 200)
    operator.environment |= {"WARDLIGHT_PASSWORD": one_time_password(said), "WARDLIGHT_NEW_PASSWORD": PASSWORD}
    told = operator.run("token", LOGIN="boss")
    operator.environment |= {"WARDLIGHT_PASSWORD": PASSWORD, "WARDLIGHT_TOKEN": token(told)}
    del operator.environment["WARDLIGHT_NEW_PASSWORD"]


def token(told: str) -> str:
    """The one that a command printed."""
    (found,) = re.findall(r"wl_\S+", told)
    return str(found)


def be_ward_manager(operator: Operator) -> None:
    """The administrator of this box gives themselves the role, and goes on with a token that may what the role may."""
    operator.environment["WARDLIGHT_TOKEN"] = token(
        operator.shell("wardlight users token own boss roles --scope manage_people")
    )
    operator.shell("wardlight users grant boss ward_manager --every-ward")
    scopes = " ".join(f"--scope {permission}" for permission in Permission)
    operator.environment["WARDLIGHT_TOKEN"] = token(operator.shell(f"wardlight users token own boss ward {scopes}"))


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
    sign_in(box, said)
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


def test_a_device_speaks_before_it_is_known_and_nothing_it_said_is_lost(box: Operator) -> None:
    said = box.run("one-box")
    box.start("one-box")
    sign_in(box, said)
    be_ward_manager(box)
    measured_at_ms = SystemClock().now_ms()
    body = json.dumps({"measured_at": measured_at_ms, "signs": {"spo2_percent": 97}})
    device = ("watch-1", box.environment["WATCH_1_PASSWORD"])
    own = "wardlight/v1/devices/watch-1/readings"
    assert client(box, "mosquitto_pub", "-t", own, "-m", body, account=device).returncode == 0
    box.until(lambda: "watch-1" in box.shell("wardlight rejected list --reason unassigned"))

    patient_id = box.run("device", only="patients admit").split()[0]
    box.run("device", only="devices add", DEVICE="watch-1")
    box.run("device", only="devices assign", DEVICE="watch-1", PATIENT=patient_id)
    history = f"wardlight history {patient_id} --format json"

    def is_heard() -> bool:
        # An assignment counts from ingest's next look on: until then, as the page says, the reading waits again.
        box.run("device", only="rejected replay")
        return bool(json.loads(box.shell(history)))

    box.until(is_heard)
    (row,) = json.loads(box.shell(history))
    assert row["signs"] == {"spo2_percent": 97}
    box.stop()


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
        sign_in(operator, said)
        operator.until(lambda: whole(operator))
        scorer = operator.started.pop(2)
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
