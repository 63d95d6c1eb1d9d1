"""How long what is kept: the policy, and what it makes due at a moment. Pure."""

from typing import Final, NamedTuple

from pydantic import Field

from runtime.settings import LogSettings, Section
from vitals.errors import ConfigurationError

DAY_MS: Final = 86_400_000
HOUR_MS: Final = 3_600_000


class RetentionSettings(Section):
    """Table `[retention]`. Nothing is trimmed unless a number of days is given; what people charted, and the audit, never is."""

    readings_days: int | None = Field(default=None, ge=1, le=36_500)
    """How long readings and their assessments are kept as they came, counted from the later of measurement and arrival; at
    least as long as the log reaches back."""
    keep_minutes: bool = True
    """Whether each sign's least, mean and greatest value per minute stay when its readings go,"""
    minutes_days: int | None = Field(default=None, ge=1, le=36_500)
    """and for how long; None for ever."""
    rejections_days: int | None = Field(default=None, ge=1, le=36_500)
    """How long refused messages are kept, counted from their arrival."""
    episodes_days: int | None = Field(default=None, ge=1, le=36_500)
    """How long alerts that have ended are kept, counted from their end."""
    notifications_days: int | None = Field(default=None, ge=1, le=36_500)
    """How long what subscriptions were told is kept, with deliveries that have ended and their receipts; who asks for
    events from before is told which is the first that is left."""
    before_episode_h: int = Field(default=24, ge=0, le=8760)
    """While a patient has an open alert, readings since so long before its onset stay."""
    every_s: float = Field(default=3600, ge=1, le=86_400)
    """How often the recorder looks for what is due."""
    rows_per_step: int = Field(default=1000, ge=1, le=10_000)
    """Rows trimmed in one transaction,"""
    pause_s: float = Field(default=0.1, ge=0, le=60)
    """and the rest between two of them, in which others write."""


class Cutoffs(NamedTuple):
    """Of each kind, what is older than this moment is due; None where nothing ever is."""

    readings_ms: int | None
    minutes_ms: int | None
    rejections_ms: int | None
    episodes_ms: int | None
    notifications_ms: int | None = None

    @property
    def any(self) -> bool:
        """Whether the policy trims anything at all."""
        return any(cutoff is not None for cutoff in self)


def cutoffs(settings: RetentionSettings, now_ms: int) -> Cutoffs:
    """What is due at `now_ms`."""

    def before(days: int | None) -> int | None:
        return None if days is None else now_ms - days * DAY_MS

    return Cutoffs(
        before(settings.readings_days),
        before(settings.minutes_days),
        before(settings.rejections_days),
        before(settings.episodes_days),
        before(settings.notifications_days),
    )


def patient_cutoff_ms(cutoff_ms: int, oldest_onset_ms: int | None, settings: RetentionSettings) -> int:
    """Of one patient: what is older than this is due, given the oldest onset of the alerts still open."""
    if oldest_onset_ms is None:
        return cutoff_ms
    return min(cutoff_ms, oldest_onset_ms - settings.before_episode_h * HOUR_MS)


def check_retention(settings: RetentionSettings, log: LogSettings) -> None:
    """Raises ConfigurationError where the log reaches further back than a table: replaying it would bring trimmed rows back."""
    for name in ("readings_days", "rejections_days", "episodes_days", "notifications_days"):
        days: int | None = getattr(settings, name)
        if days is not None and days * DAY_MS < log.retention_h * HOUR_MS:
            raise ConfigurationError(
                f"retention.{name} = {days} is shorter than the log's {log.retention_h} h, from which trimmed rows would"
                f" come back: raise it, or lower log.retention_h."
            )
