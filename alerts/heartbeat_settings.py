"""Settings of the dead-man's switch."""

from pathlib import Path

from pydantic import Field, SecretStr, field_validator

from runtime.settings import Section
from storage.stages import BEHIND_S_MAX


class WatchdogSettings(Section):
    """Table `[watchdog]`: the heartbeat that stops when any stage does."""

    enabled: bool = True
    every_s: float = Field(default=5.0, ge=0.2, le=300)
    """How often the path is judged and, where it is whole, a heartbeat goes out."""
    behind_s_max: float = Field(default=BEHIND_S_MAX, ge=1, le=3600)
    """A stage that has not handled and remembered what stood in the log so long ago stands still. The scorer stores the
    snapshots of at most `stream.snapshots_max` patients each `stream.remember_every_s`: leave it that round."""
    probe_s_max: float = Field(default=30.0, ge=1, le=3600)
    """A probe sent as a device sends must be in the log, and its receipt back, within so long."""
    ping_url: SecretStr | None = None
    """An address outside that is asked by GET while every stage moves, and raises the alarm when it is not."""

    @field_validator("ping_url", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        """An environment can set a name to nothing, and then there is no address."""
        return None if value == "" else value

    disks: tuple[Path, ...] = (Path("data"),)
    """Places on the disks that must not fill up; of one that is not there yet its nearest folder above is looked at."""
    disk_free_percent_low: float = Field(default=10.0, ge=0, le=100)
    """Less room than that raises `disk-full`; our choice."""
    disk_free_percent_critical: float = Field(default=3.0, ge=0, le=100)
    """Less than that with high priority."""
    disk_free_gib_enough: float = Field(default=20.0, ge=0)
    """So much room is enough, however big the disk."""
    rejected_window_s: float = Field(default=300.0, ge=10, le=3600)
    rejected_readings_max: int = Field(default=100, ge=0)
    """More messages refused within the window raise `readings-rejected`; our choice."""
    backlog_s: float = Field(default=60.0, ge=1, le=3600)
    """A backlog that has grown all through this time raises `backlog-growing`,"""
    backlog_records_min: int = Field(default=1000, ge=1)
    """from so many records on."""
    fault_lasts_s: float = Field(default=30.0, ge=0, le=600)
    """How long a fault of Wardlight itself must last before it is told."""
    fault_clear_s: float = Field(default=30.0, ge=0, le=3600)
    """And how long it must be gone before its alert ends."""
    fault_repeat_s: float = Field(default=30.0, ge=1, le=600)
    """How often it is told again until its alert is seen in the database."""
    ping_every_s: float = Field(default=30.0, ge=1, le=3600)
    ping_timeout_s: float = Field(default=10.0, gt=0, le=60)
