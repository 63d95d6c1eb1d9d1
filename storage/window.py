"""Bounds of a history query: a time window, a row limit, and where the next page begins."""

from typing import Final, NamedTuple

from vitals.errors import InvalidArgument

ROWS_MAX: Final = 10_000
"""Rows or buckets in one answer; more come page by page, or in wider buckets."""


class Cursor(NamedTuple):
    """The last row of a page, in the order of time and id; the next page begins after it."""

    at_ms: int
    row_id: str


def check_window(from_ms: int, to_ms: int) -> None:
    """Raises InvalidArgument unless the window [from_ms, to_ms) holds at least a millisecond."""
    if from_ms >= to_ms:
        raise InvalidArgument(f"The window must end after it begins: {from_ms} to {to_ms}.")


def check_limit(limit: int) -> None:
    """Raises InvalidArgument unless 1 <= limit <= ROWS_MAX."""
    if not 1 <= limit <= ROWS_MAX:
        raise InvalidArgument(f"Ask for 1 to {ROWS_MAX} rows, not {limit}; read more page by page.")


def check_buckets(from_ms: int, to_ms: int, every_ms: int, limit: int) -> None:
    """Raises InvalidArgument where buckets of `every_ms` would be more than `limit`, and says how wide they must be."""
    check_window(from_ms, to_ms)
    check_limit(limit)
    if every_ms < 1:
        raise InvalidArgument(f"A bucket lasts at least 1 ms, not {every_ms}.")
    buckets = (to_ms - 1) // every_ms - from_ms // every_ms + 1
    if buckets > limit:
        widest = -(-(to_ms - from_ms) // max(limit - 1, 1))
        raise InvalidArgument(f"The window holds {buckets} buckets, more than {limit}: use at least {widest} ms each.")
