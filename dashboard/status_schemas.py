"""What GET /api/v1/status answers."""

from typing import Any

from pydantic import BaseModel

from dashboard.schemas import FeedStatus


class FlowStatus(BaseModel):
    """Readings a second, over the last `window_s`."""

    window_s: float
    accepted_per_s: float
    """Readings that came by in the log."""
    assessed_per_s: float
    """Assessments that came by in the log."""
    stored_per_s: float
    """Readings the recorder passed, reckoned by the share of readings among the records of their topic."""


class PartitionStatus(BaseModel):
    """How one group stands in one topic partition."""

    topic: str
    partition: int
    position: int | None
    """None where nothing was ever remembered."""
    end: int
    behind_records: int


class StageStatus(BaseModel):
    """One stage behind the log, judged as the heartbeat judges it."""

    name: str
    behind_records: int
    behind_s: float
    fault: str | None
    """Why it is not whole; None while it is."""
    claims: dict[int, int]
    """Partition to epoch: grows with each new owner."""
    partitions: list[PartitionStatus]


class TopicStatus(BaseModel):
    """What the log holds of one topic."""

    topic: str
    records: int
    trimmed: int
    """Records that are gone by the log's retention."""


class LogStatus(BaseModel):
    """The log."""

    partitions: int
    topics: list[TopicStatus]
    begins_at_ms: int | None
    """About when its oldest records were written; None where that is not known (yet)."""


class DatabaseStatus(BaseModel):
    """The database."""

    kind: str
    size_bytes: int
    schema_revision: str | None


class VersionsStatus(BaseModel):
    """Versions: this program's, of its schema, and of what scores."""

    program: str
    schema_expected: str
    python: str
    river: str
    """As installed beside this dashboard."""
    pipelines: dict[str, int]
    """Of each model pipeline in the database how many patients' models."""


class LedgerStatus(BaseModel):
    """Whether what came in and what became of it balance; the ledger's own page says where not."""

    balanced: bool
    imbalances: dict[str, int]
    """Readings by kind of imbalance."""


class EscalationStatus(BaseModel):
    """Whether ladders can tell anybody."""

    anybody_reachable: bool
    """Somebody has said how ladders may reach them, or the house has an address."""
    told_nobody_24h: int
    """Steps of the last day that could tell nobody."""


class DeedStatus(BaseModel):
    """When something was last done to this installation, and what came of it."""

    at_ms: int
    detail: dict[str, Any]


class Status(BaseModel):
    """How this Wardlight is doing, for people who look after it."""

    version: str
    now_ms: int
    speed: float
    whole: bool
    """Whether every stage moves and the heartbeat is fresh: the exit code of `wardlight status`."""
    faults: dict[str, str]
    """What is not as it should be, and why."""
    feed: FeedStatus
    flow: FlowStatus | None
    """None until two moments were seen."""
    stages: list[StageStatus]
    log: LogStatus | None
    database: DatabaseStatus | None
    versions: VersionsStatus
    ledger: LedgerStatus | None
    escalation: EscalationStatus | None
    deeds: dict[str, DeedStatus]
    """`backup`, `restore`, `rebuild`, `trim`, `heartbeat`; what was never done is left out."""
