"""`wardlight evaluate` as people and programs call it."""

import json
from pathlib import Path

import pytest

from tests.support.recorded_sets import write_sepsis_set
from wardlight.command_line import run


def test_a_tiny_set_is_measured_and_printed_for_people_and_for_programs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_sepsis_set(tmp_path / "training_setB", patients=12, hours=16)
    place = str(tmp_path / "training_setB")
    assert run(["evaluate", place, "--no-reference"]) == 0
    shown = capsys.readouterr().out
    assert "192 rows of 12 patients, 3 with sepsis within 6 h" in shown
    assert "news2_partial" in shown
    assert run(["evaluate", place, "--no-reference", "--prior", "none", "--seed", "7", "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    report = json.loads(line)
    (tmp_path / "report.json").write_text(line)
    assert run(["model-card", str(tmp_path / "report.json")]) == 0
    assert capsys.readouterr().out.startswith("# Model card")
    assert report["seeds"] == [7]
    assert {"scorer", "site", "group", "n", "auroc", "auprc"} <= report["rows"][0].keys()


def test_a_wrong_path_is_explained_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", str(tmp_path / "nowhere")]) != 0
    assert run(["evaluate", str(tmp_path)]) != 0
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert "There is no" in said[0]
    assert "no recording set that is known" in said[1]
