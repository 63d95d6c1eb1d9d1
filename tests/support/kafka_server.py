"""A private Apache Kafka in KRaft mode, without Docker: jars from their published Maven coordinates, one process, loopback.

For tests, and by hand: `python -m tests.support.kafka_server` prints its bootstrap address and runs until Ctrl-C.
"""

import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.servers import missing

KAFKA_VERSION = "3.9.1"
CLUSTER_ID = "d2FyZGxpZ2h0LXRlc3RzMQ"
"""Any 16 bytes in URL-safe base64."""
READY_ATTEMPTS_MAX = 600
ATTEMPT_S = 0.1
STOP_S_MAX = 20.0
RESOLVE_S_MAX = 600.0

_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>wardlight</groupId><artifactId>kafka-for-tests</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{KAFKA_VERSION}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
"""
_PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
log.dirs={directory}/log
auto.create.topics.enable=false
delete.topic.enable=true
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
group.min.session.timeout.ms=1000
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
log.cleaner.dedupe.buffer.size=16777216
num.network.threads=2
num.io.threads=4
"""
JAVA = (
    "java",
    "-Djava.net.preferIPv4Stack=true",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
)


class KafkaServer:
    """One broker with its own directory and ports; `start` and `stop` may alternate, the data stays.

    By itself a cluster of one; `properties` makes it what they say, a member of a cluster of several, and `port` is then
    the one of its listener at which it is asked whether it is ready.
    """

    def __init__(
        self, directory: Path, *, port: int | None = None, properties: str | None = None, heap_mb: int = 512
    ) -> None:
        self.directory = directory
        self.port = free_port() if port is None else port
        self._heap_mb = heap_mb
        self._jars = jars()
        self._properties = directory / "server.properties"
        alone = _PROPERTIES.format(port=self.port, controller_port=free_port(), directory=directory)
        self._properties.write_text(properties or alone, encoding="utf-8")
        self._run("kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(self._properties))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """`host:port` of the broker."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The broker's process."""
        if self._process is None:
            raise RuntimeError("Kafka is stopped.")
        return self._process.pid

    def launch(self) -> None:
        """Start the broker without waiting for it."""
        with (self.directory / "server.out").open("ab") as output:
            self._process = subprocess.Popen(
                self._command("kafka.Kafka", str(self._properties)),
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                start_new_session=True,
            )

    def start(self) -> None:
        """Start the broker and return once it answers with metadata that name a broker and a controller."""
        self.launch()
        self.await_ready()

    def await_ready(self) -> None:
        """Returns once a broker that was launched answers."""
        if self._process is None:
            raise RuntimeError("Kafka is stopped.")
        for _ in range(READY_ATTEMPTS_MAX):
            if _answers(self.port):
                return
            try:
                self._process.wait(ATTEMPT_S)
            except subprocess.TimeoutExpired:
                continue
            break
        self.kill()
        raise RuntimeError(f"Kafka did not start; its last words:\n{self._last_words()}")

    def stop(self) -> None:
        """Stop it in order; kill it where it takes too long."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _run(self, main_class: str, *arguments: str) -> None:
        done = subprocess.run(
            self._command(main_class, *arguments), capture_output=True, text=True, check=False, cwd=self.directory
        )
        if done.returncode != 0:
            raise RuntimeError(f"{main_class} failed:\n{done.stdout}{done.stderr}")

    def _command(self, main_class: str, *arguments: str) -> list[str]:
        return [*JAVA, f"-Xmx{self._heap_mb}m", "-cp", str(self._jars / "*"), main_class, *arguments]

    def _last_words(self) -> str:
        return (self.directory / "server.out").read_text(encoding="utf-8", errors="replace")[-4000:]


@contextmanager
def running_kafka() -> Iterator[KafkaServer]:
    """A started broker in a directory of its own, stopped and removed at the end; says what is missing."""
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            missing(f"{program} (for Apache Kafka {KAFKA_VERSION})")
    with tempfile.TemporaryDirectory(prefix="wardlight-kafka-") as directory:
        server = KafkaServer(Path(directory))
        server.start()
        try:
            yield server
        finally:
            server.kill()


@pytest.fixture(scope="session")
def kafka() -> Iterator[KafkaServer]:
    """One broker for the whole run; tests keep apart by topic prefix."""
    with running_kafka() as server:
        yield server


def jars() -> Path:
    """The directory of Kafka's jars, resolved by Maven on first use and kept in the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wardlight" / f"kafka-{KAFKA_VERSION}"
    cache.mkdir(parents=True, exist_ok=True)
    jars, complete = cache / "jars", cache / "complete"
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists():
            (cache / "pom.xml").write_text(_POM, encoding="utf-8")
            resolved = subprocess.run(
                ["mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={jars}"],
                capture_output=True,
                text=True,
                check=False,
                cwd=cache,
                timeout=RESOLVE_S_MAX,
            )
            if resolved.returncode != 0:
                missing(f"Apache Kafka {KAFKA_VERSION}, which Maven could not resolve: {resolved.stdout[-500:]}")
            complete.touch()
    return jars


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    """Whether a metadata request (version 1, no topics) is answered by at least one broker that knows its controller."""
    body = struct.pack(">hhih", 3, 1, 1, -1) + struct.pack(">i", 0)
    try:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=2.0) as connection,
            connection.makefile("rb") as stream,
        ):
            connection.sendall(struct.pack(">i", len(body)) + body)
            (length,) = struct.unpack(">i", stream.read(4))
            answer = stream.read(length)
    except (OSError, struct.error):
        return False
    if len(answer) < length or struct.unpack_from(">i", answer, 4)[0] < 1:
        return False
    (host_bytes,) = struct.unpack_from(">h", answer, 12)
    (rack_bytes,) = struct.unpack_from(">h", answer, 14 + host_bytes + 4)
    (controller,) = struct.unpack_from(">i", answer, 14 + host_bytes + 6 + max(0, rack_bytes))
    return bool(controller >= 0)


def main() -> int:
    """Run a broker until Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with running_kafka() as server, suppress(KeyboardInterrupt):
        sys.stdout.write(f"{server.bootstrap}\n")
        sys.stdout.flush()
        signal.pause()
    return 0


if __name__ == "__main__":
    sys.exit(main())
