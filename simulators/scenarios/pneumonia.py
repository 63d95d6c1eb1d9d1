"""Pneumonia with slow decline: over one to two days breathing quickens, saturation sinks and fever comes, then antibiotics work.

The return follows 686 patients (Halm et al., JAMA 1998;279:1452): heart rate and pressure are stable after a median of two
days, breathing, saturation and temperature after three. The decline's length and depth are our choice; that breathing goes
first: changes of breathing rate foretold deterioration in 359 patients with infection, heart rate did not (Quinten et al.,
Scand J Trauma Resusc Emerg Med 2018;26:57).
"""

from dataclasses import dataclass

from simulators.physiology import Array, Signs
from simulators.scenarios.course import URGENT_DELAY_S, Scenario, all_but, drawn, rise_and_fall
from simulators.truth import ChartedTruth, Severity, Truth
from vitals.alert import AlertKind
from vitals.sign import Sign

HOLD_S = 12 * 3600.0
HEART_RECOVERY_S = 48 * 3600.0
BREATH_RECOVERY_S = 72 * 3600.0
_CONFUSED_FROM = 0.7
"""Of severity."""


@dataclass(frozen=True, kw_only=True)
class Pneumonia(Scenario):
    """Declines for 24 to 48 hours, is ill for 12, and recovers in 3 days."""

    onset_s: float = 3600.0
    name = "pneumonia"
    summary = "breathing quickens and saturation sinks over one to two days"

    @property
    def decline_s(self) -> float:
        """In seconds of the course."""
        return self.variant.by_pace(48 * 3600, 24 * 3600)

    def shape(self, elapsed_s: Array, signs: Signs) -> Signs:
        since_s, decline_s, by = self._since_s(elapsed_s), self.decline_s, self.variant.by_severity
        breath = rise_and_fall(
            since_s, rise_s=0.8 * decline_s, hold_s=HOLD_S + 0.2 * decline_s, fall_s=BREATH_RECOVERY_S
        )
        later_s = 0.2 * decline_s
        heart = rise_and_fall(since_s - later_s, rise_s=0.8 * decline_s, hold_s=HOLD_S, fall_s=HEART_RECOVERY_S)
        oxygen = rise_and_fall(since_s - later_s, rise_s=0.8 * decline_s, hold_s=HOLD_S, fall_s=BREATH_RECOVERY_S)
        return {
            **signs,
            Sign.RESPIRATORY_RATE: drawn(signs, Sign.RESPIRATORY_RATE, target=by(26, 30), share=breath),
            Sign.SPO2: drawn(signs, Sign.SPO2, target=by(92, 89.5), share=oxygen),
            Sign.TEMPERATURE: drawn(signs, Sign.TEMPERATURE, target=by(38.4, 39.2), share=oxygen),
            Sign.HEART_RATE: drawn(signs, Sign.HEART_RATE, target=by(100, 116), share=heart),
            Sign.SYSTOLIC: signs[Sign.SYSTOLIC] - by(2, 10) * heart,
            Sign.MEAN_PRESSURE: signs[Sign.MEAN_PRESSURE] - by(1, 6) * heart,
        }

    def truth(self, every_s: float = 1.0) -> Truth:
        decline_s = self.decline_s
        ends_s = self._at_s(decline_s + HOLD_S + BREATH_RECOVERY_S)
        charted: tuple[ChartedTruth, ...] = ()
        if self.variant.severity >= _CONFUSED_FROM:
            charted = (
                ChartedTruth(self._at_s(decline_s), consciousness="C", note="new confusion"),
                ChartedTruth(self._at_s(decline_s + HOLD_S + HEART_RECOVERY_S / 3), consciousness="A"),
            )
        return self._truth(
            Severity.SERIOUS,
            ends_s=ends_s,
            must_alarm=(
                self._due(AlertKind.NEWS2_URGENT, decline_s, URGENT_DELAY_S, every_s, AlertKind.NEWS2_EMERGENCY),
            ),
            must_not_alarm=all_but(
                AlertKind.NEWS2_SINGLE_RED,
                AlertKind.NEWS2_URGENT,
                AlertKind.NEWS2_EMERGENCY,
                AlertKind.CONSCIOUSNESS,
                AlertKind.RESPIRATORY_RATE_HIGH,
                AlertKind.TEMPERATURE_HIGH,
            ),
            phases=self._phases(("decline", decline_s), ("ill", HOLD_S), ("recovery", BREATH_RECOVERY_S)),
            charted=charted,
        )
