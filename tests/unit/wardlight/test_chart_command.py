"""`wardlight chart`: one thing at a time, the scale under its own permission, and what comes back as a table or JSON."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.scripted_api import Answer, Asked, ScriptedApi, scripted_api
from wardlight.command_line import run
from wardlight.fhir import bundle

ENTRY: dict[str, Any] = {
    "entry_id": "ab12cd34",
    "reading_id": "charting/ab12cd34",
    "patient_id": "p1",
    "observed_at_ms": 1_790_000_000_000,
    "charted_at_ms": 1_790_000_001_000,
    "by": "Ada Nurse",
    "person_id": "ada",
    "signs": {"consciousness_acvpu": 2.0, "supplemental_oxygen": 1.0, "oxygen_flow_l_per_min": 2.0},
    "valid_until_ms": {},
    "note": "Sleepy",
    "spo2_scale": None,
    "spo2_scale_by": None,
    "withdrawn": None,
}
SCALE = {**ENTRY, "entry_id": "ef56ab78", "signs": {}, "note": None, "spo2_scale": 2, "spo2_scale_by": "Dr Bell"}
GONE = {**ENTRY, "withdrawn": {"at_ms": 1, "by": "Ben Nurse", "reason": "wrong patient"}}


def answer(asked: Asked) -> Answer:
    if asked.method == "GET":
        return Answer({"entries": [ENTRY, SCALE, GONE], "next": None})
    if asked.path.endswith("/withdraw"):
        return Answer(GONE)
    return Answer(SCALE if asked.path.endswith("/spo2-scale") else ENTRY, status=201)


@pytest.fixture
def server() -> Iterator[ScriptedApi]:
    with scripted_api(answer) as running:
        yield running


def chart(server: ScriptedApi, *options: str) -> int:
    return run(["chart", "p1", *options, "--url", server.url])


def test_observations_are_charted_as_numbers_with_what_is_said_beside_them(
    server: ScriptedApi, capsys: pytest.CaptureFixture[str]
) -> None:
    assert chart(server, "acvpu=v", "flow=2", "--note", "Sleepy", "--valid", "4h", "--at", "2026-01-31T14:05:00Z") == 0
    (asked,) = server.asked
    assert asked.path == "/api/v1/patients/p1/charting"
    assert asked.body.pop("idempotency_key")
    assert asked.body == {
        "signs": {"consciousness_acvpu": 2.0, "oxygen_flow_l_per_min": 2.0},
        "note": "Sleepy",
        "valid_for_s": 14_400,
        "observed_at": 1_769_868_300_000,
    }
    shown = capsys.readouterr().out
    for words in ("consciousness V", "on oxygen", "oxygen flow 2", "Ada Nurse", "Sleepy", "ab12cd34"):
        assert words in shown


def test_the_scale_is_an_entry_of_its_own_and_one_key_names_both(
    server: ScriptedApi, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("o2=air", "--scale", "2", "--prescribed-by", "Dr Bell", "--key", "round-0001", "--json")
    assert chart(server, *options) == 0
    assert [(asked.path.rpartition("/")[2], asked.body["idempotency_key"]) for asked in server.asked] == [
        ("charting", "round-0001"),
        ("spo2-scale", "round-0001-scale"),
    ]
    assert server.asked[1].body["prescribed_by"] == "Dr Bell"
    assert json.loads(capsys.readouterr().out) == [ENTRY, SCALE]


def test_what_was_charted_is_listed_with_what_was_taken_back(
    server: ScriptedApi, capsys: pytest.CaptureFixture[str]
) -> None:
    assert chart(server, "--list") == 0
    shown = capsys.readouterr().out
    assert "SpO2 scale 2 by Dr Bell" in shown
    assert "by Ben Nurse: wrong patient" in shown


def test_an_entry_is_taken_back_by_its_id_or_its_reading_id(server: ScriptedApi) -> None:
    for entry in ("ab12cd34", "charting/ab12cd34"):
        assert chart(server, "--withdraw", entry, "--reason", "wrong patient") == 0
    assert {asked.path for asked in server.asked} == {"/api/v1/patients/p1/charting/ab12cd34/withdraw"}


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--valid", "4h"],
        ["acvpu=X"],
        ["acvpu=A", "acvpu=V"],
        ["hr=5"],
        ["mood=5"],
        ["acvpu=A", "--list"],
        ["--list", "--withdraw", "ab12cd34", "--reason", "x"],
        ["--withdraw", "ab12cd34"],
        ["--withdraw", "ab12cd34", "--reason", " "],
        ["--prescribed-by", "Dr Bell", "acvpu=A"],
        ["acvpu=A", "--valid", "soon"],
        ["acvpu=A", "--at", "yesterday-ish"],
    ],
)
def test_a_wrong_order_is_one_sentence_and_asks_nothing(
    server: ScriptedApi, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    assert chart(server, *options) == 2
    captured = capsys.readouterr()
    assert (captured.out, captured.err.count("\n")) == ("", 1)
    assert server.asked == []


ROWS = [
    {"measured_at_ms": 1_790_000_000_000, "signs": {"heart_rate_bpm": 70.0}},
    {
        "measured_at_ms": 1_790_000_001_000,
        "signs": {"pain_score": 3.0, "oxygen_flow_l_per_min": 2.0},
        "charted": {"by": "Ada Nurse", "note": None, "valid_for_s": None},
    },
]


@pytest.mark.parametrize("format_", ["table", "csv"])
def test_history_names_who_charted(capsys: pytest.CaptureFixture[str], format_: str) -> None:
    with scripted_api(lambda _: Answer({"rows": ROWS, "next": None})) as server:
        assert run(["history", "p1", "--format", format_, "--url", server.url]) == 0
    shown = capsys.readouterr().out
    assert "charted_by" in shown
    assert shown.count("Ada Nurse") == 1


def test_fhir_names_the_performer_of_what_was_charted_and_codes_pain_as_a_survey() -> None:
    by_code = {
        entry["resource"]["code"]["coding"][0]["code"]: entry["resource"] for entry in bundle("p1", ROWS)["entry"]
    }
    assert "performer" not in by_code["8867-4"]
    assert by_code["3151-8"]["performer"] == [{"display": "Ada Nurse"}]
    assert by_code["72514-3"]["category"][0]["coding"][0]["code"] == "survey"
    assert by_code["72514-3"]["valueQuantity"] == {
        "value": 3.0,
        "unit": "{score}",
        "system": "http://unitsofmeasure.org",
        "code": "{score}",
    }
