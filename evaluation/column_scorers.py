"""Rules of thumb that need no state of the live code, computed over whole columns: limits held for 15 s, and rolling z-scores."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from evaluation.labelled import HOUR_MS, Array, Ints, Recorded
from vitals.limits import WITHIN_LIMITS
from vitals.sign import PHYSIOLOGICAL_SIGNS, Sign

HELD_S = 15.0
HELD_GAP_MS = 60_000
"""After a longer pause a value beyond its limit begins anew."""
Z_WINDOW_MS = 24 * HOUR_MS
Z_VALUES_MIN = 6
"""Fewer earlier values of a sign give no z-score; our choice."""
SPREAD_MIN: Mapping[Sign, float] = MappingProxyType(
    {sign: 0.1 if sign is Sign.TEMPERATURE else 1.0 for sign in PHYSIOLOGICAL_SIGNS}
)
"""No spread is taken for less than the step in which the sign is charted."""


class _Present(NamedTuple):
    """The rows in which one sign has a value."""

    sign: Sign
    row: Ints
    value: Array
    at_ms: Ints
    patient: Ints


def held_beyond_limits(recorded: Recorded) -> Array:
    """How many signs lie beyond the shallowest hard limit and have for 15 s; what is charted by the hour stands for its hour.

    NaN in rows without a value of any sign that has limits: there is nothing to judge.
    """
    found = np.full(recorded.rows, np.nan)
    stands_ms = recorded.hours() * HOUR_MS
    for present in _present(recorded):
        bounds = WITHIN_LIMITS.get(present.sign)
        if bounds is None:
            continue
        beyond = (present.value < bounds[0]) | (present.value > bounds[1])
        pause = np.diff(present.at_ms, prepend=present.at_ms[:1]) > HELD_GAP_MS
        other = np.diff(present.patient, prepend=-1) != 0
        begins = beyond & (pause | other | ~np.append(False, beyond[:-1]))
        begun = np.maximum.accumulate(np.where(begins, np.arange(len(beyond)), 0))
        held_ms = present.at_ms - present.at_ms[begun] + stands_ms[present.row]
        held = beyond & (held_ms >= HELD_S * 1000)
        found[present.row] = np.nan_to_num(found[present.row]) + held
    return found


def rolling_z(recorded: Recorded) -> Array:
    """The largest |z| of any sign against its own values of the 24 h before; NaN where no sign has enough of them."""
    found = np.full(recorded.rows, np.nan)
    for present in _present(recorded):
        mean, spread, count = _before(present)
        z = np.abs(present.value - mean) / np.maximum(spread, SPREAD_MIN[present.sign])
        known = count >= Z_VALUES_MIN
        row = present.row[known]
        found[row] = np.fmax(found[row], z[known])
    return found


def _before(present: _Present) -> tuple[Array, Array, Ints]:
    """Mean, standard deviation and number of the values in the window before each value, the value itself left out."""
    stride = int(present.at_ms.max()) + 2 * Z_WINDOW_MS
    key = present.patient * stride + present.at_ms
    first = np.searchsorted(key, key - Z_WINDOW_MS)
    here = np.arange(len(key))
    count = here - first
    centre = float(present.value.mean())
    totals = np.append(0.0, np.cumsum(present.value - centre))
    squares = np.append(0.0, np.cumsum((present.value - centre) ** 2))
    some = np.maximum(count, 1)
    mean = (totals[here] - totals[first]) / some
    variance = (squares[here] - squares[first]) / some - mean**2
    return mean + centre, np.sqrt(np.maximum(variance, 0.0)), count


def _present(recorded: Recorded) -> Iterator[_Present]:
    patient_of = recorded.patient_of
    for sign in PHYSIOLOGICAL_SIGNS:
        values = recorded.signs.get(sign)
        if values is None:
            continue
        row = np.flatnonzero(np.isfinite(values))
        if len(row):
            yield _Present(sign, row, values[row], recorded.at_ms[row], patient_of[row])
