"""The shock index: heart rate over systolic pressure. Normal is 0.5 to 0.7; above 0.9 is the usual cut-off.

Source: Allgower and Burri, Dtsch Med Wochenschr 1967;92:1947; the cut-off: Rady et al., Ann Emerg Med 1994;24:685.
"""

from collections.abc import Mapping

from vitals.sign import Sign

HIGH_ABOVE = 0.9


def shock_index(observations: Mapping[Sign, float]) -> float | None:
    """Beats a minute per mmHg; None where one of the two is missing, or the pressure is 0.

    >>> shock_index({Sign.HEART_RATE: 90, Sign.SYSTOLIC: 120})
    0.75
    """
    rate, systolic = observations.get(Sign.HEART_RATE), observations.get(Sign.SYSTOLIC)
    if rate is None or systolic is None or systolic <= 0:
        return None
    return rate / systolic
