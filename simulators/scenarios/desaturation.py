"""Desaturation over minutes: oxygen saturation falls below 80 %, heart rate and breathing answer, then all recovers.

As when an airway is partly closed. The fall of 19 to 27 points in 2 to 4 minutes is slower than with a closed airway, where
saturation falls by 0.18 to 0.28 points each second (1,716 sleep studies: Front Physiol 2025, 10.3389/fphys.2025.1691994).
Depth and length are our choice, deep enough for the band below 80 % of `vitals.limits` whoever the patient is, and inside
the live gate of `vitals.sign`.
"""

from dataclasses import dataclass

from simulators.physiology import Array, Signs
from simulators.scenarios.course import Scenario, all_but, drawn, rise_and_fall
from simulators.truth import Severity, Truth
from vitals.alert import AlertKind
from vitals.errors import InvalidArgument
from vitals.sign import Sign

HOLD_S = 1200.0
RECOVERY_S = 240.0
TIME_SCALE_MAX = 40.0
"""Faster, and the trough would be over before the alarm's own delay."""
_DELAY_S = 15.0
"""Of the band below 80 % in `vitals.limits`."""


@dataclass(frozen=True, kw_only=True)
class Desaturation(Scenario):
    """Falls for 2 to 4, stays for 20 and recovers for 4 minutes; raises InvalidArgument above 40 times the pace."""

    name = "desaturation"
    summary = "saturation falls below 80 % in minutes, stays for 20, recovers"

    def __post_init__(self) -> None:
        if self.time_scale > TIME_SCALE_MAX:
            raise InvalidArgument(f"A desaturation cannot be sped up more than {TIME_SCALE_MAX:g} times.")

    @property
    def fall_s(self) -> float:
        """From onset to trough, in seconds of the course."""
        return self.variant.by_pace(240, 120)

    def shape(self, elapsed_s: Array, signs: Signs) -> Signs:
        share = rise_and_fall(self._since_s(elapsed_s), rise_s=self.fall_s, hold_s=HOLD_S, fall_s=RECOVERY_S)
        by = self.variant.by_severity
        return {
            **signs,
            Sign.SPO2: drawn(signs, Sign.SPO2, target=by(77, 71), share=share),
            Sign.HEART_RATE: drawn(signs, Sign.HEART_RATE, target=by(98, 110), share=share),
            Sign.RESPIRATORY_RATE: drawn(signs, Sign.RESPIRATORY_RATE, target=23, share=share),
        }

    def truth(self, every_s: float = 1.0) -> Truth:
        return self._truth(
            Severity.CRITICAL,
            ends_s=self._at_s(self.fall_s + HOLD_S + RECOVERY_S),
            must_alarm=(self._due(AlertKind.SPO2_LOW, 0.9 * self.fall_s, _DELAY_S, every_s),),
            must_not_alarm=all_but(
                AlertKind.SPO2_LOW,
                AlertKind.NEWS2_SINGLE_RED,
                AlertKind.NEWS2_URGENT,
                AlertKind.NEWS2_EMERGENCY,
            ),
            phases=self._phases(("falling", self.fall_s), ("trough", HOLD_S), ("recovery", RECOVERY_S)),
        )
