"""For how long a value may stand for the present: the one table for NEWS2, charting and every page."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from vitals.sign import Sign

MINUTE_MS = 60 * 1000
HOUR_MS = 60 * MINUTE_MS


class Validity(NamedTuple):
    """How old a sign's value may be, in ms, by who gave it."""

    measured_ms: int
    """By a device: one that is worn measures again long before."""
    charted_ms: int
    """By a person who gave no other time."""


_WORN = Validity(15 * MINUTE_MS, HOUR_MS)
_ROUND = Validity(6 * HOUR_MS, 6 * HOUR_MS)
_OTHER = Validity(15 * MINUTE_MS, 6 * HOUR_MS)

VALIDITY: Mapping[Sign, Validity] = MappingProxyType(
    {
        Sign.HEART_RATE: _WORN,
        Sign.RESPIRATORY_RATE: _WORN,
        Sign.SPO2: _WORN,
        Sign.TEMPERATURE: _ROUND,
        Sign.SYSTOLIC: _ROUND,
        Sign.DIASTOLIC: _ROUND,
        Sign.CONSCIOUSNESS: _ROUND,
        Sign.SUPPLEMENTAL_OXYGEN: _ROUND,
        Sign.OXYGEN_FLOW: _ROUND,
        Sign.PAIN: _ROUND,
        Sign.CAPILLARY_REFILL: _ROUND,
        Sign.RESPIRATORY_EFFORT: _ROUND,
    }
)
"""Our choice: 15 min for what wearables measure all the time; for what people measure and chart, 6 h, the longest round
that chart 4 of NEWS2 (RCP 2017) allows a patient who scores 1-4; 1 h for a pulse, a breathing rate or an SpO2 that a
person took once, the round that chart 4 asks of a patient in doubt."""

CHARTED_MS_MIN = 5 * MINUTE_MS
CHARTED_MS_MAX = 12 * HOUR_MS
"""What a person may choose; 12 h is the longest round that chart 4 of NEWS2 allows anyone."""


def measured_for_ms(sign: Sign) -> int:
    """For how long a device's value stands."""
    return VALIDITY.get(sign, _OTHER).measured_ms


def charted_for_ms(sign: Sign, valid_for_s: int | None) -> int:
    """For how long a charted value stands: what its author said, or what is usual for the sign."""
    return VALIDITY.get(sign, _OTHER).charted_ms if valid_for_s is None else valid_for_s * 1000
