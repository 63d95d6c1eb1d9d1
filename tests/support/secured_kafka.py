"""Kafka as docker-compose.yml has it, without Docker: deploy/start-kafka with TLS, accounts and rights, on loopback.

For tests, and by hand: `python -m tests.support.secured_kafka` prints its address and CA file and runs until Ctrl-C.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from pydantic import SecretStr

from runtime.clock import SystemClock
from runtime.settings import LogSettings
from tests.support.kafka_server import JAVA, KAFKA_VERSION, free_port, jars
from tests.support.servers import missing
from tests.support.tree import ROOT
from wardlight.authority import Authority
from wardlight.authority_register import Kind
from wardlight.log_access import PRINCIPALS

READY_S_MAX = 270
ATTEMPT_S = 0.2
STOP_S_MAX = 20.0
MORE = """
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
group.min.session.timeout.ms=1000
group.initial.rebalance.delay.ms=0
offsets.topic.num.partitions=4
log.cleaner.dedupe.buffer.size=16777216
num.network.threads=2
num.io.threads=4
"""
_TOOLS: Mapping[str, str] = {
    "kafka-storage.sh": "kafka.tools.StorageTool",
    "kafka-server-start.sh": "kafka.Kafka",
    "kafka-configs.sh": "kafka.admin.ConfigCommand",
    "kafka-acls.sh": "kafka.admin.AclCommand",
}


class SecuredKafka:
    """One broker that lets nobody in without TLS, a password and a line in the table."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.certificates = server_certificates(directory / "authority", "kafka")
        self.port = free_port()
        self.passwords = {principal.name: f"{principal.name}0{self.port}" for principal in PRINCIPALS}
        self.environment = self._environment()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """`host:port` of the listener for services."""
        return f"127.0.0.1:{self.port}"

    @property
    def ca_file(self) -> Path:
        """The authority of its certificate."""
        return self.certificates / "authority.pem"

    def settings(self, principal: str, **changes: object) -> LogSettings:
        """The section `log` of this service."""
        return LogSettings.model_validate(
            {
                "kind": "kafka",
                "bootstrap": self.bootstrap,
                "security": "sasl_ssl",
                "username": principal,
                "password": SecretStr(self.passwords[principal]),
                "ca_file": self.ca_file,
                **changes,
            }
        )

    def start(self) -> None:
        """Start it and return once its accounts and rights are there."""
        (self.directory / "work" / "access-applied").unlink(missing_ok=True)
        with (self.directory / "server.out").open("ab") as output:
            self._process = subprocess.Popen(
                ["sh", str(ROOT / "deploy" / "start-kafka")],
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                env=self.environment,
                start_new_session=True,
            )
        for _ in range(int(READY_S_MAX / ATTEMPT_S)):
            if (self.directory / "work" / "access-applied").exists():
                return
            try:
                self._process.wait(ATTEMPT_S)
            except subprocess.TimeoutExpired:
                continue
            break
        self.stop()
        raise RuntimeError(f"Kafka did not start; its last words:\n{self.last_words()}")

    def stop(self) -> None:
        """Stop it in order, with what it started; kill it where it takes too long."""
        if self._process is None:
            return
        group = self._process.pid
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGTERM)
        try:
            self._process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            os.killpg(group, signal.SIGKILL)
            self._process.wait()
        self._process = None

    def apply(self, **environment: str) -> subprocess.CompletedProcess[str]:
        """deploy/kafka-access once more, with these variables changed."""
        return subprocess.run(
            ["sh", str(ROOT / "deploy" / "kafka-access")],
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def tool(self, name: str, *arguments: str) -> str:
        """One of Kafka's own tools, as the super user; what it printed."""
        return subprocess.run(
            [
                str(self.directory / "home" / "bin" / name),
                "--bootstrap-server",
                f"127.0.0.1:{self.environment['KAFKA_INNER_PORT']}",
                "--command-config",
                str(self.directory / "work" / "broker.properties"),
                *arguments,
            ],
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    def last_words(self) -> str:
        """The end of what it printed."""
        return (self.directory / "server.out").read_text(encoding="utf-8", errors="replace")[-4000:]

    def _environment(self) -> dict[str, str]:
        home = self.directory / "home" / "bin"
        home.mkdir(parents=True)
        java = f"{' '.join(JAVA)} -Xmx384m"
        for name, main_class in _TOOLS.items():
            (home / name).write_text(f'#!/bin/sh\nexec {java} -cp "{jars()}/*" {main_class} "$@"\n', encoding="utf-8")
            (home / name).chmod(0o755)
        return {
            "PATH": os.environ["PATH"],
            "KAFKA_HOME": str(home.parent),
            "KAFKA_WORK": str(self.directory / "work"),
            "KAFKA_DEPLOY": str(ROOT / "deploy"),
            "KAFKA_CERTIFICATES": str(self.certificates),
            "KAFKA_DIRECTORY": str(self.directory / "log"),
            "KAFKA_HOST": "127.0.0.1",
            "KAFKA_PORT": str(self.port),
            "KAFKA_INNER_PORT": str(free_port()),
            "KAFKA_CONTROLLER_PORT": str(free_port()),
            "KAFKA_BROKER_PASSWORD": f"broker0{self.port}",
            "KAFKA_MORE": MORE,
            **{f"KAFKA_{name.upper()}_PASSWORD": password for name, password in self.passwords.items()},
        }


def server_certificates(directory: Path, name: str) -> Path:
    """Where an authority of its own has laid a server's key, certificate and `authority.pem`, for 127.0.0.1."""
    authority = Authority(directory, clock=SystemClock())
    authority.init(["127.0.0.1"])
    return authority.issue(Kind.SERVER, name, hosts=("127.0.0.1",)).directory


@contextmanager
def running_secured_kafka() -> Iterator[SecuredKafka]:
    """Started in a directory of its own, stopped and removed at the end; says what is missing."""
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            missing(f"{program} (for Apache Kafka {KAFKA_VERSION})")
    with tempfile.TemporaryDirectory(prefix="wardlight-kafka-tls-") as directory:
        server = SecuredKafka(Path(directory))
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def secured_kafka() -> Iterator[SecuredKafka]:
    """One for the whole run."""
    with running_secured_kafka() as server:
        yield server


def main() -> int:
    """Run it until Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with running_secured_kafka() as server, suppress(KeyboardInterrupt):
        sys.stdout.write(f"{server.bootstrap} {server.ca_file}\n")
        sys.stdout.flush()
        signal.pause()
    return 0


if __name__ == "__main__":
    sys.exit(main())
