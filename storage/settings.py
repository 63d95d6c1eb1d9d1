"""Settings of the recorder."""

from pydantic import Field

from runtime.settings import Section


class RecorderSettings(Section):
    """How the recorder batches; it holds at most `rows_per_commit + records_per_poll` records in memory."""

    records_per_poll: int = Field(default=1000, ge=1, le=100_000)
    rows_per_commit: int = Field(default=2000, ge=1, le=100_000)
    """A transaction is committed once so many records wait for it,"""
    commit_interval_s: float = Field(default=0.1, ge=0, le=60)
    """or once the first of them has waited so long."""
    poll_timeout_s: float = Field(default=0.1, gt=0, le=10)
    gather_s: float = Field(default=0.1, ge=0, le=5)
    """How long Kafka may hold records back, so that more are stored at once."""
    backoff_s_max: float = Field(default=5.0, gt=0, le=300)
    """Cap of the pause while the log or the database does not answer."""
