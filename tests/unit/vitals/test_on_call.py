"""On-call schedules on the wall clock: turns, hours over midnight, summer time, layers, overrides, gaps."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from vitals.errors import InvalidArgument
from vitals.on_call import HandOver, Hours, Layer, Override, Schedule, Weekday, check_schedule, gaps, on_call, shifts

BERLIN = ZoneInfo("Europe/Berlin")
HOUR_MS = 3_600_000


def at(text: str, zone: str = "Europe/Berlin", *, fold: int = 0) -> int:
    """A wall-clock moment as epoch milliseconds."""
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp() * 1000)


def schedule(*layers: Layer, zone: str = "Europe/Berlin") -> Schedule:
    return Schedule(schedule_id="doctors", time_zone=zone, layers=layers)


def weekly(*people: str, starts: date = date(2026, 1, 5), **changes: object) -> Layer:
    return Layer(people=people, starts=starts, **changes)  # type: ignore[arg-type]


def cover(login: str, begins: str, ends: str, made_at_ms: int = 1) -> Override:
    return Override(f"o-{login}-{made_at_ms}", "doctors", login, at(begins), at(ends), made_at_ms, "Ada")


def who(made: Schedule, text: str, *overrides: Override, fold: int = 0) -> str | None:
    found = on_call(made, overrides, at(text, made.time_zone, fold=fold))
    return None if found is None else found[0]


def test_weekly_turns_change_at_the_hour_of_hand_over_on_the_weekday_they_began() -> None:
    made = schedule(weekly("kim", "lee", "max"))
    turns = [
        "2026-01-05T07:59",
        "2026-01-05T08:00",
        "2026-01-12T07:59",
        "2026-01-12T08:00",
        "2026-01-19T08:00",
        "2026-01-26T08:00",
    ]
    assert [who(made, text) for text in turns] == [None, "kim", "kim", "lee", "max", "kim"]


def test_daily_turns_and_turns_of_several_days_or_weeks() -> None:
    daily = schedule(weekly("kim", "lee", hands_over=HandOver.DAILY, at="20:00"))
    assert [who(daily, f"2026-01-0{day}T21:00") for day in (5, 6, 7)] == ["kim", "lee", "kim"]
    assert who(daily, "2026-01-06T19:59") == "kim"
    fortnight = schedule(weekly("kim", "lee", every=2))
    assert [who(fortnight, f"2026-01-{day:02}T09:00") for day in (5, 12, 19, 26)] == ["kim", "kim", "lee", "lee"]


def test_a_hand_over_stays_at_its_wall_clock_time_over_summer_time() -> None:
    made = schedule(weekly("kim", "lee", starts=date(2026, 3, 23), hands_over=HandOver.DAILY))
    week = shifts(made, (), at("2026-03-27T08:00"), at("2026-03-31T08:00"))
    assert [((shift.until_ms - shift.from_ms) / HOUR_MS, shift.login) for shift in week] == [
        (24, "kim"), (23, "lee"), (24, "kim"), (24, "lee"),
    ]  # fmt: skip
    autumn = shifts(made, (), at("2026-10-24T08:00"), at("2026-10-26T08:00"))
    assert [(shift.until_ms - shift.from_ms) / HOUR_MS for shift in autumn] == [25, 24]


def test_a_time_of_hand_over_that_the_clock_skips_comes_an_hour_later_and_one_that_comes_twice_the_first_time() -> None:
    made = schedule(weekly("kim", "lee", starts=date(2026, 3, 28), hands_over=HandOver.DAILY, at="02:30"))
    assert who(made, "2026-03-29T01:59") == "kim"
    assert who(made, "2026-03-29T03:29") == "kim"
    assert who(made, "2026-03-29T03:30") == "lee"
    turned = schedule(weekly("kim", "lee", starts=date(2026, 10, 24), hands_over=HandOver.DAILY, at="02:30"))
    assert [who(turned, "2026-10-25T02:29"), who(turned, "2026-10-25T02:30")] == ["kim", "lee"]
    assert [who(turned, "2026-10-25T02:10", fold=1), who(turned, "2026-10-25T02:40", fold=1)] == ["lee", "lee"]


def test_a_midnight_that_does_not_exist_still_hands_over() -> None:
    havana = schedule(
        weekly("kim", "lee", starts=date(2026, 3, 7), hands_over=HandOver.DAILY, at="00:00"), zone="America/Havana"
    )
    assert [who(havana, "2026-03-07T23:59"), who(havana, "2026-03-08T01:00")] == ["kim", "lee"]


def test_hours_run_over_midnight_and_belong_to_the_day_they_began() -> None:
    nights = Hours(from_="19:00", until="07:00", days=(Weekday.FRIDAY, Weekday.SATURDAY))
    made = schedule(weekly("kim", at="19:00", starts=date(2026, 1, 2), hours=(nights,)))
    moments = [
        "2026-01-09T18:59",
        "2026-01-09T19:00",
        "2026-01-10T06:59",
        "2026-01-10T07:00",
        "2026-01-11T06:00",
        "2026-01-11T20:00",
    ]
    assert [who(made, text) for text in moments] == [None, "kim", "kim", None, "kim", None]


def test_the_first_layer_that_has_somebody_counts_and_what_no_layer_covers_is_a_gap() -> None:
    weekend = Hours(from_="08:00", until="08:00", days=(Weekday.SATURDAY, Weekday.SUNDAY))
    days = Hours(from_="08:00", until="20:00")
    made = schedule(weekly("max", hours=(weekend,), name="weekend"), weekly("kim", hours=(days,), name="days"))
    assert on_call(made, (), at("2026-01-10T12:00")) == ("max", "weekend")
    assert on_call(made, (), at("2026-01-12T12:00")) == ("kim", "days")
    found = gaps(made, (), at("2026-01-12T00:00"), at("2026-01-14T00:00"))
    assert [(shift.from_ms, shift.until_ms) for shift in found] == [
        (at("2026-01-12T20:00"), at("2026-01-13T08:00")),
        (at("2026-01-13T20:00"), at("2026-01-14T00:00")),
    ]


def test_who_stands_in_counts_before_every_layer_and_the_last_made_before_the_others() -> None:
    made = schedule(weekly("kim"))
    first, second = (
        cover("lee", "2026-01-06T00:00", "2026-01-08T00:00", 1),
        cover("max", "2026-01-07T00:00", "2026-01-07T12:00", 2),
    )
    other = Override("x", "another", "ines", 0, 10**15, 9, "Ada")
    week = shifts(made, (second, first, other), at("2026-01-05T08:00"), at("2026-01-09T08:00"))
    assert [shift.login for shift in week] == ["kim", "lee", "max", "lee", "kim"]
    assert week[2].through == "override"
    assert gaps(schedule(weekly("kim", starts=date(2027, 1, 1))), (first,), first.from_ms, first.until_ms) == ()


def test_nobody_is_on_call_before_a_rotation_begins() -> None:
    assert who(schedule(weekly("kim", starts=date(2026, 6, 1))), "2026-05-31T12:00") is None


@pytest.mark.parametrize("name", ["Europe/Nowhere", "../etc/passwd", "Europe", ""])
def test_an_unknown_time_zone_is_refused_in_a_sentence(name: str) -> None:
    with pytest.raises(InvalidArgument, match="no time zone"):
        check_schedule(Schedule(schedule_id="x", time_zone=name, layers=(weekly("kim"),)))


def test_shifts_are_listed_over_a_bounded_time_only() -> None:
    made = schedule(weekly("kim"))
    for until in ("2026-01-01T00:00", "2026-06-01T00:00"):
        with pytest.raises(InvalidArgument, match="92 days"):
            shifts(made, (), at("2026-01-01T00:00"), at(until))
