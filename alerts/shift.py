"""Baseline shift: a sign that has left what is usual for this patient, and stays away. Pure.

What is usual, and how far away a sign is in robust standard deviations, the assessment says (`stream.baseline`). A shift
must also be large enough to mean something at a bedside: a very steady patient's heart rate may lie three deviations off
and yet only six beats. Usual does not follow a sign that has left it; so a shift ends when the sign is back, or when the
sign has settled elsewhere for days and that has been learned as usual, which the assessment says.
"""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

import msgspec

from alerts.evidence import Cadence, GapRule
from vitals.assessment import Driver
from vitals.sign import Sign


class ShiftRule(msgspec.Struct, frozen=True, kw_only=True):
    """How far, and for how long. Sizes are about a step of NEWS2's chart; all our choice."""

    spreads: float = 3.0
    """Robust standard deviations from usual."""
    lasts_s: float = 1800.0
    clear_s: float = 600.0
    """So long nearer than `spreads` and `least`, or as usual again."""
    heart_rate_least_bpm: float = 20.0
    respiratory_rate_least_bpm: float = 5.0
    spo2_least_percent: float = 3.0
    """Downwards only."""
    temperature_least_celsius: float = 1.0
    systolic_least_mmhg: float = 25.0


@lru_cache(maxsize=64)
def least_of(rule: ShiftRule) -> Mapping[Sign, float]:
    """The least distance from usual that counts, in the sign's unit."""
    return MappingProxyType(
        {
            Sign.HEART_RATE: rule.heart_rate_least_bpm,
            Sign.RESPIRATORY_RATE: rule.respiratory_rate_least_bpm,
            Sign.SPO2: rule.spo2_least_percent,
            Sign.TEMPERATURE: rule.temperature_least_celsius,
            Sign.SYSTOLIC: rule.systolic_least_mmhg,
        }
    )


def is_away(driver: Driver, rule: ShiftRule) -> bool:
    """Whether a sign lies far enough from this patient's usual to count."""
    least = least_of(rule).get(driver.sign)
    if least is None or driver.usual is None or driver.deviation is None:
        return False
    distance = driver.value - driver.usual
    if driver.sign is Sign.SPO2 and distance > 0:
        return False
    return abs(driver.deviation) >= rule.spreads and abs(distance) >= least


class SignShift(msgspec.Struct, omit_defaults=True):
    """One sign's way from usual and back; mutable."""

    cadence: Cadence = msgspec.field(default_factory=Cadence)
    since_ms: int | None = None
    """Since when it has been away, time at home in between taken off."""
    above: bool = False
    left: float = 0.0
    """What was usual when it left."""
    usual: float = 0.0
    """What was usual when it was last away."""
    home_ms: int | None = None
    """Since when it is not away."""
    lasts: bool = False
    """Away for long enough, and not back since."""
    relearned: bool = False
    """Where it went has been learned as usual since it left."""

    def step(self, driver: Driver | None, at_ms: int, rule: ShiftRule, gap: GapRule) -> None:
        """Take note of the sign: `driver` says where it is; None: as usual."""
        moment = self.cadence.step(at_ms, gap)
        away = driver is not None and is_away(driver, rule)
        above = driver is not None and (driver.deviation or 0.0) > 0
        if not moment.is_consecutive or (away and above is not self.above):
            self.since_ms = self.home_ms = None
        if driver is None or not away:
            self.since_ms = moment.drained(self.since_ms)
            self.home_ms = at_ms if self.home_ms is None else self.home_ms
            self.lasts = self.lasts and not moment.has_held(self.home_ms, rule.clear_s)
            return
        self.home_ms = None
        if self.since_ms is None:
            self.since_ms, self.above, self.relearned = at_ms, above, False
            self.left = driver.usual or 0.0
        self.usual = driver.usual or 0.0
        # Rarer than the time it must last, a sign is a spot check; one value of it is no shift, whatever its distance.
        self.lasts = self.lasts or (at_ms - self.since_ms >= rule.lasts_s * 1000)

    def is_relearned(self, sign: Sign, rule: ShiftRule) -> bool:
        """Whether what is usual has moved towards the sign, rather than the sign back."""
        return self.relearned or abs(self.usual - self.left) >= least_of(rule)[sign] / 2
