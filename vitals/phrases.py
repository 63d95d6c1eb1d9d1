"""Signs, values and durations as people on a ward say them. Pure."""

from collections.abc import Mapping
from types import MappingProxyType

from vitals.sign import SIGN_FACTS, Sign

_UNITS: Mapping[str, str] = MappingProxyType({"mm[Hg]": "mmHg", "Cel": "°C", "[degF]": "°F"})
"""UCUM to what stands on a chart, where they differ."""
_DECIMALS: Mapping[Sign, int] = MappingProxyType({Sign.TEMPERATURE: 1, Sign.SKIN_TEMPERATURE: 1, Sign.GLUCOSE: 1})


def label(sign: Sign) -> str:
    """What people call a sign."""
    return SIGN_FACTS[sign].label


def quantity(sign: Sign, value: float) -> str:
    """A sign with its value and unit.

    >>> quantity(Sign.TEMPERATURE, 39.24)
    'Temperature 39.24 °C'
    """
    return f"{label(sign)} {amount(sign, value)}"


def amount(sign: Sign, value: float) -> str:
    """A value with its unit."""
    ucum = SIGN_FACTS[sign].ucum
    return f"{number(sign, value)} {_UNITS.get(ucum, ucum)}"


def number(sign: Sign, value: float) -> str:
    """A value as displays show it; one digit more where rounding would hide on which side of a limit it lies."""
    decimals = _DECIMALS.get(sign, 0)
    return (
        f"{value:.{decimals}f}" if round(value, decimals) == round(value, decimals + 1) else f"{value:.{decimals + 1}f}"
    )


def rounded(sign: Sign, value: float) -> float:
    """As displays show it."""
    return round(value, _DECIMALS.get(sign, 0))


def distance(sign: Sign, value: float, usual: float) -> str:
    """How far a value lies from what is usual for this patient, in the sign's unit.

    >>> distance(Sign.SPO2, 88, 93.2), distance(Sign.TEMPERATURE, 39.2, 36.9), distance(Sign.SPO2, 95, 95.2)
    ('5 below usual', '2.3 above usual', 'as usual')
    """
    decimals = _DECIMALS.get(sign, 0)
    away = rounded(sign, value - usual)
    if not away:
        return "as usual"
    return f"{abs(away):.{decimals}f} {'above' if away > 0 else 'below'} usual"


def duration(lasted_ms: int) -> str:
    """A duration as people say it, rounded down.

    >>> duration(45_900), duration(125_000), duration(7_500_000), duration(180_000)
    ('45 s', '2 min 5 s', '2 h 5 min', '3 min')
    """
    seconds = lasted_ms // 1000
    for unit_s, unit, rest_s, rest in ((3600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= unit_s:
            part = seconds % unit_s // rest_s
            return f"{seconds // unit_s} {unit}" + (f" {part} {rest}" if part else "")
    return f"{seconds} s"
