"""A process is put together from settings: the log they name, telemetry where it is wanted, logs in the form they ask for."""

import asyncio
import json
import logging
import socket
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest
import structlog

from runtime.bus import Outgoing, TopicPartition
from runtime.clock import LoopClock, SystemClock
from runtime.composition import Ports, open_bus, run_process
from runtime.lifecycle import EXIT_FAILED, EXIT_OK, EXIT_USAGE
from runtime.local_bus import LocalBus
from runtime.logs import set_up_logging
from runtime.settings import LogSettings, TelemetrySettings
from runtime.telemetry import Telemetry
from vitals.errors import ConfigurationError, Unavailable

NOON_MS = 1_767_268_800_000


@pytest.fixture(autouse=True)
def logging_left_as_it_was() -> Iterator[None]:
    """Whatever a test sets up ends with it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.asyncio
async def test_the_local_log_lies_in_the_directory_of_the_settings_and_survives_closing(tmp_path: Path) -> None:
    settings = LogSettings(directory=tmp_path / "ward", partitions=1)
    clock, telemetry = SystemClock(), Telemetry()
    async with open_bus(settings, clock=clock, telemetry=telemetry) as bus:
        assert isinstance(bus, LocalBus)
        await bus.publish([Outgoing("readings", b"patient", b"reading")])
    assert (tmp_path / "ward" / "log.db").exists()
    async with open_bus(settings, clock=clock, telemetry=telemetry) as bus:
        assert await bus.ends(["readings"]) == {TopicPartition("readings", 0): 1}


@pytest.mark.asyncio
async def test_a_second_process_is_refused_the_local_log(tmp_path: Path) -> None:
    settings = LogSettings(directory=tmp_path, partitions=1)
    clock, telemetry = SystemClock(), Telemetry()
    async with open_bus(settings, clock=clock, telemetry=telemetry):
        with pytest.raises(ConfigurationError, match="in use by another process"):
            async with open_bus(settings, clock=clock, telemetry=telemetry):
                pytest.fail("opened twice")


@pytest.mark.asyncio
async def test_a_kafka_that_does_not_answer_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closing:
        port = closing.getsockname()[1]
    settings = LogSettings(kind="kafka", bootstrap=f"127.0.0.1:{port}")
    with pytest.raises(Unavailable, match=str(port)):
        async with open_bus(settings, clock=SystemClock(), telemetry=Telemetry()):
            pytest.fail("opened")


def test_a_process_serves_with_the_settings_of_its_file(tmp_path: Path) -> None:
    file = tmp_path / "ward.toml"
    file.write_text('[log]\ndirectory = "elsewhere"\n', encoding="utf-8")
    seen: list[Path] = []

    async def serve(ports: Ports, stopping: asyncio.Event) -> None:
        seen.append(ports.configuration.section("log", LogSettings).directory)

    assert run_process("ingest", serve, ["--config", str(file)]) == EXIT_OK
    assert seen == [Path("elsewhere")]


def test_a_process_with_a_telemetry_port_answers_on_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    file = tmp_path / "ward.toml"
    file.write_text(f"[telemetry]\nport = {port}\n", encoding="utf-8")
    answers: list[int] = []

    def ask() -> None:
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/readyz")
        answers.append(connection.getresponse().status)
        connection.close()

    async def serve(ports: Ports, stopping: asyncio.Event) -> None:
        ports.telemetry.ready("log")
        await asyncio.get_running_loop().run_in_executor(None, ask)

    assert run_process("ingest", serve, ["--config", str(file)]) == EXIT_OK
    assert answers == [200]


@pytest.mark.parametrize("content", ["[telemetry]\nport = -1\n", "[nonsense]\n", "= ="])
def test_a_process_with_wrong_settings_says_so_and_does_not_start(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "ward.toml"
    file.write_text(content, encoding="utf-8")

    async def serve(ports: Ports, stopping: asyncio.Event) -> None:
        pytest.fail("started")

    assert run_process("ingest", serve, ["--config", str(file)]) == EXIT_USAGE
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "Traceback" not in said


def test_a_process_whose_broker_is_away_fails_with_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    async def serve(ports: Ports, stopping: asyncio.Event) -> None:
        raise Unavailable("No broker answers on 127.0.0.1:1883; start one.")

    assert run_process("ingest", serve, []) == EXIT_FAILED
    assert capsys.readouterr().err == "No broker answers on 127.0.0.1:1883; start one.\n"


@pytest.mark.asyncio
async def test_json_logs_are_a_line_each_stamped_by_the_clock_whoever_writes_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    start = asyncio.get_running_loop().time()
    set_up_logging(TelemetrySettings(log_format="json"), clock=LoopClock(epoch_ms=NOON_MS - round(start * 1000)))
    structlog.get_logger().info("partitions_claimed", worker="stream")
    logging.getLogger("aiokafka").warning("Heartbeat failed for %s", "stream")
    ours, theirs = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (ours["event"], ours["worker"], ours["level"]) == ("partitions_claimed", "stream", "info")
    assert (theirs["event"], theirs["level"]) == ("Heartbeat failed for stream", "warning")
    assert ours["at"].startswith("2026-01-01T12:00:0")


def test_lines_below_the_level_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging(TelemetrySettings(log_level="error"), clock=SystemClock())
    structlog.get_logger().warning("worker_rejoins")
    structlog.get_logger().error("shutdown_deadline_passed")
    said = capsys.readouterr().err
    assert "worker_rejoins" not in said
    assert "shutdown_deadline_passed" in said
