"""`wardlight history`: every page is fetched once, absent stays absent, and each format has its shape."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from tests.support.scripted_api import Answer, Asked, ScriptedApi, scripted_api
from wardlight.arguments import moment_text
from wardlight.command_line import run

FIRST_MS = 1_790_000_000_000
ROWS: list[dict[str, Any]] = [
    {"reading_id": "r0", "measured_at_ms": FIRST_MS, "signs": {"heart_rate_bpm": 70.0, "spo2_percent": 97.0}},
    {"reading_id": "r1", "measured_at_ms": FIRST_MS + 1000, "signs": {"heart_rate_bpm": 71.0}},
    {
        "reading_id": "r2",
        "measured_at_ms": FIRST_MS + 2000,
        "signs": {"systolic_mmhg": 120.0, "diastolic_mmhg": 80.0, "consciousness_acvpu": 0.0},
    },
]
PRESENT = ["heart_rate_bpm", "spo2_percent", "systolic_mmhg", "diastolic_mmhg", "consciousness_acvpu"]


def one_row_a_page(asked: Asked) -> Answer:
    number = int(asked.parameters.get("after", "0"))
    following = str(number + 1) if number + 1 < len(ROWS) else None
    return Answer({"rows": [ROWS[number]], "next": following})


@pytest.fixture
def server() -> Iterator[ScriptedApi]:
    with scripted_api(one_row_a_page) as running:
        yield running


def history(server: ScriptedApi, *options: str) -> int:
    return run(["history", "p1", *options, "--url", server.url])


def test_every_page_is_asked_for_once_with_the_same_window(
    server: ScriptedApi, capsys: pytest.CaptureFixture[str]
) -> None:
    assert history(server, "--format", "json", "--every", "1m", "--sign", "hr", "--sign", "spo2") == 0
    assert json.loads(capsys.readouterr().out) == ROWS
    assert [asked.parameters.get("after") for asked in server.asked] == [None, "1", "2"]
    assert len({(asked.parameters["from"], asked.parameters["to"]) for asked in server.asked}) == 1
    first = server.asked[0]
    assert first.path == "/api/v1/patients/p1/history"
    assert first.parameters["sign"] == "heart_rate_bpm,spo2_percent"
    assert first.parameters["every"] == "60000"


def test_csv_has_a_column_per_sign_that_came_and_empty_cells_where_it_did_not(
    server: ScriptedApi, capsys: pytest.CaptureFixture[str]
) -> None:
    assert history(server, "--format", "csv") == 0
    header, *rows = csv.reader(io.StringIO(capsys.readouterr().out))
    assert header[0] == "measured_at"
    assert set(header[1:]) == set(PRESENT)
    assert [row[0] for row in rows] == [moment_text(row["measured_at_ms"]) for row in ROWS]
    assert [row[header.index("spo2_percent")] for row in rows] == ["97.0", "", ""]


@pytest.mark.parametrize("format_", ["csv", "json", "fhir", "table"])
def test_output_gets_what_stdout_would_have_got(
    server: ScriptedApi, capsys: pytest.CaptureFixture[str], tmp_path: Path, format_: str
) -> None:
    assert history(server, "--format", format_) == 0
    printed = capsys.readouterr().out
    file = tmp_path / "history"
    assert history(server, "--format", format_, "--output", str(file)) == 0
    assert capsys.readouterr().out == ""
    assert file.read_text(encoding="utf-8").splitlines() == printed.splitlines()


def test_parquet_keeps_times_in_utc_and_nulls(server: ScriptedApi, tmp_path: Path) -> None:
    file = tmp_path / "history.parquet"
    assert history(server, "--format", "parquet", "--output", str(file)) == 0
    table = parquet.read_table(file)
    assert str(table.schema.field("measured_at").type) == "timestamp[ms, tz=UTC]"
    assert table.column("spo2_percent").to_pylist() == [97.0, None, None]


@pytest.mark.parametrize("format_", ["csv", "parquet"])
def test_a_file_that_cannot_be_written_is_one_sentence(
    server: ScriptedApi, capsys: pytest.CaptureFixture[str], tmp_path: Path, format_: str
) -> None:
    assert history(server, "--format", format_, "--output", str(tmp_path / "nowhere" / "file")) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("Cannot write ")
    assert captured.err.count("\n") == 1


def test_fhir_is_a_collection_bundle_of_vital_signs(server: ScriptedApi, capsys: pytest.CaptureFixture[str]) -> None:
    assert history(server, "--format", "fhir") == 0
    bundle = json.loads(capsys.readouterr().out)
    assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "collection")
    observations = [entry["resource"] for entry in bundle["entry"]]
    assert len(observations) == 4
    assert len({observation["id"] for observation in observations}) == 4
    for observation in observations:
        assert observation["resourceType"] == "Observation"
        assert observation["status"] == "final"
        assert observation["category"][0]["coding"][0]["code"] == "vital-signs"
        assert observation["subject"] == {"reference": "Patient/p1"}
        assert observation["effectiveDateTime"].endswith("Z")
        assert ("valueQuantity" in observation) != ("component" in observation)


def test_fhir_knows_pressure_as_one_panel_and_saturation_by_both_codes(
    server: ScriptedApi, capsys: pytest.CaptureFixture[str]
) -> None:
    assert history(server, "--format", "fhir") == 0
    entries = json.loads(capsys.readouterr().out)["entry"]
    by_code = {entry["resource"]["code"]["coding"][0]["code"]: entry["resource"] for entry in entries}
    panel = by_code["85354-9"]
    assert [part["code"]["coding"][0]["code"] for part in panel["component"]] == ["8480-6", "8462-4"]
    assert [part["valueQuantity"]["code"] for part in panel["component"]] == ["mm[Hg]", "mm[Hg]"]
    saturation = by_code["59408-5"] if "59408-5" in by_code else by_code["2708-6"]
    assert "2708-6" in [coding["code"] for coding in saturation["code"]["coding"]]
    assert saturation["valueQuantity"]["code"] == "%"


def test_a_second_fhir_export_is_the_same(server: ScriptedApi, capsys: pytest.CaptureFixture[str]) -> None:
    assert history(server, "--format", "fhir") == 0
    first = capsys.readouterr().out
    assert history(server, "--format", "fhir") == 0
    assert capsys.readouterr().out == first
