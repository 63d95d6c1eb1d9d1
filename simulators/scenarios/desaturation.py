"""Desaturation over minutes: oxygen saturation falls below 80 %, heart rate and breathing answer, then all recovers.

As when an airway is partly closed or a chest infection tips over; depth and speed are our choice, deep enough for the
band below 80 % of `vitals.limits` whoever the patient is, and inside the live gate of `vitals.sign`.
"""

from dataclasses import dataclass

import numpy as np

from simulators.physiology import Array, Signs
from simulators.scenarios.course import DECISION_MARGIN_S, LIMIT_KINDS, drawn, smooth
from simulators.truth import MustAlarm, Severity, Truth
from vitals.alert import AlertKind
from vitals.errors import InvalidArgument
from vitals.sign import Sign

FALL_S = 180.0
HOLD_S = 1200.0
RECOVERY_S = 240.0
TIME_SCALE_MAX = 40.0
"""Faster, and the trough would be over before the alarm's own delay."""
_DELAY_S = 15.0
"""Of the band below 80 % in `vitals.limits`."""


@dataclass(frozen=True, kw_only=True)
class Desaturation:
    """Falls for 3, stays for 20 and recovers for 4 minutes, divided by `time_scale`; raises InvalidArgument above 40."""

    onset_s: float = 600.0
    time_scale: float = 1.0
    name: str = "desaturation"

    def __post_init__(self) -> None:
        if self.time_scale > TIME_SCALE_MAX:
            raise InvalidArgument(f"A desaturation cannot be sped up more than {TIME_SCALE_MAX:g} times.")

    def shape(self, elapsed_s: Array, signs: Signs) -> Signs:
        since_s = (elapsed_s - self.onset_s) * self.time_scale
        fallen = smooth(since_s / FALL_S)
        recovered = smooth((since_s - FALL_S - HOLD_S) / RECOVERY_S)
        share = np.asarray(fallen - recovered, dtype=np.float64)
        return {
            **signs,
            Sign.SPO2: drawn(signs[Sign.SPO2], usual=97.6, target=74, share=share),
            Sign.HEART_RATE: drawn(signs[Sign.HEART_RATE], usual=72, target=104, share=share),
            Sign.RESPIRATORY_RATE: drawn(signs[Sign.RESPIRATORY_RATE], usual=15.6, target=23, share=share),
        }

    def truth(self) -> Truth:
        return Truth(
            scenario=self.name,
            severity=Severity.CRITICAL,
            onset_s=self.onset_s,
            ends_s=self.onset_s + (FALL_S + HOLD_S + RECOVERY_S) / self.time_scale,
            must_alarm=(MustAlarm(AlertKind.SPO2_LOW, 0.9 * FALL_S / self.time_scale + _DELAY_S + DECISION_MARGIN_S),),
            must_not_alarm=(
                *(kind for kind in LIMIT_KINDS if kind is not AlertKind.SPO2_LOW),
                AlertKind.LOST_CONTACT,
            ),
        )
