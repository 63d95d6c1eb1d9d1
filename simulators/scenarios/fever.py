"""Fever without sepsis: temperature rises with a rigor, stays for hours and falls; heart rate and breathing go with it.

Heart rate follows temperature by 7.4 beats for each degree, breathing by 1.5 breaths up to 38 °C and 2.3 above (4,493 acute patients,
Jensen et al., Acute Med 2019, 10.52964/amja.0766). That a rigor lasts 20 to 30 minutes at the rise: textbooks. Height and
lengths are our choice. It asks for a look at the patient, and for no emergency.
"""

from dataclasses import dataclass

import numpy as np

from simulators.physiology import Array, Signs
from simulators.scenarios.course import USUAL, Scenario, all_but, drawn, levelled, rise_and_fall
from simulators.truth import MustAlarm, Severity, Truth
from vitals.alert import AlertKind
from vitals.sign import Sign

FALL_S = 3 * 3600.0
BEATS_PER_DEGREE = 7.4
BREATHS_PER_DEGREE = 2.3
BREATHS_PER_DEGREE_BELOW_38 = 1.5
_HIGH_DELAY_S = 600.0
_HIGH_SURE_CELSIUS = 39.5
"""Targets from here on are above 39.0 whoever the patient is, at any time of day."""


@dataclass(frozen=True, kw_only=True)
class Fever(Scenario):
    """Rises in 1 to 2 hours to 38.3-39.8 °C, stays for 4 to 8, and falls in 3."""

    onset_s: float = 1800.0
    name = "fever"
    summary = "temperature rises with a rigor, stays for hours and falls; no sepsis"

    @property
    def rise_s(self) -> float:
        """In seconds of the course."""
        return self.variant.by_pace(7200, 3600)

    @property
    def plateau_s(self) -> float:
        """In seconds of the course."""
        return self.variant.by_pace(8 * 3600, 4 * 3600)

    @property
    def _target_celsius(self) -> float:
        return self.variant.by_severity(38.3, 39.8)

    def shape(self, elapsed_s: Array, signs: Signs) -> Signs:
        since_s, target = self._since_s(elapsed_s), self._target_celsius
        share = rise_and_fall(since_s, rise_s=self.rise_s, hold_s=self.plateau_s, fall_s=FALL_S)
        rigor = rise_and_fall(since_s, rise_s=300, hold_s=1200, fall_s=600)
        degrees = (target - USUAL[Sign.TEMPERATURE]) * share
        breaths = BREATHS_PER_DEGREE_BELOW_38 * np.minimum(degrees, 38 - USUAL[Sign.TEMPERATURE])
        breaths += BREATHS_PER_DEGREE * np.maximum(degrees - (38 - USUAL[Sign.TEMPERATURE]), 0)
        return {
            **signs,
            Sign.TEMPERATURE: drawn(signs, Sign.TEMPERATURE, target=target, share=share, kept=0.5),
            Sign.HEART_RATE: levelled(signs, Sign.HEART_RATE, share) + BEATS_PER_DEGREE * degrees + 4 * rigor,
            Sign.RESPIRATORY_RATE: levelled(signs, Sign.RESPIRATORY_RATE, share) + breaths,
            # Vessels close while the temperature rises, and open when it falls.
            Sign.SKIN_TEMPERATURE: signs[Sign.SKIN_TEMPERATURE] - 1.5 * rigor + 1.8 * share,
        }

    def truth(self, every_s: float = 1.0) -> Truth:
        must: tuple[MustAlarm, ...] = ()
        if self._target_celsius >= _HIGH_SURE_CELSIUS:
            must = (self._due(AlertKind.TEMPERATURE_HIGH, self.rise_s, _HIGH_DELAY_S, every_s),)
        return self._truth(
            Severity.MODERATE,
            ends_s=self._at_s(self.rise_s + self.plateau_s + FALL_S),
            must_alarm=must,
            must_not_alarm=all_but(AlertKind.TEMPERATURE_HIGH, AlertKind.NEWS2_SINGLE_RED, AlertKind.NEWS2_URGENT),
            phases=self._phases(("rise", self.rise_s), ("plateau", self.plateau_s), ("defervescence", FALL_S)),
        )
