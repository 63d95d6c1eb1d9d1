"""When a device says it measured: epoch milliseconds or RFC 3339, read strictly. Pure."""

import re
from datetime import UTC, datetime, timedelta

_RFC_3339 = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?([Zz]|[+-]\d{2}:\d{2})?", flags=re.ASCII
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

EARLIEST_MS = 100_000_000_000
"""March 1973; a smaller number is taken for seconds, which reach it in the year 5138."""
LATEST_MS = 253_402_300_799_999
"""The end of the year 9999; a greater number is taken for micro- or nanoseconds."""


def epoch_ms_of(value: object) -> int | str:
    """Epoch milliseconds; or one sentence that says why `value` is no time."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return "Field 'measured_at' must be whole epoch milliseconds or an RFC 3339 string."
    if isinstance(value, str):
        return _from_text(value)
    if EARLIEST_MS <= value <= LATEST_MS:
        return value
    if 0 < value < EARLIEST_MS:
        return f"Field 'measured_at' is {value}: that looks like seconds; send milliseconds since 1970."
    if value > LATEST_MS:
        return (
            "Field 'measured_at' lies beyond the year 9999: that looks like micro- or nanoseconds; send milliseconds."
        )
    return "Field 'measured_at' is not after 1970."


def _from_text(text: str) -> int | str:
    found = _RFC_3339.fullmatch(text)
    if found is None:
        return f"Field 'measured_at' is not an RFC 3339 time: {text[:40]!r}."
    date, time, fraction, offset = found.groups()
    if offset is None:
        return f"Field 'measured_at' has no time zone: {text!r}; end it with Z or an offset as +02:00."
    try:
        moment = datetime.fromisoformat(f"{date}T{time}{'+00:00' if offset in 'Zz' else offset}")
        epoch_ms = (moment - _EPOCH) // _MILLISECOND
    except (ValueError, OverflowError):
        return f"Field 'measured_at' names a time that does not exist: {text!r}."
    epoch_ms += int((fraction or "0").ljust(3, "0")[:3])
    if epoch_ms < EARLIEST_MS:
        return f"Field 'measured_at' is before March 1973: {text!r}."
    return epoch_ms
