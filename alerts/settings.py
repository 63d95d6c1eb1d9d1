"""Settings of the alert service; docs/alerts.md gives each clinical default its source."""

from pydantic import Field

from alerts.evidence import GapRule
from alerts.rules import AlertRules
from alerts.unjudged import UnjudgedRule
from alerts.watchdog import ContactRule
from runtime.settings import Section
from vitals.lateness import LIVE_AGE_MS_MAX

_RULES = AlertRules()


class AlertsSettings(Section):
    """Table `[alerts]`."""

    clear_s: float = Field(default=_RULES.clear_s, ge=0)
    """How long a sign must be back within its limit before the alert ends."""
    gap_floor_s: float = Field(default=_RULES.gap.floor_s, ge=0)
    """Readings at most this far apart always count as consecutive."""
    gap_usual_factor: float = Field(default=_RULES.gap.usual_factor, ge=1)
    """So do readings at most this many usual intervals apart."""
    live_age_ms_max: int = Field(default=LIVE_AGE_MS_MAX, ge=1000)
    """A real device's reading older than this when received is history and pages nobody."""
    single_red_delay_s: float = Field(default=_RULES.single_red_delay_s, ge=0)
    urgent_delay_s: float = Field(default=_RULES.urgent_delay_s, ge=0)
    emergency_delay_s: float = Field(default=_RULES.emergency_delay_s, ge=0)
    score_clear_s: float = Field(default=_RULES.score_clear_s, ge=0)
    pattern_delay_s: float = Field(default=_RULES.pattern_delay_s, ge=0)
    pattern_clear_s: float = Field(default=_RULES.pattern_clear_s, ge=0)
    lost_contact_s: float = Field(default=_RULES.contact.silence_s, ge=5)
    """A patient may be silent for this long at least."""
    lost_contact_usual_factor: float = Field(default=_RULES.contact.usual_factor, ge=1)
    """And for this many usual intervals at least."""
    lost_contact_burst_factor: float = Field(default=_RULES.contact.burst_factor, ge=0)
    """Contact of this many times the pause after it is a burst at most; longer, its loss is no usual pause."""
    lost_contact_first_s: float = Field(default=_RULES.contact.first_silence_s, ge=5)
    """And for this long after its first reading alone."""
    lost_contact_grace_s: float = Field(default=_RULES.contact.grace_s, ge=0)
    """After the alert service itself was away, time for the backlog to arrive before anyone is missed."""
    sign_refused_s: float = Field(default=_RULES.unjudged.refused_s, ge=0)
    """A sign may be refused as impossible for this long, with nothing believable in between."""
    sign_late_s: float = Field(default=_RULES.unjudged.late_s, ge=5)
    """A sign may come only late, too late to alarm, for this long."""
    sign_absent_s: float = Field(default=_RULES.unjudged.absent_s, ge=5)
    """A continuous sign may be silent while others are heard for this long at least."""
    tick_s: float = Field(default=1.0, gt=0, le=10)
    """How often time is written into the log."""
    patients_per_partition_max: int = Field(default=5000, ge=1)
    """Beyond that the patient longest unheard without an open episode is forgotten."""
    records_max: int = Field(default=500, ge=1, le=10_000)
    """Records per poll."""
    poll_timeout_s: float = Field(default=0.1, gt=0, le=5)
    remember_every_s: float = Field(default=2.0, ge=0, le=60)
    """How often states and positions are stored; transitions are stored at once."""
    registry_every_s: float = Field(default=1.0, ge=0, le=600)
    """How often to look whether patients moved, left or changed devices: one small question to the database."""
    corrections_settle_s: float = Field(default=2.0, ge=0, le=600)
    """How long after its order a correction begins: longer than `ingest.directory_refresh_s`, so that ingest knows of it."""
    corrections_look_s: float = Field(default=1.0, gt=0, le=60)
    """How often to look for corrections that were ordered."""
    corrections_watch_s: float = Field(default=600.0, ge=0, le=86_400)
    """For so long after a correction readings are looked for that were under way when it was carried out,"""
    corrections_sweep_s: float = Field(default=10.0, gt=0, le=3600)
    """this often."""
    corrections_batch_max: int = Field(default=500, ge=1, le=10_000)
    """Readings of a correction read and published together."""
    corrections_assess_s: float = Field(default=30.0, ge=0, le=3600)
    """How long a correction waits for the scores of what it copied; after that only limits are looked at."""
    corrections_per_look_max: int = Field(default=100, ge=1, le=1000)
    delivery_timeout_s: float = Field(default=10.0, gt=0, le=120)
    """How long a batch may wait for the MQTT broker's answers before it is sent again."""
    refresh_closed_max: int = Field(default=500, ge=0, le=1000)
    """Recently ended episodes whose retained messages are cleared again on each new connection to the broker."""
    backoff_s_max: float = Field(default=5.0, gt=0, le=60)
    """Cap of the pause after log, database or broker did not answer."""

    def rules(self) -> AlertRules:
        """The numbers the engine decides by."""
        return AlertRules(
            gap=GapRule(floor_s=self.gap_floor_s, usual_factor=self.gap_usual_factor),
            contact=ContactRule(
                silence_s=self.lost_contact_s,
                usual_factor=self.lost_contact_usual_factor,
                burst_factor=self.lost_contact_burst_factor,
                first_silence_s=self.lost_contact_first_s,
                grace_s=self.lost_contact_grace_s,
            ),
            unjudged=UnjudgedRule(
                refused_s=self.sign_refused_s,
                late_s=self.sign_late_s,
                absent_s=self.sign_absent_s,
                usual_factor=self.lost_contact_usual_factor,
            ),
            clear_s=self.clear_s,
            live_age_ms_max=self.live_age_ms_max,
            single_red_delay_s=self.single_red_delay_s,
            urgent_delay_s=self.urgent_delay_s,
            emergency_delay_s=self.emergency_delay_s,
            score_clear_s=self.score_clear_s,
            pattern_delay_s=self.pattern_delay_s,
            pattern_clear_s=self.pattern_clear_s,
        )
