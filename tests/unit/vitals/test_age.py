"""Ages as bands: by completed months, of children only."""

from datetime import UTC, date, datetime

import pytest

from vitals.age import AgeBand, age_band, born_on, completed_months
from vitals.errors import InvalidArgument


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("at", "months"),
    [
        ("2020-01-31", 0),
        ("2020-02-28", 0),
        ("2020-03-01", 1),
        ("2020-01-30", -1),
        ("2021-01-31", 12),
        ("2021-01-30T23:59:59", 11),
    ],
)
def test_a_month_is_completed_on_its_day(at: str, months: int) -> None:
    assert completed_months(date(2020, 1, 31), ms(at)) == months


@pytest.mark.parametrize(
    ("at", "band"),
    [
        ("2010-05-04", AgeBand.UNDER_3_MONTHS),
        ("2010-08-03", AgeBand.UNDER_3_MONTHS),
        ("2010-08-04", AgeBand.UNDER_1_YEAR),
        ("2011-05-04", AgeBand.UNDER_4_YEARS),
        ("2014-05-04", AgeBand.UNDER_12_YEARS),
        ("2022-05-04", AgeBand.UNDER_16_YEARS),
        ("2026-05-03", AgeBand.UNDER_16_YEARS),
        ("2026-05-04", None),
        ("2010-05-01", AgeBand.UNDER_3_MONTHS),
    ],
)
def test_a_child_passes_from_band_to_band_and_is_grown_at_sixteen(at: str, band: AgeBand | None) -> None:
    assert age_band(date(2010, 5, 4), ms(at)) is band


def test_whose_age_nobody_knows_counts_as_an_adult() -> None:
    assert age_band(None, 0) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("4 May 2010", "write YYYY-MM-DD"),
        ("2010-02-30", "write YYYY-MM-DD"),
        ("2030-01-01", "lies in the future"),
        ("1850-01-01", "130 years"),
    ],
)
def test_a_date_that_nobody_was_born_on_is_refused(text: str, said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        born_on(text, today_ms=ms("2026-11-21"))
