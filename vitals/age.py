"""Ages as bands, for scores and limits, and in completed years, for the risk model: a date of birth leaves the registry never."""

from datetime import UTC, date, datetime
from enum import StrEnum

from vitals.errors import InvalidArgument


class AgeBand(StrEnum):
    """The age bands of Bedside PEWS (Parshuram 2009), up to the age from which NEWS2 holds (16: RCP 2017)."""

    UNDER_3_MONTHS = "0-3mo"
    UNDER_1_YEAR = "3-12mo"
    UNDER_4_YEARS = "1-4y"
    UNDER_12_YEARS = "4-12y"
    UNDER_16_YEARS = "12-16y"


_UNTIL_MONTHS: tuple[tuple[int, AgeBand], ...] = (
    (3, AgeBand.UNDER_3_MONTHS),
    (12, AgeBand.UNDER_1_YEAR),
    (4 * 12, AgeBand.UNDER_4_YEARS),
    (12 * 12, AgeBand.UNDER_12_YEARS),
    (16 * 12, AgeBand.UNDER_16_YEARS),
)
"""Each band ends before so many completed months."""
YEARS_MAX = 130
YEARS_TOLD_MAX = 90
"""The oldest are told apart no further outside the registry (as under 45 CFR 164.514(b)(2): 90 or older)."""


def born_on(text: str, *, today_ms: int) -> date:
    """A date of birth, YYYY-MM-DD; raises InvalidArgument where it is none, lies in the future or too long ago."""
    try:
        born = date.fromisoformat(text)
    except ValueError as error:
        raise InvalidArgument(f"{text!r} is no date of birth: write YYYY-MM-DD.") from error
    months = completed_months(born, today_ms)
    if months < 0:
        raise InvalidArgument(f"The date of birth {text} lies in the future.")
    if months > YEARS_MAX * 12:
        raise InvalidArgument(f"The date of birth {text} lies more than {YEARS_MAX} years back.")
    return born


def completed_months(born: date, at_ms: int) -> int:
    """Months completed since birth, by the calendar in UTC; negative before it.

    >>> completed_months(date(2020, 1, 31), 1_583_020_800_000)  # 1 March 2020
    1
    """
    at = datetime.fromtimestamp(at_ms / 1000, tz=UTC).date()
    return (at.year - born.year) * 12 + at.month - born.month - (at.day < born.day)


def age_band(born: date | None, at_ms: int) -> AgeBand | None:
    """The band of a child at that time; None for an adult, and for whom no date of birth is known.

    A time before birth counts as the day of birth.
    """
    if born is None:
        return None
    months = completed_months(born, at_ms)
    return next((band for until, band in _UNTIL_MONTHS if months < until), None)


def age_years(born: date | None, at_ms: int) -> int | None:
    """Completed years at that time, at most `YEARS_TOLD_MAX`; None where no date of birth is known.

    >>> age_years(date(1950, 3, 2), 1_583_020_800_000)  # 1 March 2020
    69
    """
    if born is None:
        return None
    return min(max(completed_months(born, at_ms), 0) // 12, YEARS_TOLD_MAX)
