"""Exports as a way out: of a folder, of a ward, of what one may carry away; and as a way in, to who opens them."""

import csv
import io
from pathlib import Path

import pytest

from dashboard.permissions import Permission, Role
from storage import archive
from tests.support.people_scene import OTHER, OWN, people_scene
from tests.support.scripted_api import Answer, scripted_api
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
