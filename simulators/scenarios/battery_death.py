"""Battery death: the charge runs out, the device falls silent, and is back under a new boot once it is charged.

The patient is well; only the silence may alarm. How long charging takes is our choice.
"""

from dataclasses import dataclass

from simulators.scenarios.course import DeviceCourse, Scenario, Span, all_but
from simulators.scenarios.sensor_off import silence_due_s
from simulators.truth import MustAlarm, Phase, Severity, Truth
from vitals.alert import AlertKind


@dataclass(frozen=True, kw_only=True)
class BatteryDeath(Scenario):
    """Empty at the onset, and charged again 30 minutes to 3 hours later."""

    name = "battery-death"
    summary = "the battery runs empty, silence, then a new boot"

    @property
    def _empty(self) -> Span:
        return Span(self.onset_s, self._at_s(self.variant.by_severity(1800, 3 * 3600)))

    @property
    def device(self) -> DeviceCourse:
        return DeviceCourse(unpowered=self._empty)

    def truth(self, every_s: float = 1.0) -> Truth:
        empty, due_s = self._empty, silence_due_s(every_s)
        is_missed = empty.until_s - empty.from_s > due_s
        return self._truth(
            Severity.TECHNICAL,
            ends_s=empty.until_s,
            must_alarm=(MustAlarm(AlertKind.LOST_CONTACT, due_s),) if is_missed else (),
            must_not_alarm=all_but(AlertKind.LOST_CONTACT),
            phases=(Phase("empty", *empty),),
        )
