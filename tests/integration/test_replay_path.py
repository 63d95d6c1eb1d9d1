"""Real recordings, replayed through MQTT, log and SQL, and asked back by the command line: equal to their files, value by value."""

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from runtime.clock import SystemClock
from simulators.recording import expected_observations, open_recording
from tests.support.command_line import await_api, wardlight
from tests.support.mosquitto_server import running_mosquitto
from tests.support.processes import ROOT, ServiceProcess, running_services
from tests.support.servers import missing
from tests.support.whole_path import free_port, one_box_environment
from vitals.sign import Sign, is_possible

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

SHARED = Path(os.environ.get("WARDLIGHT_SHARED", ROOT.parent / "shared")) / "data"
ATTEMPTS_MAX = 60

Row = tuple[int, dict[str, float]]


@pytest.fixture
def box(tmp_path: Path) -> Iterator[tuple[dict[str, str], ServiceProcess]]:
    """One process of everything, that enrols whatever speaks to it."""
    with running_mosquitto() as broker:
        port = free_port()
        environment = {
            **one_box_environment(broker.settings(), tmp_path),
            "WARDLIGHT_DASHBOARD__PORT": str(port),
            "WARDLIGHT_INGEST__ENROLL_UNASSIGNED": "true",
            "WARDLIGHT_URL": f"http://127.0.0.1:{port}",
        }
        with running_services({"up": ("wardlight", "up")}, environment, tmp_path) as services:
            yield environment, services["up"]


@pytest.mark.parametrize(
    "names",
    [
        ["bidmc/numerics.parquet"],
        ["mimic2_minute/s00001-2896-10-10-00-31n.csv"],
        ["mimic2_minute/s25047-2704-05-04-10-44n.csv"],
    ],
    ids=["bidmc", "mimic2_minute s00001", "mimic2_minute s25047"],
)
def test_a_replayed_recording_is_asked_back_as_it_was(
    names: list[str], box: tuple[dict[str, str], ServiceProcess]
) -> None:
    files = [SHARED / name for name in names]
    if not all(file.is_file() for file in files):
        missing(f"the recording {names[0]}")
    environment, service = box
    anchor_ms = SystemClock().now_ms()
    await_api(environment, service)

    report = wardlight(environment, "replay", *map(str, files), "--speed", "max", "--anchor", str(anchor_ms), "--json")
    assert report["unreceipted"] == 0

    expected = _expected(files, anchor_ms)
    patients = {row["name"]: row["patient_id"] for row in wardlight(environment, "patients", "list", "--json")}
    assert set(patients) == set(expected)
    for device, rows in expected.items():
        assert _history(environment, patients[device], rows) == rows, device
    print(f"{sum(map(len, expected.values()))} readings of {len(expected)} patients equal to {names[0]}")


def _expected(files: Sequence[Path], anchor_ms: int) -> dict[str, list[Row]]:
    """What the files say, less what no living patient's sensor can report: that must be refused, not stored."""
    found = [(str(device), offset_ms, signs) for device, offset_ms, signs in expected_observations(files)]
    start_ms = anchor_ms - open_recording(files, rows_max=1_000_000).last_offset_ms
    rows: dict[str, list[Row]] = defaultdict(list)
    for device, offset_ms, signs in found:
        possible = {sign.value: value for sign, value in signs.items() if is_possible(Sign(sign), value)}
        if possible:
            rows[device].append((start_ms + offset_ms, possible))
    return dict(rows)


def _history(environment: dict[str, str], patient: str, rows: Sequence[Row]) -> list[Row]:
    """The same from the running system; asked again while the recorder is still at it."""
    window = ("--from", str(rows[0][0]), "--to", str(rows[-1][0] + 1), "--format", "json")
    found: list[Row] = []
    for _ in range(ATTEMPTS_MAX):
        answer = wardlight(environment, "history", patient, *window)
        found = [(row["measured_at_ms"], row["signs"]) for row in answer]
        if len(found) >= len(rows):
            break
    return found
