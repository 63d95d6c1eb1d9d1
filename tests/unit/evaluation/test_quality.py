"""What the gate withholds of a recording is told by set, sign and kind of value."""

from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from evaluation.quality import main, measure
from evaluation.quality_recordings import CLEAN, NOISY_FAR, VALUE, Course, Moment, rhythm, rhythm_beats
from runtime.lifecycle import EXIT_OK, EXIT_USAGE
from vitals.sign import Sign

HEART = Sign.HEART_RATE


def rows_of(courses: list[Course]) -> dict[str, tuple[int, int, int, dict[str, int]]]:
    return {each.kind: (each.values, each.withheld, each.unlearned, each.causes) for each in measure("made", courses)}


def test_values_are_counted_by_what_is_known_of_them() -> None:
    moments = [Moment(second * 1000, {HEART: 75.0 + second % 2}) for second in range(60)]
    moments[30] = Moment(30_000, {HEART: 9999.0}, {HEART: "typo"})
    moments[40] = Moment(40_000, {HEART: 190.0}, {HEART: "spike"})
    assert rows_of([Course("p1", moments), Course("p2", moments[:20])]) == {
        VALUE: (78, 0, 0, {}),
        "typo": (1, 1, 0, {"implausible": 1}),
        "spike": (1, 1, 0, {"too_fast": 1}),
    }


def test_each_course_has_a_gate_of_its_own() -> None:
    slow, fast = ([Moment(second * 1000, {HEART: rate}) for second in range(5)] for rate in (50.0, 190.0))
    assert rows_of([Course("p1", slow), Course("p2", fast)]) == {VALUE: (10, 0, 0, {})}


def beats(folder: Path) -> Path:
    """Two minutes of regular beats, with a second of noise in the middle that looks like 300 a minute."""
    at_s = [number * 0.8 for number in range(75)] + [60.2 + number * 0.2 for number in range(5)]
    at_s += [61.6 + number * 0.8 for number in range(75)]
    noisy = [False] * 75 + [True] * 5 + [False] * 75
    columns = {
        "case_id": [1] * len(at_s),
        "time_second": at_s,
        "rhythm_label": ["N"] * len(at_s),
        "bad_signal_quality": noisy,
    }
    (folder / "rhythm").mkdir()
    file = folder / "rhythm/beats.parquet"
    parquet.write_table(pa.table(columns), str(file))
    return file


def test_noise_that_moves_the_rate_far_off_is_told_from_clean_beats(tmp_path: Path) -> None:
    file = beats(tmp_path)
    of_intervals = rows_of(list(rhythm_beats(file)))
    assert of_intervals[NOISY_FAR][1] == of_intervals[NOISY_FAR][0] > 2
    assert of_intervals[CLEAN][1] == 0
    averaged = rows_of(list(rhythm(file)))
    assert averaged[CLEAN][0] > 90


def test_the_command_prints_a_table_and_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == EXIT_USAGE
    assert "DIRECTORY" in capsys.readouterr().err
    assert main([str(tmp_path)]) == EXIT_USAGE
    assert "rhythm/beats.parquet" in capsys.readouterr().err
    beats(tmp_path)
    assert main([str(tmp_path)]) == EXIT_OK
    assert "noisy, far off" in capsys.readouterr().out
    assert main([str(tmp_path), "--json"]) == EXIT_OK
    assert capsys.readouterr().out.startswith('{"rows": [{"recording": "rhythm"')
