"""The local log's own time, by which records age: it follows the wall clock and never jumps with it."""

from typing import Final

from runtime.clock import Clock

DRIFT_MAX: Final = 0.25
"""How much faster or slower than a second a second of the log's time passes, while it nears the wall clock: a week kept is
a week of five and a half to nine and a half days, however wrong a clock is."""


class LogTime:
    """Milliseconds since 1970 that never go back and pass steadily while the log is open; mutable.

    A clock that is set, rightly or wrongly, makes nothing in the log older at once, so that nobody's unread records are
    trimmed, and nothing younger, so that trimming does not stand still. While the log is closed no time passes: what was
    not read before a long rest can be read after it.
    """

    def __init__(self, clock: Clock, *, newest_ms: int | None) -> None:
        """`newest_ms` is when the log's newest record was committed; None where it holds none."""
        self._clock = clock
        self._read_s = clock.monotonic_s()
        self._at_ms = float(clock.now_ms() if newest_ms is None else newest_ms)

    def now_ms(self) -> int:
        """The moment it is for the log."""
        read_s = self._clock.monotonic_s()
        passed_ms = (read_s - self._read_s) * 1000
        self._read_s = read_s
        behind_ms = self._clock.now_ms() - (self._at_ms + passed_ms)
        drift_ms = DRIFT_MAX * passed_ms
        self._at_ms += passed_ms + min(max(behind_ms, -drift_ms), drift_ms)
        return int(self._at_ms)
