"""NEWS2: the early-warning score of the Royal College of Physicians (2017), as an interval while inputs are missing.

For adults only: not for patients under 16 or pregnant. SpO2 scale 2 is for patients whom a clinician has confirmed as
hypercapnic with a target of 88-92 %; no software may infer it.

Rounding, which the chart leaves open: measured values are rounded half up before scoring, temperature to 0.1 degree
Celsius, the others to integers. Consciousness and oxygen are codes: anything above 0 (alert; air) scores.

Source of every band: Royal College of Physicians, National Early Warning Score (NEWS) 2, London 2017, charts 1, 2 and 4.
"""

from bisect import bisect_left
from collections.abc import Mapping
from enum import StrEnum
from math import floor
from typing import NamedTuple

from vitals.assessment import News2Summary
from vitals.errors import InvalidArgument
from vitals.sign import Sign


class Response(StrEnum):
    """The band of clinical response (RCP 2017, chart 4), from least to most."""

    LOW = "low"
    """Aggregate 0-4."""
    LOW_MEDIUM = "low_medium"
    """Aggregate 0-4 with one parameter at 3: an urgent review on the ward."""
    URGENT = "urgent"
    """Aggregate 5-6."""
    EMERGENCY = "emergency"
    """Aggregate 7 or more."""


NEWS2_INPUTS: tuple[Sign, ...] = (
    Sign.RESPIRATORY_RATE,
    Sign.SPO2,
    Sign.SUPPLEMENTAL_OXYGEN,
    Sign.SYSTOLIC,
    Sign.HEART_RATE,
    Sign.CONSCIOUSNESS,
    Sign.TEMPERATURE,
)
"""What NEWS2 needs, in the order of the chart."""

_OXYGEN = Sign.SUPPLEMENTAL_OXYGEN
"""Python 3.11 looks a member up in its enumeration by a call; this one is asked for at every reading."""
URGENT_FROM = 5
EMERGENCY_FROM = 7
RED = 3
"""The points with which one parameter alone asks for a review."""
OXYGEN_POINTS = 2

POINTS_MAX: Mapping[Sign, int] = {
    sign: OXYGEN_POINTS if sign is Sign.SUPPLEMENTAL_OXYGEN else RED for sign in NEWS2_INPUTS
}
"""The most an input can score: what a missing one adds to the upper bound."""


class _Bands(NamedTuple):
    """Points by band: `points[i]` up to and including `through[i]`, the last beyond all."""

    through: tuple[int, ...]
    points: tuple[int, ...]
    per_unit: int = 1
    """Steps of rounding per unit; `through` counts in steps."""


_CODE_STEPS = 1_000_000
"""Codes are not rounded: whatever is above 0 scores."""
_SPO2_SCALE_1 = _Bands((91, 93, 95), (3, 2, 1, 0))
_SPO2_SCALE_2_AIR = _Bands((83, 85, 87), (3, 2, 1, 0))
_SPO2_SCALE_2_OXYGEN = _Bands((83, 85, 87, 92, 94, 96), (3, 2, 1, 0, 1, 2, 3))
_SPO2_SCALE_2_UNKNOWN = _Bands((83, 85, 87, 92, 94, 96), (3, 2, 1, 0, -1, -2, -3))
"""Negative: 0 on air, so many on oxygen."""
_SPO2: Mapping[tuple[int, bool | None], _Bands] = {
    (1, None): _SPO2_SCALE_1,
    (1, False): _SPO2_SCALE_1,
    (1, True): _SPO2_SCALE_1,
    (2, None): _SPO2_SCALE_2_UNKNOWN,
    (2, False): _SPO2_SCALE_2_AIR,
    (2, True): _SPO2_SCALE_2_OXYGEN,
}
"""By scale, and whether on oxygen."""
_BANDS: Mapping[Sign, _Bands] = {
    Sign.RESPIRATORY_RATE: _Bands((8, 11, 20, 24), (3, 1, 0, 2, 3)),
    Sign.SUPPLEMENTAL_OXYGEN: _Bands((0,), (0, OXYGEN_POINTS), _CODE_STEPS),
    Sign.SYSTOLIC: _Bands((90, 100, 110, 219), (3, 2, 1, 0, 3)),
    Sign.HEART_RATE: _Bands((40, 50, 90, 110, 130), (3, 1, 0, 1, 2, 3)),
    Sign.CONSCIOUSNESS: _Bands((0,), (0, RED), _CODE_STEPS),
    Sign.TEMPERATURE: _Bands((350, 360, 380, 390), (3, 1, 0, 1, 2), 10),
}
"""Every input but SpO2."""


def _points_by_step(bands: _Bands) -> dict[int, int]:
    width = _CODE_STEPS if bands.per_unit == _CODE_STEPS else 1
    steps = range(0, (bands.through[-1] + 100) * width, width)
    return {step: bands.points[bisect_left(bands.through, step)] for step in steps}


class _Row(NamedTuple):
    """One input of the chart, ready to be looked up."""

    by_step: dict[int, int]
    """Points by rounded value: faster than a search by band. What is not in it is searched."""
    bands: _Bands
    per_unit: int


_ROWS: Mapping[_Bands, _Row] = {
    bands: _Row(_points_by_step(bands), bands, bands.per_unit) for bands in (*_BANDS.values(), *_SPO2.values())
}
_CHARTS = {
    case: tuple((sign, *_ROWS[_BANDS.get(sign, spo2)], POINTS_MAX[sign]) for sign in NEWS2_INPUTS)
    for case, spo2 in _SPO2.items()
}
"""By scale, and whether on oxygen: every input with its row and the most it can score."""

SPO2_SCALES = frozenset(scale for scale, _ in _SPO2)
"""Those there are."""
_NO_SUCH_SCALE = "SpO2 scale {} does not exist: use 1, or 2 where a clinician confirmed it."
_HALF = 0.5 + 1e-9
"""Half up, forgiving what binary fractions lose of a decimal half (38.05 times 10)."""


def points_of(sign: Sign, value: float, *, spo2_scale: int = 1, on_oxygen: bool | None = None) -> int | None:
    """NEWS2 points of one input; None where SpO2 on scale 2 depends on oxygen and that is unknown.

    Raises InvalidArgument for a sign that NEWS2 does not use, a scale other than 1 or 2, NaN and infinities.

    >>> points_of(Sign.RESPIRATORY_RATE, 24.5), points_of(Sign.TEMPERATURE, 38.04)
    (3, 0)
    """
    bands = _spo2_bands(spo2_scale, on_oxygen=on_oxygen) if sign is Sign.SPO2 else _BANDS.get(sign)
    if bands is None:
        raise InvalidArgument(f"NEWS2 does not use {sign.value}; its inputs are {', '.join(NEWS2_INPUTS)}.")
    try:
        points = bands.points[bisect_left(bands.through, floor(value * bands.per_unit + _HALF))]
    except (ValueError, OverflowError) as error:
        raise InvalidArgument(f"NEWS2 cannot score {sign.value}={value}: give a number.") from error
    return None if points < 0 else points


def score(observations: Mapping[Sign, float], *, spo2_scale: int = 1) -> News2Summary:
    """NEWS2 of these observations; signs that NEWS2 does not use are ignored, absent inputs widen the interval.

    Whatever value a missing input takes, the total lies in `low..high`, and learning one input never widens that
    interval. With scale 2, unknown oxygen and SpO2 above 92 %, SpO2 is present yet has no entry in `points`: its points
    depend on oxygen, and the interval spans both. Raises InvalidArgument as `points_of`.

    >>> score({Sign.RESPIRATORY_RATE: 25, Sign.SPO2: 97}).response
    'low_medium'
    """
    value_of = observations.get
    oxygen = value_of(_OXYGEN)
    chart = _CHARTS.get((spo2_scale, None if oxygen is None else oxygen > 0))
    if chart is None:
        raise InvalidArgument(_NO_SUCH_SCALE.format(spo2_scale))
    points: dict[Sign, int] = {}
    missing: list[Sign] = []
    low = unknown = 0
    single_red = False
    for sign, by_step, bands, per_unit, points_max in chart:
        value = value_of(sign)
        if value is None:
            missing.append(sign)
            unknown += points_max
            continue
        try:
            step = floor(value * per_unit + _HALF)
        except (ValueError, OverflowError) as error:
            raise InvalidArgument(f"NEWS2 cannot score {sign.value}={value}: give a number.") from error
        scored = by_step.get(step)
        if scored is None:
            scored = bands.points[bisect_left(bands.through, step)]
        if scored < 0:
            unknown -= scored
            continue
        points[sign] = scored
        if scored:
            low += scored
            single_red = single_red or scored == RED
    total = None if missing else low
    response = response_of(low, single_red=single_red)
    return News2Summary(low, low + unknown, points, tuple(missing), single_red, response, total)


def response_of(aggregate: int, *, single_red: bool) -> Response:
    """The response band an aggregate demands (RCP 2017, chart 4)."""
    if aggregate >= EMERGENCY_FROM:
        return Response.EMERGENCY
    if aggregate >= URGENT_FROM:
        return Response.URGENT
    return Response.LOW_MEDIUM if single_red else Response.LOW


def _spo2_bands(spo2_scale: int, *, on_oxygen: bool | None) -> _Bands:
    bands = _SPO2.get((spo2_scale, on_oxygen))
    if bands is None:
        raise InvalidArgument(_NO_SUCH_SCALE.format(spo2_scale))
    return bands
