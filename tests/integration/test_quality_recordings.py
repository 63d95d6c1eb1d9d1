"""The quality gate over the recordings that lie beside the project, where they do: the figures of docs/learning.md."""

import pytest

from evaluation.quality import Withholding, measure_all
from evaluation.quality_recordings import CLEAN, NOISY_FAR, OUTLIER, VALUE
from tests.support.tree import ROOT
from vitals.sign import Sign

RECORDINGS = ROOT.parent / "shared" / "data"
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not RECORDINGS.exists(), reason=f"the recordings are not in {RECORDINGS}"),
]


def share(row: Withholding) -> float:
    return row.withheld / row.values


def test_noise_is_caught_and_clean_signal_hardly_ever_withheld() -> None:
    rows = {(each.recording, each.sign, each.kind): each for each in measure_all(RECORDINGS)}
    monitor = [row for (recording, *_), row in rows.items() if recording == "bidmc"]
    assert len(monitor) == 3
    assert all(set(row.causes) <= {"implausible"} for row in monitor)

    stuck = rows["exam_e4", Sign.HEART_RATE, VALUE].causes
    assert stuck["flat_line"] == 2314  # the eight times that a wristband repeated one value for two minutes and more
    assert sum(stuck.values()) - stuck["flat_line"] < 30

    assert share(rows["rhythm", Sign.HEART_RATE, CLEAN]) < 0.001
    assert share(rows["rhythm", Sign.HEART_RATE, NOISY_FAR]) > 0.35
    assert share(rows["rhythm, beat to beat", Sign.HEART_RATE, NOISY_FAR]) > 0.9
    assert share(rows["rhythm, beat to beat", Sign.HEART_RATE, CLEAN]) < 0.06

    typed = [row for (recording, _, kind), row in rows.items() if recording == "mimic3_demo" and kind == OUTLIER]
    assert sum(row.withheld for row in typed) >= 0.9 * sum(row.values for row in typed)
    charted = [row for (recording, _, kind), row in rows.items() if recording == "mimic3_demo" and kind == VALUE]
    doubted = sum(row.causes.get("too_fast", 0) + row.causes.get("stepped", 0) for row in charted)
    assert doubted < 0.002 * sum(row.values for row in charted)
