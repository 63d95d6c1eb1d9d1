"""The result file of chaos campaigns: appended in sittings, read back whole, summed into a table."""

from pathlib import Path
from typing import Any

import pytest

from tests.chaos import results
from tests.chaos.__main__ import main
from tests.chaos.faults import LONG_ENOUGH, LONG_S
from tests.chaos.faults.catalogue import FAULTS
from tests.chaos.results import Repetition


def repetition(**changes: Any) -> Repetition:
    fields: dict[str, Any] = {
        "fault": "kill-x",
        "course": "c1",
        "revision": "abc",
        "at_ms": 1,
        "late_after_s": 30.0,
        "recovery_s": 4.0,
        "readings": 100,
        "lost": 0,
        "duplicated": 0,
        "late": 0,
        "wrong": 0,
        "exits": 0,
        "again": 2,
    }
    return Repetition(**{**fields, **changes})


def test_sittings_add_up_and_a_line_cut_off_by_a_crash_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "chaos.jsonl"
    assert results.read(file) == []
    results.append(file, [repetition()])
    results.append(file, [repetition(recovery_s=None, examples=("lost: x",))])
    with file.open("a", encoding="utf-8") as lines:
        lines.write('{"fault": "kill-')
    assert results.read(file) == [repetition(), repetition(recovery_s=None, examples=("lost: x",))]


def test_the_table_has_a_row_a_fault_with_sums_and_recovery_times() -> None:
    found = [repetition(), repetition(recovery_s=8.0, lost=3), repetition(fault="other", recovery_s=None, late=1)]
    rows = results.table(found, ["other", "absent", "kill-x"], {"kill-x": "SIGKILL of x"})
    assert rows[2:] == [
        "| `other` |  | 1 | 0 | 0 | 1 | 0 | 0 | never | 30 |",
        "| `kill-x` | SIGKILL of x | 2 | 3 | 0 | 0 | 0 | 0 | 6.0 / 8.0 | 30 |",
    ]


def test_a_repetition_is_clean_only_where_it_recovered_and_every_count_is_nothing() -> None:
    assert repetition().is_clean
    assert not repetition(recovery_s=None).is_clean
    assert not any(repetition(**{name: 1}).is_clean for name in ("lost", "duplicated", "late", "wrong"))


def test_faults_are_listed_and_the_table_is_printed_by_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(FAULTS)
    results.append(tmp_path / "chaos.jsonl", [repetition(fault="kill-stream")])
    assert main(["--table", "--results", str(tmp_path / "chaos.jsonl")]) == 0
    assert "| `kill-stream` | SIGKILL of stream" in capsys.readouterr().out
    assert main(["--fault", "no-such"]) == 2


def test_a_full_campaign_has_each_quick_fault_twenty_times_and_each_long_one_five_times() -> None:
    wanted = {name: fault.enough for name, fault in FAULTS.items()}
    long = {name for name, fault in FAULTS.items() if fault.hold_s >= LONG_S or name.startswith("storm-")}
    assert wanted == {name: LONG_ENOUGH if name in long else 20 for name in FAULTS}
