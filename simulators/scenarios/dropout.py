"""Dropout with late upload: the device is out of reach, measures on and keeps all, and sends it when it is back.

The patient is well and nothing is lost; only the silence may alarm, and what comes late is history. In ward studies of
wearables between 6 and 27 % of the heart rate was lost on the radio (25 patients, Breteler et al., Anesthesiology 2020;
132:424), which is what late upload mends. How long a patient is out of reach is our choice: a scan, a bath, a dead spot.
"""

from dataclasses import dataclass

from simulators.scenarios.course import DeviceCourse, Scenario, Span, all_but
from simulators.scenarios.sensor_off import silence_due_s
from simulators.truth import MustAlarm, Phase, Severity, Truth
from vitals.alert import AlertKind


@dataclass(frozen=True, kw_only=True)
class Dropout(Scenario):
    """Out of reach for 15 minutes to 2 hours."""

    name = "dropout"
    summary = "out of radio reach, then all that was measured is uploaded late"

    @property
    def _away(self) -> Span:
        return Span(self.onset_s, self._at_s(self.variant.by_severity(900, 7200)))

    @property
    def device(self) -> DeviceCourse:
        return DeviceCourse(out_of_reach=self._away)

    def truth(self, every_s: float = 1.0) -> Truth:
        away, due_s = self._away, silence_due_s(every_s)
        is_missed = away.until_s - away.from_s > due_s
        return self._truth(
            Severity.TECHNICAL,
            ends_s=away.until_s,
            must_alarm=(MustAlarm(AlertKind.LOST_CONTACT, due_s),) if is_missed else (),
            must_not_alarm=all_but(AlertKind.LOST_CONTACT),
            phases=(Phase("out of reach", *away),),
        )
