"""Half a minute of the soak: the command starts a whole house, samples every process, and loses nothing."""

from pathlib import Path

import pytest

from tests.soak import __main__ as soak
from tests.soak.house import SERVICES
from tests.soak.results import Begun, SoakPlan, append, read_sittings

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]


SAMPLES_MIN = 3
"""Too few to judge, on however busy a machine; judging has tests of its own."""


def test_a_short_sitting_samples_every_service_and_loses_nothing(tmp_path: Path) -> None:
    results = tmp_path / "soak.jsonl"
    plan = ["--minutes", "0.5", "--warm-up", "0.1", "--every", "1.5", "--beds", "10", "--rate", "10"]
    soak.main([*plan, "--results", str(results)])
    (sitting,) = read_sittings(results)
    assert sitting.ended is not None
    assert sitting.ended.receipted > 0
    assert sitting.ended.lost == 0
    last = sitting.samples[-1]
    assert last.processes.keys() == {*SERVICES, "kafka"}
    assert min(process.own_bytes for process in last.processes.values()) > 0
    assert len(sitting.samples) >= SAMPLES_MIN


def test_a_file_whose_last_sitting_was_cut_off_is_read_and_the_next_is_added(tmp_path: Path) -> None:
    results = tmp_path / "soak.jsonl"
    plan = SoakPlan(minutes=1, readings_per_s=1, beds=1, warm_up_s=1, every_s=1, seed=1)
    append(results, Begun(plan=plan, at_ms=1, version="x"))
    with results.open("ab") as file:
        file.write(b'{"type":"sampled","sam\n')
    append(results, Begun(plan=plan, at_ms=2, version="x"))
    assert [(sitting.begun.at_ms, sitting.ended) for sitting in read_sittings(results)] == [(1, None), (2, None)]
