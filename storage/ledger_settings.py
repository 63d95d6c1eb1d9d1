"""Settings of the ledger; section `ledger`."""

from typing import Final

from pydantic import Field

from runtime.settings import Section
from storage.ledger_entry import Bounds

HOUR_MS: Final = 3_600_000


class LedgerSettings(Section):
    """When counts are entered and judged, what counts as settled, and how much is followed."""

    enter_every_s: float = Field(default=2, gt=0, le=300)
    """How often the journal is entered; so far behind the ledger's pages may be."""
    jottings_per_entry: int = Field(default=500, ge=1, le=10_000)
    """Commits of the recorder entered in one transaction."""
    check_every_s: float = Field(default=30, ge=0.1, le=3600)
    """How often it is looked for what does not balance."""
    settle_s: float = Field(default=600, ge=1, le=86_400)
    """A gap, or an hour's readings without assessment, is a lag until it has lasted so long, and an imbalance then."""
    told_for_h: float = Field(default=24, gt=0, le=744)
    """How long an imbalance that nobody can mend is told; the ledger itself keeps it."""
    runs_max: int = Field(default=256, ge=1, le=10_000)
    """Gaps, and runs of refused numbers, followed one by one per boot of a device; older ones are only counted."""
    boots_max: int = Field(default=64, ge=1, le=10_000)
    """Boots remembered per device."""
    kept_d: float = Field(default=400, ge=1, le=36_500)
    """Days for which hours and boots are kept."""

    @property
    def bounds(self) -> Bounds:
        """How much is followed."""
        return Bounds(jottings_max=self.jottings_per_entry, runs_max=self.runs_max, boots_max=self.boots_max)

    @property
    def settle_ms(self) -> int:
        """`settle_s` in milliseconds."""
        return round(self.settle_s * 1000)

    @property
    def told_for_ms(self) -> int:
        """`told_for_h` in milliseconds."""
        return round(self.told_for_h * HOUR_MS)

    @property
    def kept_ms(self) -> int:
        """`kept_d` in milliseconds."""
        return round(self.kept_d * 24 * HOUR_MS)
