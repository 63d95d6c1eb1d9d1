"""Settings of the alert service. Every number that decides about alerts is a rule, and stands in the rulebook."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import Field, model_validator

from runtime.settings import Section
from storage.decisions import SETTLE_MS

_NOW_RULES: Final[Mapping[str, str]] = {
    "clear_s": "clear_s",
    "gap_floor_s": "gap: {floor_s: …}",
    "gap_usual_factor": "gap: {usual_factor: …}",
    "live_age_ms_max": "live_age_ms_max",
    "single_red_delay_s": "single_red_delay_s",
    "urgent_delay_s": "urgent_delay_s",
    "emergency_delay_s": "emergency_delay_s",
    "score_clear_s": "score_clear_s",
    "pattern_delay_s": "pattern_delay_s",
    "pattern_clear_s": "pattern_clear_s",
    "lost_contact_s": "contact: {silence_s: …}",
    "lost_contact_usual_factor": "contact: {usual_factor: …}",
    "lost_contact_burst_factor": "contact: {burst_factor: …}",
    "lost_contact_first_s": "contact: {first_silence_s: …}",
    "lost_contact_grace_s": "contact: {grace_s: …}",
    "sign_refused_s": "unjudged: {refused_s: …}",
    "sign_late_s": "clock: {late_s: …}",
    "sign_absent_s": "unjudged: {absent_s: …}",
}
"""Where each setting that was a rule stands now."""


class AlertsSettings(Section):
    """Table `[alerts]`."""

    rules_file: Path | None = None
    """A rulebook that wins over the one that comes with the program; followed while the service runs."""
    rules_file_every_s: float = Field(default=5.0, gt=0, le=600)
    """How often to look whether it has changed."""
    decisions_renew_s: float = Field(default=1.0, gt=0, lt=SETTLE_MS / 1000)
    """How often to look for rulebooks, changes and silences: more often than the time after which they take effect."""
    decisions_reach_h: float = Field(default=192.0, gt=0, le=24 * 366)
    """How far back decisions are known, for a replay: further than the log reaches."""
    tick_s: float = Field(default=1.0, gt=0, le=10)
    """How often time is written into the log."""
    patients_per_partition_max: int = Field(default=5000, ge=1)
    """Beyond that the patient longest unheard without an open episode is forgotten."""
    patient_days: float = Field(default=60, ge=1, le=3650)
    """So long after the end of a stay a patient's state is kept; longer than the log reaches back."""
    records_max: int = Field(default=500, ge=1, le=10_000)
    """Records per poll."""
    poll_timeout_s: float = Field(default=0.1, gt=0, le=5)
    gather_s: float = Field(default=0.02, ge=0, le=1)
    """How long Kafka may hold readings and scores back, so that more are judged at once; alerts themselves never wait."""
    remember_every_s: float = Field(default=5.0, ge=0, le=60)
    """How often the states and positions of each partition are stored, one partition after another; transitions, and the
    states of their patients, are stored at once."""
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

    @model_validator(mode="before")
    @classmethod
    def _refuse_rules(cls, given: Any) -> Any:  # noqa: ANN401 - whatever the file says
        """What is a rule stands in the rulebook, and there alone."""
        for key, place in _NOW_RULES.items():
            if isinstance(given, dict) and key in given:
                raise ValueError(
                    f"{key} is a rule now: write {place} into a rulebook, and name that in alerts.rules_file"
                    " (docs/alert-rules.md)"
                )
        return given
