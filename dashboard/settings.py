"""Settings of the dashboard; section `dashboard`."""

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from dashboard.audit_trail import TrailLimits
from dashboard.crowd import Bounds
from dashboard.ward_limits import WardLimits
from runtime.settings import Section, listed

Names = Annotated[tuple[str, ...], BeforeValidator(listed)]


class DashboardSettings(Section):
    """Where the page is served, when data counts as stale, and the bounds of everything held in memory."""

    sign_in: Literal["required", "guest"] = "required"
    """`guest`: nobody signs in and everybody may everything but manage people; on this machine only, for a demo."""
    host: str = "127.0.0.1"
    """Beyond loopback only with sign-in required; then TLS belongs in front, or set certificate and key below."""
    port: int = Field(default=8080, ge=0, le=65535)
    """0 takes a free one."""
    allowed_hosts: Names = ()
    """Names under which browsers reach this dashboard, besides those of this machine itself, such as ward.example.org."""
    trusted_proxies: Names = ("127.0.0.1", "::1")
    """Whose word on a request's true origin (X-Forwarded-For, X-Forwarded-Proto) counts: the proxy that ends TLS."""
    tls_cert_file: Path | None = None
    """Certificate chain, PEM; with `tls_key_file` this process ends TLS itself."""
    tls_key_file: Path | None = None

    stale_after_s: float = Field(default=30, ge=5, le=3600)
    """Data older than this is shown as stale, unless the device itself reports more slowly."""
    stale_cadences: float = Field(default=3, ge=1.5, le=20)
    """A sign that comes every n seconds is stale after this many times n, where that is longer."""
    stale_after_s_max: float = Field(default=3600, ge=30, le=86400)
    """However slowly a sign comes, older than this it is stale."""
    spot_stale_after_s: float = Field(default=900, ge=30, le=86400)
    """For temperature, pressure and the like while only one value is known and so not when the next is due."""
    charting_age_s_max: float = Field(default=86_400, ge=600, le=604_800)
    """How long ago an observation may have been made that somebody charts now."""
    outcome_days_max: int = Field(default=30, ge=1, le=365)
    """How long ago an outcome may have happened that somebody charts now."""
    trend_window_s: int = Field(default=900, ge=60, le=7200)
    trend_bucket_s: int = Field(default=10, ge=1, le=300)
    recent_alert_s: int = Field(default=600, ge=0, le=86400)
    """How long a tile still says that an alert has ended."""
    resolved_kept: int = Field(default=20, ge=1, le=1000)
    """Ended episodes kept per patient in memory, so that a repeated record of the log cannot reopen them."""
    recent_readings_max: int = Field(default=256, ge=1, le=10_000)
    """Ids of readings kept per patient, so that a repeated record changes nothing."""
    samples_max: int = Field(default=600, ge=10, le=10_000)
    """Readings of one patient sent to its page in one go; beyond this the page is told to ask for the history again."""
    patients_max: int = Field(default=5000, ge=1)
    """Patients held in memory; readings of more are left out and counted."""

    publish_interval_s: float = Field(default=0.5, ge=0.1, le=10)
    """Real time between two looks at what is new of each patient; what is new of alerts is sent within a tenth of a second."""
    heartbeat_s: float = Field(default=2, ge=0.5, le=5)
    """Real time between the events that tell a browser that the connection lives."""
    catch_up_s: float = Field(default=2, ge=0, le=60)
    """Real time for which a ward that is read anew waits for readings before it is shown (and not called live while any are still to come); alerts are awaited in any case."""
    registry_interval_s: float = Field(default=2, ge=0.2, le=60)
    """Real time between looks at the register of patients and beds."""
    stuck_after_s: float = Field(default=10, ge=2, le=120)
    """If the feed has not turned, or the log has not answered, for this real time, the page says it is not live."""
    browsers_max: int = Field(default=100, ge=1, le=10_000)
    """Live streams at once."""
    browsers_per_person_max: int = Field(default=20, ge=1, le=10_000)
    """The same for one person, their tokens included; beyond this their oldest ends, a token's own first. Guests count in all only."""
    browser_rounds_max: int = Field(default=40, ge=8, le=10_000)
    """How often something new may wait for one slow browser: it comes each `publish_interval_s`, with each heart-beat, and while alerts change ten times a second. Beyond this it is disconnected and starts again from a snapshot."""
    browser_waiting_bytes_max: int = Field(default=32 * 1024 * 1024, ge=65_536)
    """The same in bytes; what came at one time is taken whole where nothing else waits."""
    poll_records_max: int = Field(default=500, ge=1, le=100_000)
    gather_s: float = Field(default=0.1, ge=0, le=1)
    """How long Kafka may hold records back, so that more are shown at once."""
    backoff_s_max: float = Field(default=5, ge=0.1, le=60)

    acknowledge_high_minutes_max: int = Field(default=60, ge=5, le=1440)
    """For how long somebody may ask to take an alert of high priority in hand at most,"""
    acknowledge_medium_minutes_max: int = Field(default=240, ge=5, le=1440)
    """one of medium,"""
    acknowledge_low_minutes_max: int = Field(default=1440, ge=5, le=1440)
    """and one of low; where the rules of alerts allow less, theirs holds. Our choices."""
    silence_minutes_max: int = Field(default=720, ge=5, le=1440)
    """How long a silence lasts at most;"""
    silence_high_minutes_max: int = Field(default=30, ge=1, le=120)
    """and one of high priority, which is for one patient and kind only. Our choices; nothing is ever silent without end."""

    audit_unwritable: Literal["refuse_reads", "go_on"] = "refuse_reads"
    """What becomes of reads of patient data that cannot be put on record: refused with 503, or answered, their entries
    written once SQL answers. The live board and orders about alerts always go on."""
    audit_view_minutes: float = Field(default=10, ge=0, le=1440)
    """One person who goes on looking at one thing is one entry in so long."""
    audit_views_max: int = Field(default=20_000, ge=100, le=1_000_000)
    """Views remembered for that."""
    audit_waiting_max: int = Field(default=10_000, ge=100, le=1_000_000)
    """Entries that may wait for SQL."""
    audit_patience_s: float = Field(default=2, ge=0, le=30)
    """How long an order that the log has already waits for its entry before it is answered."""
    audit_export_span_h: float = Field(default=24, gt=0, le=8784)
    """History over a longer span is an export (5 min more are let pass: clocks differ)."""
    audit_anchor_every_s: float = Field(default=3600, ge=10, le=86_400)
    """Real time between anchors of the audit trail in this service's log."""

    rules_answer_s: float = Field(default=10.0, gt=0, le=60)
    """How long to wait for the alert service's word on a rulebook that somebody wants in force."""
    body_bytes_max: int = Field(default=64 * 1024, ge=1024)
    """Size of a request body."""
    requests_max: int = Field(default=200, ge=10)
    """Requests in hand at once, live streams included; more are answered with 503."""
    requests_kept_share: float = Field(default=0.25, ge=0, le=0.9)
    """Of these places, how many are kept for people signed in and for health probes."""
    connections_max: int = Field(default=1000, ge=16, le=100_000)
    """Open connections, fewer where the process may open few files; beyond this the oldest idle one is ended."""
    connections_per_address_max: int = Field(default=100, ge=1, le=100_000)
    """The same for one address; trusted proxies and this machine itself are exempt."""
    head_s: float = Field(default=10, ge=0.2, le=300)
    """Real time for the head of a request to arrive whole; then the connection is closed."""
    body_s: float = Field(default=10, ge=0.2, le=300)
    """Real time for its body; then it is answered with 408."""
    answer_s: float = Field(default=10, ge=0.2, le=300)
    """Real time for a browser to take what waits of an answer, 64 KiB or so; then the connection is cut off."""
    keep_alive_s: int = Field(default=5, ge=1, le=300)
    """How long a connection may stay open between two requests."""
    shutdown_s: float = Field(default=3, ge=0.5, le=60)
    """Real time that open requests get to end."""

    @model_validator(mode="after")
    def _lets_guests_in_on_loopback_only(self) -> Self:
        if self.sign_in == "guest" and not _is_loopback(self.host):
            raise ValueError(
                f"{self.host} can be reached from other machines, and guests are let in on this one only; "
                "keep 127.0.0.1, or set dashboard.sign_in to required"
            )
        if (self.tls_cert_file is None) != (self.tls_key_file is None):
            raise ValueError("tls_cert_file and tls_key_file belong together")
        return self

    @property
    def audit_export_span_ms(self) -> int:
        """The same in milliseconds."""
        return round(self.audit_export_span_h * 3_600_000)

    @property
    def trail_limits(self) -> TrailLimits:
        """What the way to the audit trail needs of these."""
        return TrailLimits(
            waiting_max=self.audit_waiting_max,
            patience_s=self.audit_patience_s,
            view_s=self.audit_view_minutes * 60,
            views_max=self.audit_views_max,
            backoff_s_max=self.backoff_s_max,
        )

    @property
    def door_bounds(self) -> Bounds:
        """What connections may do."""
        return Bounds(
            connections_max=self.connections_max,
            per_address_max=self.connections_per_address_max,
            exempt=frozenset(self.trusted_proxies),
            head_s=self.head_s,
            answer_s=self.answer_s,
        )

    @property
    def ward_limits(self) -> WardLimits:
        """What the read model needs of these."""
        return WardLimits(
            stale_after_ms=int(self.stale_after_s * 1000),
            stale_cadences=self.stale_cadences,
            stale_after_ms_max=int(self.stale_after_s_max * 1000),
            spot_stale_after_ms=int(self.spot_stale_after_s * 1000),
            trend_window_ms=self.trend_window_s * 1000,
            trend_bucket_ms=self.trend_bucket_s * 1000,
            recent_alert_ms=self.recent_alert_s * 1000,
            resolved_kept=self.resolved_kept,
            recent_readings_max=self.recent_readings_max,
            samples_max=self.samples_max,
            patients_max=self.patients_max,
        )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
