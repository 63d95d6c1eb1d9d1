"""Device swap: the patient is given another device; its first reading follows the old one's last, and nothing alarms.

The new device belongs to the patient from the moment of the swap on; a person has to say so (`wardlight devices`).
"""

from dataclasses import dataclass

from simulators.scenarios.course import DeviceCourse, Scenario, all_but
from simulators.truth import Phase, Severity, Truth


@dataclass(frozen=True, kw_only=True)
class DeviceSwap(Scenario):
    """From the onset on another device of the same kind is worn."""

    name = "device-swap"
    summary = "another device is worn from one reading to the next"

    @property
    def device(self) -> DeviceCourse:
        return DeviceCourse(swapped_s=self.onset_s)

    def truth(self, every_s: float = 1.0) -> Truth:  # noqa: ARG002
        return self._truth(Severity.NONE, must_not_alarm=all_but(), phases=(Phase("second device", self.onset_s),))
