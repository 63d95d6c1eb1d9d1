"""Sepsis over hours: breathing, heart rate and temperature rise, then saturation and at last pressure fall.

The order follows 1,587 patients of the PhysioNet/CinC 2019 set A who became septic in hospital: heart rate and breathing
drift up from about 12 h before onset, saturation and temperature follow from about 6 h, pressure holds until the onset
itself (`docs/scenarios.md` has the figures and the command). That breathing, mentation and systolic pressure are what
counts: qSOFA of Sepsis-3 (Singer et al., JAMA 2016); fever: SIRS (Bone et al., Chest 1992). Depths beyond those averages,
which mix mild and grave, and the return under treatment are our choice.
"""

from dataclasses import dataclass

from simulators.physiology import Array, Signs
from simulators.scenarios.course import (
    CUFF_S,
    EMERGENCY_DELAY_S,
    URGENT_DELAY_S,
    Scenario,
    drawn,
    rise_and_fall,
)
from simulators.truth import ChartedTruth, MustAlarm, Severity, Truth
from vitals.alert import AlertKind
from vitals.sign import Sign

HOLD_S = 12 * 3600.0
RECOVERY_S = 36 * 3600.0
_SYSTOLIC_DELAY_S = 60.0
_SYSTOLIC_SURE_MMHG = 80.0
"""Targets at or below this one pass the limit of 90 whoever the patient is."""
_CONFUSED_FROM = 0.4
"""Of severity."""


@dataclass(frozen=True, kw_only=True)
class Sepsis(Scenario):
    """Onset of the change, 4 to 8 hours to its worst, 12 there, and 36 back to health."""

    onset_s: float = 1800.0
    name = "sepsis"
    summary = "breathing, heart rate and fever rise for hours, then pressure falls"

    @property
    def rise_s(self) -> float:
        """From onset to worst, in seconds of the course."""
        return self.variant.by_pace(8 * 3600, 4 * 3600)

    def shape(self, elapsed_s: Array, signs: Signs) -> Signs:
        since_s, rise_s, by = self._since_s(elapsed_s), self.rise_s, self.variant.by_severity
        late_s = 0.3 * rise_s
        early = rise_and_fall(since_s, rise_s=0.7 * rise_s, hold_s=HOLD_S + 0.3 * rise_s, fall_s=RECOVERY_S)
        late = rise_and_fall(since_s - late_s, rise_s=rise_s - late_s, hold_s=HOLD_S, fall_s=RECOVERY_S / 2)
        systolic = self._systolic_mmhg
        return {
            **signs,
            Sign.RESPIRATORY_RATE: drawn(signs, Sign.RESPIRATORY_RATE, target=by(26.5, 32), share=early),
            Sign.HEART_RATE: drawn(signs, Sign.HEART_RATE, target=by(112, 134), share=early),
            Sign.TEMPERATURE: drawn(signs, Sign.TEMPERATURE, target=by(38.6, 39.8), share=early),
            Sign.SKIN_TEMPERATURE: drawn(signs, Sign.SKIN_TEMPERATURE, target=35.5, share=early),
            Sign.SPO2: drawn(signs, Sign.SPO2, target=by(93, 89.5), share=late),
            Sign.SYSTOLIC: drawn(signs, Sign.SYSTOLIC, target=systolic, share=late),
            Sign.DIASTOLIC: drawn(signs, Sign.DIASTOLIC, target=0.56 * systolic, share=late),
            Sign.MEAN_PRESSURE: drawn(signs, Sign.MEAN_PRESSURE, target=0.7 * systolic, share=late),
        }

    @property
    def _systolic_mmhg(self) -> float:
        return self.variant.by_severity(88, 72)

    def truth(self, every_s: float = 1.0) -> Truth:
        rise_s, cuff_s = self.rise_s, max(CUFF_S, every_s)
        must = [
            self._due(
                AlertKind.NEWS2_URGENT, 0.75 * rise_s, URGENT_DELAY_S + cuff_s, every_s, AlertKind.NEWS2_EMERGENCY
            ),
            self._due(AlertKind.NEWS2_EMERGENCY, rise_s, EMERGENCY_DELAY_S + 2 * cuff_s, every_s),
        ]
        if self._systolic_mmhg <= _SYSTOLIC_SURE_MMHG:
            must.append(MustAlarm(AlertKind.SYSTOLIC_LOW, self._shock_due_s(every_s)))
        charted: tuple[ChartedTruth, ...] = ()
        if self.variant.severity >= _CONFUSED_FROM:
            charted = (
                ChartedTruth(self._at_s(0.8 * rise_s), consciousness="C", note="new confusion"),
                ChartedTruth(self._at_s(rise_s + HOLD_S + RECOVERY_S / 4), consciousness="A"),
            )
        return self._truth(
            Severity.SERIOUS if self.variant.severity < _CONFUSED_FROM else Severity.CRITICAL,
            ends_s=self._at_s(rise_s + HOLD_S + RECOVERY_S),
            must_alarm=tuple(must),
            must_not_alarm=(
                AlertKind.HEART_RATE_LOW,
                AlertKind.RESPIRATORY_RATE_LOW,
                AlertKind.TEMPERATURE_LOW,
                AlertKind.SYSTOLIC_HIGH,
                AlertKind.LOST_CONTACT,
            ),
            phases=self._phases(
                ("early", 0.3 * rise_s), ("worsening", 0.7 * rise_s), ("worst", HOLD_S), ("recovery", RECOVERY_S)
            ),
            charted=charted,
        )

    def _shock_due_s(self, every_s: float) -> float:
        due = self._due(AlertKind.SYSTOLIC_LOW, self.rise_s, _SYSTOLIC_DELAY_S, every_s)
        return due.within_s + 3 * max(CUFF_S, every_s)
