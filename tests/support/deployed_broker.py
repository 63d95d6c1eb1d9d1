"""Mosquitto as docker-compose.yml runs it: deploy/start-mosquitto and its files, with the container's paths and ports moved."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from runtime.clock import SystemClock
from tests.support.servers import missing
from tests.support.tree import ROOT
from wardlight.authority import Authority

PATH = f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin"
ACCOUNTS = {
    "MQTT_INGEST_PASSWORD": "ingest-secret",
    "MQTT_ALERTS_PASSWORD": "alerts-secret",
    "MQTT_DASHBOARD_PASSWORD": "dashboard-secret",
    "MQTT_SIMULATORS_PASSWORD": "simulators-secret",
    "MQTT_SUBSCRIBER_PASSWORD": "subscriber-secret",
}
INGEST, ALERTS, DASHBOARD = (f"wardlight-{name}:{name}-secret" for name in ("ingest", "alerts", "dashboard"))
DEVICES = "w1:device-secret\nw2:other-secret\n"
FILES = ("mosquitto.conf", "mosquitto-tls.conf", "mosquitto.acl", "start-mosquitto")


class DeployedBroker:
    """Started by deploy/start-mosquitto in `directory`; `port_of` says where its doors are."""

    def __init__(
        self,
        directory: Path,
        *,
        accounts: Mapping[str, str] = ACCOUNTS,
        devices: str = DEVICES,
        authority: Authority | None = None,
    ) -> None:
        if shutil.which("mosquitto", path=PATH) is None or shutil.which("mosquitto_pub", path=PATH) is None:
            missing("Mosquitto (Debian packages mosquitto and mosquitto-clients)")
        self.directory = directory
        self._accounts = accounts
        self.port_of = _free_ports((1883, 1884, 8883, 8884, 8885))
        for name in ("config", "data"):
            (directory / name).mkdir()
        if authority is not None:
            (directory / "tls").symlink_to(authority.broker_place)
        for name in FILES:
            (directory / "config" / name).write_text(self._moved(ROOT / "deploy" / name), encoding="utf-8")
        (directory / "config" / "devices").write_text(devices, encoding="utf-8")
        self._output = directory / "broker.log"
        self.start()

    def start(self) -> None:
        """Start it and wait until it listens."""
        with self._output.open("ab") as output:
            begin = output.tell()
            self._process = subprocess.Popen(
                ["/bin/sh", str(self.directory / "config" / "start-mosquitto")],
                env={"PATH": PATH, **self._accounts},
                stderr=output,
            )
        self.until_said("running", begin)

    def stop(self) -> None:
        """End it as `docker compose stop` does."""
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(timeout=10)

    def reload(self) -> None:
        """SIGHUP, until it has read its files again."""
        begin = self.said_bytes()
        self._process.send_signal(signal.SIGHUP)
        self.until_said("Reloading config", begin)

    def said(self, begin: int = 0) -> str:
        """Its log, from this byte on."""
        return self._output.read_bytes()[begin:].decode(errors="replace")

    def said_bytes(self) -> int:
        """How long its log is now."""
        return self._output.stat().st_size

    def until_said(self, words: str, begin: int, *, within_s: float = 20.0) -> None:
        """Wait until its log holds these words behind this byte."""
        deadline_s = SystemClock().monotonic_s() + within_s
        while words not in self.said(begin):
            if SystemClock().monotonic_s() > deadline_s:
                self.stop()
                pytest.fail(f"Mosquitto did not say {words!r}: {self.said(begin)}")
            try:
                self._process.wait(timeout=0.02)
            except subprocess.TimeoutExpired:
                continue
            pytest.fail(f"Mosquitto ended: {self.said(begin)}")

    def client(
        self, tool: str, *options: str, account: str | None = None, door: int = 1883, said: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run mosquitto_pub or mosquitto_sub at this door as `user:password`."""
        user, _, password = (account or "").partition(":")
        who = ["-u", user, "-P", password] if account else []
        command = [tool, "-h", "127.0.0.1", "-p", str(self.port_of[door]), "-q", "1", "-V", "mqttv5", *who, *options]
        return subprocess.run(
            command, env={"PATH": PATH}, input=said, capture_output=True, text=True, timeout=60, check=False
        )

    def _moved(self, file: Path) -> str:
        content = file.read_text(encoding="utf-8")
        content = content.replace("/tmp/mosquitto", f"{self.directory}/secrets")  # noqa: S108
        content = content.replace("/mosquitto/", f"{self.directory}/")
        for door, port in self.port_of.items():
            content = content.replace(f"listener {door}\n", f"listener {port} 127.0.0.1\n")
        if file.name == "mosquitto.conf":
            # Each connection and packet in its log, for tests to wait by.
            content = content.replace("connection_messages false", "connection_messages true")
            content += "log_type debug\n" + ("user root\n" if os.getuid() == 0 else "")
        return content


def _free_ports(doors: tuple[int, ...]) -> dict[int, int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in doors]
    ports = {door: each.getsockname()[1] for door, each in zip(doors, sockets, strict=True)}
    for each in sockets:
        each.close()
    return ports
