"""What the live feed begins with: the ward at one moment of the database, and where that moment stands in the log."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from dashboard.episodes import EpisodeNow
from dashboard.ward import Bed, Seed
from runtime.bus import Positions


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The ward at one moment of the database, and how far into the log that moment reaches."""

    seeds: Sequence[Seed] = ()
    positions: Positions = field(default_factory=dict)
    """Partitions left out are read from the log's beginning."""
    system: Sequence[EpisodeNow] = ()
    """Alerts about Wardlight itself."""


class Source(Protocol):
    """Where snapshots come from."""

    async def snapshot(self) -> Snapshot:
        """Everything, in one transaction; raises Unavailable."""

    async def beds(self, *, again: bool) -> Sequence[Bed] | None:
        """The register of patients where it has changed since the last call (or `again`); raises Unavailable."""

    async def holds(self, positions: Positions) -> bool:
        """Whether a snapshot taken now would hold everything before these positions of topic `readings`."""
