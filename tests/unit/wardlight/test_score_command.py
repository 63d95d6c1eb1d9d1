"""`wardlight score`: the JSON contract, the table, and what is refused."""

import json
from typing import Any

import pytest

from wardlight.command_line import run

COMPLETE = ["hr=95", "rr=22", "spo2=94", "temp=38.5", "systolic=105", "acvpu=a", "oxygen=yes"]


def scored(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert run(["score", *arguments, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert set(answer) == {"news2"}
    found: dict[str, Any] = answer["news2"]
    return found


def test_the_json_has_the_keys_of_the_contract(capsys: pytest.CaptureFixture[str]) -> None:
    assert {"total", "min", "max", "points", "missing", "response"} <= set(scored(capsys, *COMPLETE))


def test_complete_observations_have_a_total(capsys: pytest.CaptureFixture[str]) -> None:
    news2 = scored(capsys, *COMPLETE)
    assert news2["total"] == news2["min"] == news2["max"] == 8
    assert news2["missing"] == []
    assert sum(news2["points"].values()) == 8
    assert news2["response"] == "emergency"


def test_missing_inputs_leave_an_interval_and_no_total(capsys: pytest.CaptureFixture[str]) -> None:
    news2 = scored(capsys, "spo2=97", "hr=70")
    assert news2["total"] is None
    assert news2["min"] == 0 < news2["max"]
    assert len(news2["missing"]) == 5


def test_people_get_a_table_that_names_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["score", "spo2=97"]) == 0
    out = capsys.readouterr().out
    assert "NEWS2 0 to" in out
    assert "missing" in out


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["spo2=97", "spo2=96"], "twice"),
        (["spo2=900"], "not possible"),
        (["mood=3"], "mood"),
        (["spo2=97", "--scale", "3"], "scale"),
        ([], "SIGN=VALUE"),
    ],
)
def test_wrong_observations_are_one_sentence_and_usage(
    capsys: pytest.CaptureFixture[str], arguments: list[str], named: str
) -> None:
    assert run(["score", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert named in captured.err


@pytest.mark.parametrize(
    ("signs", "asks"),
    [
        (["rr=85", "hr=160"], "unknown whether the threshold of 8 is reached"),
        (["rr=85", "hr=180"], "urgent review"),
        (
            ["rr=30", "hr=100", "systolic=100", "spo2=98", "oxygen=no", "refill=2", "effort=0"],
            "below the threshold of 8",
        ),
    ],
)
def test_a_child_gets_pews_and_no_more_is_said_than_is_known(
    capsys: pytest.CaptureFixture[str], signs: list[str], asks: str
) -> None:
    assert run(["score", "--age", "1-4y", *signs]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Bedside PEWS" in said
    assert "NEWS2" not in said
    assert asks in said
