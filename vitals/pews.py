"""Bedside PEWS: the early-warning score for children, as an interval while inputs are missing.

Seven inputs with 0, 1, 2 or 4 points each, 0 to 26 in all; at 8 or more its authors found a sensitivity of 82 % and a
specificity of 93 % for a child's urgent transfer to intensive care. Source of every band: Parshuram, Hutchison, Middaugh,
Critical Care 2009;13:R135, table 1. The cut between 0 and 1 points of SpO2 (94 %) is not in that table as we have seen
it; 2 points at 90 % or less are.

Measured values are rounded half up to integers before they are scored, as in `vitals.news2`.
"""

from collections.abc import Callable, Mapping
from math import floor, isfinite
from typing import NamedTuple

from vitals.age import AgeBand
from vitals.assessment import PewsSummary
from vitals.errors import InvalidArgument
from vitals.sign import Sign

PEWS_INPUTS: tuple[Sign, ...] = (
    Sign.HEART_RATE,
    Sign.SYSTOLIC,
    Sign.CAPILLARY_REFILL,
    Sign.RESPIRATORY_RATE,
    Sign.RESPIRATORY_EFFORT,
    Sign.SPO2,
    Sign.SUPPLEMENTAL_OXYGEN,
)
"""What PEWS needs, in the order of its table; how much oxygen is told by `Sign.OXYGEN_FLOW` beside it."""
HIGH_FROM = 8
ALARMING_FROM = 5
"""From where a child is watched more closely; our choice."""
POINTS_MAX: Mapping[Sign, int] = {sign: 2 if sign is Sign.SPO2 else 4 for sign in PEWS_INPUTS}
CAPILLARY_REFILL_LONG_S = 3
OXYGEN_MUCH_L_PER_MIN = 4


class _Outside(NamedTuple):
    """Points outside a range: at `high` or above, and at `low` or below."""

    points: int
    high: int
    low: int


_Bands = tuple[_Outside, _Outside, _Outside]


def _bands(one: tuple[int, int], two: tuple[int, int], four: tuple[int, int]) -> _Bands:
    return _Outside(4, *four), _Outside(2, *two), _Outside(1, *one)


_HEART_RATE: Mapping[AgeBand, _Bands] = {
    AgeBand.UNDER_3_MONTHS: _bands((150, 110), (180, 90), (190, 80)),
    AgeBand.UNDER_1_YEAR: _bands((150, 100), (170, 80), (180, 70)),
    AgeBand.UNDER_4_YEARS: _bands((120, 90), (150, 70), (170, 60)),
    AgeBand.UNDER_12_YEARS: _bands((110, 70), (130, 60), (150, 50)),
    AgeBand.UNDER_16_YEARS: _bands((100, 60), (120, 50), (140, 40)),
}
_SYSTOLIC: Mapping[AgeBand, _Bands] = {
    AgeBand.UNDER_3_MONTHS: _bands((80, 60), (100, 50), (130, 45)),
    AgeBand.UNDER_1_YEAR: _bands((100, 80), (120, 70), (150, 60)),
    AgeBand.UNDER_4_YEARS: _bands((110, 90), (125, 75), (160, 65)),
    AgeBand.UNDER_12_YEARS: _bands((120, 90), (140, 80), (170, 70)),
    AgeBand.UNDER_16_YEARS: _bands((130, 100), (150, 85), (190, 75)),
}
_RESPIRATORY_RATE: Mapping[AgeBand, _Bands] = {
    AgeBand.UNDER_3_MONTHS: _bands((61, 29), (81, 19), (91, 15)),
    AgeBand.UNDER_1_YEAR: _bands((51, 24), (71, 19), (81, 15)),
    AgeBand.UNDER_4_YEARS: _bands((41, 19), (61, 15), (71, 12)),
    AgeBand.UNDER_12_YEARS: _bands((31, 19), (41, 14), (51, 10)),
    AgeBand.UNDER_16_YEARS: _bands((17, 11), (23, 10), (30, 9)),
}
_BY_AGE: Mapping[Sign, Mapping[AgeBand, _Bands]] = {
    Sign.HEART_RATE: _HEART_RATE,
    Sign.SYSTOLIC: _SYSTOLIC,
    Sign.RESPIRATORY_RATE: _RESPIRATORY_RATE,
}
_EFFORT_POINTS = (0, 1, 2, 4)
"""Normal, mildly, moderately increased, severely increased or any apnoea."""
_HALF = 0.5 + 1e-9


class PewsRange(NamedTuple):
    """From where on a sign scores `points`: `low` or below, `high` or above."""

    points: int
    low: int
    high: int


def ranges(sign: Sign, band: AgeBand) -> tuple[PewsRange, ...]:
    """Of a sign whose points depend on age where 1, 2 and 4 points begin; empty for others."""
    by_age = _BY_AGE.get(sign)
    if by_age is None:
        return ()
    return tuple(PewsRange(outside.points, outside.low, outside.high) for outside in reversed(by_age[band]))


def points_of(sign: Sign, value: float, band: AgeBand, *, flow_l_per_min: float | None = None) -> int | None:
    """PEWS points of one input; None where a child has oxygen and nobody said how much.

    Raises InvalidArgument for a sign that PEWS does not use, NaN and infinities.

    >>> points_of(Sign.HEART_RATE, 150, AgeBand.UNDER_3_MONTHS), points_of(Sign.HEART_RATE, 150, AgeBand.UNDER_12_YEARS)
    (1, 4)
    """
    if not isfinite(value):
        raise InvalidArgument(f"PEWS cannot score {sign.value}={value}: give a number.")
    by_age = _BY_AGE.get(sign)
    if by_age is not None:
        step = floor(value + _HALF)
        return next((out.points for out in by_age[band] if step >= out.high or step <= out.low), 0)
    if sign is Sign.SUPPLEMENTAL_OXYGEN:
        return _oxygen_points(value, flow_l_per_min)
    scored = _OTHERS.get(sign)
    if scored is None:
        raise InvalidArgument(f"PEWS does not use {sign.value}; its inputs are {', '.join(PEWS_INPUTS)}.")
    return scored(value)


def score(observations: Mapping[Sign, float], band: AgeBand) -> PewsSummary:
    """Bedside PEWS of these observations; signs it does not use are ignored, absent inputs widen the interval.

    Whatever value a missing input takes, the total lies in `low..high`. Raises InvalidArgument as `points_of`.

    >>> score({Sign.RESPIRATORY_RATE: 60, Sign.SPO2: 92}, AgeBand.UNDER_4_YEARS).low
    2
    """
    points: dict[Sign, int] = {}
    missing: list[Sign] = []
    unknown = 0
    flow = observations.get(Sign.OXYGEN_FLOW)
    for sign in PEWS_INPUTS:
        value = observations.get(sign)
        scored = None if value is None else points_of(sign, value, band, flow_l_per_min=flow)
        if scored is None:
            known = 0
            if value is None:
                missing.append(sign)
            else:
                known = points[sign] = 2
            unknown += POINTS_MAX[sign] - known
        else:
            points[sign] = scored
    low = sum(points.values())
    total = low if not unknown else None
    return PewsSummary(low=low, high=low + unknown, points=points, missing=tuple(missing), band=band, total=total)


def _oxygen_points(value: float, flow_l_per_min: float | None) -> int | None:
    if value <= 0:
        return 0
    if flow_l_per_min is None:
        return None
    return 4 if flow_l_per_min >= OXYGEN_MUCH_L_PER_MIN else 2


def _refill_points(seconds: float) -> int:
    return 4 if seconds >= CAPILLARY_REFILL_LONG_S else 0


def _effort_points(effort: float) -> int:
    return _EFFORT_POINTS[min(max(floor(effort + _HALF), 0), len(_EFFORT_POINTS) - 1)]


def _spo2_points(percent: float) -> int:
    step = floor(percent + _HALF)
    if step <= 90:
        return 2
    return 1 if step <= 94 else 0


_OTHERS: Mapping[Sign, Callable[[float], int]] = {
    Sign.CAPILLARY_REFILL: _refill_points,
    Sign.RESPIRATORY_EFFORT: _effort_points,
    Sign.SPO2: _spo2_points,
}
