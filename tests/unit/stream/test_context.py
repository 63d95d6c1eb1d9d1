"""Day and night by the house's clock."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from stream.context import Context, ContextParameters, context_of, local_ms
from stream.settings import StreamSettings
from stream.worker import parameters_of
from vitals.errors import InvalidArgument

BERLIN = ContextParameters(time_zone="Europe/Berlin")


def at(year: int, month: int, day: int, hour: int, minute: int = 0) -> int:
    return round(datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("utc", "night"),
    [
        ((2026, 1, 10, 20, 59), False),
        ((2026, 1, 10, 21, 0), True),
        ((2026, 1, 11, 4, 59), True),
        ((2026, 1, 11, 5, 0), False),
        ((2026, 7, 10, 19, 59), False),
        ((2026, 7, 10, 20, 0), True),
        ((2026, 7, 11, 4, 0), False),
    ],
)
def test_night_is_from_ten_to_six_by_the_clock_of_the_house_in_winter_and_summer(
    utc: tuple[int, int, int, int, int], *, night: bool
) -> None:
    assert context_of(at(*utc), BERLIN, active=False) == Context(night=night)


@pytest.mark.parametrize(("day", "hours"), [((2026, 3, 28), 7), ((2026, 10, 24), 9), ((2026, 6, 1), 8)])
def test_the_night_in_which_clocks_change_is_an_hour_shorter_or_longer(day: tuple[int, int, int], hours: int) -> None:
    noon = at(*day, 12)
    minutes = sum(context_of(noon + 60_000 * minute, BERLIN, active=False).night for minute in range(24 * 60))
    assert minutes == hours * 60


def test_a_zone_nobody_knows_is_said_in_one_sentence() -> None:
    with pytest.raises(InvalidArgument, match="write one such as Europe/Berlin"):
        context_of(0, ContextParameters(time_zone="Atlantis/North"), active=False)


@given(
    at_ms=st.integers(0, 4_000_000_000_000),
    zone=st.sampled_from(["UTC", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe", "Europe/London"]),
)
def test_the_clock_shown_is_that_of_the_zone_at_every_moment(at_ms: int, zone: str) -> None:
    from zoneinfo import ZoneInfo

    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    shown = (epoch + timedelta(milliseconds=at_ms)).astimezone(ZoneInfo(zone)).replace(tzinfo=UTC)
    assert local_ms(at_ms, zone) == (shown - epoch) // timedelta(milliseconds=1)


def test_the_house_says_its_zone_once_for_all_patients() -> None:
    assert parameters_of(StreamSettings(time_zone="Europe/Berlin")).context == BERLIN
    assert parameters_of(StreamSettings()).context == ContextParameters()
    with pytest.raises(ValidationError, match="Atlantis"):
        StreamSettings(time_zone="Atlantis/North")
