"""`python -m evaluation.courses DIRECTORY`: figures of recorded illness that scenarios are built on (docs/scenarios.md).

Prints how the signs of patients change around the onset of sepsis, and how irregular atrial fibrillation is.
"""

import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq

from evaluation.recordings import Array, runs
from runtime.lifecycle import EXIT_OK, EXIT_USAGE

HOURS = (-12, -9, -6, -4, -2, 0, 2)
"""Hours from the onset of sepsis at which changes are given."""
_LABEL_LEADS_H = 6
"""The set's label turns 1 so long before the onset."""
_BEFORE_H = (30, 18)
"""What was usual is the median between so many hours before the onset."""
_COLUMNS = ("HR", "Resp", "O2Sat", "Temp", "SBP", "MAP")
_BEATS_MIN = 100


class Change(NamedTuple):
    """How far a column is from each patient's own usual, on average, so many hours from the onset."""

    column: str
    hour: int
    mean: float
    patients: int


def changes_around_sepsis(file: Path) -> Iterator[Change]:
    """Over everyone in the set who became septic after the first hour."""
    table = pq.read_table(file, columns=["patient", "ICULOS", "SepsisLabel", *_COLUMNS])
    whole = table.sort_by([("patient", "ascending"), ("ICULOS", "ascending")]).to_pydict()
    labels = np.array(whole["SepsisLabel"])
    columns = {name: np.array(whole[name], dtype=np.float64) for name in _COLUMNS}
    found: defaultdict[tuple[str, int], list[float]] = defaultdict(list)
    for _, first, last in runs([whole["patient"]]):
        label = labels[first:last]
        if label.any() and not label[0]:
            onset = int(np.argmax(label)) + _LABEL_LEADS_H
            _add_changes(found, {name: column[first:last] for name, column in columns.items()}, onset)
    for (name, hour), changes in sorted(found.items(), key=lambda item: (_COLUMNS.index(item[0][0]), item[0][1])):
        yield Change(name, hour, round(float(np.mean(changes)), 2), len(changes))


def irregularity(file: Path) -> tuple[Array, int]:
    """Quartiles of the coefficient of variation from beat to beat in atrial fibrillation or flutter, and of how many patients."""
    table = pq.read_table(file, columns=["case_id", "time_second", "rhythm_label"]).to_pydict()
    at_s = np.array(table["time_second"], dtype=np.float64)
    is_fibrillation = np.array([(label or "").startswith("AFIB") for label in table["rhythm_label"]])
    spreads = []
    for _, first, last in runs([table["case_id"]]):
        between_s = np.diff(at_s[first:last])
        beats = between_s[(between_s > 0.2) & (between_s < 3) & is_fibrillation[first + 1 : last]]
        if len(beats) >= _BEATS_MIN:
            spreads.append(float(beats.std() / beats.mean()))
    return np.quantile(spreads, (0.25, 0.5, 0.75)), len(spreads)


def _add_changes(found: Mapping[tuple[str, int], list[float]], columns: Mapping[str, Array], onset: int) -> None:
    before = slice(max(0, onset - _BEFORE_H[0]), max(0, onset - _BEFORE_H[1]))
    for name, values in columns.items():
        usual = values[before]
        if not np.isfinite(usual).any():
            continue
        for hour in HOURS:
            at = onset + hour
            if 0 <= at < len(values) and np.isfinite(values[at]):
                found[name, hour].append(float(values[at] - np.nanmedian(usual)))


def main(arguments: Sequence[str]) -> int:
    """Print both; an exit code."""
    if len(arguments) != 1:
        sys.stderr.write("Say where the recordings are: python -m evaluation.courses DIRECTORY\n")
        return EXIT_USAGE
    directory = Path(arguments[0])
    sepsis, rhythm = directory / "sepsis2019/set_a.parquet", directory / "rhythm/beats.parquet"
    for file in (sepsis, rhythm):
        if not file.exists():
            sys.stderr.write(f"There is no {file}; docs/realism.md says where its publisher offers it.\n")
            return EXIT_USAGE
    sys.stdout.write("change from the patient's own usual, by hours from the onset of sepsis\n")
    for change in changes_around_sepsis(sepsis):
        sys.stdout.write(f"{change.column:6} {change.hour:+4} h {change.mean:+7.2f}  ({change.patients} patients)\n")
    quartiles, patients = irregularity(rhythm)
    shown = ", ".join(f"{value:.2f}" for value in quartiles)
    sys.stdout.write(f"beat-to-beat variation in atrial fibrillation, quartiles: {shown} ({patients} patients)\n")
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
