"""A ward in which everything personal carries a mark, through every service: the marks are nowhere but where they belong.

They are looked for in MQTT topics and payloads, in the log and the database as they lie on the disk (keys, bodies, write-ahead
logs, free pages), in every log line at level debug, on the metrics page, in what webhooks were sent, and in a backup.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from tests.support.command_line import run
from tests.support.endpoint import Endpoint
from tests.support.registry_box import ILL, WELL, RegistryBox, registry_box
from tests.support.whole_path import free_port

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

NAME: Final = "Zoraida Quillmark"
OTHER_NAME: Final = "Bartholo Finchmark"
RECORD: Final = "MRN-8841-quill"
BORN: Final = "1957-08-23"
SECRET: Final = "whsec-hushmark-of-the-pager-00"
ADDRESS: Final = "hookmark-9917"
PASSWORD: Final = "swordmark of long words"
MARKS: Final = (
    *("quillmark", "zoraida", "finchmark", "bartholo", "8841-quill", "8841quill", "mrn-8841", BORN),
    *("hushmark", ADDRESS, "swordmark"),
)
BEDS: Final = ((f"p1 {NAME}", "ward-a", "1", "d-1"),)


@contextlib.asynccontextmanager
async def overheard(box: RegistryBox, file: Path) -> AsyncIterator[None]:
    """Everything on the broker, topic and payload, into `file`."""
    with file.open("wb") as output:
        subscriber = await asyncio.create_subprocess_exec(
            *("mosquitto_sub", "-h", "127.0.0.1", "-p", str(box.broker.port), "-t", "#", "-F", "%t %p"),
            stdout=output,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            yield
        finally:
            subscriber.terminate()
            await subscriber.wait()


async def live(box: RegistryBox, pager: Endpoint) -> None:
    """What happens on a ward: admissions, a search, an alarm, a page, an answer, mistakes, a sign-in that fails."""
    born: dict[str, Any] = {
        "name": OTHER_NAME,
        "ward_id": "ward-a",
        "bed": "2",
        "record_number": RECORD,
        "birth_date": BORN,
    }
    made = await box.post("patients", born)
    assert (made["name"], made["record_number"], made["birth_date"]) == (OTHER_NAME, RECORD, BORN)
    (found,) = await box.post("patients/find", {"record_number": RECORD.lower()})
    assert found["patient_id"] == made["patient_id"]
    await box.post(f"patients/{made['patient_id']}/birth-date", {"birth_date": BORN})
    webhook = {
        "name": "Pager",
        "channel": "webhook",
        "address": pager.url(f"/{ADDRESS}"),
        "secret": SECRET,
        "of_house": True,
    }
    destination = await box.post("destinations", webhook)
    await box.post("subscriptions", {"name": "All", "destination_id": destination["destination_id"], "of_house": True})
    box.signs = {"d-1": ILL}
    await box.until(lambda: any(alert.active for alert in box.alerts("p1")), within_s=90)
    episode = next(alert for alert in box.alerts("p1") if alert.active)
    await box.until(lambda: any(b"raised" in asked.body for asked in pager.asked), within_s=90)
    await box.post(f"alerts/{episode.episode_id}/acknowledge", {"command_id": "mark-0001"})
    for path, body in (
        ("patients", {"name": NAME, "ward_id": "no such/ward", "surname": NAME}),
        ("patients", {"name": NAME, "ward_id": "ward-a", "bed": "1"}),
        ("patients", {"name": NAME, "ward_id": "ward-a", "birth_date": "1957-13-99", "record_number": RECORD}),
        ("sign-in", {"login": NAME, "password": PASSWORD}),
        ("sign-in", {"login": "ada", "password": PASSWORD}),
    ):
        assert (await box.http.post(path, json=body)).status_code >= 400
    listed = await box.get("patients", ward="ward-a")
    assert {each["name"] for each in listed} == {f"p1 {NAME}", OTHER_NAME}
    assert {each["record_number"] for each in listed} == {None}
    assert (await box.get("patients/p1/history"))["rows"]
    box.signs = {"d-1": WELL}


@pytest.mark.asyncio
async def test_what_is_personal_is_nowhere_but_sealed_in_the_database(tmp_path: Path) -> None:
    telemetry = free_port()
    pager = Endpoint()
    async with pager.listening():
        settings = {
            "WARDLIGHT_NOTIFICATIONS__HOSTS_ALLOWED": f"http://127.0.0.1:{pager.port}",
            "WARDLIGHT_TELEMETRY__PORT": str(telemetry),
            "WARDLIGHT_TELEMETRY__LOG_LEVEL": "debug",
        }
        box_directory = tmp_path / "box"
        box_directory.mkdir()
        async with registry_box(box_directory, BEDS, settings=settings) as box:
            async with overheard(box, tmp_path / "mqtt"):
                await live(box, pager)
                async with httpx.AsyncClient(trust_env=False) as client:
                    metrics = (await client.get(f"http://127.0.0.1:{telemetry}/metrics")).text
            (tmp_path / "metrics").write_text(metrics)
            environment = {
                "WARDLIGHT_DATABASE__URL": box.database_url,
                "WARDLIGHT_LOG__DIRECTORY": str(box_directory),
            }
            done = run(environment, "backup", str(tmp_path / "backup"))
            assert done.returncode == 0, done.stderr
            leaks = dict(found(tmp_path))
        leaks |= dict(found(tmp_path))
    assert leaks == {}
    assert (tmp_path / "mqtt").stat().st_size > 1000
    assert "wardlight_" in metrics
    assert "ward.db" in {file.name for file in box_directory.iterdir()}
    assert "log.db" in {file.name for file in box_directory.iterdir()}
    for asked in pager.asked:
        said = " ".join([*asked.headers.values(), asked.body.decode()]).lower()
        assert not any(mark in said for mark in MARKS), "a webhook was told more than it should be"


def found(directory: Path) -> Iterator[tuple[str, set[str]]]:
    """Marks by the file that holds them."""
    for file in directory.rglob("*"):
        if file.is_file():
            body = file.read_bytes().lower()
            marks = {mark for mark in MARKS if mark.encode() in body}
            if marks:
                yield str(file.relative_to(directory)), marks


def test_the_search_finds_a_mark_where_there_is_one(tmp_path: Path) -> None:
    (tmp_path / "line").write_text(f"admitted {NAME}")
    assert dict(found(tmp_path)) == {"line": {"quillmark", "zoraida"}}
