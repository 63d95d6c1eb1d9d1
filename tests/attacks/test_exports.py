"""Exports as a way out: of a folder, of a ward, of what one may carry away; and as a way in, to who opens them."""

import csv
import io
import os
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from dashboard.permissions import Permission, Role
from storage import archive
from tests.support.people_scene import OTHER, OWN, people_scene
from tests.support.scripted_api import Answer, ScriptedApi, scripted_api
from vitals.errors import Conflict, WardError
from wardlight.command_line import run

NAMES = ["../../etc/cron.d/x", "/etc/passwd", "a\r\nSet-Cookie: x=1", 'a"; filename="b.exe', "..%2f..%2fx", "\x1b[2J"]


@pytest.mark.asyncio
@pytest.mark.parametrize("name", NAMES)
async def test_what_is_asked_for_names_no_file_and_adds_no_header(name: str) -> None:
    async with people_scene() as scene:
        scene.furnish()
        headers = await scene.session(await scene.add("kim", *((role, None) for role in Role)))
        for field in ("ward", "patient", "kind", "format", "filename", "name"):
            answer = await scene.client.get("alerts/export", params={"format": "csv", field: name}, headers=headers)
            assert answer.status_code in {200, 403, 422}, answer.text
            said = answer.headers.get("content-disposition", 'attachment; filename="alerts.csv"')
            assert said == 'attachment; filename="alerts.csv"'
            assert "set-cookie" not in answer.headers


@pytest.mark.asyncio
@pytest.mark.parametrize("query", ["ward=ward-b", "ward=ward-a&ward=ward-b", "patient=pb", ""])
async def test_an_export_holds_no_other_ward(query: str) -> None:
    async with people_scene() as scene:
        scene.furnish()
        headers = await scene.session(await scene.add("kim", (Role.WARD_MANAGER, OWN)))
        answer = await scene.client.get(f"alerts/export?format=csv&{query}", headers=headers)
        assert answer.status_code in {200, 403}, answer.text
        assert "pb" not in answer.text
        assert answer.status_code == 403 or OTHER not in answer.text


@pytest.mark.asyncio
@pytest.mark.parametrize("form", ["csv", "CSV", "csv ", "parquet", "json&format=table", "table&format=csv", "%63sv"])
async def test_who_may_look_but_not_export_carries_nothing_away_under_another_name(form: str) -> None:
    async with people_scene() as scene:
        scene.furnish()
        kim = await scene.add("kim", (Role.WARD_MANAGER, OWN))
        looking = scene.token(kim, [Permission.SEE_PATIENT])
        answer = await scene.client.get(f"patients/pa/history?from=0&format={form}", headers=looking)
        assert answer.status_code in {403, 422}, answer.text


def test_a_history_written_as_a_table_runs_nothing_when_a_spreadsheet_opens_it(tmp_path: Path) -> None:
    charted = {"by": '=HYPERLINK("https://evil.example")', "note": None, "valid_for_s": None}
    rows = [{"measured_at_ms": 1_767_225_600_000, "signs": {"heart_rate_bpm": -1.0}, "charted": charted}]
    file = tmp_path / "out.csv"
    with scripted_api(lambda _: Answer({"patient_id": "p", "rows": rows, "next": None})) as server:
        asked = ["history", "p", "--from", "1h", "--format", "csv", "--output", str(file), "--url", server.url]
        assert run(asked) == 0
    (_, row) = csv.reader(io.StringIO(file.read_text(encoding="utf-8")))
    assert row[1] == "-1.0"
    assert row[2].startswith("'=")


WRITTEN = (
    *(("history", "p", "--format", name) for name in ("table", "csv", "json", "parquet", "fhir")),
    *(("export", "--recipient", "lab", "--ward", "w", "--format", name) for name in ("csv", "jsonl")),
)


def api_of_a_patient() -> AbstractContextManager[ScriptedApi]:
    row = {"measured_at_ms": 1_767_225_600_000, "subject": "s", "at_ms": 0, "signs": {"heart_rate_bpm": 71.0}}
    return scripted_api(lambda _: Answer({"patient_id": "p", "rows": [row], "next": None}))


@pytest.mark.parametrize("command", WRITTEN, ids=lambda command: f"{command[0]} {command[-1]}")
def test_what_patients_measured_is_written_over_nothing_and_through_no_link(
    command: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    precious, nowhere = tmp_path / "precious", tmp_path / "nowhere"
    precious.write_text("kept")
    (tmp_path / "link").symlink_to(precious)
    (tmp_path / "dangling").symlink_to(nowhere)
    with api_of_a_patient() as server:
        for name in ("precious", "link", "dangling"):
            assert run([*command, "--output", str(tmp_path / name), "--url", server.url]) == 2
            assert "is there already" in capsys.readouterr().err
        assert not server.asked, "what cannot be written is not asked for, so that the audit trail tells of no export"
    assert precious.read_text() == "kept"
    assert not nowhere.exists()


@pytest.mark.parametrize("command", WRITTEN, ids=lambda command: f"{command[0]} {command[-1]}")
def test_what_patients_measured_is_written_for_nobody_else_on_the_machine(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    file = tmp_path / "out"
    before = os.umask(0o022)
    try:
        with api_of_a_patient() as server:
            assert run([*command, "--output", str(file), "--url", server.url]) == 0
    finally:
        os.umask(before)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.stat().st_size > 0


@pytest.mark.parametrize("command", [WRITTEN[1], WRITTEN[-1]], ids=lambda command: command[0])
def test_half_of_what_patients_measured_is_not_left_behind(command: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "out"
    with scripted_api(lambda _: Answer({"title": "gone"}, 500)) as server:
        assert run([*command, "--output", str(file), "--url", server.url]) != 0
    assert not file.exists()


def test_a_backup_is_written_over_nothing_and_through_no_link(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("kept")
    (tmp_path / "link").symlink_to(precious)
    for target in (precious, tmp_path / "link"):
        with pytest.raises(Conflict), archive.writing(target):
            pass
    (tmp_path / "b.part").symlink_to(precious)
    with pytest.raises(WardError), archive.writing(tmp_path / "b"):
        pass
    assert precious.read_text() == "kept"
