"""Settings of the dead-man's switch."""

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

    ping_every_s: float = Field(default=30.0, ge=1, le=3600)
    ping_timeout_s: float = Field(default=10.0, gt=0, le=60)
