"""Which device a patient wears at each second of the course, and what befalls it: out of reach, without power, swapped."""

from collections.abc import Callable

from simulators.device import Device
from simulators.links import Links
from simulators.outbox import Outbox
from simulators.scenarios.course import DeviceCourse


class Wearing:
    """One bed's device, and the spare of a swap; asked in order of time."""

    def __init__(
        self,
        device: Device,
        spare: Device | None,
        course: DeviceCourse,
        *,
        links: Links,
        new_outbox: Callable[[], Outbox],
    ) -> None:
        self.device = device
        self.spare = spare
        self._course = course
        self._links = links
        self._new_outbox = new_outbox
        self._is_out_of_reach = self._is_unpowered = False

    def at(self, second: float) -> Device:
        """What is worn at this second; leaves reach, comes back and boots anew on the way there."""
        course = self._course
        if course.swapped_s is not None and self.spare is not None and second >= course.swapped_s:
            return self.spare
        if course.out_of_reach is not None and course.out_of_reach.covers(second) is not self._is_out_of_reach:
            self._is_out_of_reach = not self._is_out_of_reach
            self._move(is_gone=self._is_out_of_reach, powered=True)
        if course.unpowered is not None and course.unpowered.covers(second) is not self._is_unpowered:
            self._is_unpowered = not self._is_unpowered
            if not self._is_unpowered:
                self.device.reboot(f"{self.device.boot}-again", self._new_outbox())
            self._move(is_gone=self._is_unpowered, powered=False)
        return self.device

    def clock_error_ms(self, second: float) -> int:
        """How far the device's clock is ahead (negative: behind) at this second."""
        return round(self._course.clock_error_s(second) * 1000)

    def end(self) -> None:
        """The course is over: what is out of reach comes back, so that it can send what it kept."""
        self._links.come_back(self.device)

    def _move(self, *, is_gone: bool, powered: bool) -> None:
        if is_gone:
            self._links.leave(self.device, powered=powered)
        else:
            self._links.come_back(self.device)
