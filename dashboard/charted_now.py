"""What people charted of one patient lately, and what of it was taken back. Pure."""

from collections import OrderedDict
from collections.abc import Iterable

from vitals.reading import Reading, Withdrawn
from vitals.sign import Sign

ENTRIES_KEPT = 100
"""Entries, and withdrawals, per patient; the longest known go first."""


class ChartedBook:
    """The charted readings of one patient as the log told them; mutable, bounded, the same in whatever order they come."""

    def __init__(self) -> None:
        self.entries: OrderedDict[str, Reading] = OrderedDict()
        self.withdrawn: OrderedDict[str, Withdrawn] = OrderedDict()
        """By the id of the reading that was taken back."""

    def add(self, reading: Reading) -> bool:
        """Take an entry in; False where it is there already."""
        if reading.reading_id in self.entries:
            return False
        self.entries[reading.reading_id] = reading
        if len(self.entries) > ENTRIES_KEPT:
            self.entries.popitem(last=False)
        return True

    def withdraw(self, order: Withdrawn) -> bool:
        """Take back an entry; False where that was done already, or is no entry."""
        if order.reading_id is None or order.reading_id in self.withdrawn:
            return False
        self.withdrawn[order.reading_id] = order
        if len(self.withdrawn) > ENTRIES_KEPT:
            self.withdrawn.popitem(last=False)
        return True

    def standing(self) -> Iterable[Reading]:
        """The entries that were not taken back."""
        return (reading for reading_id, reading in self.entries.items() if reading_id not in self.withdrawn)

    def last(self, sign: Sign) -> Reading | None:
        """The entry observed last that says something of `sign`."""
        return max((reading for reading in self.standing() if sign in reading.signs), key=_observed, default=None)


def _observed(reading: Reading) -> tuple[int, int, str]:
    return reading.measured_at_ms, reading.received_at_ms, reading.reading_id
