"""Wall time that is not led astray by a step of the clock back: what is measured in one order is received in one order.

A reading counts as no later than it was received (`vitals.lateness`). Where the clock of the machine is set back by half a
minute, for a moment or for good, every reading of the next half minute would seem older than the last, and nothing would alarm.
"""

from typing import Final

BELIEVED_AFTER_S: Final = 60.0
"""A clock that was set back is believed once it has stayed so; one that is put right before was never followed. Our choice."""
STEPPED_S_MAX: Final = 120.0
"""A clock that was ahead by more is set right at once then, as far as ingest lets devices be ahead; our choice."""
SLOWED_BY: Final = 0.05
"""Until it is as late as the clock says, so much of a second is left out of each; our choice."""


class SteadyTime:
    """Follows the wall clock forward at once, and back only slowly; mutable. Without a step it is the wall clock."""

    def __init__(self, *, wall_s: float, monotonic_s: float) -> None:
        self._at_s = wall_s
        self._read_s = monotonic_s
        self._ahead_since_s: float | None = None

    def at_s(self, *, wall_s: float, monotonic_s: float) -> float:
        """The moment it is, in the unit and from the origin of `wall_s`, as both clocks say now."""
        passed_s = max(0.0, monotonic_s - self._read_s)
        self._read_s = max(self._read_s, monotonic_s)
        going_on_s = self._at_s + passed_s
        ahead_s = going_on_s - wall_s
        if ahead_s <= 0:
            self._at_s, self._ahead_since_s = wall_s, None
            return wall_s
        if self._ahead_since_s is None:
            self._ahead_since_s = monotonic_s
        if monotonic_s - self._ahead_since_s < BELIEVED_AFTER_S:
            self._at_s = going_on_s
        elif ahead_s > STEPPED_S_MAX:
            self._at_s, self._ahead_since_s = wall_s, None
        else:
            self._at_s = going_on_s - min(ahead_s, SLOWED_BY * passed_s)
        return self._at_s
