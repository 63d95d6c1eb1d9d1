"""Settings of notifications: how often it is tried, for how long, how fast, and when alerts are grouped."""

from pydantic import Field

from alerts.channels.settings import ChannelSettings
from alerts.outbox_grouping import FloodRule
from vitals.alert import Priority

_FLOOD = FloodRule()


class NotificationsSettings(ChannelSettings):
    """Table `[notifications]`; what the channels go by is of it too."""

    enabled: bool = True
    """Whether this process counts events and sends; another one may do so in its stead."""
    base_url: str | None = Field(default=None, max_length=500)
    """Where people reach the page, such as `https://ward.hospital.example`; without it notifications carry no links."""
    seen_links: bool = True
    """Whether, with a `base_url`, each carries a link by which whoever has it says *seen* without signing in."""
    seen_link_h: float = Field(default=24.0, gt=0, le=24 * 30)
    """For so long such a link is good."""
    expire_high_h: float = Field(default=24.0, gt=0, le=24 * 30)
    """For so long a high alert is tried,"""
    expire_medium_h: float = Field(default=8.0, gt=0, le=24 * 30)
    """a medium one,"""
    expire_low_h: float = Field(default=4.0, gt=0, le=24 * 30)
    """a low one,"""
    expire_handshake_h: float = Field(default=1.0, gt=0, le=24)
    """and the handshake of a new subscription; a heartbeat until the next one is due."""
    attempt_timeout_s: float = Field(default=35.0, gt=0, le=400)
    """How long one attempt may last in all; longer than what a channel allows its server."""
    lease_margin_s: float = Field(default=20.0, gt=0, le=600)
    """So long after that nobody has heard of it, another process may send it again, under the same id."""
    retry_first_s: float = Field(default=1.0, gt=0, le=60)
    """The pause after the first failure; it doubles,"""
    retry_s_max: float = Field(default=60.0, gt=0, le=3600)
    """up to this,"""
    retry_high_s_max: float = Field(default=15.0, gt=0, le=3600)
    """or this of high alerts."""
    retry_after_s_max: float = Field(default=300.0, gt=0, le=3600)
    """A destination that asks to be left alone (Retry-After) is believed for so long at most."""
    pace_s: float = Field(default=0.2, ge=0, le=60)
    """The least time between two low or medium notifications of one process to one destination; high ones never wait."""
    look_s: float = Field(default=0.5, gt=0, le=60)
    """How often the outbox is looked into where nothing said that there is something new."""
    sending_max: int = Field(default=1000, ge=1, le=10_000)
    """Destinations served at once: as many as there may be (500), each with a lane for high alerts and one for the rest."""
    sql_calls_max: int = Field(default=2, ge=1, le=32)
    """Calls to the database at once for sending, so that the alerts themselves never queue behind it."""
    house_every_s: float = Field(default=5.0, gt=0, le=600)
    """How often heartbeats, expired subscriptions and failing destinations are looked for."""
    heartbeats_per_look_max: int = Field(default=100, ge=1, le=10_000)
    heartbeats_kept_h: float = Field(default=24.0, gt=0, le=24 * 365)
    """Heartbeats that ended so long ago are deleted, with their receipts."""
    flood_alerts_max: int = Field(default=_FLOOD.alerts_max, ge=1, le=1000)
    """More low and medium alerts than this of one ward, to one subscription,"""
    flood_window_s: float = Field(default=_FLOOD.window_s, gt=0, le=3600)
    """within this, and those beyond are told together,"""
    group_wait_s: float = Field(default=_FLOOD.group_wait_s, ge=0, le=600)
    """each waiting for others for so long at most,"""
    group_max: int = Field(default=_FLOOD.group_max, ge=2, le=200)
    """and so many in one."""

    def expires_after_ms(self, priority: Priority) -> int:
        """For how long a notification of this priority is tried."""
        hours = {
            Priority.HIGH: self.expire_high_h,
            Priority.MEDIUM: self.expire_medium_h,
            Priority.LOW: self.expire_low_h,
        }
        return round(hours[priority] * 3_600_000)

    def flood(self) -> FloodRule:
        """When alerts are grouped."""
        return FloodRule(
            alerts_max=self.flood_alerts_max,
            window_s=self.flood_window_s,
            group_wait_s=self.group_wait_s,
            group_max=self.group_max,
        )
