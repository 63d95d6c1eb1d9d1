"""`wardlight simulate --list-scenarios` for people and programs, and what an unknown one is answered."""

import json

import pytest

from simulators.scenarios import MIXES, SCENARIOS
from wardlight.command_line import run


def test_every_scenario_and_mixture_has_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", "--list-scenarios", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["scenario"] for row in rows] == [*MIXES, *SCENARIOS]
    by_name = {row["scenario"]: row for row in rows}
    assert by_name["sepsis"]["must_alarm"] == ["news2-urgent", "news2-emergency", "systolic-low"]
    assert by_name["coughing"]["severity"] == "none"
    assert by_name["coughing"]["must_alarm"] == []


def test_the_table_names_them_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", "--list-scenarios"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in SCENARIOS)


def test_an_unknown_scenario_is_one_sentence_that_names_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", "--scenario", "flood"]) != 0
    told = capsys.readouterr().err
    assert told.startswith("There is no scenario 'flood': choose demo, mix, or one of healthy, sepsis,")
    assert told.count("\n") == 1
