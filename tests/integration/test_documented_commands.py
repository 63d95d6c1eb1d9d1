"""Every command of the documents, as a reader would type it, beside one live ward."""

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from tests.support.commands_elsewhere import ELSEWHERE
from tests.support.documented_syntax import is_a_name
from tests.support.documented_ward import DocumentedWard, Running, Shell, documented_ward, is_ready, require_clients
from tests.support.documents import Command, all_commands
from tests.support.kafka_server import KafkaServer
from tests.support.mosquitto_server import running_mosquitto
from tests.support.postgres_server import PostgresServer
from tests.support.whole_path import free_port

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

LIVE = "wardlight up --config ward.toml"
"""What the live ward itself is: started, ready, and ended by Ctrl-C, by the fixture."""
SERVICES = {"ingest", "stream", "alerts", "recorder", "dashboard"}
ENDED_BY = {"demo": {"--for"}, "simulate": {"--readings", "--list-scenarios"}}
"""Options by which they end without Ctrl-C."""
HERE = [
    command for command in all_commands() if command.text not in {LIVE, *ELSEWHERE} and not is_a_name(command.words)
]


def goes_on(command: Command) -> bool:
    """Whether it runs until Ctrl-C."""
    match command.words:
        case ["wardlight", ("demo" | "simulate") as name, *options]:
            return not ENDED_BY[name] & set(options)
        case ["wardlight", name, *options]:
            return name in {"up", "watch"} or (name in SERVICES and set(options[::2]) <= {"--config"})
        case ["mosquitto_sub", *options]:
            return not {"-C", "-W", "-E"} & set(options)
        case _:
            return False


def is_service(command: Command) -> bool:
    """Whether it is a process of Wardlight's own, beside the live ward's."""
    return goes_on(command) and command.words[1] in SERVICES | {"up"}


ENDING = [command for command in HERE if not goes_on(command)]
PROCESSES = [command for command in HERE if is_service(command)]
FOLLOWING = [command for command in HERE if goes_on(command) and not is_service(command)]


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DocumentedWard]:
    """The live ward, for all commands of this module in the order of the documents."""
    require_clients()
    directory = tmp_path_factory.mktemp("documented") / "reader"
    with running_mosquitto() as broker, documented_ward(directory, broker) as ready:
        _record(directory / "recording.parquet")
        yield ready


@pytest.fixture(scope="module")
def hospital(
    kafka: KafkaServer, postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shell]:
    """Kafka, PostgreSQL with its schema, and a broker of its own, for processes beside the live ward."""
    with running_mosquitto() as broker:
        environment = {
            "WARDLIGHT_MQTT__HOST": "127.0.0.1",
            "WARDLIGHT_MQTT__PORT": str(broker.port),
            "WARDLIGHT_MQTT__TLS": "false",
            "WARDLIGHT_LOG__KIND": "kafka",
            "WARDLIGHT_LOG__BOOTSTRAP": kafka.bootstrap,
            "WARDLIGHT_LOG__REPLICATION": "1",
            "WARDLIGHT_LOG__TOPIC_PREFIX": "documented-",
            "WARDLIGHT_DATABASE__URL": postgres_server.create_database(),
            "WARDLIGHT_DASHBOARD__PORT": "0",
        }
        directory = tmp_path_factory.mktemp("documented") / "operator"
        shell = Shell(directory, environment, mqtt_port=broker.port, page_port=free_port())
        upgraded = shell.run("wardlight db upgrade")
        assert upgraded.returncode == 0, upgraded.stderr
        yield shell


@pytest.mark.parametrize("command", ENDING, ids=str)
def test_a_command_that_ends_succeeds(command: Command, ward: DocumentedWard) -> None:
    typed = ward.filled(command.text)
    done = ward.run(typed)
    assert done.returncode == 0, f"{typed}\n{done.stdout[-1000:]}\n{done.stderr[-2000:]}"
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", FOLLOWING, ids=str)
def test_a_command_that_goes_on_gets_ready_and_ends_by_ctrl_c(command: Command, ward: DocumentedWard) -> None:
    ward.publish_low_saturation()
    typed = ward.filled(command.text)
    if command.words[1] == "demo" and "--port" not in command.words:
        typed += " --port 0"  # other tests share this machine
    prefix = f"line{command.line}"
    with ward.running(typed, WARDLIGHT_SIMULATORS__DEVICE_PREFIX=prefix) as running:
        running.await_ready(lambda: has_begun(command, running, ward, prefix))
        running.interrupt()


@pytest.mark.parametrize("command", PROCESSES, ids=str)
def test_a_process_gets_ready_and_ends_by_ctrl_c(command: Command, hospital: Shell) -> None:
    health = free_port()
    with hospital.running(command.text, WARDLIGHT_TELEMETRY__PORT=str(health)) as running:
        running.await_ready(lambda: is_ready(health))
        running.interrupt()


def test_the_first_reading_of_the_readme_has_its_tile(ward: DocumentedWard) -> None:
    (publish,) = (command for command in ENDING if command.document == "README.md" and "my-watch" in command.text)
    assert ward.run(publish.text).returncode == 0

    patient_id = ward.await_value(lambda: ward.devices_named("my-watch"))[0]["patient_id"]
    rows = ward.await_value(lambda: json.loads(ward.run(f"wardlight history {patient_id} --format json").stdout))
    assert rows[-1]["signs"] == {"heart_rate_bpm": 72, "spo2_percent": 97}


def test_a_benchmark_measures_beside_its_floor(ward: DocumentedWard) -> None:
    done = ward.run("wardlight bench scorer --json")
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)) == {"bench", "value", "unit", "floor", "ratio"}


def has_begun(command: Command, running: Running, ward: DocumentedWard, prefix: str) -> bool:
    """Whether it does what it was started for."""
    match command.words[:2]:
        case ["wardlight", "demo"]:
            return "http://" in running.said
        case ["wardlight", "simulate"]:
            return bool(ward.devices_named(f"{prefix}-"))
        case _:
            return bool(running.said.strip())


def _record(file: Path) -> None:
    """A recording of half a minute in the shape of a shipped mapping."""
    seconds = list(range(30))
    columns = {
        "record": ["bidmc_r1"] * len(seconds),
        "Time [s]": [float(second) for second in seconds],
        "HR": [72.0] * len(seconds),
        "RESP": [15.0] * len(seconds),
        "SpO2": [97.0] * len(seconds),
    }
    parquet.write_table(pa.table(columns), str(file))
