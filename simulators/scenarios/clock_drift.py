"""Clock drift: the device's clock runs free and wrong, until its times are so far off that no limit can judge its values.

A watch crystal loses or gains about 2 s a day, a plain one 9, an uncalibrated RC oscillator up to 1 %, 14 minutes a day: the
last is meant here (rates: best-microcontroller-projects.com/ppm.html). The patient is well; what is due is that the
system says so: readings come late once the clock is 5 minutes slow; once it is 2 minutes fast, ingest refuses them as of
the future, and contact is lost besides. At last the clock is set.
"""

from dataclasses import dataclass

from simulators.scenarios.course import DeviceCourse, Scenario, Span, all_but
from simulators.scenarios.sensor_off import silence_due_s
from simulators.truth import MustAlarm, Phase, Severity, Truth
from vitals.alert import AlertKind

SLOW_S_MAX = 300.0
"""How far behind a reading may be and still be live, by default (`vitals.lateness`)."""
FAST_S_MAX = 120.0
"""How far ahead ingest takes a reading, by default."""
_LATE_S = 120.0
"""How long readings come late before that is told."""
_AHEAD_S = 60.0
"""How long they are refused as of the future before that is told."""
_SET_AFTER = 1.6
"""The clock is set when the error is this many times what is allowed."""


@dataclass(frozen=True, kw_only=True)
class ClockDrift(Scenario):
    """Gains or loses 0.3 to 1 % from the onset on, and is set once it is far off; whether fast or slow is drawn."""

    name = "clock-drift"
    summary = "the clock runs slow or fast until no limit can judge the values"

    @property
    def is_slow(self) -> bool:
        """Whether it loses time."""
        return self.variant.seed % 2 == 0

    @property
    def _rate(self) -> float:
        return self.variant.by_severity(0.003, 0.01) * self.time_scale

    @property
    def _allowed_s(self) -> float:
        return SLOW_S_MAX if self.is_slow else FAST_S_MAX

    @property
    def _free(self) -> Span:
        return Span(self.onset_s, self.onset_s + _SET_AFTER * self._allowed_s / self._rate)

    @property
    def device(self) -> DeviceCourse:
        return DeviceCourse(clock_gain=-self._rate if self.is_slow else self._rate, clock_runs_free=self._free)

    def truth(self, every_s: float = 1.0) -> Truth:
        free, off_s = self._free, self._allowed_s / self._rate
        far_off_s = free.until_s - free.from_s - off_s
        due_s = (_LATE_S if self.is_slow else _AHEAD_S) + 4 * every_s
        must = [(AlertKind.CLOCK_WRONG, due_s)]
        if not self.is_slow:
            must.append((AlertKind.LOST_CONTACT, silence_due_s(every_s)))
        return self._truth(
            Severity.TECHNICAL,
            ends_s=free.until_s,
            must_alarm=tuple(MustAlarm(kind, round(off_s + due_s, 1)) for kind, due_s in must if far_off_s > due_s),
            must_not_alarm=all_but(*(kind for kind, _ in must)),
            phases=(
                Phase("drifting", free.from_s, free.from_s + off_s),
                Phase("too far off", free.from_s + off_s, free.until_s),
            ),
        )
