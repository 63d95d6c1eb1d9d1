"""Cold finger, benign: vessels close, the oximeter's signal fades, saturation reads a little low and is often missing.

That low perfusion makes readings erratic, falsely low or absent: Jubran, Crit Care 1999;3:R11. On wards wearable oximeters
gave a value for 69 % of the time worn (48 patients, BMC Digit Health 2025, 10.1186/s44247-025-00151-x, table 3). Depth,
length and the share of missing values are our choice. The patient is well.
"""

from dataclasses import dataclass

import numpy as np

from simulators.physiology import Array, Signs
from simulators.scenarios.course import Scenario, all_but, flutter, rise_and_fall
from simulators.truth import Severity, Truth
from vitals.alert import AlertKind
from vitals.sign import Sign

COOLING_S = 1200.0
WARMING_S = 900.0


@dataclass(frozen=True, kw_only=True)
class ColdFinger(Scenario):
    """Cools in 20 minutes, stays cold for 1 to 4 hours, and warms in 15."""

    name = "cold-finger"
    summary = "fading oximeter signal: saturation reads low, erratic, often missing"

    @property
    def cold_s(self) -> float:
        """How long it stays cold, in seconds of the course."""
        return self.variant.by_pace(4 * 3600, 3600)

    def sense(self, elapsed_s: Array, signs: Signs) -> Signs:
        by, generator = self.variant.by_severity, self.variant.generator()
        share = rise_and_fall(self._since_s(elapsed_s), rise_s=COOLING_S, hold_s=self.cold_s, fall_s=WARMING_S)
        noise = flutter(elapsed_s, generator, shortest_s=4, longest_s=60)
        # A normal deviate is above 0.25 for 40 %, above -0.25 for 60 % of the time.
        gone = (share > 0.3) & (flutter(elapsed_s, generator, shortest_s=10, longest_s=240) * share > by(0.6, -0.1))
        spo2 = signs[Sign.SPO2] + share * (by(1.2, 2.2) * noise - by(0.5, 2.5))
        return {
            **signs,
            Sign.SPO2: np.where(gone, np.nan, np.clip(spo2, 50, 100)),
            Sign.SKIN_TEMPERATURE: signs[Sign.SKIN_TEMPERATURE] - by(5, 9) * share,
            Sign.SIGNAL_QUALITY: np.where(gone, 10.0, 95 - by(35, 70) * share),
        }

    def truth(self, every_s: float = 1.0) -> Truth:  # noqa: ARG002
        return self._truth(
            Severity.TECHNICAL,
            ends_s=self._at_s(COOLING_S + self.cold_s + WARMING_S),
            must_not_alarm=all_but(AlertKind.SPO2_LOST),
            phases=self._phases(("cooling", COOLING_S), ("cold", self.cold_s), ("warming", WARMING_S)),
        )
