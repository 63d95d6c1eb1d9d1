"""The broker's configuration as deployed, run for real: who may do what, and what survives a restart."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.servers import missing
from tests.support.tree import ROOT

PATH = f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin"
ACCOUNTS = {
    "MQTT_SERVICES_PASSWORD": "services-secret",
    "MQTT_SIMULATORS_PASSWORD": "simulators-secret",
    "MQTT_SUBSCRIBER_PASSWORD": "subscriber-secret",
}
READINGS = "wardlight/v1/devices/w1/readings"

pytestmark = pytest.mark.integration


class Broker:
    """Mosquitto started by deploy/start-mosquitto, its container's paths moved into `directory`."""

    def __init__(self, directory: Path, accounts: Mapping[str, str] = ACCOUNTS) -> None:
        self._accounts = accounts
        if shutil.which("mosquitto", path=PATH) is None or shutil.which("mosquitto_pub", path=PATH) is None:
            missing("Mosquitto (Debian packages mosquitto and mosquitto-clients)")
        self._directory = directory
        for name in ("config", "data"):
            (directory / name).mkdir()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        for name in ("mosquitto.conf", "mosquitto.acl", "start-mosquitto"):
            (directory / "config" / name).write_text(self._moved(ROOT / "deploy" / name), encoding="utf-8")
        (directory / "config" / "devices").write_text("w1:device-secret\n", encoding="utf-8")
        self.start()

    def start(self) -> None:
        """Start it and wait until it listens."""
        self._process = subprocess.Popen(
            ["/bin/sh", str(self._directory / "config" / "start-mosquitto")],
            env={"PATH": PATH, **self._accounts},
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stderr is not None
        said = []
        for line in self._process.stderr:
            said.append(line)
            if "running" in line:
                return
        self.stop()
        pytest.fail(f"mosquitto did not start with deploy/mosquitto.conf: {''.join(said)}")

    def stop(self) -> None:
        """End it as `docker compose stop` does."""
        self._process.terminate()
        self._process.communicate(timeout=10)

    def client(self, tool: str, *options: str, account: str | None, said: str = "") -> subprocess.CompletedProcess[str]:
        """Run mosquitto_pub or mosquitto_sub as `user:password`."""
        user, _, password = (account or "").partition(":")
        who = ["-u", user, "-P", password] if account else []
        command = [tool, "-h", "127.0.0.1", "-p", str(self.port), "-q", "1", "-V", "mqttv5", *who, *options]
        return subprocess.run(
            command, env={"PATH": PATH}, input=said, capture_output=True, text=True, timeout=60, check=False
        )

    def _moved(self, file: Path) -> str:
        content = file.read_text(encoding="utf-8")
        content = content.replace("/tmp/mosquitto", f"{self._directory}/secrets")  # noqa: S108
        content = content.replace("/mosquitto/", f"{self._directory}/")
        content = content.replace("listener 1883", f"listener {self.port} 127.0.0.1")
        return content + ("user root\n" if file.suffix == ".conf" and os.getuid() == 0 else "")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    running = Broker(tmp_path)
    yield running
    running.stop()


def queue_for_the_bridge(broker: Broker) -> None:
    """Make a lasting session that receives readings, and leave."""
    made = broker.client(
        "mosquitto_sub", "-i", "bridge", "-c", "-x", "3600", "-t", "wardlight/v1/devices/+/readings", "-E",
        account="wardlight:services-secret",
    )  # fmt: skip
    assert made.returncode == 0, made.stderr


def queued_for_the_bridge(broker: Broker, n: int) -> list[str]:
    """What the lasting session is handed on its return, waiting up to some seconds for `n`."""
    options = ("-i", "bridge", "-c", "-x", "3600", "-t", "wardlight/v1/devices/+/readings", "-C", str(n), "-W", "3")
    return broker.client("mosquitto_sub", *options, account="wardlight:services-secret").stdout.splitlines()


@pytest.mark.parametrize("account", [None, "wardlight:wrong", "stranger:services-secret"])
def test_nobody_enters_without_the_right_password(broker: Broker, account: str | None) -> None:
    assert broker.client("mosquitto_pub", "-t", READINGS, "-m", "{}", account=account).returncode != 0


def test_a_device_speaks_for_itself_only(broker: Broker) -> None:
    queue_for_the_bridge(broker)
    for message, topic in [("other's", "wardlight/v1/devices/w2/readings"), ("own", READINGS)]:
        broker.client("mosquitto_pub", "-t", topic, "-m", message, account="w1:device-secret")
    assert queued_for_the_bridge(broker, 1) == ["own"]


def test_outside_the_demo_nobody_may_speak_for_every_device(tmp_path: Path) -> None:
    without = Broker(tmp_path, {**ACCOUNTS, "MQTT_SIMULATORS_PASSWORD": ""})
    try:
        for password in ("simulators-secret", ""):
            account = f"simulators:{password}"
            assert without.client("mosquitto_pub", "-t", READINGS, "-m", "{}", account=account).returncode != 0
        own = without.client("mosquitto_pub", "-t", READINGS, "-m", "{}", account="w1:device-secret")
        assert own.returncode == 0, own.stderr
    finally:
        without.stop()


def test_a_subscriber_of_alerts_cannot_invent_readings(broker: Broker) -> None:
    queue_for_the_bridge(broker)
    broker.client("mosquitto_pub", "-t", READINGS, "-m", "invented", account="subscriber:subscriber-secret")
    broker.client("mosquitto_pub", "-t", READINGS, "-m", "demo", account="simulators:simulators-secret")
    assert queued_for_the_bridge(broker, 1) == ["demo"]


def test_readings_queued_for_the_bridge_survive_a_restart(broker: Broker) -> None:
    queue_for_the_bridge(broker)
    lines = [str(n) for n in range(1500)]
    sent = broker.client(
        "mosquitto_pub", "-t", READINGS, "-l", account="w1:device-secret", said="\n".join(lines) + "\n"
    )
    assert sent.returncode == 0, sent.stderr
    broker.stop()
    broker.start()
    assert queued_for_the_bridge(broker, len(lines)) == lines, "more than the default queue of 1000, in order"
