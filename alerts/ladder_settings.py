"""Settings of the escalation; the ladders themselves are data, set by people (docs/notifications.md)."""

from pydantic import Field

from runtime.settings import Section
from vitals.ladder import REPEATS_MAX


class LadderSettings(Section):
    """Table `[ladders]`."""

    look_every_s: float = Field(default=1.0, ge=0.05, le=10)
    """How often open alerts are looked at: what is added to a step's time at most."""
    repeats_max: int = Field(default=10, ge=0, le=REPEATS_MAX)
    """How often a ladder's last step may be repeated in one round, whatever the ladder says."""
    addressees_max: int = Field(default=200, ge=1, le=1000)
    """Destinations that one step tells; who is beyond that is named in it."""
    episodes_per_transaction_max: int = Field(default=50, ge=1, le=1000)
    """Alerts whose steps are taken together."""
    delivery_expires_s: float = Field(default=3600.0, ge=60, le=86_400)
    """How long a step's notification is tried; the ladder goes on meanwhile."""
