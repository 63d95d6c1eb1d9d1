"""A private Mosquitto on a free loopback port: started, stopped, killed and restarted by its own process id."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from runtime.settings import MqttSettings
from tests.support.servers import missing

READY_ATTEMPTS_MAX = 500
STOP_S_MAX = 10.0
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
_WITHOUT_LIMIT: Mapping[str, str | int] = {"max_queued_messages": 0}
"""Nothing is dropped from a client's queue: what a test loses, Wardlight lost."""


class MosquittoServer:
    """One broker with its own directory; `options` are lines of mosquitto.conf, over `max_queued_messages 0`."""

    def __init__(self, directory: Path, options: Mapping[str, str | int] | None = None) -> None:
        program = mosquitto_program()
        if program is None:
            missing("Mosquitto (Debian package mosquitto)")
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self._file = directory / "mosquitto.conf"
        lines = [f"listener {self.port} 127.0.0.1", "allow_anonymous true"]
        if os.geteuid() == 0:
            lines.append("user root")
        settings = {"persistence_location": f"{directory}/", **_WITHOUT_LIMIT, **(options or {})}
        lines += [f"{name} {value}" for name, value in settings.items()]
        self._file.write_text("\n".join(lines) + "\n", encoding="utf-8")

    @property
    def pid(self) -> int:
        """The broker's process, while it runs."""
        assert self._process is not None
        return self._process.pid

    def settings(self, *, keepalive_s: int = 30, protocol: str = "5", reconnect_s_max: float = 0.5) -> MqttSettings:
        """How to reach it."""
        return MqttSettings.model_validate(
            {
                "host": "127.0.0.1",
                "port": self.port,
                "keepalive_s": keepalive_s,
                "protocol": protocol,
                "reconnect_s_max": reconnect_s_max,
            }
        )

    def start(self) -> None:
        """Start it and wait until it accepts connections."""
        self._process = subprocess.Popen(
            [self._program, "-c", str(self._file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for _ in range(READY_ATTEMPTS_MAX):
            if self._process.poll() is not None:
                break
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=0.02)
        pytest.fail("Mosquitto did not start.")

    def stop(self) -> None:
        """End it in order: it saves its sessions, where it has persistence."""
        self._end(kill=False)

    def kill(self) -> None:
        """SIGKILL: it saves nothing."""
        self._end(kill=True)

    def freeze(self) -> None:
        """SIGSTOP: connections stay, nothing answers."""
        self._signal("STOP")

    def thaw(self) -> None:
        """SIGCONT."""
        self._signal("CONT")

    def _signal(self, name: str) -> None:
        assert self._process is not None
        subprocess.run(["kill", f"-{name}", str(self._process.pid)], check=True)

    def _end(self, *, kill: bool) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if kill:
            process.kill()
        else:
            process.terminate()
        try:
            process.wait(timeout=STOP_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def mosquitto_program() -> str | None:
    """Where Mosquitto is; None where this machine has none."""
    return shutil.which("mosquitto", path=_PATH)


@contextlib.contextmanager
def running_mosquitto(options: Mapping[str, str | int] | None = None) -> Iterator[MosquittoServer]:
    """A started broker of one's own, ended and removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="wardlight-mosquitto-") as directory:
        server = MosquittoServer(Path(directory), options)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def mosquitto() -> Iterator[MosquittoServer]:
    """One broker for all tests that neither stop it nor share topics."""
    with running_mosquitto() as server:
        yield server
