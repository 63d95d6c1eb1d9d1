"""Bounds of the read model, and the age from which a value must not be shown as current. Pure."""

from collections.abc import Collection
from dataclasses import dataclass
from statistics import median

from vitals.sign import Sign
from vitals.validity import measured_for_ms

SPOT_SIGNS = frozenset(
    {Sign.TEMPERATURE, Sign.SYSTOLIC, Sign.DIASTOLIC, Sign.MEAN_PRESSURE, Sign.GLUCOSE, Sign.BATTERY}
)
"""Measured now and then: one value alone does not say when the next is due."""
CHARTED_SIGNS = frozenset({Sign.CONSCIOUSNESS, Sign.SUPPLEMENTAL_OXYGEN, Sign.OXYGEN_FLOW, Sign.PAIN})
"""Nothing that is worn measures them: whoever sends one, it holds until the next round, whatever the distance of the last two."""
SPOT_INTERVALS_MIN = 3
"""A cuff inflates twice in a row when it is put on; a usual distance takes so many intervals to show."""


@dataclass(frozen=True, kw_only=True)
class WardLimits:
    """Bounds and thresholds of the read model; milliseconds unless the name says otherwise."""

    stale_after_ms: int = 30_000
    stale_cadences: float = 3.0
    stale_after_ms_max: int = 3_600_000
    spot_stale_after_ms: int = 900_000
    trend_window_ms: int = 900_000
    trend_bucket_ms: int = 10_000
    recent_alert_ms: int = 600_000
    resolved_kept: int = 20
    recent_readings_max: int = 256
    samples_max: int = 600
    patients_max: int = 5000

    def stale_after(self, intervals_ms: Collection[int], sign: Sign | None = None) -> int:
        """The age from which data that came at these intervals is stale: a slow sign is not judged by a fast one's clock."""
        if sign is not None and sign in CHARTED_SIGNS:
            return measured_for_ms(sign)
        if sign in SPOT_SIGNS and len(intervals_ms) < SPOT_INTERVALS_MIN:
            return self.spot_stale_after_ms
        if not intervals_ms:
            return self.stale_after_ms
        usual_ms = self.stale_cadences * median(intervals_ms)
        return int(max(self.stale_after_ms, min(usual_ms, self.stale_after_ms_max)))
