"""MEWS, the modified early-warning score of Subbe et al., QJM 2001;94:521; associated with death and admission from 5 on.

MEWS is no one standard; this is Subbe's, with the gaps between its printed bands closed. Pressures, pulse and breathing are
rounded half up to integers, temperature to 0.1 degree Celsius. New confusion, which AVPU does not know, counts as voice.
"""

from bisect import bisect_left
from collections.abc import Mapping
from math import floor
from typing import NamedTuple

from vitals.partial_score import PartialScore
from vitals.sign import Sign

HIGH_FROM = 5


class _Bands(NamedTuple):
    through: tuple[int, ...]
    """Each band ends with this value, in steps; the last has no end."""
    points: tuple[int, ...]
    per_unit: int = 1

    @property
    def most(self) -> int:
        return max(self.points)


_CHART: Mapping[Sign, _Bands] = {
    Sign.SYSTOLIC: _Bands((70, 80, 100, 199), (3, 2, 1, 0, 2)),
    Sign.HEART_RATE: _Bands((40, 50, 100, 110, 129), (2, 1, 0, 1, 2, 3)),
    Sign.RESPIRATORY_RATE: _Bands((8, 14, 20, 29), (2, 0, 1, 2, 3)),
    Sign.TEMPERATURE: _Bands((349, 384), (2, 0, 2), 10),
    Sign.CONSCIOUSNESS: _Bands((0, 2, 3), (0, 1, 2, 3)),
}
_HALF = 0.5 + 1e-9


def score(observations: Mapping[Sign, float]) -> PartialScore:
    """MEWS of these observations; other signs are ignored.

    >>> score({Sign.SYSTOLIC: 70, Sign.HEART_RATE: 130, Sign.RESPIRATORY_RATE: 30, Sign.TEMPERATURE: 38.5}).low
    11
    """
    low = unknown = 0
    missing = []
    for sign, bands in _CHART.items():
        value = observations.get(sign)
        if value is None:
            missing.append(sign)
            unknown += bands.most
        else:
            low += bands.points[bisect_left(bands.through, floor(value * bands.per_unit + _HALF))]
    return PartialScore(low, low + unknown, tuple(missing))
