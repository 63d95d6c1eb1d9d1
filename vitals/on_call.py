"""On-call schedules: who is on call when. Pure: layers of rotations in a time zone, overrides above them, gaps known.

A hand-over stands on the wall clock of the schedule's time zone, so a shift over the change to or from summer time is an
hour shorter or longer. A wall-clock time that a change skips counts as if the clock had not been put forward yet (an hour
later); one that comes twice, as its first.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import msgspec

from vitals.errors import InvalidArgument

LAYERS_MAX: Final = 10
PEOPLE_MAX: Final = 50
"""In one layer's rotation."""
SPAN_DAYS_MAX: Final = 92
"""The longest time over which shifts and gaps are listed at once."""

WallTime = Annotated[str, msgspec.Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
"""`07:00` to `23:59`, on the schedule's own wall clock."""
Login = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9._@+-]{0,63}$")]
"""The name somebody signs in with: it never changes."""
ScheduleId = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
_DAY: Final = timedelta(days=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


class HandOver(StrEnum):
    """How long one person's turn is."""

    DAILY = "daily"
    WEEKLY = "weekly"


class Weekday(StrEnum):
    """In the order of `datetime.date.weekday`."""

    MONDAY = "mon"
    TUESDAY = "tue"
    WEDNESDAY = "wed"
    THURSDAY = "thu"
    FRIDAY = "fri"
    SATURDAY = "sat"
    SUNDAY = "sun"


_WEEKDAYS: Final = tuple(Weekday)


class Hours(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename={"from_": "from"}):
    """A part of the day; over midnight where `until` is not after `from`, the whole day where they are equal."""

    from_: WallTime
    until: WallTime
    days: Annotated[tuple[Weekday, ...], msgspec.Meta(min_length=1, max_length=7)] = _WEEKDAYS
    """On which days it begins."""


class Layer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """People who take turns; nobody is on call in it before `starts` or outside its `hours`."""

    people: Annotated[tuple[Login, ...], msgspec.Meta(min_length=1, max_length=PEOPLE_MAX)]
    """In the order of their turns; the first begins on `starts`."""
    starts: date
    """The day of the first hand-over, at `at`; with weekly turns its weekday is that of every hand-over."""
    hands_over: HandOver = HandOver.WEEKLY
    at: WallTime = "08:00"
    every: Annotated[int, msgspec.Meta(ge=1, le=52)] = 1
    """Of so many days, or weeks, is one turn."""
    hours: Annotated[tuple[Hours, ...], msgspec.Meta(max_length=14)] = ()
    """Only then; at all times where empty."""
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] = "rotation"


class Schedule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Who is on call for something: of its layers the first that has somebody, unless somebody stands in."""

    schedule_id: ScheduleId
    time_zone: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    """An IANA name such as `Europe/Berlin`."""
    layers: Annotated[tuple[Layer, ...], msgspec.Meta(min_length=1, max_length=LAYERS_MAX)]
    ward_id: Annotated[str, msgspec.Meta(pattern=r"^(\*|[A-Za-z0-9][A-Za-z0-9._-]{0,63})$")] = "*"
    """Whose it is; `*` is the house's."""
    name: Annotated[str, msgspec.Meta(max_length=120)] = ""


class Override(msgspec.Struct, frozen=True, omit_defaults=True):
    """Somebody stands in from `from_ms` up to but without `until_ms`; of several the one made last counts."""

    override_id: str
    schedule_id: str
    login: str
    from_ms: int
    until_ms: int
    made_at_ms: int
    by: str
    note: str | None = None


class Shift(msgspec.Struct, frozen=True, omit_defaults=True):
    """A time without a change; nobody is on call in it, a gap, where `login` is None."""

    from_ms: int
    until_ms: int
    login: str | None
    through: str | None
    """The layer's name, or `override`."""


THROUGH_OVERRIDE: Final = "override"


def check_schedule(schedule: Schedule) -> None:
    """Raises InvalidArgument, in one sentence, where its time zone is none that this machine knows."""
    _zone(schedule.time_zone)


def on_call(schedule: Schedule, overrides: Iterable[Override], at_ms: int) -> tuple[str, str] | None:
    """Who is on call at `at_ms`, and through which layer or `override`; None where nobody is."""
    standing = [
        one for one in overrides if one.schedule_id == schedule.schedule_id and one.from_ms <= at_ms < one.until_ms
    ]
    if standing:
        return max(standing, key=_made).login, THROUGH_OVERRIDE
    zone, at = _zone(schedule.time_zone), _EPOCH + at_ms * _MILLISECOND
    for layer in schedule.layers:
        login = _in_turn(layer, zone, at)
        if login is not None:
            return login, layer.name
    return None


def shifts(schedule: Schedule, overrides: Iterable[Override], from_ms: int, until_ms: int) -> tuple[Shift, ...]:
    """Who is on call over [from_ms, until_ms), gaps included, in order, neighbours of one person in one.

    Raises InvalidArgument where the time is empty, or longer than `SPAN_DAYS_MAX` days.
    """
    if not 0 < until_ms - from_ms <= SPAN_DAYS_MAX * 86_400_000:
        raise InvalidArgument(f"Ask for a time of at most {SPAN_DAYS_MAX} days that ends after it begins.")
    overrides = [one for one in overrides if one.schedule_id == schedule.schedule_id]
    moments = {from_ms, *_changes(schedule, from_ms, until_ms)}
    for one in overrides:
        moments |= {one.from_ms, one.until_ms}
    starts = sorted(moment for moment in moments if from_ms <= moment < until_ms)
    found: list[Shift] = []
    for begins, ends in zip(starts, [*starts[1:], until_ms], strict=True):
        who = on_call(schedule, overrides, begins)
        login, through = (None, None) if who is None else who
        if found and (found[-1].login, found[-1].through) == (login, through):
            found[-1] = msgspec.structs.replace(found[-1], until_ms=ends)
        else:
            found.append(Shift(begins, ends, login, through))
    return tuple(found)


def gaps(schedule: Schedule, overrides: Iterable[Override], from_ms: int, until_ms: int) -> tuple[Shift, ...]:
    """When nobody is on call over [from_ms, until_ms); raises as `shifts`."""
    return tuple(shift for shift in shifts(schedule, overrides, from_ms, until_ms) if shift.login is None)


def people_of(schedule: Schedule) -> tuple[str, ...]:
    """Everybody in its rotations, each once."""
    return tuple(dict.fromkeys(login for layer in schedule.layers for login in layer.people))


def _in_turn(layer: Layer, zone: ZoneInfo, at: datetime) -> str | None:
    day = at.astimezone(zone).date()
    if layer.hours and not any(_covers(hours, zone, day, at) for hours in layer.hours):
        return None
    handed_over = day if _instant(day, layer.at, zone) <= at else day - _DAY
    days = (handed_over - layer.starts).days
    if days < 0:
        return None
    turn_days = layer.every * (7 if layer.hands_over is HandOver.WEEKLY else 1)
    return layer.people[days // turn_days % len(layer.people)]


def _covers(hours: Hours, zone: ZoneInfo, day: date, at: datetime) -> bool:
    return any(
        begins <= at < ends
        for begun in (day - _DAY, day)
        if _WEEKDAYS[begun.weekday()] in hours.days
        for begins, ends in [_span(hours, zone, begun)]
    )


def _span(hours: Hours, zone: ZoneInfo, day: date) -> tuple[datetime, datetime]:
    ends_on = day if hours.until > hours.from_ else day + _DAY
    return _instant(day, hours.from_, zone), _instant(ends_on, hours.until, zone)


def _changes(schedule: Schedule, from_ms: int, until_ms: int) -> Iterable[int]:
    """Every moment around [from_ms, until_ms) at which a layer may change hands."""
    zone = _zone(schedule.time_zone)
    day = (_EPOCH + from_ms * _MILLISECOND).astimezone(zone).date() - _DAY
    last = (_EPOCH + until_ms * _MILLISECOND).astimezone(zone).date() + _DAY
    while day <= last:
        for layer in schedule.layers:
            yield _ms(_instant(day, layer.at, zone))
            for hours in layer.hours:
                begins, ends = _span(hours, zone, day)
                yield _ms(begins)
                yield _ms(ends)
        day += _DAY


def _instant(day: date, at: str, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.fromisoformat(at), tzinfo=zone).astimezone(UTC)


def _ms(at: datetime) -> int:
    return (at - _EPOCH) // _MILLISECOND


def _made(override: Override) -> tuple[int, str]:
    return override.made_at_ms, override.override_id


@lru_cache(maxsize=256)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, KeyError, OSError) as error:
        raise InvalidArgument(
            f"{name!r} is no time zone this machine knows: write one such as Europe/Berlin."
        ) from error
