"""`python -m evaluation.nights DIRECTORY`: infections noticed by the resting heart rate of the night, and false nights.

Replays a smartwatch set (docs/learning.md says which) through the very code that runs live (`stream.nights`), beside a rule
like NightSignal's on the same recordings: two nights in a row at least so many beats above the median of all nights before.
"""

import csv
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq

from evaluation.arguments import Arguments, ended
from evaluation.datasets import said_of
from runtime.lifecycle import EXIT_OK
from stream.nights import NightParameters, Nights

FILES = ("hr.parquet", "steps.parquet", "labels.csv")
NOTICED_DAYS = (-14, 7)
"""An infection counts as noticed by a night from so many days before its onset up to so many after it; both in it."""
NIGHTSIGNAL = NightParameters(from_h=0, until_h=7, nights_min=1)
"""The hours of NightSignal; of these nights only the resting heart rate is used."""
_EPOCH = date(1970, 1, 1)
_MINUTE_MS = 60_000


class NightRate(NamedTuple):
    """One night's resting heart rate."""

    day: int
    resting_bpm: float


class Wearer(NamedTuple):
    """One recorded person; times are what a clock beside them showed."""

    name: str
    onset_day: int | None
    """Days since 1970-01-01; None where the set does not say."""
    events: Sequence[tuple[int, float | None, float | None]]
    """In the order of time: ms, heart rate, steps counted since the beginning."""


class Verdicts(NamedTuple):
    """What a rule says of one person's nights: of each night that it judges, whether it stands out."""

    name: str
    onset_day: int | None
    nights: Mapping[int, bool]

    @property
    def noticed(self) -> tuple[int, ...]:
        """Days from onset of the nights that stand out around it; empty where it was not noticed."""
        if self.onset_day is None:
            return ()
        first, last = NOTICED_DAYS
        days = ((day - self.onset_day, told) for day, told in self.nights.items())
        return tuple(day for day, told in days if told and first <= day <= last)

    @property
    def before(self) -> tuple[bool, ...]:
        """The nights before any that could notice the infection; those that stand out are false."""
        if self.onset_day is None:
            return ()
        return tuple(told for day, told in self.nights.items() if day < self.onset_day + NOTICED_DAYS[0])


def read_wearers(folder: Path) -> Iterator[Wearer]:
    """Everyone in `hr.parquet`, `steps.parquet` and `labels.csv`; OSError where one of them is missing."""
    with (folder / "labels.csv").open(newline="") as file:
        onsets = {row["participant"]: _day(row["onset_day0"]) for row in csv.DictReader(file)}
    rates = _by_person(folder / "hr.parquet", "heartrate")
    steps = _by_person(folder / "steps.parquet", "steps")
    for name, (at_ms, values) in rates.items():
        events: list[tuple[int, float | None, float | None]] = [
            (at, value, None) for at, value in zip(at_ms.tolist(), values.tolist(), strict=True)
        ]
        if name in steps:
            step_ms, counts = steps[name]
            # The set gives a minute's steps at its beginning; a counter shows them at its end.
            counted = zip((step_ms + _MINUTE_MS - 1).tolist(), np.cumsum(counts).tolist(), strict=True)
            events += [(at, None, count) for at, count in counted]
        events.sort(key=lambda event: event[0])
        yield Wearer(name, onsets.get(name), events)


def live_verdicts(wearer: Wearer, parameters: NightParameters | None = None) -> Verdicts:
    """What `stream.nights` says; nights before a week is known are not judged."""
    whole = NightParameters() if parameters is None else parameters
    nights, told = Nights(), dict[int, bool]()
    for at_ms, rate, steps in wearer.events:
        night = nights.step(at_ms, whole, heart_rate_bpm=rate, steps_count=steps)
        if night is not None and night.usual_bpm is not None:
            told[night.day] = night.stands_out
    return Verdicts(wearer.name, wearer.onset_day, told)


def nightsignal_verdicts(wearer: Wearer, rise_bpm: float, *, nights_min: int = 1) -> Verdicts:
    """What a rule like NightSignal's says, once `nights_min` nights are known."""
    nights, before, told = Nights(), list[float](), dict[int, bool]()
    high_day: int | None = None
    for at_ms, rate, steps in wearer.events:
        night = nights.step(at_ms, NIGHTSIGNAL, heart_rate_bpm=rate, steps_count=steps)
        if night is None:
            continue
        if len(before) >= nights_min:
            is_high = night.resting_bpm >= median(before) + rise_bpm
            told[night.day] = is_high and high_day == night.day - 1
            high_day = night.day if is_high else None
        before.append(night.resting_bpm)
    return Verdicts(wearer.name, wearer.onset_day, told)


RULES: Mapping[str, Callable[[Wearer], Verdicts]] = {
    "this project's": live_verdicts,
    "like NightSignal, 3 beats": lambda wearer: nightsignal_verdicts(wearer, 3),
    "like NightSignal, 4 beats": lambda wearer: nightsignal_verdicts(wearer, 4),
    "like NightSignal, 3 beats, after a week": lambda wearer: nightsignal_verdicts(wearer, 3, nights_min=7),
    "like NightSignal, 4 beats, after a week": lambda wearer: nightsignal_verdicts(wearer, 4, nights_min=7),
}


def _by_person(file: Path, column: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    table = pq.read_table(file, columns=["participant", "datetime", column])
    names = np.array(table["participant"].to_pylist())
    at_ms = table["datetime"].to_numpy().astype("datetime64[ms]").astype(np.int64)
    values = table[column].to_numpy().astype(np.float64)
    found = {}
    for name in sorted(set(names.tolist())):
        own = names == name
        order = np.argsort(at_ms[own], kind="stable")
        found[name] = at_ms[own][order], values[own][order]
    return found


def _day(written: str) -> int | None:
    return (date.fromisoformat(written) - _EPOCH).days if written else None


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line per rule and person, counts only: the set is small. An exit code."""
    return ended(_counted, arguments)


def _counted(arguments: Sequence[str]) -> int:
    parser = Arguments(prog="python -m evaluation.nights", description=__doc__)
    parser.add_directory("directory", help=f"with {', '.join(FILES)}")
    folder: Path = parser.parse_args(arguments).directory
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        parser.error(f"there is no {' and no '.join(missing)} in {folder}")
    with said_of(folder):
        wearers = list(read_wearers(folder))
    for rule, verdicts_of in RULES.items():
        sys.stdout.writelines(f"{line}\n" for line in _lines(rule, [verdicts_of(wearer) for wearer in wearers]))
    return EXIT_OK


def _lines(rule: str, verdicts: Sequence[Verdicts]) -> Iterator[str]:
    known = [each for each in verdicts if each.onset_day is not None]
    noticed = sum(bool(each.noticed) for each in known)
    false, nights = sum(sum(each.before) for each in known), sum(len(each.before) for each in known)
    yield f"{rule}: {noticed} of {len(known)} noticed, {false} of {nights} nights before false"
    for each in verdicts:
        days = " ".join(map(str, each.noticed)) or "-"
        around = f"noticed on days {days}; {sum(each.before)} of {len(each.before)} before false"
        without = f"no onset known; {sum(each.nights.values())} of {len(each.nights)} nights stand out"
        yield f"    {each.name}  {without if each.onset_day is None else around}"


if __name__ == "__main__":
    sys.exit(main())
