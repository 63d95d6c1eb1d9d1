"""Sepsis over hours: breathing, heart rate and temperature rise, then pressure and oxygen saturation fall.

Qualitatively after what early-warning and sepsis literature agrees on: tachypnoea and tachycardia come early and
hypotension late (the qSOFA criteria of Sepsis-3, Singer et al., JAMA 2016, name breathing rate, systolic pressure and
mentation), fever is usual (SIRS criteria, Bone et al., Chest 1992), and NEWS rises for hours before intensive care is
needed (Smith et al., Resuscitation 2013). The speed and depth of this course are our choice; it models no patient.
"""

from dataclasses import dataclass

from simulators.physiology import Array, Signs
from simulators.scenarios.course import DECISION_MARGIN_S, drawn, smooth
from simulators.truth import MustAlarm, Severity, Truth
from vitals.alert import AlertKind
from vitals.sign import Sign

COURSE_S = 6 * 3600.0
"""From onset to shock, at time scale 1."""
_CUFF_S = 60.0
"""Pressure is measured once in this time."""
_SYSTOLIC_DELAY_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Sepsis:
    """Onset at `onset_s`; the course of six hours passes `time_scale` times as fast, and then stays at its worst."""

    onset_s: float = 1800.0
    time_scale: float = 1.0
    name: str = "sepsis"

    def shape(self, elapsed_s: Array, signs: Signs) -> Signs:
        share = (elapsed_s - self.onset_s) * self.time_scale / COURSE_S
        early, late = smooth(share / 0.7), smooth((share - 0.3) / 0.7)
        return {
            **signs,
            Sign.RESPIRATORY_RATE: drawn(signs[Sign.RESPIRATORY_RATE], usual=15.6, target=28, share=early),
            Sign.HEART_RATE: drawn(signs[Sign.HEART_RATE], usual=72, target=121, share=early),
            Sign.TEMPERATURE: drawn(signs[Sign.TEMPERATURE], usual=36.9, target=39.3, share=early),
            Sign.SKIN_TEMPERATURE: drawn(signs[Sign.SKIN_TEMPERATURE], usual=33.2, target=35.5, share=early),
            Sign.SPO2: drawn(signs[Sign.SPO2], usual=97.6, target=91.5, share=late),
            Sign.SYSTOLIC: drawn(signs[Sign.SYSTOLIC], usual=126, target=81, share=late),
            Sign.DIASTOLIC: drawn(signs[Sign.DIASTOLIC], usual=76, target=45, share=late),
            Sign.MEAN_PRESSURE: drawn(signs[Sign.MEAN_PRESSURE], usual=92.7, target=57, share=late),
        }

    def truth(self) -> Truth:
        course_s = COURSE_S / self.time_scale
        return Truth(
            scenario=self.name,
            severity=Severity.SERIOUS,
            onset_s=self.onset_s,
            must_alarm=(
                MustAlarm(AlertKind.NEWS2_URGENT, 0.7 * course_s + _CUFF_S + DECISION_MARGIN_S),
                MustAlarm(AlertKind.NEWS2_EMERGENCY, course_s + _CUFF_S + DECISION_MARGIN_S),
                MustAlarm(AlertKind.SYSTOLIC_LOW, course_s + 2 * _CUFF_S + _SYSTOLIC_DELAY_S + DECISION_MARGIN_S),
            ),
            must_not_alarm=(
                AlertKind.HEART_RATE_LOW,
                AlertKind.RESPIRATORY_RATE_LOW,
                AlertKind.TEMPERATURE_LOW,
                AlertKind.SYSTOLIC_HIGH,
                AlertKind.LOST_CONTACT,
            ),
        )
