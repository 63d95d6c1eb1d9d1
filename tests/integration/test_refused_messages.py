"""Everything that can be wrong with a message, sent to a whole running box: counted, explained, replayable, and without trace in later scores."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from runtime.clock import SystemClock
from runtime.mqtt_session import MqttSession
from runtime.settings import MqttSettings
from tests.support.command_line import await_api, wardlight
from tests.support.mosquitto_server import running_mosquitto
from tests.support.processes import ServiceProcess, running_services
from tests.support.whole_path import free_port, one_box_environment
from vitals.reading import DeviceId, RejectionReason
from vitals.topics import readings_topic

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

READINGS = 40
LOOKS_MAX = 60
NOISE = bytes(range(256)) * 4096
"""1 MB of it."""
SHAKEN, CALM, STRANGER = DeviceId("shaken"), DeviceId("calm"), DeviceId("stranger")

Box = tuple[dict[str, str], MqttSettings, ServiceProcess]


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    """One process of everything that takes only devices it knows."""
    with running_mosquitto() as broker:
        mqtt, port = broker.settings(), free_port()
        environment = {
            **one_box_environment(mqtt, tmp_path),
            "WARDLIGHT_DASHBOARD__PORT": str(port),
            "WARDLIGHT_INGEST__PAYLOAD_BYTES_KEPT": str(len(NOISE)),
            "WARDLIGHT_URL": f"http://127.0.0.1:{port}",
        }
        with running_services({"up": ("wardlight", "up")}, environment, tmp_path) as services:
            yield environment, mqtt, services["up"]


def test_wrong_messages_are_counted_explained_replayable_and_leave_no_trace(box: Box) -> None:
    environment, mqtt, service = box
    await_api(environment, service)
    patients = {device: _admit(environment, device) for device in (SHAKEN, CALM)}
    wrong = _wrong_messages()

    asyncio.run(_publish(mqtt, wrong))

    rejected = _awaited(lambda: wardlight(environment, "rejected", "list", "--json"), count=len(wrong))
    assert sorted(row["reason"] for row in rejected) == sorted(reason.value for reason, _, _ in wrong)
    assert all(row["detail"] and row["replayable"] for row in rejected)
    assert max(row["payload_bytes"] for row in rejected) == len(NOISE)
    assert _assessments(environment, patients[SHAKEN]) == _assessments(environment, patients[CALM])

    assert wardlight(environment, "rejected", "replay", "--reason", "unassigned", "--json")["replayed"] == 1
    _awaited_again(environment, rejected)
    stranger = _admit(environment, STRANGER)
    assert _replayed_history(environment, stranger)[0]["signs"] == {"heart_rate_bpm": 70.0}
    again = wardlight(environment, "rejected", "replay", "--reason", RejectionReason.TOO_LARGE.value, "--json")
    assert again["replayed"] == 1


def _wrong_messages() -> list[tuple[RejectionReason, DeviceId, bytes]]:
    """One of each kind, from the shaken device unless it must be another."""
    now_ms = SystemClock().now_ms()

    def message(signs: str, *, at: str = str(now_ms), more: str = "") -> bytes:
        return f'{{"measured_at": {at}, "signs": {signs}{more}}}'.encode()

    one = '{"heart_rate_bpm": 70}'
    reason = RejectionReason
    return [
        (reason.EMPTY, SHAKEN, b""),
        (reason.TOO_LARGE, SHAKEN, NOISE),
        (reason.NOT_JSON, SHAKEN, b"\xff\xfe heart rate 70"),
        (reason.WRONG_SHAPE, SHAKEN, message(one, more=', "colour": "blue"')),
        (reason.UNKNOWN_SIGN, SHAKEN, message('{"aura": 7}')),
        (reason.NO_SIGNS, SHAKEN, message("{}")),
        (reason.NOT_A_NUMBER, SHAKEN, message('{"heart_rate_bpm": "fast"}')),
        (reason.NOT_A_NUMBER, SHAKEN, message('{"heart_rate_bpm": NaN}')),
        (reason.IMPLAUSIBLE, SHAKEN, message('{"heart_rate_bpm": 9999}')),
        (reason.BAD_TIME, SHAKEN, message(one, at='"yesterday"')),
        (reason.TIME_IN_FUTURE, SHAKEN, message(one, at=str(now_ms + 3_600_000))),
        (reason.TOO_OLD, SHAKEN, message(one, at=str(now_ms - 90 * 86_400_000))),
        (reason.BAD_IDENTITY, SHAKEN, message(one, more=', "boot": "b"')),
        (reason.UNASSIGNED, STRANGER, message(one)),
    ]


async def _publish(mqtt: MqttSettings, wrong: list[tuple[RejectionReason, DeviceId, bytes]]) -> None:
    """The same course for both devices; between its readings the shaken one sends everything wrong."""
    clock = SystemClock()
    session = MqttSession(mqtt, client_id="tester", clock=clock, persistent=False)
    await session.open()
    start_ms = clock.now_ms() - READINGS * 1000
    try:
        for number in range(READINGS):
            signs = {"heart_rate_bpm": 70 + number % 3, "respiratory_rate_bpm": 15, "spo2_percent": 97}
            body = {"measured_at": start_ms + number * 1000, "boot": "b", "sequence": number, "signs": signs}
            for device in (SHAKEN, CALM):
                await session.publish(readings_topic(device), json.dumps(body).encode())
            if number % 2 == 0 and number // 2 < len(wrong):
                _, device, payload = wrong[number // 2]
                await session.publish(readings_topic(device), payload)
    finally:
        await session.close()


def _admit(environment: dict[str, str], device: str) -> str:
    patient: str = wardlight(environment, "patients", "add", device, "--ward", "w", "--json")["patient_id"]
    wardlight(environment, "devices", "add", device, "--ward", "w", "--json")
    wardlight(environment, "devices", "assign", device, patient, "--from", "2d", "--json")
    return patient


def _assessments(environment: dict[str, str], patient: str) -> list[dict[str, Any]]:
    """What was said of each reading, without what names patient, device and arrival."""
    address = f"{environment['WARDLIGHT_URL']}/api/v1/patients/{patient}/assessments"
    rows = _awaited(lambda: httpx.get(address).raise_for_status().json(), count=READINGS)
    assert len(rows) == READINGS
    return [{key: value for key, value in row.items() if key not in {"reading_id", "seen_at_ms"}} for row in rows]


def _awaited(ask: Any, *, count: int) -> list[dict[str, Any]]:
    """Ask until there are so many rows."""
    rows: list[dict[str, Any]] = []
    for _ in range(LOOKS_MAX):
        rows = ask()
        if len(rows) >= count:
            return rows
    return rows


def _awaited_again(environment: dict[str, str], before: list[dict[str, Any]]) -> None:
    """Wait until the stranger's message, replayed though still nobody wears the device, is refused anew."""
    refused_at_ms = max(row["received_at_ms"] for row in before if row["reason"] == RejectionReason.UNASSIGNED)
    for _ in range(LOOKS_MAX):
        rows = wardlight(environment, "rejected", "list", "--reason", "unassigned", "--json")
        if rows[0]["received_at_ms"] > refused_at_ms and rows[0]["replayed_at_ms"] is None:
            return
    pytest.fail("A message that was refused again does not wait for another replay.")


def _replayed_history(environment: dict[str, str], patient: str) -> list[dict[str, Any]]:
    """Replay until it is accepted: an assignment reaches ingest within half a second, until then it refuses again."""
    for _ in range(LOOKS_MAX):
        wardlight(environment, "rejected", "replay", "--reason", "unassigned", "--json")
        rows: list[dict[str, Any]] = wardlight(environment, "history", patient, "--from", "1h", "--format", "json")
        if rows:
            return rows
    pytest.fail("The replayed message did not reach the patient it belongs to.")
