"""Exercise, a benign mimic of deterioration: heart rate and breathing rise with steps, saturation stays, all recovers.

Healthy people pass common heart-rate limits many times a day without being ill; what tells exercise from sepsis is that
steps come with it, saturation and pressure hold, and it passes within minutes. Depth is our choice: a brisk walk in the
corridor, below the NEWS2 urgent band.
"""

from dataclasses import dataclass

import numpy as np

from simulators.physiology import Array, Signs
from simulators.scenarios.course import LIMIT_KINDS, drawn, smooth
from simulators.truth import Severity, Truth
from vitals.alert import AlertKind
from vitals.sign import Sign

WALK_S = 360.0
_RISE_S = 60.0
_RECOVERY_S = 90.0
"""Time constant of the return to rest."""
_STEPS_PER_S = 1.7
_RECOVERED = 5.0
"""After this many time constants nothing of it is left."""


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """A walk of six minutes from `onset_s` on, divided by `time_scale`; steps are counted from the start of the course."""

    onset_s: float = 600.0
    time_scale: float = 1.0
    name: str = "exercise"

    def shape(self, elapsed_s: Array, signs: Signs) -> Signs:
        since_s = (elapsed_s - self.onset_s) * self.time_scale
        effort = smooth(since_s / _RISE_S) * np.exp(-np.maximum(since_s - WALK_S, 0) / _RECOVERY_S)
        walked_s = np.clip(elapsed_s - self.onset_s, 0, WALK_S / self.time_scale)
        return {
            **signs,
            Sign.HEART_RATE: drawn(signs[Sign.HEART_RATE], usual=72, target=108, share=effort),
            Sign.RESPIRATORY_RATE: drawn(signs[Sign.RESPIRATORY_RATE], usual=15.6, target=21, share=effort),
            Sign.SYSTOLIC: signs[Sign.SYSTOLIC] + 12 * effort,
            Sign.DIASTOLIC: signs[Sign.DIASTOLIC] + 2 * effort,
            Sign.MEAN_PRESSURE: signs[Sign.MEAN_PRESSURE] + 5 * effort,
            Sign.SKIN_TEMPERATURE: signs[Sign.SKIN_TEMPERATURE] - 0.5 * effort,
            Sign.STEPS: np.floor(walked_s * _STEPS_PER_S),
        }

    def truth(self) -> Truth:
        return Truth(
            scenario=self.name,
            severity=Severity.NONE,
            onset_s=self.onset_s,
            ends_s=self.onset_s + (WALK_S + _RECOVERED * _RECOVERY_S) / self.time_scale,
            must_not_alarm=(
                *LIMIT_KINDS,
                AlertKind.NEWS2_SINGLE_RED,
                AlertKind.NEWS2_URGENT,
                AlertKind.NEWS2_EMERGENCY,
                AlertKind.LOST_CONTACT,
            ),
        )
