"""Haemorrhage: heart rate and breathing rise with the blood lost while pressure holds, and pressure falls beyond a third.

Signs by share of blood lost follow the ATLS classes (pulse 100-120, 120-140, above; breathing 20-30, 30-40; systolic
pressure normal up to 30 %, then decreased; confused from class III on), as printed in the European trauma-bleeding
guideline (Rossaint et al., Crit Care 2016;20:100, table 2). Those classes overstate the tachycardia of many patients
(Luginbühl, Trends Anaesth Crit Care 2015;5:93): by severity and pace only 55 to 100 % of the heart rate's answer is given.
Depth, speed and the return by transfusion are our choice.
"""

from dataclasses import dataclass

import numpy as np

from simulators.physiology import Array, Signs
from simulators.scenarios.course import CUFF_S, URGENT_DELAY_S, Scenario, levelled, rise_and_fall, smooth
from simulators.truth import ChartedTruth, MustAlarm, Severity, Truth
from vitals.alert import AlertKind
from vitals.sign import Sign

HOLD_S = 3600.0
TRANSFUSION_S = 3 * 3600.0
_LOST = (0.0, 0.15, 0.30, 0.40, 0.50)
"""Shares of blood volume lost at which the changes below are given; between them straight lines."""
_HEART_RATE = (0, 14, 40, 62, 78)
_BREATHING = (0, 3, 10, 18, 24)
_SYSTOLIC = (0, 0, -10, -42, -68)
_PULSE_PRESSURE = (0, -3, -12, -24, -34)
_SKIN = (0.0, -0.5, -2.0, -3.5, -4.5)
_SYSTOLIC_DELAY_S = 60.0
_SYSTOLIC_SURE = 0.42
"""Share of blood lost from which systolic pressure is below 90 whoever the patient is."""
_CONFUSED_FROM = 0.39
_LEVELLED_AT = 0.3
"""Share of blood lost from which little is left of what is a person's own."""


@dataclass(frozen=True, kw_only=True)
class Haemorrhage(Scenario):
    """Loses 36 to 46 % of the blood in 1 to 3 hours, is held for an hour, and recovers by transfusion in 3."""

    onset_s: float = 1800.0
    name = "haemorrhage"
    summary = "heart rate and breathing rise with blood loss, pressure falls late"

    @property
    def bleeding_s(self) -> float:
        """From onset to the greatest loss, in seconds of the course."""
        return self.variant.by_pace(3 * 3600, 3600)

    @property
    def lost_share(self) -> float:
        """Of the blood volume, at the worst."""
        return self.variant.by_severity(0.36, 0.46)

    def shape(self, elapsed_s: Array, signs: Signs) -> Signs:
        lost = self.lost_share * rise_and_fall(
            self._since_s(elapsed_s), rise_s=self.bleeding_s, hold_s=HOLD_S, fall_s=TRANSFUSION_S
        )
        answer = self.variant.by_pace(0.55, 1.0)
        ill = smooth(lost / _LEVELLED_AT)
        systolic = np.interp(lost, _LOST, _SYSTOLIC)
        diastolic = systolic - np.interp(lost, _LOST, _PULSE_PRESSURE)
        return {
            **signs,
            Sign.HEART_RATE: levelled(signs, Sign.HEART_RATE, ill) + answer * np.interp(lost, _LOST, _HEART_RATE),
            Sign.RESPIRATORY_RATE: levelled(signs, Sign.RESPIRATORY_RATE, ill) + np.interp(lost, _LOST, _BREATHING),
            Sign.SYSTOLIC: levelled(signs, Sign.SYSTOLIC, ill) + systolic,
            Sign.DIASTOLIC: levelled(signs, Sign.DIASTOLIC, ill) + diastolic,
            Sign.MEAN_PRESSURE: levelled(signs, Sign.MEAN_PRESSURE, ill) + (systolic + 2 * diastolic) / 3,
            Sign.SKIN_TEMPERATURE: signs[Sign.SKIN_TEMPERATURE] + np.interp(lost, _LOST, _SKIN),
            Sign.SPO2: signs[Sign.SPO2] - 3 * lost,
        }

    def truth(self, every_s: float = 1.0) -> Truth:
        bleeding_s, cuff_s = self.bleeding_s, max(CUFF_S, every_s)
        must = [
            self._due(AlertKind.NEWS2_URGENT, bleeding_s, URGENT_DELAY_S + cuff_s, every_s, AlertKind.NEWS2_EMERGENCY)
        ]
        if self.lost_share >= _SYSTOLIC_SURE:
            due = self._due(AlertKind.SYSTOLIC_LOW, bleeding_s, _SYSTOLIC_DELAY_S, every_s)
            must.append(MustAlarm(due.kind, due.within_s + 3 * cuff_s))
        charted: tuple[ChartedTruth, ...] = ()
        if self.lost_share >= _CONFUSED_FROM:
            charted = (
                ChartedTruth(self._at_s(0.9 * bleeding_s), consciousness="C", note="anxious, confused"),
                ChartedTruth(self._at_s(bleeding_s + HOLD_S + TRANSFUSION_S / 2), consciousness="A"),
            )
        return self._truth(
            Severity.CRITICAL,
            ends_s=self._at_s(bleeding_s + HOLD_S + TRANSFUSION_S),
            must_alarm=tuple(must),
            must_not_alarm=(
                AlertKind.HEART_RATE_LOW,
                AlertKind.RESPIRATORY_RATE_LOW,
                AlertKind.TEMPERATURE_HIGH,
                AlertKind.SYSTOLIC_HIGH,
                AlertKind.SPO2_LOW,
                AlertKind.LOST_CONTACT,
            ),
            phases=self._phases(
                ("compensated", 0.7 * bleeding_s),
                ("decompensating", 0.3 * bleeding_s),
                ("shock", HOLD_S),
                ("transfusion", TRANSFUSION_S),
            ),
            charted=charted,
        )
