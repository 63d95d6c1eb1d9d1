"""The evaluation on the recordings that lie beside the project, where they do: loaders, figures that are known, the commands."""

import json
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from evaluation.datasets import find_set
from evaluation.evaluate import evaluate
from evaluation.orders import Plan
from tests.support.tree import ROOT
from wardlight.command_line import run

RECORDINGS = ROOT.parent / "shared" / "data"
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not RECORDINGS.exists(), reason=f"the recordings are not in {RECORDINGS}"),
    pytest.mark.timeout(300),
]
PATIENTS = 1000
"""Of 20,336: enough to see that it works, in some seconds."""


def unseen(*_: object) -> None:
    """Progress that nobody looks at."""


@pytest.fixture(scope="module")
def some_of_sepsis(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first patients of hospital A."""
    table = pq.read_table(RECORDINGS / "sepsis2019" / "set_a.parquet")
    names = sorted(set(table["patient"].to_pylist()))[:PATIENTS]
    file = tmp_path_factory.mktemp("sepsis2019") / "some.parquet"
    pq.write_table(table.filter(pc.less_equal(table["patient"], names[-1])), file)
    return file.parent


@pytest.fixture(scope="module")
def report(some_of_sepsis: Path) -> dict[str, Any]:
    return evaluate(Plan((some_of_sepsis,), reference=False), unseen)


@pytest.mark.parametrize(
    ("name", "patients", "with_outcome"),
    [
        ("bidmc", 36, None),
        ("mimic2_minute", 2, None),
        ("exam_e4", 18, None),
        ("mimic3_demo", 132, 33),
        ("icu2012", 3937, 549),
        ("rhythm", 251, 222),
    ],
)
def test_every_set_is_known_by_its_content(name: str, patients: int, with_outcome: int | None) -> None:
    found = find_set(RECORDINGS / name)
    assert found.kind == name
    recorded = found.read(unseen)
    assert len(recorded.patients) == patients
    assert (recorded.truth is None) == (with_outcome is None)
    if recorded.truth is not None and with_outcome is not None:
        assert len(set(recorded.patient_of[recorded.truth.positive].tolist())) == with_outcome


def test_partial_news2_on_the_sepsis_set_is_what_others_find(report: dict[str, Any]) -> None:
    rows = {(row["scorer"], row["group"]): row for row in report["rows"]}
    news2 = rows["news2_partial", "all"]
    assert news2["patients"] == PATIENTS
    assert 0.52 < news2["auroc"] < 0.7
    assert news2["auroc_ci"][0] < news2["auroc"] < news2["auroc_ci"][1]
    assert rows["news2_partial", "second_half"]["patients"] == PATIENTS // 2
    assert rows["risk", "second_half"]["auroc"] > 0.5


def test_the_command_and_the_card_of_its_report(some_of_sepsis: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mimic = str(RECORDINGS / "mimic3_demo")
    assert run(["evaluate", mimic, "--after", str(RECORDINGS / "bidmc"), "--no-reference", "--json"]) == 0
    file = some_of_sepsis / "report.json"
    file.write_text(capsys.readouterr().out)
    assert json.loads(file.read_text())["datasets"][0]["outcome"] == "death within 24 h"
    assert run(["model-card", str(file)]) == 0
    assert "death within 24 h" in capsys.readouterr().out


def test_nights_are_counted_beside_the_rule_they_are_held_against(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", str(RECORDINGS / "smartwatch_covid"), "--json"]) == 0
    rows = {row["scorer"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    ours, theirs = rows["night_rate"], rows["nightsignal_3"]
    assert ours["infections"] == theirs["infections"] == 6
    assert ours["infections_noticed"] >= theirs["infections_noticed"]
    assert 2 * ours["false_nights_before"] <= theirs["false_nights_before"]
