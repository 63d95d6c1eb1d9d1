"""Whether the patient walks, by the steps that a wearable counts. Pure."""

import msgspec

STEPS_PER_MIN_WALKING = 40.0
"""From here on steps are purposeful walking (Tudor-Locke et al., Int J Behav Nutr Phys Act 2011;8:79: 40-59 a minute)."""
STEPS_PER_MIN_MAX = 300.0
"""Nobody runs faster; a counter that does was set, not walked; our choice."""
WINDOW_MS = 45_000
"""Steps are compared across at least this time; our choice: two readings of a wearable that reports each minute."""
WINDOW_MS_MAX = 10 * 60_000
"""And at most this: of steps further apart nobody can say when they were taken; our choice."""
RECOVERY_MS = 5 * 60_000
"""So long after it heart rate and breathing may still be those of a walk; our choice."""


class Steps(msgspec.Struct):
    """One patient's step counter; mutable."""

    count: float | None = None
    at_ms: int = 0
    device_id: str = ""
    walked_ms: int | None = None
    """When walking was last seen."""

    def take(self, count: float, at_ms: int, device_id: str) -> None:
        """Take note of a count, in the order of time; only one device's at a time is followed."""
        since_ms = at_ms - self.at_ms
        if self.count is None or count < self.count or since_ms > WINDOW_MS_MAX:
            self.count, self.at_ms, self.device_id = count, at_ms, device_id
        elif device_id == self.device_id and since_ms >= WINDOW_MS:
            per_min = (count - self.count) * 60_000 / since_ms
            if STEPS_PER_MIN_WALKING <= per_min <= STEPS_PER_MIN_MAX:
                self.walked_ms = at_ms
            self.count, self.at_ms = count, at_ms

    def is_walking(self, at_ms: int) -> bool:
        """Whether steps were counted around `at_ms`: in the last two windows."""
        return self.walked_ms is not None and 0 <= at_ms - self.walked_ms <= 2 * WINDOW_MS

    def is_exerted(self, at_ms: int) -> bool:
        """Whether the patient walks, or did until shortly before `at_ms`."""
        return self.walked_ms is not None and 0 <= at_ms - self.walked_ms <= RECOVERY_MS
