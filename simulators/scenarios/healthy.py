"""Nothing happens: every alarm about this patient is false."""

from dataclasses import dataclass

from simulators.physiology import Array, Signs
from simulators.scenarios.course import LIMIT_KINDS, SCORE_KINDS
from simulators.truth import Severity, Truth
from vitals.alert import AlertKind


@dataclass(frozen=True, kw_only=True)
class Healthy:
    """A patient who stays well; onset and time scale say nothing here."""

    onset_s: float = 0.0
    time_scale: float = 1.0
    name: str = "healthy"

    def shape(self, elapsed_s: Array, signs: Signs) -> Signs:  # noqa: ARG002
        return signs

    def truth(self) -> Truth:
        return Truth(
            scenario=self.name,
            severity=Severity.NONE,
            must_not_alarm=(*LIMIT_KINDS, *SCORE_KINDS, AlertKind.LOST_CONTACT),
        )
