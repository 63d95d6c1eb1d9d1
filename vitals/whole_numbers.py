"""Whole numbers as they may stand in a record of the log: none is so great that a service or a database cannot hold it."""

from typing import Annotated, Final

import msgspec

EPOCH_MS_MAX: Final = 2**47
"""The year 6429: dates end with the year 9999, and whoever reckons with a moment adds to it."""
COUNT_MAX: Final = 2**53
"""JSON's readers agree on whole numbers up to here."""
EpochMs = Annotated[int, msgspec.Meta(ge=0, le=EPOCH_MS_MAX)]
"""A moment, in milliseconds since 1970."""
Counted = Annotated[int, msgspec.Meta(ge=0, le=COUNT_MAX)]
"""A number of something, or the number of one in a row."""
AgeYears = Annotated[int, msgspec.Meta(ge=0, le=150)]
