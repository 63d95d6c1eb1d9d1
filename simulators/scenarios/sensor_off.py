"""The sensor comes off: contact turns poor, values come and go, then the device has nothing to report any more.

The patient is well: only the loss of contact may alarm, whatever the last values were. A device without any value sends
no reading, so the silence is the sign.
"""

from dataclasses import dataclass

import numpy as np

from simulators.physiology import Array, Signs
from simulators.scenarios.course import LIMIT_KINDS, SCORE_KINDS
from simulators.truth import MustAlarm, Severity, Truth
from vitals.alert import AlertKind
from vitals.sign import Sign

POOR_CONTACT_S = 60.0
SILENCE_S = 120.0
"""The silence after which lost contact alarms by default; not shortened by the time scale."""
_MARGIN_S = 30.0


@dataclass(frozen=True, kw_only=True)
class SensorOff:
    """Poor contact for a minute divided by `time_scale`, then nothing; back after `off_s`, where that is given."""

    onset_s: float = 600.0
    time_scale: float = 1.0
    off_s: float | None = None
    name: str = "sensor-off"

    def shape(self, elapsed_s: Array, signs: Signs) -> Signs:
        since_s = elapsed_s - self.onset_s
        poor_s = POOR_CONTACT_S / self.time_scale
        back = np.zeros_like(since_s, dtype=bool) if self.off_s is None else since_s >= poor_s + self.off_s
        off = (since_s >= poor_s) & ~back
        poor = (since_s >= 0) & ~off & ~back
        flickering = poor & (np.floor(since_s) % 3 != 0)
        quality = np.where(poor, np.clip(80 - 60 * since_s / poor_s, 0, 100), 95.0)
        shaped = {sign: np.where(off, np.nan, values) for sign, values in signs.items()}
        for sign in (Sign.HEART_RATE, Sign.RESPIRATORY_RATE, Sign.SPO2):
            shaped[sign] = np.where(flickering, np.nan, shaped[sign])
        return {**shaped, Sign.SIGNAL_QUALITY: np.where(off, np.nan, quality)}

    def truth(self) -> Truth:
        poor_s = POOR_CONTACT_S / self.time_scale
        return Truth(
            scenario=self.name,
            severity=Severity.TECHNICAL,
            onset_s=self.onset_s,
            ends_s=None if self.off_s is None else self.onset_s + poor_s + self.off_s,
            must_alarm=(MustAlarm(AlertKind.LOST_CONTACT, poor_s + SILENCE_S + _MARGIN_S),)
            if self.off_s is None or self.off_s > SILENCE_S + _MARGIN_S
            else (),
            must_not_alarm=(*LIMIT_KINDS, *SCORE_KINDS),
        )
