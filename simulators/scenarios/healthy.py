"""Nothing happens: every alarm about this patient is false."""

from dataclasses import dataclass

from simulators.scenarios.course import Scenario, all_but
from simulators.truth import Severity, Truth


@dataclass(frozen=True, kw_only=True)
class Healthy(Scenario):
    """A patient who stays well; onset and time scale say nothing here."""

    onset_s: float = 0.0
    name = "healthy"
    summary = "stays well"

    def truth(self, every_s: float = 1.0) -> Truth:  # noqa: ARG002
        return Truth(scenario=self.name, severity=Severity.NONE, must_not_alarm=all_but())
