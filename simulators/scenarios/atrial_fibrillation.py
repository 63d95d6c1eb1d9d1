"""Atrial fibrillation of new onset: within a minute the heart is fast and irregular, pressure falls a little, and it passes.

Irregularity follows the recordings of 53 patients with fibrillation or flutter in VitalDB's rhythm annotations: the
coefficient of variation from beat to beat is 0.21, 0.23 and 0.27 at the quartiles; a monitor's rate is a mean over about
15 beats, so it varies by about 6 %. That it is mostly paroxysmal and often unnoticed: 1,610 of 8,356 admissions, median
burden below 2 % (Moss et al., Crit Care Med 2017;45:790). The rate before treatment, length and pressure are our choice.
"""

from dataclasses import dataclass

from simulators.physiology import Array, Signs
from simulators.scenarios.course import CUFF_S, Scenario, all_but, drawn, flutter, rise_and_fall
from simulators.truth import MustAlarm, Severity, Truth
from vitals.alert import AlertKind
from vitals.sign import Sign

ONSET_S = 45.0
END_S = 120.0
IRREGULARITY = 0.06
"""Standard deviation of the reported rate, as a share of it."""
_RATE_DELAY_S = 300.0
_RATE_SURE_BPM = 145.0
"""Targets from here on are above 130 for nearly all of the time, whoever the patient is."""
_DRAINED = 1.4
"""Readings below the limit in between take back some of the delay."""


@dataclass(frozen=True, kw_only=True)
class AtrialFibrillation(Scenario):
    """At 122 to 158 beats a minute, irregular, for 2 to 12 hours."""

    onset_s: float = 1200.0
    name = "atrial-fibrillation"
    summary = "sudden fast irregular heart rate for hours, pressure a little lower"

    @property
    def lasts_s(self) -> float:
        """In seconds of the course; the faster the pace, the shorter."""
        return self.variant.by_pace(12 * 3600, 2 * 3600)

    @property
    def _rate_bpm(self) -> float:
        return self.variant.by_severity(122, 158)

    def shape(self, elapsed_s: Array, signs: Signs) -> Signs:
        share = rise_and_fall(self._since_s(elapsed_s), rise_s=ONSET_S, hold_s=self.lasts_s, fall_s=END_S)
        noise = flutter(elapsed_s, self.variant.generator(), shortest_s=2.1, longest_s=12)
        fast = drawn(signs, Sign.HEART_RATE, target=self._rate_bpm, share=share)
        fall = self.variant.by_severity(5, 16) * share
        return {
            **signs,
            Sign.HEART_RATE: fast * (1 + IRREGULARITY * noise * share),
            Sign.RESPIRATORY_RATE: signs[Sign.RESPIRATORY_RATE] + self.variant.by_severity(1, 4) * share,
            Sign.SYSTOLIC: signs[Sign.SYSTOLIC] - fall,
            Sign.DIASTOLIC: signs[Sign.DIASTOLIC] - 0.4 * fall,
            Sign.MEAN_PRESSURE: signs[Sign.MEAN_PRESSURE] - 0.6 * fall,
            Sign.SPO2: signs[Sign.SPO2] - 0.5 * share,
        }

    def truth(self, every_s: float = 1.0) -> Truth:
        must: tuple[MustAlarm, ...] = ()
        if self._rate_bpm >= _RATE_SURE_BPM and self.lasts_s / self.time_scale > 3 * _RATE_DELAY_S:
            delay_s = _DRAINED * _RATE_DELAY_S + CUFF_S
            must = (self._due(AlertKind.HEART_RATE_HIGH, ONSET_S, delay_s, every_s),)
        return self._truth(
            Severity.MODERATE if self._rate_bpm < _RATE_SURE_BPM else Severity.SERIOUS,
            ends_s=self._at_s(ONSET_S + self.lasts_s + END_S),
            must_alarm=must,
            must_not_alarm=all_but(
                AlertKind.HEART_RATE_HIGH,
                AlertKind.NEWS2_SINGLE_RED,
                AlertKind.NEWS2_URGENT,
                AlertKind.NEWS2_EMERGENCY,
            ),
            phases=self._phases(("onset", ONSET_S), ("fibrillation", self.lasts_s), ("conversion", END_S)),
        )
