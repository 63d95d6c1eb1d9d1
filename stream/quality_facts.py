"""How far and how fast each sign can move, and how long it can stay the same: what the quality gate holds values against.

What lies beyond waits for a second value and is never refused for good, so the bounds are chosen where noise begins to
outnumber bodies, not where bodies end. In MIMIC-III (98 patients, hourly charts) 99.9 % of changes from one hour to the next
stay below 50 /min, 26 /min, 24 %, 2 degrees, 73, 65 and 86 mmHg, entry errors included; from second to second 99.99 %
below 12 /min (heart rate; 42 people), 14 /min and 3 %. What they withhold of each recording, labelled noise and clean
signal apart: `python -m evaluation.quality` (docs/learning.md).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from vitals.sign import PHYSIOLOGICAL_SIGNS, Sign

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS


class Movement(NamedTuple):
    """How one sign moves, in its own unit."""

    sudden: float
    """From one value to the next, however close: noise, beat to beat, rounding."""
    per_min: float
    """And so much more for each minute between."""
    at_most: float
    """But never more than this from one value to the next, however far apart."""


class Stillness(NamedTuple):
    """How long a sign stays identical; both the time and the number of values must be passed to be a flat line."""

    steps_per_unit: float
    """Resolution below which a sensor counts as fine: whole beats are coarse, tenths are fine."""
    coarse_ms: int
    coarse_values: int
    fine_ms: int
    fine_values: int
    ceiling: float = float("inf")
    """From here on it may stay for ever: 100 % is where an oximeter ends."""


class SignMotion(NamedTuple):
    """Both, with the rate per ms."""

    sudden: float
    per_ms: float
    at_most: float
    still: Stillness


MOVEMENTS: Mapping[Sign, Movement] = MappingProxyType(
    {
        # Between the 16 /min that fibrillation makes from second to second, and paroxysms, which must last to be believed.
        Sign.HEART_RATE: Movement(35, 60, 60),
        Sign.RESPIRATORY_RATE: Movement(15, 15, 25),
        # Half a point a second is a steep fall in apnoea, and oximeters average over seconds.
        Sign.SPO2: Movement(8, 30, 15),
        # One degree is what two sites differ by, and what malignant hyperthermia adds in five minutes.
        Sign.TEMPERATURE: Movement(1.0, 0.2, 2.5),
        Sign.SYSTOLIC: Movement(40, 40, 80),
        Sign.DIASTOLIC: Movement(30, 25, 55),
        Sign.MEAN_PRESSURE: Movement(35, 30, 65),
    }
)
"""Our choice; diastolic and mean pressure in proportion to systolic."""

STILLNESSES: Mapping[Sign, Stillness] = MappingProxyType(
    {
        # Whole beats stayed equal for 121 s at the longest in 36 patients at 1 Hz; tenths for 24 s in 6 people.
        Sign.HEART_RATE: Stillness(1, 10 * MINUTE_MS, 120, 2 * MINUTE_MS, 60),
        # A ventilator's rate stays; whole breaths stayed equal for 8 min at 1 Hz.
        Sign.RESPIRATORY_RATE: Stillness(1, HOUR_MS, 240, 10 * MINUTE_MS, 120),
        # Whole per cents stay for long in the well; 98 each hour is no flat line for days.
        Sign.SPO2: Stillness(1, 2 * HOUR_MS, 1200, 10 * MINUTE_MS, 120, ceiling=100),
        Sign.TEMPERATURE: Stillness(10, 12 * HOUR_MS, 720, HOUR_MS, 120),
        # A cuff's last value, repeated until the next, is one measurement.
        Sign.SYSTOLIC: Stillness(1, 20 * MINUTE_MS, 120, 5 * MINUTE_MS, 60),
        Sign.DIASTOLIC: Stillness(1, 20 * MINUTE_MS, 120, 5 * MINUTE_MS, 60),
        Sign.MEAN_PRESSURE: Stillness(1, 20 * MINUTE_MS, 120, 5 * MINUTE_MS, 60),
    }
)
"""Our choice, beyond the longest that recordings show of a living sign."""

SIGN_MOTIONS: Mapping[Sign, SignMotion] = {
    sign: SignMotion(move.sudden, move.per_min / MINUTE_MS, move.at_most, STILLNESSES[sign])
    for sign, move in MOVEMENTS.items()
}

POOR_BELOW_PERCENT = 50.0
"""As `IrregularRule.poor_below_percent` of alerts; our choice, for makers measure signal quality in their own ways."""
SIGNAL_SIGNS = frozenset({Sign.HEART_RATE, Sign.RESPIRATORY_RATE, Sign.SPO2})
"""What a device's signal quality speaks of; a cuff or a thermometer has none."""
POOR_MS_MAX = 5 * MINUTE_MS
"""So long a poor signal keeps a sign from being scored; then it is, without being learned. Shock makes signals poor, too."""
MEAN_SLACK_MMHG = 10.0
"""So far outside of systolic and diastolic a mean may lie: charts mix cuff and artery; our choice."""
MOTION_SIGN = Sign.SPO2
"""Whose optical value motion spoils (Barker and Shah, Anesthesiology 1996;85:774); heart and breathing move in earnest."""
MOTION_AWAY = 3.0
"""So far from the level a saturation while walking is doubted; our choice, beyond the 2 points that oximeters scatter by."""
CONFIRM_MS = 20_000
"""A new level that has lasted so long, in two values at least, is scored: nine in ten noisy stretches of recorded heart
rhythms are over by then (`python -m evaluation.quality`)."""
DOUBT_MS_MAX = MINUTE_MS
"""So much time of jumping about, and values are scored as they come, without being learned."""
LEARN_AFTER_MS = 5 * MINUTE_MS
"""A level that came by a jump is learned only after so long: a sensor moved to another finger is noticed by then."""
CALM_SHARE = 1 / 3
"""How fast calm time makes up for time of jumping about."""
OWED_MS_MAX = 2 * MINUTE_MS
"""The most that can be owed, so that six calm minutes make up for anything."""
GAP_MS_MAX = HOUR_MS
"""The most that one pause between values counts for."""
FLAT_GAP_MS_MAX = 5 * MINUTE_MS
"""A pause longer than this begins a flat line anew: of what was in between nobody knows that it was the same."""
FINE_MS = HOUR_MS
"""So long a sensor counts as fine after its last value with a fraction."""
LOOK_EVERY_MS = 10_000
"""How often values are looked at for fractions."""
LEVEL_MS = 8_000
"""Time constant of the level that values are held against: that of an oximeter's own averaging, and one value at slow rates."""
REFERENCE_MS_MAX = 6 * HOUR_MS
"""After a pause longer than this there is nothing to hold a value against."""

assert MOVEMENTS.keys() == STILLNESSES.keys() == set(PHYSIOLOGICAL_SIGNS)  # noqa: S101 - holds at import or never
