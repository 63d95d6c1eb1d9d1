"""Every command of the documents, as a reader would type it, beside one live ward."""

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from tests.support.commands_elsewhere import ELSEWHERE
from tests.support.documented_syntax import is_a_name
from tests.support.documented_ward import (
    FIRST_ADMINISTRATOR,
    LIVE,
    DocumentedWard,
    Running,
    documented_ward,
    require_clients,
)
from tests.support.documents import Command, all_commands
from tests.support.mosquitto_server import running_mosquitto

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

LOOK_EVERY_S = 0.5
ENDED_BY = {"demo": {"--for"}, "simulate": {"--readings", "--list-scenarios"}}
"""Options by which they end without Ctrl-C."""
HERE = [
    command
    for command in all_commands()
    if command.text not in {LIVE, FIRST_ADMINISTRATOR, *ELSEWHERE} and not is_a_name(command.words)
]


def goes_on(command: Command) -> bool:
    """Whether it runs until Ctrl-C."""
    match command.words:
        case ["wardlight", ("demo" | "simulate") as name, *options]:
            return not ENDED_BY[name] & set(options)
        case ["wardlight", "watch", *_]:
            return True
        case ["mosquitto_sub", *options]:
            return not {"-C", "-W", "-E"} & set(options)
        case _:
            return False


ENDING = [command for command in HERE if not goes_on(command)]
FOLLOWING = [command for command in HERE if goes_on(command)]


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DocumentedWard]:
    """The live ward, for all commands of this module in the order of the documents."""
    require_clients()
    directory = tmp_path_factory.mktemp("documented") / "reader"
    with running_mosquitto() as broker, documented_ward(directory, broker) as ready:
        _record(directory / "recording.parquet")
        yield ready


def test_the_ward_itself_stands_on_documented_commands() -> None:
    assert {LIVE, FIRST_ADMINISTRATOR} <= {command.text for command in all_commands()}


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
        running.await_ready(lambda: has_begun(command, running, ward, prefix), look_every_s=LOOK_EVERY_S)
        running.interrupt()


def test_the_first_reading_of_the_readme_has_its_tile(ward: DocumentedWard) -> None:
    (publish,) = (command for command in ENDING if command.document == "README.md" and "my-watch" in command.text)
    assert ward.run(publish.text).returncode == 0

    patient_id = ward.await_value(lambda: ward.devices_named("my-watch"))[0]["patient_id"]
    rows = ward.await_value(lambda: json.loads(ward.run(f"wardlight history {patient_id} --format json").stdout))
    assert rows[-1]["signs"] == {"heart_rate_bpm": 72, "spo2_percent": 97}


def test_a_benchmark_measures_beside_its_floor_and_what_a_patient_costs_beside_its_bars(ward: DocumentedWard) -> None:
    done = ward.run("wardlight bench scorer --json")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    bars = {
        "scorer-pipeline": 60,
        "scorer-pipeline-minute": 60,
        "scorer-pipeline-hour": 60,
        "scorer-worker": 6,
        "scorer-resident": 100_000,
        "scorer-snapshot": 40_000,
        "scorer-snapshot-max": 40_000,
    }
    assert {line["bench"]: line["bar"] for line in lines} == bars
    assert all(set(line) == {"bench", "value", "unit", "floor", "ratio", "bar", "verdict"} for line in lines)
    assert all(line["verdict"] == ("ok" if line["value"] <= line["bar"] else "missed") for line in lines)


def has_begun(command: Command, running: Running, ward: DocumentedWard, prefix: str) -> bool:
    """Whether it does what it was started for."""
    match command.words[:2]:
        case ["wardlight", "demo"]:
            return "http://" in running.said
        case ["wardlight", "simulate"]:
            return bool(ward.devices_named(f"{prefix}-"))
        case ["mosquitto_sub", _] if not running.said.strip():
            # Who subscribes to steps hears of those to come only, and nobody says when it has.
            ward.publish_low_saturation()
            return False
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
