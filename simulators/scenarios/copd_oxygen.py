"""COPD with chronic hypercapnia, on oxygen, on NEWS2's SpO2 scale 2: well at 88-92 %, in danger when oxygen is turned too high.

The target of 88-92 % and scale 2 follow the BTS guideline and the RCP; of 1,027 such patients on oxygen those above 92 % died
more often, with a dose-response (Echevarria et al., Emerg Med J 2021;38:170). Before the onset the patient is as usual:
by scale 1 the same signs would page urgently, which is the mistake this scenario is here to catch. How fast saturation
climbs and consciousness dulls is our choice.
"""

from dataclasses import dataclass

import numpy as np

from simulators.physiology import Array, Signs
from simulators.scenarios.course import URGENT_DELAY_S, Scenario, drawn, rise_and_fall
from simulators.truth import ChartedTruth, Severity, Truth
from vitals.alert import AlertKind
from vitals.sign import Sign

FALL_S = 1200.0
_CLIMB_S = 600.0
_STABLE_SPO2_PERCENT = 90.3


@dataclass(frozen=True, kw_only=True)
class CopdOxygen(Scenario):
    """As usual at about 90 % on 1 l/min; at the onset oxygen is turned up for 1 to 3 hours, and then down again."""

    onset_s: float = 3600.0
    name = "copd-oxygen"
    summary = "on oxygen with SpO2 scale 2: well at 88-92 %, then given too much oxygen"

    @property
    def too_much_s(self) -> float:
        """How long oxygen is too high, in seconds of the course."""
        return self.variant.by_pace(3 * 3600, 3600)

    def shape(self, elapsed_s: Array, signs: Signs) -> Signs:
        since_s = self._since_s(elapsed_s)
        usual = np.ones_like(elapsed_s)
        high = rise_and_fall(since_s, rise_s=_CLIMB_S, hold_s=self.too_much_s - _CLIMB_S, fall_s=FALL_S)
        stable = drawn(signs, Sign.SPO2, target=_STABLE_SPO2_PERCENT, share=usual)
        raised = drawn(signs, Sign.SPO2, target=98.5, share=usual, kept=0.1)
        narcosis = self.variant.by_severity(1, 5) * high
        return {
            **signs,
            Sign.SPO2: np.minimum(stable * (1 - high) + raised * high, 100.0),
            Sign.RESPIRATORY_RATE: drawn(signs, Sign.RESPIRATORY_RATE, target=17.5, share=usual, kept=0.25) - narcosis,
            Sign.HEART_RATE: drawn(signs, Sign.HEART_RATE, target=78, share=usual, kept=0.4),
        }

    def truth(self, every_s: float = 1.0) -> Truth:
        charted = [
            ChartedTruth(
                0.0,
                consciousness="A",
                supplemental_oxygen=True,
                oxygen_l_per_min=1.0,
                spo2_scale=2,
                spo2_scale_by="Dr Osei",
            ),
            ChartedTruth(self.onset_s, consciousness="A", supplemental_oxygen=True, oxygen_l_per_min=6.0),
            ChartedTruth(
                self._at_s(self.too_much_s), consciousness="A", supplemental_oxygen=True, oxygen_l_per_min=1.0
            ),
        ]
        if self.variant.severity >= 0.6:
            drowsy = ChartedTruth(
                self._at_s(0.7 * self.too_much_s), consciousness="V", supplemental_oxygen=True, oxygen_l_per_min=6.0
            )
            charted.insert(2, drowsy)
        return self._truth(
            Severity.SERIOUS,
            ends_s=self._at_s(self.too_much_s + FALL_S),
            must_alarm=(
                self._due(AlertKind.NEWS2_URGENT, _CLIMB_S, URGENT_DELAY_S, every_s, AlertKind.NEWS2_EMERGENCY),
            ),
            must_not_alarm=(
                AlertKind.SPO2_LOW,
                AlertKind.HEART_RATE_LOW,
                AlertKind.HEART_RATE_HIGH,
                AlertKind.RESPIRATORY_RATE_LOW,
                AlertKind.RESPIRATORY_RATE_HIGH,
                AlertKind.TEMPERATURE_LOW,
                AlertKind.TEMPERATURE_HIGH,
                AlertKind.SYSTOLIC_LOW,
                AlertKind.SYSTOLIC_HIGH,
                AlertKind.LOST_CONTACT,
            ),
            phases=self._phases(("too much oxygen", self.too_much_s), ("titrated", FALL_S)),
            charted=tuple(charted),
        )
