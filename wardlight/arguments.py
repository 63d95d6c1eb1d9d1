"""What people type, made into values, with one sentence where it cannot be: durations, times, speeds, observations."""

import math
import re
from datetime import UTC, datetime, time, timedelta

from vitals.charting import value_of
from vitals.errors import InvalidArgument
from vitals.sign import SIGN_FACTS, Sign, is_possible, possible_high_of

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(ms|s|m|h|d)")
_TIME_OF_DAY = re.compile(r"[0-9]{2}:[0-9]{2}(:[0-9]{2})?")
DURATION_S_MAX = 100 * 365 * 86400.0
"""A hundred years: beyond it somebody mistyped."""
MOMENT_MS_MAX = 253_402_300_799_999
"""The last millisecond of the year 9999, which RFC 3339 can still write."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_SECONDS_OF_UNIT = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

_SHORT_NAMES = {
    "hr": Sign.HEART_RATE,
    "pulse": Sign.HEART_RATE,
    "rr": Sign.RESPIRATORY_RATE,
    "resp": Sign.RESPIRATORY_RATE,
    "temp": Sign.TEMPERATURE,
    "sbp": Sign.SYSTOLIC,
    "dbp": Sign.DIASTOLIC,
    "map": Sign.MEAN_PRESSURE,
    "acvpu": Sign.CONSCIOUSNESS,
    "oxygen": Sign.SUPPLEMENTAL_OXYGEN,
    "o2": Sign.SUPPLEMENTAL_OXYGEN,
    "flow": Sign.OXYGEN_FLOW,
    "refill": Sign.CAPILLARY_REFILL,
    "effort": Sign.RESPIRATORY_EFFORT,
}


def seconds(text: str) -> float:
    """A duration such as `90s`, `1.5m`, `2h` in seconds; greater than zero, at most `DURATION_S_MAX`.

    >>> seconds("1m30s")
    90.0
    """
    compact = text.strip().lower()
    if not compact or _DURATION.sub("", compact).strip():
        raise InvalidArgument(f"{text!r} is not a duration: write a number and a unit, such as 60s, 5m or 2h.")
    total = sum(float(number) * _SECONDS_OF_UNIT[unit] for number, unit in _DURATION.findall(compact))
    if total <= 0:
        raise InvalidArgument(f"{text!r} is no time at all: a duration must be longer than zero.")
    if total > DURATION_S_MAX:
        raise InvalidArgument(f"{text!r} is longer than a hundred years.")
    return total


def moment_ms(text: str, *, now_ms: int) -> int:
    """A moment in epoch milliseconds: RFC 3339 with its offset, epoch milliseconds, or a duration before now (`2h`).

    A time of day alone (`14:05`, by this machine's time zone) is the last such moment that has passed. The year 9999 ends what can be said. Raises InvalidArgument, in one sentence.
    """
    compact = text.strip()
    if compact.isascii() and compact.isdecimal():
        if len(compact) > len(str(MOMENT_MS_MAX)) or int(compact) > MOMENT_MS_MAX:
            raise InvalidArgument(f"{text!r} lies beyond the year 9999: epoch milliseconds have 13 digits today.")
        return int(compact)
    if _DURATION.match(compact.lower()) and "t" not in compact.lower():
        return now_ms - round(seconds(compact) * 1000)
    if _TIME_OF_DAY.fullmatch(compact):
        return _last_time_of_day_ms(compact, now_ms)
    try:
        parsed = datetime.fromisoformat(compact)
    except ValueError as error:
        raise InvalidArgument(
            f"{text!r} is not a time: write 2026-01-31T14:05:00Z, 14:05, epoch milliseconds, or how long ago, such as 2h."
        ) from error
    if parsed.tzinfo is None:
        raise InvalidArgument(f"{text!r} does not say its time zone: end it with Z or an offset such as +01:00.")
    return (parsed - _EPOCH) // _MILLISECOND


def _last_time_of_day_ms(text: str, now_ms: int) -> int:
    now = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone()
    try:
        then = datetime.combine(now.date(), time.fromisoformat(text))
    except ValueError as error:
        raise InvalidArgument(f"{text!r} is no time of day: 00:00 to 23:59.") from error
    for days in (0, 1):
        found_ms = ((then - timedelta(days=days)).astimezone() - _EPOCH) // _MILLISECOND
        if found_ms <= now_ms:
            break
    return found_ms


def moment_text(epoch_ms: int) -> str:
    """Epoch milliseconds as RFC 3339 in UTC, to the millisecond."""
    return (_EPOCH + epoch_ms * _MILLISECOND).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def speed(text: str) -> float:
    """How many times faster than life: a number above zero, or `max` (infinity)."""
    if text.strip().lower() == "max":
        return math.inf
    try:
        value = float(text.lower().removesuffix("x"))
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise InvalidArgument(f"{text!r} is not a speed: write a number above zero, such as 1 or 60, or max.")
    return value


def sign_named(name: str) -> Sign:
    """The sign that `name` means: its full name, the name without its unit, or a usual abbreviation."""
    wanted = name.strip().lower().replace("-", "_")
    if wanted in _SHORT_NAMES:
        return _SHORT_NAMES[wanted]
    matches = [sign for sign in Sign if wanted == sign.value or sign.value.startswith(f"{wanted}_")]
    if len(matches) == 1:
        return matches[0]
    raise InvalidArgument(
        f"{name!r} is not a sign Wardlight knows; the signs are {', '.join(sign.value for sign in Sign)}."
    )


def observation(text: str, *, of_child: bool = False) -> tuple[Sign, float]:
    """One `SIGN=VALUE`; consciousness also as a letter of ACVPU, oxygen also as yes or no. A child's may reach higher."""
    name, separator, value_text = text.partition("=")
    if not separator:
        raise InvalidArgument(f"{text!r} is not an observation: write SIGN=VALUE, such as spo2=94.")
    sign = sign_named(name)
    value = _value(sign, value_text.strip())
    if not is_possible(sign, value, of_child=of_child):
        facts, high = SIGN_FACTS[sign], possible_high_of(sign, of_child=of_child)
        raise InvalidArgument(
            f"{facts.label} {value_text} is not possible: it lies between {facts.possible_low:g} and {high:g}."
        )
    return sign, value


def _value(sign: Sign, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return value_of(sign, text)
