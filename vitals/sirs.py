"""SIRS by vital signs: temperature above 38 or below 36 degree Celsius, pulse above 90, breathing above 20; positive from 2.

Source: Bone et al., Chest 1992;101:1644 (ACCP/SCCM). Its fourth criterion, white cells, and carbon dioxide beside breathing
are laboratory values: without them this is SIRS in part, and its interval reaches one point higher.
"""

from collections.abc import Mapping
from typing import Final

from vitals.partial_score import PartialScore
from vitals.sign import Sign

POSITIVE_FROM = 2
TEMPERATURE_ABOVE = 38.0
TEMPERATURE_BELOW = 36.0
HEART_RATE_ABOVE = 90.0
RESPIRATORY_RATE_ABOVE = 20.0
LABORATORY_POINTS: Final = 1
"""White cells: never known here."""
_INPUTS = (Sign.TEMPERATURE, Sign.HEART_RATE, Sign.RESPIRATORY_RATE)


def score(observations: Mapping[Sign, float]) -> PartialScore:
    """The three criteria of these observations; other signs are ignored.

    >>> score({Sign.HEART_RATE: 91, Sign.RESPIRATORY_RATE: 20})[:2]
    (1, 3)
    """
    temperature, pulse, rate = map(observations.get, _INPUTS)
    low = (
        (temperature is not None and not TEMPERATURE_BELOW <= temperature <= TEMPERATURE_ABOVE)
        + (pulse is not None and pulse > HEART_RATE_ABOVE)
        + (rate is not None and rate > RESPIRATORY_RATE_ABOVE)
    )
    missing = tuple([sign for sign in _INPUTS if sign not in observations])
    return PartialScore(low, low + len(missing) + LABORATORY_POINTS, missing)
