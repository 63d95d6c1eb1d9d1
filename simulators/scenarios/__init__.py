"""Named courses of illness, mishap and benign mimicry, each with its truth; one file each, found here by name."""

from collections.abc import Mapping
from types import MappingProxyType

from simulators.scenarios.atrial_fibrillation import AtrialFibrillation
from simulators.scenarios.battery_death import BatteryDeath
from simulators.scenarios.clock_drift import ClockDrift
from simulators.scenarios.cold_finger import ColdFinger
from simulators.scenarios.copd_oxygen import CopdOxygen
from simulators.scenarios.coughing import Coughing
from simulators.scenarios.course import Scenario, Variant
from simulators.scenarios.desaturation import Desaturation
from simulators.scenarios.device_swap import DeviceSwap
from simulators.scenarios.dropout import Dropout
from simulators.scenarios.exercise import Exercise
from simulators.scenarios.fever import Fever
from simulators.scenarios.haemorrhage import Haemorrhage
from simulators.scenarios.healthy import Healthy
from simulators.scenarios.motion_artefact import MotionArtefact
from simulators.scenarios.opioid import Opioid
from simulators.scenarios.pneumonia import Pneumonia
from simulators.scenarios.sensor_off import SensorOff
from simulators.scenarios.sepsis import Sepsis
from simulators.scenarios.sleep_dips import SleepDips
from vitals.errors import InvalidArgument

__all__ = ["DEMO_MIX", "MIXES", "SCENARIOS", "WARD_MIX", "Scenario", "Variant", "demo_mix", "scenario", "ward_mix"]

_ALL: tuple[type[Scenario], ...] = (
    Healthy,
    Sepsis,
    Opioid,
    Haemorrhage,
    Desaturation,
    AtrialFibrillation,
    Pneumonia,
    CopdOxygen,
    Fever,
    Exercise,
    Coughing,
    SleepDips,
    MotionArtefact,
    ColdFinger,
    SensorOff,
    Dropout,
    BatteryDeath,
    ClockDrift,
    DeviceSwap,
)
SCENARIOS: Mapping[str, type[Scenario]] = MappingProxyType({each.name: each for each in _ALL})

DEMO_MIX = "demo"
"""Name of the mixture to watch: mostly healthy patients and a few stories, fast."""
WARD_MIX = "mix"
"""Name of the mixture at life's own pace: every scenario over the beds, mild and grave, with onsets over the first day."""
MIXES: Mapping[str, str] = MappingProxyType(
    {
        DEMO_MIX: "a ward to watch: most are well, and a few stories pass in minutes",
        WARD_MIX: "every scenario over the beds at life's pace, onsets within a day",
    }
)

_DEMO_COURSES: tuple[Scenario, ...] = (
    Desaturation(onset_s=8, time_scale=18),
    Sepsis(onset_s=15, time_scale=144),
    Exercise(onset_s=5, time_scale=6, every_s=7200),
    SensorOff(onset_s=25, time_scale=4),
    Haemorrhage(onset_s=240, time_scale=24, variant=Variant(severity=0.9, pace=0.5)),
    Coughing(onset_s=20, every_s=10_800),
    AtrialFibrillation(onset_s=420, time_scale=20, variant=Variant(severity=0.8, pace=0.5)),
    MotionArtefact(onset_s=30, variant=Variant(severity=0.3, pace=0.8, seed=4), every_s=14_400),
    Opioid(onset_s=660, time_scale=6, variant=Variant(severity=0.6, pace=0.6)),
)
"""In the order of importance: a small ward leaves out the later ones."""
_DEMO_STORIES_PER_BED = 3
"""From this many beds on there is one story for so many beds."""


def scenario(
    name: str, *, onset_s: float | None = None, time_scale: float = 1.0, variant: Variant | None = None
) -> Scenario:
    """The scenario of this name; raises InvalidArgument naming those there are.

    `time_scale` says how many seconds of the course pass in one second; it must be positive. Without a variant it is the
    one in the middle of its bounds.
    """
    make = SCENARIOS.get(name.replace("_", "-"))
    if make is None:
        raise InvalidArgument(
            f"There is no scenario {name!r}: choose {', '.join(MIXES)}, or one of {', '.join(SCENARIOS)}."
        )
    if not time_scale > 0:
        raise InvalidArgument(f"A time scale must be greater than 0, not {time_scale:g}.")
    variant = variant or Variant()
    if onset_s is None:
        return make(time_scale=time_scale, variant=variant)
    return make(time_scale=time_scale, variant=variant, onset_s=onset_s)


def demo_mix(beds: int) -> tuple[Scenario, ...]:
    """One scenario per bed: a ward that is mostly well, and from each third bed a story, spread over the ward.

    Fewer than five beds have fewer stories than that, so that a healthy patient always remains beside them.
    """
    mix: list[Scenario] = [Healthy() for _ in range(beds)]
    stories = min(len(_DEMO_COURSES), max(beds // _DEMO_STORIES_PER_BED, min(beds - 1, 4)))
    for index, course in enumerate(_DEMO_COURSES[:stories]):
        mix[(2 * index + 1) * beds // (2 * stories)] = course
    return tuple(mix)


def ward_mix(beds: int, *, seed: int, onsets_within_s: float = 86_400.0) -> tuple[Scenario, ...]:
    """One scenario per bed, in turn through all of them, each bed a variant of its own, onsets over `onsets_within_s`.

    A second round through the scenarios alternates with healthy beds. Benign things come again: walks every 8 hours,
    coughing and restlessness every 6; a sensor that came off is back after 2 hours.
    """
    return tuple(_of_mix(bed, seed=seed, onsets_within_s=onsets_within_s) for bed in range(beds))


def _of_mix(bed: int, *, seed: int, onsets_within_s: float) -> Scenario:
    round_number, turn = divmod(bed, len(_ALL))
    make = Healthy if round_number % 2 and turn % 2 else _ALL[turn]
    variant = Variant.drawn(seed=seed, bed=bed)
    # The golden ratio spreads any number of onsets evenly.
    onset_s = round((bed * 0.618034 % 1) * onsets_within_s) + 1800.0
    if issubclass(make, (Exercise, Coughing, MotionArtefact)):
        every_s = 28_800.0 if make is Exercise else 21_600.0
        return make(onset_s=onset_s, variant=variant, every_s=every_s)
    if make is SensorOff:
        return SensorOff(onset_s=onset_s, variant=variant, off_s=7200.0)
    return make(variant=variant) if make is Healthy else make(onset_s=onset_s, variant=variant)
