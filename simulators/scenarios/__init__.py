"""Named courses of illness, mishap and benign mimicry, each with its truth; one file each, found here by name."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from simulators.scenarios.course import Scenario
from simulators.scenarios.desaturation import Desaturation
from simulators.scenarios.exercise import Exercise
from simulators.scenarios.healthy import Healthy
from simulators.scenarios.sensor_off import SensorOff
from simulators.scenarios.sepsis import Sepsis
from vitals.errors import InvalidArgument

__all__ = ["DEMO_MIX", "SCENARIOS", "Scenario", "demo_mix", "scenario"]

SCENARIOS: Mapping[str, Callable[..., Scenario]] = MappingProxyType(
    {
        "healthy": Healthy,
        "sepsis": Sepsis,
        "desaturation": Desaturation,
        "sensor-off": SensorOff,
        "exercise": Exercise,
    }
)

DEMO_MIX = "demo"
"""Name of the mixture: mostly healthy patients and one of each scenario, fast enough to watch."""

_DEMO_COURSES: tuple[Scenario, ...] = (
    Desaturation(onset_s=8, time_scale=18),
    Sepsis(onset_s=15, time_scale=144),
    Exercise(onset_s=5, time_scale=6),
    SensorOff(onset_s=25, time_scale=4),
)


def scenario(name: str, *, onset_s: float | None = None, time_scale: float = 1.0) -> Scenario:
    """The scenario of this name; raises InvalidArgument naming those there are.

    `time_scale` says how many seconds of the course pass in one second; it must be positive.
    """
    make = SCENARIOS.get(name.replace("_", "-"))
    if make is None:
        raise InvalidArgument(f"There is no scenario {name!r}: choose {DEMO_MIX} or one of {', '.join(SCENARIOS)}.")
    if not time_scale > 0:
        raise InvalidArgument(f"A time scale must be greater than 0, not {time_scale:g}.")
    return make(time_scale=time_scale) if onset_s is None else make(time_scale=time_scale, onset_s=onset_s)


def demo_mix(beds: int) -> tuple[Scenario, ...]:
    """One scenario per bed: desaturation, sepsis, exercise and sensor off, spread over a ward that is otherwise well.

    Fewer than five beds leave out the later ones, so that a healthy patient always remains beside them.
    """
    mix: list[Scenario] = [Healthy() for _ in range(beds)]
    courses = _DEMO_COURSES[: max(beds - 1, 0)]
    for index, course in enumerate(courses):
        mix[(2 * index + 1) * beds // (2 * len(courses))] = course
    return tuple(mix)
