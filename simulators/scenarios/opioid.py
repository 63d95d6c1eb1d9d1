"""Respiratory depression by opioids: drowsiness, then ever slower breathing, then hypoxaemia; naloxone turns it in minutes.

What counts as an episode follows PRODIGY (1,335 patients on general floors; Khanna et al., Anesth Analg 2020;131:1012):
breathing at most 5/min or saturation at most 85 % for 3 minutes. That it comes on between two rounds and that somnolence
goes before it: of 92 closed claims 42 % were found within 2 h of the last check, 16 % within 15 minutes, 62 % were
somnolent before (Lee et al., Anesthesiology 2015;122:659). The shape within these bounds is our choice.
"""

from dataclasses import dataclass

from simulators.physiology import Array, Signs
from simulators.scenarios.course import URGENT_DELAY_S, Scenario, drawn, rise_and_fall
from simulators.truth import ChartedTruth, Severity, Truth
from vitals.alert import AlertKind
from vitals.sign import Sign

HOLD_S = 900.0
REVERSAL_S = 240.0
"""Naloxone into a vein; our choice within the minutes it is known to take."""
_LAG_SHARE = 0.35
"""Saturation follows breathing, since stores of oxygen last a while."""
_BREATHING_DELAY_S = 60.0
_SATURATION_DELAY_S = 40.0
_SATURATION_SURE_PERCENT = 85.0


@dataclass(frozen=True, kw_only=True)
class Opioid(Scenario):
    """Breathing slows for 20 to 60 minutes down to 4 to 6 a minute, stays for 15, and returns in 4."""

    onset_s: float = 1800.0
    name = "opioid"
    summary = "respiratory depression: drowsy, breathing slows to 4-6/min, then hypoxaemia"

    @property
    def fall_s(self) -> float:
        """From onset to the slowest breathing, in seconds of the course."""
        return self.variant.by_pace(3600, 1200)

    @property
    def _spo2_percent(self) -> float:
        return self.variant.by_severity(87, 78)

    def shape(self, elapsed_s: Array, signs: Signs) -> Signs:
        since_s, fall_s, by = self._since_s(elapsed_s), self.fall_s, self.variant.by_severity
        lag_s = _LAG_SHARE * fall_s
        slow = rise_and_fall(since_s, rise_s=fall_s, hold_s=HOLD_S, fall_s=REVERSAL_S)
        hypoxic = rise_and_fall(since_s - lag_s, rise_s=fall_s - lag_s, hold_s=HOLD_S, fall_s=REVERSAL_S)
        return {
            **signs,
            Sign.RESPIRATORY_RATE: drawn(signs, Sign.RESPIRATORY_RATE, target=by(5.8, 4.4), share=slow, kept=0.2),
            Sign.SPO2: drawn(signs, Sign.SPO2, target=self._spo2_percent, share=hypoxic),
            Sign.HEART_RATE: signs[Sign.HEART_RATE] - 6 * slow,
            Sign.SYSTOLIC: signs[Sign.SYSTOLIC] - 6 * slow,
        }

    def truth(self, every_s: float = 1.0) -> Truth:
        fall_s = self.fall_s
        must = [
            self._due(AlertKind.RESPIRATORY_RATE_LOW, fall_s, _BREATHING_DELAY_S, every_s),
            self._due(AlertKind.NEWS2_URGENT, fall_s, URGENT_DELAY_S, every_s, AlertKind.NEWS2_EMERGENCY),
        ]
        if self._spo2_percent <= _SATURATION_SURE_PERCENT:
            must.append(self._due(AlertKind.SPO2_LOW, fall_s, _SATURATION_DELAY_S, every_s))
        return self._truth(
            Severity.CRITICAL,
            ends_s=self._at_s(fall_s + HOLD_S + REVERSAL_S),
            must_alarm=tuple(must),
            must_not_alarm=(
                AlertKind.RESPIRATORY_RATE_HIGH,
                AlertKind.RESPIRATORY_RATE_LOST,
                AlertKind.HEART_RATE_HIGH,
                AlertKind.TEMPERATURE_LOW,
                AlertKind.TEMPERATURE_HIGH,
                AlertKind.SYSTOLIC_LOW,
                AlertKind.SYSTOLIC_HIGH,
                AlertKind.LOST_CONTACT,
            ),
            phases=self._phases(("slowing", fall_s), ("depressed", HOLD_S), ("naloxone", REVERSAL_S)),
            charted=(
                ChartedTruth(self._at_s(0.6 * fall_s), consciousness="V", note="drowsy, answers when spoken to"),
                ChartedTruth(self._at_s(fall_s + 0.3 * HOLD_S), consciousness="P", note="naloxone called for"),
                ChartedTruth(self._at_s(fall_s + HOLD_S + REVERSAL_S), consciousness="A"),
            ),
        )
