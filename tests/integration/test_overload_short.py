"""Seconds of the overload: the command starts a house, sends what it is told, and every critical reading has its alert."""

from pathlib import Path

import msgspec
import pytest

from runtime.lifecycle import EXIT_OK
from tests.soak import overload
from tests.soak.looks import Look

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]


def test_a_short_overload_loses_nothing_and_answers_every_critical_reading(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "overload.jsonl"
    plan = ["--minutes", "0.1", "--beds", "20", "--capacity", "50", "--calm-s", "4", "--results", str(results)]
    assert overload.main(plan) == EXIT_OK, capfd.readouterr().out

    said = capfd.readouterr().out
    assert (
        "0 of them not stored and assessed; 0 of the overload never receipted; 0 probes without an alert, 0 that the page did not show"
        in said
    )
    looks = [msgspec.json.decode(line, type=Look) for line in results.read_bytes().splitlines()]
    last = looks[-1]
    assert last.stored == last.assessed == last.taken > 0
    assert last.lag.keys() >= {"recorder", "stream", "alerts"}
