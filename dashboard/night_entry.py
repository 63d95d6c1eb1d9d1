"""A night as the API gives it."""

from pydantic import BaseModel


class NightEntry(BaseModel):
    """The resting heart rate of one night."""

    day: int
    """The morning's date, in days since 1970-01-01."""
    resting_bpm: float
    usual_bpm: float | None
    deviation: float | None
    """From usual, in robust standard deviations of this person's nights."""
    stands_out: bool
    """It lies high, and so did the night before."""
