"""`wardlight outcomes` and `wardlight models`: what they ask, and what they print."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.scripted_api import Answer, Asked, ScriptedApi, scripted_api
from wardlight.command_line import run

OUTCOME: dict[str, Any] = {
    "outcome_id": "ab12cd34",
    "patient_id": "p1",
    "kind": "sepsis",
    "happened_at_ms": 1_790_000_000_000,
    "charted_at_ms": 1_790_000_060_000,
    "by": "Ada Nurse",
    "person_id": "ada",
    "note": "Lactate 4.1",
    "withdrawn": None,
}
GONE = {**OUTCOME, "withdrawn": {"at_ms": 1, "by": "Ben Nurse", "reason": "wrong patient"}}
VERSION: dict[str, Any] = {
    "number": 2,
    "hash": "h2",
    "candidate": "additive",
    "pipeline": "x",
    "made_at_ms": 1_790_000_000_000,
    "lessons": 400,
    "positives": 12,
    "horizon_s": 43_200.0,
    "threshold": 0.0312,
    "threshold_from": 1,
    "refused": None,
    "standing": "champion",
    "auroc": 0.7123,
    "brier": None,
    "log_loss": 0.1,
    "base_log_loss": 0.13,
}
SWITCH = {"switch": 1, "number": 2, "at_ms": 1_790_000_000_000, "by": "trainer", "why": "400 more lessons"}
MODELS: dict[str, Any] = {
    "in_force": 2,
    "candidates": {"additive": "champion"},
    "versions": [VERSION],
    "switches": [SWITCH],
}


def answer(asked: Asked) -> Answer:
    if asked.path == "/api/v1/models":
        return Answer(MODELS)
    if asked.path.endswith("/promote"):
        return Answer(SWITCH)
    if asked.path.endswith(("/retire", "/restore")):
        return Answer({**VERSION, "standing": "retired" if asked.path.endswith("retire") else "challenger"})
    if asked.path.endswith("/withdraw"):
        return Answer(GONE)
    return Answer([OUTCOME, GONE]) if asked.method == "GET" else Answer(OUTCOME, status=201)


@pytest.fixture
def server() -> Iterator[ScriptedApi]:
    with scripted_api(answer) as running:
        yield running


def test_an_outcome_is_charted_with_its_time_and_note(server: ScriptedApi, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["outcomes", "add", "p1", "sepsis", "--at", "2026-01-31T14:05:00Z", "--note", "Lactate 4.1"]
    assert run([*words, "--url", server.url]) == 0
    (asked,) = server.asked
    assert asked.path == "/api/v1/patients/p1/outcomes"
    assert asked.body == {"kind": "sepsis", "happened_at": 1_769_868_300_000, "note": "Lactate 4.1"}
    assert capsys.readouterr().out.strip() == "ab12cd34"


def test_what_is_no_outcome_is_refused_before_anything_is_sent(server: ScriptedApi) -> None:
    assert run(["outcomes", "add", "p1", "flu", "--url", server.url]) == 2
    assert server.asked == []


def test_outcomes_are_listed_with_who_took_them_back_and_one_is_taken_back(
    server: ScriptedApi, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["outcomes", "list", "p1", "--url", server.url]) == 0
    said = capsys.readouterr().out
    assert "wrong patient" in said
    assert "Lactate 4.1" in said
    assert run(["outcomes", "withdraw", "p1", "ab12cd34", "--reason", "wrong patient", "--url", server.url]) == 0
    assert server.asked[-1].body == {"reason": "wrong patient"}


def test_an_outcome_is_named_by_the_first_characters_of_its_id_where_no_other_begins_so(
    server: ScriptedApi, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["--reason", "wrong patient", "--url", server.url]
    assert run(["outcomes", "withdraw", "p1", "ab1", *words]) == 0
    assert server.asked[-1].path == "/api/v1/patients/p1/outcomes/ab12cd34/withdraw"
    assert capsys.readouterr().out == "ab12cd34 is taken back.\n"
    for start in ("zz", ""):
        assert run(["outcomes", "withdraw", "p1", start, *words]) != 0
        assert server.asked[-1].method == "GET"
        assert f"No outcome of this patient begins with '{start}'" in capsys.readouterr().err
    monkeypatch.setitem(GONE, "outcome_id", "ab99")
    assert run(["outcomes", "withdraw", "p1", "ab", *words]) != 0
    assert "2 outcomes of this patient begin with 'ab'; give more of the id." in capsys.readouterr().err


def test_where_nothing_was_learned_yet_the_list_of_versions_is_one_sentence(
    server: ScriptedApi, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"in_force": 0, "candidates": {}, "versions": [], "switches": []}.items():
        monkeypatch.setitem(MODELS, name, value)
    assert run(["models", "list", "--url", server.url]) == 0
    said = capsys.readouterr().out
    assert said == "No version has been learned here yet: what Wardlight came with scores.\n"


def test_versions_are_listed_with_their_scores_for_people_and_for_programs(
    server: ScriptedApi, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["models", "list", "--url", server.url]) == 0
    said = capsys.readouterr().out
    assert said.startswith("Version 2 scores.")
    assert "0.712" in said
    assert "0.031 (of 1)" in said
    assert run(["models", "list", "--json", "--url", server.url]) == 0
    assert json.loads(capsys.readouterr().out) == MODELS


def test_a_version_in_force_that_no_scorer_takes_is_called_so(
    server: ScriptedApi, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sentence = "Version 2 learned from other features than this program makes: no scorer would take it."
    monkeypatch.setitem(VERSION, "refused", sentence)
    assert run(["models", "list", "--url", server.url]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == ["Version 2 scores.", f"But: {sentence} What they had before goes on."]


def test_a_version_is_put_in_force_or_retired_with_a_reason(server: ScriptedApi) -> None:
    for words in (
        ["promote", "2", "--reason", "Better log-loss over four weeks"],
        ["promote", "0", "--reason", "Back to what Wardlight came with"],
        ["retire", "1", "--reason", "Not to be used again"],
        ["restore", "1", "--reason", "Retired by mistake"],
    ):
        assert run(["models", *words, "--url", server.url]) == 0
        assert server.asked[-1].path == f"/api/v1/models/{words[1]}/{words[0]}"
        assert server.asked[-1].body == {"reason": words[3]}
    assert run(["models", "promote", "2", "--url", server.url]) == 2
