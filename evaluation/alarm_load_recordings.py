"""Recorded patients as beds whose alarms are counted; from files that users fetch themselves (docs/alarm-load.md)."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import pyarrow as pa
import pyarrow.parquet as pq

from evaluation.alarm_load_beds import Moment, RecordedBed
from evaluation.recordings import runs
from simulators.recording import open_recording
from vitals.errors import InvalidArgument
from vitals.sign import Sign

_ROWS_MAX = 5_000_000
_EXAM_FILE = "hr_skin_temperature.parquet"
_EXAM_COLUMNS = {"heart_rate_bpm": Sign.HEART_RATE, "skin_temperature_c": Sign.SKIN_TEMPERATURE}


def read_beds(places: Iterable[Path]) -> list[RecordedBed]:
    """Every set of `SETS` in these directories, or the set that a directory is; raises InvalidArgument where none is."""
    beds: list[RecordedBed] = []
    for place in places:
        folders = [(name, place if place.name == name else place / name) for name in SETS]
        found = [(name, folder) for name, folder in folders if folder.is_dir()]
        if not found:
            raise InvalidArgument(
                f"There are no recordings in {place}: it needs one of the folders {', '.join(SETS)} (docs/alarm-load.md)."
            )
        for name, folder in found:
            beds += SETS[name](name, folder)
    return beds


def _replayable(pattern: str) -> Callable[[str, Path], list[RecordedBed]]:
    """A reader of files that `wardlight replay` knows by their columns."""

    def read(name: str, folder: Path) -> list[RecordedBed]:
        files = sorted(folder.glob(pattern))
        if not files:
            raise InvalidArgument(f"There is no {pattern} in {folder}.")
        return [bed for file in files for bed in _recorded(name, file)]

    return read


def _recorded(name: str, file: Path) -> Iterator[RecordedBed]:
    recording = open_recording([file], rows_max=_ROWS_MAX)
    moments: list[list[Moment]] = [[] for _ in recording.devices]
    for batch in recording.batches(2000):
        for row in batch:
            moments[row.device].append((row.offset_ms / 1000, row.signs))
    for device, recorded in zip(recording.devices, moments, strict=True):
        yield RecordedBed(name, str(device), recorded)


def _exam(name: str, folder: Path) -> list[RecordedBed]:
    try:
        table = pq.read_table(folder / _EXAM_FILE, columns=["student", "session", "unix_s", *_EXAM_COLUMNS]).to_pydict()
    except (OSError, pa.ArrowException) as error:
        raise InvalidArgument(f"{folder / _EXAM_FILE} cannot be read: {error}.") from error
    return [
        RecordedBed(name, "-".join(label), list(_moments(table, first, last)))
        for label, first, last in runs([table["student"], table["session"]])
    ]


def _moments(table: Mapping[str, Sequence[float | None]], first: int, last: int) -> Iterator[Moment]:
    columns = [(sign, table[column]) for column, sign in _EXAM_COLUMNS.items()]
    for index in range(first, last):
        second = table["unix_s"][index]
        signs = {
            sign: value
            for sign, values in columns
            if (value := values[index]) is not None and value == value  # noqa: PLR0124
        }
        if second is not None and signs:
            yield second, signs


SETS: Mapping[str, Callable[[str, Path], list[RecordedBed]]] = MappingProxyType(
    {"bidmc": _replayable("numerics.parquet"), "mimic2_minute": _replayable("*.csv"), "exam_e4": _exam}
)
"""By folder: how its patients are read."""
