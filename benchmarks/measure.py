"""How a benchmark measures: two sides in turn on equal input, medians over rounds, one line as its result."""

import statistics
import time
from collections.abc import Sequence

import msgspec

from runtime.clock import SystemClock


class NotMeasured(Exception):
    """A benchmark, or a part of it, needs a server that this machine does not have; one sentence."""


class Result(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of output; `ratio` is value / floor."""

    bench: str
    value: float
    unit: str
    floor: float
    ratio: float
    bar: float | None = None
    """What `value` may be at the most; None where the line names none."""
    verdict: str | None = None
    """Beside a bar: `ok` or `missed`."""

    @classmethod
    def of(cls, bench: str, *, value: float, unit: str, floor: float, bar: float | None = None) -> "Result":
        """A result rounded to what the measurement can tell, and held against its bar as rounded."""
        told = round(value, 1)
        verdict = None if bar is None else "ok" if told <= bar else "missed"
        return cls(bench, told, unit, round(floor, 1), round(value / floor, 3), bar, verdict)


def rates(rounds: Sequence[tuple[float, float]], readings: int) -> tuple[float, float]:
    """Readings per second of both sides: medians over rounds of seconds for so many readings."""
    ours, floor = zip(*rounds, strict=True)
    return readings / statistics.median(ours), readings / statistics.median(floor)


class Stopwatch:
    """CPU seconds of this process, and seconds, since it was made."""

    def __init__(self) -> None:
        self._cpu_s = time.process_time()
        self._clock = SystemClock()

    def cpu_s(self) -> float:
        """CPU time of all threads of this process."""
        return time.process_time() - self._cpu_s

    def wall_s(self) -> float:
        """Time as a person sees it pass."""
        return self._clock.monotonic_s()
