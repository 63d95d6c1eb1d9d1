"""The sensor comes off: contact turns poor, values come and go, then the device has nothing to report any more.

The patient is well: only the loss of contact may alarm, whatever the last values were. A device without any value sends
no reading, so the silence is the sign. Of 48 ward patients half took the sensor off themselves (BMC Digit Health 2025,
10.1186/s44247-025-00151-x, table 3); the minute of poor contact is our choice.
"""

import math
from dataclasses import dataclass

import numpy as np

from simulators.physiology import Array, Signs
from simulators.scenarios.course import Scenario, all_but
from simulators.truth import MustAlarm, Phase, Severity, Truth
from vitals.alert import AlertKind
from vitals.sign import Sign

POOR_CONTACT_S = 60.0
SILENCE_S = 120.0
"""The silence after which lost contact alarms by default; not shortened by the time scale."""
USUAL_FACTOR = 3.0
"""And so many usual intervals."""
SILENCE_MARGIN_S = 30.0


def silence_due_s(every_s: float) -> float:
    """When lost contact is due after the last reading of a device that measured once in `every_s`.

    Contact counts in moments a third of the silence apart, so what is usual is the next multiple of `every_s`.
    """
    usual_s = every_s * math.ceil(SILENCE_S / USUAL_FACTOR / every_s)
    return max(SILENCE_S, USUAL_FACTOR * usual_s) + every_s + SILENCE_MARGIN_S


@dataclass(frozen=True, kw_only=True)
class SensorOff(Scenario):
    """Poor contact for a minute divided by `time_scale`, then nothing; back after `off_s`, where that is given."""

    off_s: float | None = None
    name = "sensor-off"
    summary = "poor contact, then silence"

    def sense(self, elapsed_s: Array, signs: Signs) -> Signs:
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

    def truth(self, every_s: float = 1.0) -> Truth:
        poor_s, due_s = POOR_CONTACT_S / self.time_scale, silence_due_s(every_s)
        off_from_s = self.onset_s + poor_s
        back_s = None if self.off_s is None else off_from_s + self.off_s
        is_missed = self.off_s is None or self.off_s > due_s
        return self._truth(
            Severity.TECHNICAL,
            ends_s=back_s,
            must_alarm=(MustAlarm(AlertKind.LOST_CONTACT, poor_s + due_s),) if is_missed else (),
            must_not_alarm=all_but(AlertKind.LOST_CONTACT),
            phases=(Phase("poor contact", self.onset_s, off_from_s), Phase("off", off_from_s, back_s)),
        )
