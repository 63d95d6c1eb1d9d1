"""What a stored risk model must be before anybody scores or learns with it: numbers that are numbers, of the right count. Pure.

A seal says who wrote it, not that what was written is sound. Each check raises SnapshotMismatch with one sentence.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vitals.errors import SnapshotMismatch

FEATURES_MAX: Final = 256
POINTS_MAX: Final = 64
"""Of one curve: with `FEATURES_MAX` the bound of what a stored model makes anybody allocate."""

WaitingLesson = tuple[list[int], list[float], bool, float]


def floats(blob: bytes, count: int, what: str) -> NDArray[np.float64]:
    """So many finite numbers, little-endian."""
    if len(blob) != 8 * count:
        raise SnapshotMismatch(f"A risk model's {what} are {len(blob) / 8:g} numbers where {count} must stand.")
    values = np.frombuffer(blob, dtype="<f8")
    if not np.isfinite(values).all():
        raise SnapshotMismatch(f"A risk model's {what} are not all finite.")
    return values.copy()


def check_numbers(values: Iterable[float], what: str, *, least: float = -math.inf, above: float = -math.inf) -> None:
    """They are finite, at least `least` and above `above`."""
    if not all(math.isfinite(value) and value >= least and value > above for value in values):
        raise SnapshotMismatch(f"A risk model's {what} are not what they can be.")


def check_shapes(shapes: Mapping[str, Sequence[float]]) -> None:
    """Few enough curves of few enough points, which rise."""
    if not 0 < len(shapes) <= FEATURES_MAX:
        raise SnapshotMismatch(f"A risk model has {len(shapes)} curves, not 1 to {FEATURES_MAX}.")
    for name, points in shapes.items():
        if not 0 < len(points) <= POINTS_MAX:
            raise SnapshotMismatch(f"The curve of {name} has {len(points)} points, not 1 to {POINTS_MAX}.")
        check_numbers(points, f"points of {name}")
        if any(high <= low for low, high in pairwise(points)):
            raise SnapshotMismatch(f"The points of {name} do not rise.")


def check_heights(heights: Mapping[str, Sequence[float]], shapes: Mapping[str, Sequence[float]]) -> None:
    """One finite height for each point."""
    if {name: len(each) for name, each in heights.items()} != {name: len(points) for name, points in shapes.items()}:
        raise SnapshotMismatch("A risk model's prior does not fit its curves.")
    for name, each in heights.items():
        check_numbers(each, f"prior heights of {name}")


def check_waiting(waiting: Sequence[WaitingLesson], *, size: int, block_lessons: int) -> None:
    """Fewer lessons than a block has, which touch weights that there are."""
    if len(waiting) >= block_lessons:
        raise SnapshotMismatch(f"{len(waiting)} lessons wait in a risk model where {block_lessons} make a block.")
    for places, shares, _, weight in waiting:
        if len(places) != len(shares) or not all(0 <= place < size for place in places):
            raise SnapshotMismatch("A lesson that waits in a risk model touches weights that there are not.")
        check_numbers(shares, "shares", least=0)
        check_numbers([weight], "lessons' weights", above=0)
