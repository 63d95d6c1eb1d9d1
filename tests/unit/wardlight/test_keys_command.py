"""`wardlight keys` and `wardlight export`: what people type when keys are made, turned over and lost, and when research asks."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storage import patients
from storage.patients import Patient
from storage.session import Database
from tests.support.fresh_database import lay_schema
from tests.support.scripted_api import Answer, Asked, ScriptedApi, scripted_api
from vitals.reading import PatientId, WardId
from wardlight.command_line import run

Said = pytest.CaptureFixture[str]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The keys file of a box with one patient."""
    url = f"sqlite:///{tmp_path}/ward.db"
    monkeypatch.setenv("WARDLIGHT_DATABASE__URL", url)
    database = Database(url)
    lay_schema(database)
    with database.transaction() as conn:
        patients.add(conn, Patient(PatientId("p1"), WardId("west"), "1", "Ada", 1, 1))
    database.close()
    return tmp_path / "ward.keys"


def told(capsys: Said, *arguments: str, code: int = 0) -> str:
    assert run(["keys", *arguments]) == code
    captured = capsys.readouterr()
    return captured.out if code == 0 else captured.err


def listed(capsys: Said) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(told(capsys, "list", "--json"))
    return found


def test_a_key_is_turned_over_sealed_with_and_taken_away(file: Path, capsys: Said) -> None:
    (old,) = listed(capsys)
    assert (old["is_current"], old["rows"]) == (True, 1)
    assert "seals from now on" in told(capsys, "rotate")
    assert "1 rows are sealed with key" in told(capsys, "remove", old["key_id"], code=1)
    assert told(capsys, "reencrypt") == "Sealed 1 rows again; every row is under the current key.\n"
    assert json.loads(told(capsys, "reencrypt", "--json")) == {"rows": 0}
    assert "is gone. Backups from before" in told(capsys, "remove", old["key_id"])
    (new,) = listed(capsys)
    assert (new["key_id"] != old["key_id"], new["is_current"], new["rows"]) == (True, True, 1)
    assert file.read_bytes().count(b'"key_id"') == 1


def test_a_key_is_handed_out_before_it_seals(file: Path, capsys: Said) -> None:
    key_id = told(capsys, "add").split()[2].rstrip(".")
    assert [key["is_current"] for key in listed(capsys)] == [True, False]
    assert told(capsys, "rotate", "--to", key_id) == f"Key {key_id} seals from now on.\n"
    assert "is the current one" in told(capsys, "remove", key_id, code=1)
    assert "bring back a copy" in told(capsys, "rotate", "--to", "beefbeef", code=2)
    assert file.exists()


def test_a_lost_file_is_told_of_and_not_made_anew(file: Path, capsys: Said) -> None:
    told(capsys, "list")
    body = file.read_bytes()
    file.unlink()
    assert "1 rows are sealed with keys that are not here" in told(capsys, "make", code=1)
    assert "is missing: bring back a copy" in told(capsys, "list", code=2)
    file.write_bytes(body)
    file.chmod(0o644)
    assert "chmod 600" in told(capsys, "list", code=2)
    file.chmod(0o600)
    assert "current" in told(capsys, "list")
    assert "is there already" in told(capsys, "make", code=1)


def test_a_hospital_names_its_file_and_makes_it_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    monkeypatch.setenv("WARDLIGHT_DATABASE__URL", f"sqlite:///{tmp_path}/new.db")
    monkeypatch.setenv("WARDLIGHT_DATABASE__KEYS_FILE", str(tmp_path / "safe" / "hospital.keys"))
    assert "Keep a copy of it elsewhere, apart from backups" in told(capsys, "make")
    assert (tmp_path / "safe" / "hospital.keys").stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv("WARDLIGHT_DATABASE__URL", "postgresql+psycopg://w@127.0.0.1:1/none")
    monkeypatch.delenv("WARDLIGHT_DATABASE__KEYS_FILE")
    assert "No keys file is named: set database.keys_file" in told(capsys, "make", code=2)


def test_a_recipient_has_one_key_for_ever(file: Path, capsys: Said) -> None:
    assert told(capsys, "recipient", "heart-lab") == "Recipient heart-lab has a key.\n"
    assert "its pseudonyms would change" in told(capsys, "recipient", "heart-lab", code=1)
    assert "small letters, digits and hyphens" in told(capsys, "recipient", "=Lab", code=2)
    assert file.exists()


ROWS = [
    {"subject": f"p-{number:032x}", "at_ms": 1_790_000_000_000 + number, "signs": {"spo2_percent": 97.0}}
    for number in range(3)
]


def one_row_a_page(asked: Asked) -> Answer:
    number = int(asked.parameters.get("after", "0"))
    return Answer({"rows": [ROWS[number]], "next": str(number + 1) if number + 1 < len(ROWS) else None})


@pytest.fixture
def server() -> Iterator[ScriptedApi]:
    with scripted_api(one_row_a_page) as running:
        yield running


def export(server: ScriptedApi, *options: str) -> int:
    return run(["export", "--recipient", "lab", "--ward", "west", *options, "--url", server.url])


def test_an_export_has_a_column_for_every_sign_and_asks_for_each_page_once(server: ScriptedApi, capsys: Said) -> None:
    assert export(server) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["subject"] for row in rows] == [row["subject"] for row in ROWS]
    assert {row["spo2_percent"] for row in rows} == {"97.0"}
    assert {row["heart_rate_bpm"] for row in rows} == {""}
    assert [asked.parameters.get("after") for asked in server.asked] == [None, "1", "2"]
    assert {asked.parameters["recipient"] for asked in server.asked} == {"lab"}


def test_a_file_of_an_export_is_private_new_and_whole_or_not_there(
    server: ScriptedApi, tmp_path: Path, capsys: Said
) -> None:
    file = tmp_path / "rows.jsonl"
    assert export(server, "--format", "jsonl", "--output", str(file)) == 0
    assert file.stat().st_mode & 0o777 == 0o600
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [set(line) for line in lines] == [{"subject", "at", "spo2_percent"}] * 3
    assert export(server, "--output", str(file)) == 2
    assert "is there already" in capsys.readouterr().err
    other = tmp_path / "other.csv"
    assert export(server, "--rows-max", "2", "--output", str(other)) == 2
    assert "more than 2 rows" in capsys.readouterr().err
    assert not other.exists()
    assert export(server, "--from", "1h", "--to", "2h") == 2
