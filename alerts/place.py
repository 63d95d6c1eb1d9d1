"""Where a patient lies, as the registry has it."""

from typing import Final, NamedTuple

from vitals.reading import WardId

UNKNOWN_WARD: Final = WardId("unknown")
"""Where a patient is shown whom the registry does not know: an alert without a ward is still an alert."""


class Place(NamedTuple):
    """A ward, and the number of the move that led there."""

    ward_id: WardId
    move: int = 0


NOWHERE: Final = Place(UNKNOWN_WARD)
