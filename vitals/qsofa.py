"""qSOFA: breathing of 22 or more, systolic pressure of 100 or less, altered mentation; a point each, positive from 2.

Source: Singer et al., JAMA 2016;315:801 (Sepsis-3). Mentation is a Glasgow score below 15 there, and anything but alert here.
"""

from collections.abc import Mapping

from vitals.partial_score import PartialScore
from vitals.sign import Sign

POSITIVE_FROM = 2
RESPIRATORY_RATE_FROM = 22.0
SYSTOLIC_THROUGH = 100.0
_INPUTS = (Sign.RESPIRATORY_RATE, Sign.SYSTOLIC, Sign.CONSCIOUSNESS)


def score(observations: Mapping[Sign, float]) -> PartialScore:
    """The points of these observations; other signs are ignored.

    >>> score({Sign.RESPIRATORY_RATE: 22, Sign.SYSTOLIC: 100})[:2]
    (2, 3)
    """
    rate, systolic, consciousness = map(observations.get, _INPUTS)
    low = (
        (rate is not None and rate >= RESPIRATORY_RATE_FROM)
        + (systolic is not None and systolic <= SYSTOLIC_THROUGH)
        + (consciousness is not None and consciousness > 0)
    )
    missing = tuple([sign for sign in _INPUTS if sign not in observations])
    return PartialScore(low, low + len(missing), missing)
