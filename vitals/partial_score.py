"""What a score of points says while some of its inputs are missing: an interval, never 0 for what nobody measured."""

from typing import NamedTuple

from vitals.sign import Sign


class PartialScore(NamedTuple):
    """Whatever the missing inputs are, the total lies in `low..high`."""

    low: int
    high: int
    missing: tuple[Sign, ...]

    @property
    def total(self) -> int | None:
        """The score, where every input is there."""
        return None if self.missing else self.low
