"""Sleep with dips of saturation, benign: all night slower and lower, and again and again a dip of half a minute.

In 350 people with normal sleep studies the median saturation of the night was 96.5 ± 1.5 %, a tenth of it below 94.7 ± 1.6,
and the lowest 90.4 ± 3.1; above 60 years 95.1 and 92.8 (Gries and Brooks, Chest 1996;110:1489). Heart rate falls by 10 to
20 % and systolic pressure by 10 to 14 % in sleep (22 and 3,957 people; sources in `docs/scenarios.md`). How often and how
long single dips are is our choice, short of sleep apnoea.
"""

from dataclasses import dataclass

import numpy as np

from simulators.physiology import DAY_S, Array, Signs
from simulators.scenarios.course import Bouts, Scenario, all_but, rise_and_fall
from simulators.truth import Severity, Truth
from vitals.sign import Sign

NIGHT_S = 7 * 3600.0
_FALLING_ASLEEP_S = 1800.0
_WAKING_S = 900.0


@dataclass(frozen=True, kw_only=True)
class SleepDips(Scenario):
    """Falls asleep at the onset, for 7 hours, and every night again; each 3 to 12 minutes a dip by 3 to 7 points."""

    onset_s: float = 1800.0
    name = "sleep-dips"
    summary = "a night's sleep: all slower, saturation dips for half a minute at a time"

    def shape(self, elapsed_s: Array, signs: Signs) -> Signs:
        since_s, by = self._since_s(elapsed_s), self.variant.by_severity
        since_s = np.where(since_s < 0, since_s, since_s % DAY_S)
        asleep = rise_and_fall(
            since_s, rise_s=_FALLING_ASLEEP_S, hold_s=NIGHT_S - _FALLING_ASLEEP_S - _WAKING_S, fall_s=_WAKING_S
        )
        apart_s = self.variant.by_pace(720, 180)
        dips = Bouts.drawn(self.variant.generator(), within_s=NIGHT_S, apart_s=apart_s, lasts_s=(20, 50))
        into_s, index = dips.at(since_s)
        within = np.clip(into_s / dips.lasts_s[index], 0, 1)
        dip = np.where(into_s >= 0, np.sin(np.pi * within) ** 2, 0.0) * (0.4 + 0.6 * dips.strength[index]) * asleep
        return {
            **signs,
            Sign.SPO2: signs[Sign.SPO2] - by(0.5, 1.5) * asleep - by(3, 7) * dip,
            Sign.HEART_RATE: signs[Sign.HEART_RATE] * (1 - by(0.04, 0.1) * asleep) + 4 * dip,
            Sign.RESPIRATORY_RATE: signs[Sign.RESPIRATORY_RATE] - by(0.5, 1.5) * asleep,
            Sign.SYSTOLIC: signs[Sign.SYSTOLIC] * (1 - by(0.03, 0.08) * asleep),
            Sign.DIASTOLIC: signs[Sign.DIASTOLIC] * (1 - by(0.03, 0.08) * asleep),
            Sign.MEAN_PRESSURE: signs[Sign.MEAN_PRESSURE] * (1 - by(0.03, 0.08) * asleep),
        }

    def truth(self, every_s: float = 1.0) -> Truth:  # noqa: ARG002
        return self._truth(Severity.NONE, must_not_alarm=all_but(), phases=self._phases(("first night", NIGHT_S)))
