"""In which circumstances a sign is measured: at rest or active, by day or by night. Pure.

The log knows UTC only; night is what the house's clock says, so summer time moves it as it moves the ward. In the night in
which clocks change, night is an hour shorter or longer, as it is for whoever sleeps through it.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from vitals.errors import InvalidArgument

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR_MS = 3_600_000
QUARTER_MS = 15 * 60_000
"""Every zone's clock is a multiple of this away from UTC, and changes at one."""


class Context(NamedTuple):
    """The circumstances of one moment."""

    night: bool = False
    active: bool = False


BY_DAY_AT_REST = Context()


class ContextParameters(msgspec.Struct, frozen=True, kw_only=True):
    """When the house sleeps; both ends our choice, about those of a ward's night shift."""

    time_zone: str = "UTC"
    """Of the house, as in the IANA database (Europe/Berlin)."""
    night_from_h: int = 22
    night_until_h: int = 6


def context_of(at_ms: int, parameters: ContextParameters, *, active: bool) -> Context:
    """The circumstances at a moment; `active` says whether the patient walks or did until just now (`stream.exertion`)."""
    hour = local_ms(at_ms, parameters.time_zone) // _HOUR_MS % 24
    first, last = parameters.night_from_h, parameters.night_until_h
    night = first <= hour < last if first <= last else hour >= first or hour < last
    return Context(night, active)


def local_ms(at_ms: int, time_zone: str) -> int:
    """What a clock of the zone shows at a moment, in ms since 1970 shown; raises InvalidArgument where there is no such zone."""
    return at_ms + _offset_ms(at_ms // QUARTER_MS, time_zone)


@lru_cache(maxsize=4096)
def _offset_ms(quarter: int, time_zone: str) -> int:
    zone = zone_of(time_zone)
    offset = (_EPOCH + timedelta(milliseconds=quarter * QUARTER_MS)).astimezone(zone).utcoffset()
    return 0 if offset is None else offset // timedelta(milliseconds=1)


@lru_cache(maxsize=64)
def zone_of(name: str) -> ZoneInfo:
    """The zone of that name; raises InvalidArgument where there is none."""
    try:
        return ZoneInfo(name)
    except (ValueError, KeyError, OSError) as error:
        raise InvalidArgument(
            f"{name!r} is no time zone this machine knows: write one such as Europe/Berlin."
        ) from error
