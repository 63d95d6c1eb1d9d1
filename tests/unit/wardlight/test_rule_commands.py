"""`wardlight alerts check-rules|rules|limits`: what they send, print, and end with."""

import json
from pathlib import Path
from typing import Any

import pytest

from alerts.bundled_rules import default_book
from tests.support.scripted_api import Answer, Asked, scripted_api
from wardlight.command_line import run

BOOK = "format: 1\nname: St Elsewhere\nclear_s: 45\nsources: {clear_s: our study}\n"
CHANGE = {
    "change_id": "l-0123456789abcdef", "ward_id": None, "patient_id": "p1", "kind": "spo2-low", "limits": [84.0],
    "delays_s": [], "priorities": [], "by": "Ada", "reason": "COPD", "ordered_at_ms": 0, "effective_ms": 5000,
    "until_ms": 3_600_000, "ended_at_ms": None, "ended_by": None, "state": "in force", "fits": True,
}  # fmt: skip


@pytest.fixture
def book(tmp_path: Path) -> Path:
    file = tmp_path / "rules.yaml"
    file.write_text(BOOK)
    return file


def test_check_rules_says_what_a_book_says_otherwise(book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["alerts", "check-rules", str(book)]) == 0
    said = capsys.readouterr().out
    assert "it differs from the default in 1 values" in said
    assert run(["alerts", "check-rules", str(book), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["differences"] == [{"place": "clear_s", "default": 60.0, "book": 45.0}]
    assert told["name"] == "St Elsewhere"


def test_check_rules_ends_with_1_and_the_sentence_that_names_the_line(
    book: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    book.write_text(BOOK.replace("45", "soon"))
    assert run(["alerts", "check-rules", str(book)]) == 1
    assert capsys.readouterr().err == f"{book}: Line 3, column 10: found 'soon', expected a number.\n"
    assert run(["alerts", "check-rules", str(book), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["line"], told["column"], told["found"], told["expected"]) == (3, 10, "'soon'", "a number")


def test_check_rules_takes_the_book_that_comes_with_the_program(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "default.yaml"
    file.write_text(default_book().text)
    assert run(["alerts", "check-rules", str(file)]) == 0
    assert "differs from the default in 0 values" in capsys.readouterr().out


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_said_in_a_sentence(
    book: Path, content: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is None:
        book.unlink()
    else:
        book.write_bytes(content)
    assert run(["alerts", "check-rules", str(book)]) == 2
    assert str(book) in capsys.readouterr().err


def test_apply_sends_the_book_with_its_reason(book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = {"version": "abc", "effective_ms": 5000, "number": 2}
    with scripted_api(lambda _: Answer(answer)) as api:
        assert run(["alerts", "rules", "apply", str(book), "--reason", "our study", "--url", api.url]) == 0
    (asked,) = api.asked
    assert (asked.method, asked.path) == ("PUT", "/api/v1/alert-rules")
    assert asked.body == {"yaml": BOOK, "reason": "our study"}
    assert "Rulebook abc holds from 1970-01-01T00:00:05.000Z." in capsys.readouterr().out


def test_show_prints_the_text_and_history_its_authors(capsys: pytest.CaptureFixture[str]) -> None:
    row = {
        "number": 1, "version": "abc", "state": "in force", "source": "person", "by": "Ada", "reason": "study",
        "ordered_at_ms": 0, "effective_ms": 5000, "yaml": BOOK,
    }  # fmt: skip

    def script(asked: Asked) -> Answer:
        return Answer([row] if asked.path.endswith("history") else row)

    with scripted_api(script) as api:
        assert run(["alerts", "rules", "show", "--url", api.url]) == 0
        assert capsys.readouterr().out == BOOK
        assert run(["alerts", "rules", "history", "--url", api.url]) == 0
        assert "Ada" in capsys.readouterr().out


def test_limits_are_set_band_by_band_for_a_patient_or_a_ward(capsys: pytest.CaptureFixture[str]) -> None:
    with scripted_api(lambda _: Answer(CHANGE, 201)) as api:
        at = ["--reason", "COPD", "--url", api.url]
        told = ["--limit", "84,79", "--delay", "60", "--priority", "low", "--until", "1970-01-01T01:00:00Z"]
        assert run(["alerts", "limits", "set", "p1", "spo2-low", *told, *at]) == 0
        assert run(["alerts", "limits", "set", "--ward", "north", "spo2-low", "--limit", "90", *at]) == 0
    of_patient, of_ward = api.asked
    assert of_patient.path == "/api/v1/patients/p1/alert-limits"
    assert of_patient.body == {
        "kind": "spo2-low", "limits": [84, 79], "delays_s": [60], "priorities": ["low"], "until": 3_600_000, "reason": "COPD",
    }  # fmt: skip
    assert of_ward.path == "/api/v1/alert-limits"
    assert of_ward.body["ward_id"] == "north"
    assert "until" not in of_ward.body
    assert "Id l-0123456789abcdef." in capsys.readouterr().out


def test_limits_in_force_are_shown_with_whose_word_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    bands = [{"limit": 84.0, "delay_s": 40.0, "priority": "medium"}]
    kind: dict[str, Any] = {"kind": "spo2-low", "bands": bands, "delay_s": None, "priority": None, "changes": [CHANGE]}
    with scripted_api(lambda _: Answer({"kinds": [kind, {**kind, "kind": "heart-rate-low", "changes": []}]})) as api:
        assert run(["alerts", "limits", "show", "p1", "--url", api.url]) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if "84" in line]
    assert "Ada" in rows[0]
    assert "until 1970-01-01T01:00:00.000Z" in rows[0]
    assert "the rulebook" in rows[1]


def test_a_change_is_ended_for_a_patient_or_a_ward() -> None:
    with scripted_api(lambda _: Answer(CHANGE)) as api:
        assert run(["alerts", "limits", "end", "p1", "l-1", "--url", api.url]) == 0
        assert run(["alerts", "limits", "end", "--ward", "north", "l-1", "--url", api.url]) == 0
    assert [asked.path for asked in api.asked] == [
        "/api/v1/patients/p1/alert-limits/l-1/end",
        "/api/v1/alert-limits/end",
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show"], "Name a patient, or a ward with --ward."),
        (["show", "p1", "--ward", "north"], "Name a patient, or a ward with --ward."),
        (["set", "spo2-low", "--reason", "x"], "Write PATIENT KIND, or --ward WARD KIND."),
        (["set", "p1", "spo2", "--reason", "x"], "'spo2' is no kind of alert"),
        (["set", "p1", "spo2-low", "--reason", "x", "--limit", "low"], "--limit takes numbers"),
        (["set", "p1", "spo2-low", "--reason", "x", "--priority", "urgent"], "--priority takes high, medium, low"),
        (["set", "p1", "spo2-low", "--reason", "x", "--until", "1", "--for", "1h"], "Say --until or --for, not both."),
    ],
)
def test_a_wrong_word_is_answered_with_what_to_write(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["alerts", "limits", *arguments]) == 2
    assert said in capsys.readouterr().err
