"""Exercise, a benign mimic of deterioration: heart rate and breathing rise with steps, saturation stays, all recovers.

Healthy people pass common heart-rate limits many times a day without being ill; what tells exercise from sepsis is that
steps come with it, saturation and pressure hold, and it passes within minutes. In six minutes of walking the heart rate of
patients rose by 37 ± 14 beats (20 patients, Chron Respir Dis 2016;13:118, table 3); a walk in the corridor is gentler: 20
to 44 here. Breathing and the time constant of recovery are our choice.
"""

from dataclasses import dataclass

import numpy as np

from simulators.physiology import Array, Signs
from simulators.scenarios.course import Scenario, all_but, smooth
from simulators.truth import Severity, Truth
from vitals.sign import Sign

_RISE_S = 60.0
_RECOVERY_S = 90.0
"""Time constant of the return to rest."""
_STEPS_PER_S = 1.7
_RECOVERED = 5.0
"""After this many time constants nothing of it is left."""


@dataclass(frozen=True, kw_only=True)
class Exercise(Scenario):
    """A walk of 4 to 8 minutes from `onset_s` on, and again every `every_s`; steps are counted from the start of the course."""

    every_s: float | None = None
    """Seconds of the course from one walk to the next; one walk only where it is None."""
    name = "exercise"
    summary = "walks in the corridor: heart rate and breathing rise with steps, and pass"

    @property
    def walk_s(self) -> float:
        """In seconds of the course."""
        return self.variant.by_severity(240, 480)

    def shape(self, elapsed_s: Array, signs: Signs) -> Signs:
        since_s, by = self._since_s(elapsed_s), self.variant.by_severity
        walks = np.zeros_like(since_s)
        if self.every_s is not None:
            walks = np.maximum(np.floor(since_s / self.every_s), 0)
            since_s = since_s - walks * self.every_s
        effort = smooth(since_s / _RISE_S) * np.exp(-np.maximum(since_s - self.walk_s, 0) / _RECOVERY_S)
        walked_s = (walks * self.walk_s + np.clip(since_s, 0, self.walk_s)) / self.time_scale
        return {
            **signs,
            Sign.HEART_RATE: signs[Sign.HEART_RATE] + by(20, 44) * effort,
            Sign.RESPIRATORY_RATE: signs[Sign.RESPIRATORY_RATE] + by(3, 9) * effort,
            Sign.SYSTOLIC: signs[Sign.SYSTOLIC] + by(8, 18) * effort,
            Sign.DIASTOLIC: signs[Sign.DIASTOLIC] + 2 * effort,
            Sign.MEAN_PRESSURE: signs[Sign.MEAN_PRESSURE] + 5 * effort,
            Sign.SPO2: signs[Sign.SPO2] - by(0, 1) * effort,
            Sign.SKIN_TEMPERATURE: signs[Sign.SKIN_TEMPERATURE] - 0.5 * effort,
            Sign.STEPS: np.floor(walked_s * _STEPS_PER_S) % 100_000,
        }

    def truth(self, every_s: float = 1.0) -> Truth:  # noqa: ARG002
        ends_s = None if self.every_s is not None else self._at_s(self.walk_s + _RECOVERED * _RECOVERY_S)
        return self._truth(
            Severity.NONE,
            ends_s=ends_s,
            must_not_alarm=all_but(),
            phases=self._phases(("walk", self.walk_s), ("recovery", _RECOVERED * _RECOVERY_S)),
        )
