"""The demo's account: what devices were receipted for against what SQL holds, as differences of sets."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from runtime.lifecycle import EXIT_FAILED, EXIT_OK
from simulators.fleet import Fleet, FleetReport
from storage import accounts
from storage.foundation import Foundation
from storage.session import in_snapshot
from wardlight import latency
from wardlight.latency import LatencyTelemetry
from wardlight.printing import table


@dataclass(frozen=True, kw_only=True)
class Account:
    """The summary that `demo --json` ends with, and what would make it a failure."""

    published: int
    """Distinct readings that devices handed to the network."""
    accepted: int
    """Distinct readings that devices were receipted for."""
    rejected: int
    """Messages that ingest refused."""
    scored: int
    """Distinct readings with an assessment in SQL."""
    stored: int
    """Distinct readings in SQL."""
    lost: int
    """Receipted, and not in SQL."""
    duplicated: int
    """Rows beyond one for a reading or its assessment, and rows of readings that no device published."""
    redelivered: int
    """How often a device sent a reading again."""
    alerts_raised: int
    alerts_resolved: int
    reading_to_stored_ms: dict[str, float | None]
    """From receipt by ingest to commit, of the oldest reading of each commit."""
    reading_to_alert_ms: dict[str, float | None]
    """From receipt by ingest of the reading that raised an alert to the log's confirmation of the alert."""
    unscored: int
    """Stored, without an assessment."""
    unreceipted: int
    """Still kept by their devices at the end."""
    is_drained: bool
    """Whether everything accepted had been handled when the account was made."""

    @property
    def exit_code(self) -> int:
        """Failed where anything is amiss."""
        return EXIT_FAILED if any(self.complaints()) else EXIT_OK

    def complaints(self) -> Iterator[str]:
        """A sentence for each thing that is amiss."""
        if self.lost:
            yield f"{self.lost} readings that devices were receipted for are not in the database."
        if self.duplicated:
            yield f"{self.duplicated} rows are doubled or of readings that no device published."
        if self.unscored:
            yield f"{self.unscored} stored readings have no assessment."
        if self.unreceipted:
            yield f"{self.unreceipted} readings were not receipted in time; their devices still keep them."
        if not self.is_drained:
            yield "The services had not caught up when the account was made."

    def as_json(self) -> dict[str, Any]:
        """The contract's keys."""
        return {
            "published": self.published,
            "accepted": self.accepted,
            "rejected": self.rejected,
            "scored": self.scored,
            "stored": self.stored,
            "lost": self.lost,
            "duplicated": self.duplicated,
            "redelivered": self.redelivered,
            "alerts_raised": self.alerts_raised,
            "alerts_resolved": self.alerts_resolved,
            "reading_to_stored_ms": self.reading_to_stored_ms,
            "reading_to_alert_ms": self.reading_to_alert_ms,
        }

    def as_table(self) -> Table:
        """The same for people."""
        return table(
            ("what", "count"), ((key.replace("_", " "), _cell(value)) for key, value in self.as_json().items())
        )


async def account_of(
    base: Foundation,
    fleet: Fleet,
    report: FleetReport,
    telemetry: LatencyTelemetry,
    *,
    boot: str,
    since_ms: int,
    drained: bool,
) -> Account:
    """Hold the fleet's memory against the database."""
    published = set(fleet.published_ids())
    receipted = set(fleet.receipted_ids())
    stored_rows = await in_snapshot(base.door, base.database, accounts.reading_ids_of_boot, boot)
    scored_rows = await in_snapshot(base.door, base.database, accounts.assessed_ids_of_boot, boot)
    stored, scored = set(stored_rows), set(scored_rows)
    raised, resolved = await in_snapshot(base.door, base.database, accounts.episodes_since, since_ms)
    return Account(
        published=len(published),
        accepted=len(receipted),
        rejected=await in_snapshot(base.door, base.database, accounts.rejections_since, since_ms),
        scored=len(scored),
        stored=len(stored),
        lost=len(receipted - stored),
        duplicated=len(stored_rows) - len(stored) + len(scored_rows) - len(scored) + len(stored - published),
        redelivered=report.devices.redelivered,
        alerts_raised=raised,
        alerts_resolved=resolved,
        reading_to_stored_ms=telemetry.percentiles_ms(latency.STORED),
        reading_to_alert_ms=telemetry.percentiles_ms(latency.ALERTED),
        unscored=len(stored - scored),
        unreceipted=report.devices.unreceipted,
        is_drained=drained,
    )


def _cell(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {'none' if number is None else number}" for key, number in value.items())
    return str(value)
