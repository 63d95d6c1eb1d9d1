"""What the API takes and gives, as OpenAPI describes it; every field bounded, names as everywhere else in Wardlight."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from dashboard.night_entry import NightEntry
from dashboard.risk_entry import RiskEntry
from dashboard.trend_entry import TrendEntry
from vitals.age import AgeBand
from vitals.alert import AlertKind, Priority, Reason, TransitionKind
from vitals.episode_state import EpisodeState
from vitals.quality import WithheldCause
from vitals.reading import Origin, RejectionReason
from vitals.sex import Sex
from vitals.sign import Sign

TIME_MS_MAX = 253_402_300_800_000
"""The year 10000: beyond it no date can be written."""


def parse_time_ms(value: object) -> object:
    """Epoch milliseconds, or RFC 3339 with an offset, as epoch milliseconds.

    >>> parse_time_ms("1970-01-01T00:00:01Z"), parse_time_ms("1970-01-01T01:00:01.5+01:00"), parse_time_ms("12")
    (1000, 1500, '12')
    """
    if not isinstance(value, str) or value.lstrip("-").isdecimal():
        return value
    try:
        moment = datetime.fromisoformat(value.strip().replace(" ", "+"))
    except ValueError as error:
        raise ValueError("give epoch milliseconds or a time such as 2026-01-31T12:00:00Z") from error
    if moment.tzinfo is None:
        raise ValueError("say the offset, as in 2026-01-31T12:00:00Z or +01:00")
    return round(moment.timestamp() * 1000)


def printable(text: str) -> str:
    """`text` stripped; refused where nothing is left or it holds control characters."""
    stripped = text.strip()
    if not stripped:
        raise ValueError("must not be empty")
    if not stripped.isprintable():
        raise ValueError("must not hold control characters")
    return stripped


TimeMs = Annotated[int, BeforeValidator(parse_time_ms), Field(ge=0, le=TIME_MS_MAX)]
"""A moment: epoch milliseconds, or RFC 3339 on the way in."""
Level = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""An id that may be part of a topic."""
ShortText = Annotated[str, Field(max_length=120), AfterValidator(printable)]
BirthDate = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
"""YYYY-MM-DD."""
PersonName = Annotated[str, Field(max_length=80), AfterValidator(printable)]
EpisodeId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
RecordId = Annotated[str, Field(min_length=1, max_length=160)]


class Body(BaseModel):
    """What a request carries; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ErrorBody(BaseModel):
    """Every error's shape."""

    code: str
    message: str


class WardEntry(BaseModel):
    """One ward and how many patients lie there."""

    ward_id: str
    patients: int


class PatientEntry(BaseModel):
    """One stay of one person."""

    patient_id: str
    ward_id: str
    bed: str | None
    name: str
    spo2_scale: int
    admitted_at_ms: int
    discharged_at_ms: int | None
    birth_date: str | None
    sex: Sex | None
    record_number: str | None


class NewPatient(Body):
    """Whom to admit."""

    ward_id: Level
    bed: Annotated[str, Field(max_length=20), AfterValidator(printable)] | None = None
    name: ShortText
    birth_date: BirthDate | None = None
    """YYYY-MM-DD; without it the patient counts as an adult."""
    sex: Sex | None = None
    record_number: ShortText | None = None


class Birth(Body):
    """When a patient was born; null where nobody knows."""

    birth_date: BirthDate | None


class PatientSex(Body):
    """A patient's sex; null where nobody said."""

    sex: Sex | None


class SignRange(BaseModel):
    """Lowest and highest value within one interval."""

    minimum: float
    maximum: float


class ChartedBy(BaseModel):
    """Who charted a reading, and what they said beside its signs."""

    by: str
    note: str | None
    valid_for_s: int | None
    """None: each sign's usual time."""


class HistoryRow(BaseModel):
    """One reading, or the mean of one interval; absent signs are absent."""

    measured_at_ms: int
    """Of the reading, or the interval's beginning."""
    signs: dict[Sign, float]
    ranges: dict[Sign, SignRange] | None = None
    """Only where points are means."""
    charted: ChartedBy | None = None
    """Only where a person observed it."""


class History(BaseModel):
    """Readings of one patient in time order, a page of them."""

    patient_id: str
    from_ms: int
    to_ms: int
    every_ms: int | None
    """Interval that rows are means of; None where each row is a reading."""
    rows: list[HistoryRow]
    next: str | None
    """Where there is more: what to pass as `after` for the next page."""


class News2Entry(BaseModel):
    """NEWS2, as an interval while inputs are missing."""

    total: int | None
    low: int
    high: int
    points: dict[Sign, int]
    missing: list[Sign]
    single_red: bool
    response: str


class PewsEntry(BaseModel):
    """Bedside PEWS of a child, as an interval while inputs are missing."""

    total: int | None
    low: int
    high: int
    points: dict[Sign, int]
    missing: list[Sign]
    band: AgeBand


class DriverEntry(BaseModel):
    """One sign's part in an assessment."""

    sign: Sign
    value: float
    usual: float | None
    distance: float | None
    """How far above (+) or below (-) usual, in the sign's unit."""
    deviation: float | None
    """The same in robust standard deviations of this patient."""
    news2_points: int | None
    pews_points: int | None


class WithheldEntry(BaseModel):
    """A value that the models did not learn from, nor judge unless `scored`."""

    sign: Sign
    value: float | None
    cause: WithheldCause
    scored: bool


class AssessmentEntry(BaseModel):
    """What the scores and models said of one reading."""

    reading_id: str
    measured_at_ms: int
    seen_at_ms: int
    as_of_ms: int | None
    """Set where a person moved NEWS2 by charting or taking back: the moment for which it stands; the models took no part."""
    news2: News2Entry | None
    """Null for a child, whom NEWS2 must not score."""
    pews: PewsEntry | None
    drivers: list[DriverEntry]
    withheld: list[WithheldEntry]
    trends: list[TrendEntry]
    """Signs that are going somewhere, beyond what chance does."""
    relearned: list[Sign]
    """Signs that had settled elsewhere for a day or two: from here on that is what is usual for this patient."""
    night: NightEntry | None
    """Of the night that was over with this reading; null with all others."""
    risk: RiskEntry | None
    """Null of children, and where no model tells one."""
    warming_up: bool
    anomaly: float | None
    anomaly_threshold: float | None
    flagged: bool
    model_version: str


class SuppressionEntry(BaseModel):
    """Why an alert is told to nobody, and who answers for that."""

    reason: Reason
    since_ms: int
    by: str | None
    silence_id: str | None
    until_ms: int | None
    kind: AlertKind | None
    """The open alert that inhibits or absorbs it."""


class AcknowledgementEntry(BaseModel):
    """One person who has an alert in hand."""

    person_id: str
    by: str
    at_ms: int
    until_ms: int
    note: str | None


class EpisodeEntry(BaseModel):
    """One alert from onset to end; *active* and *acknowledged* are independent."""

    episode_id: str
    patient_id: str
    ward_id: str
    kind: AlertKind
    priority: Priority
    reason: str
    text: str
    onset_ms: int
    raised_at_ms: int
    active: bool
    acknowledged: bool
    acknowledged_by: str | None
    acknowledged_at_ms: int | None
    resolved_at_ms: int | None
    resolved_by: str | None
    sign: Sign | None
    value: float | None
    limit: float | None
    origin: Origin
    retracted: bool
    """It was never this patient's: a correction took it back."""
    retrospective: bool
    """Found afterwards by a correction: it paged nobody."""
    correction_id: str | None
    latched: bool
    """Open although its condition has ended, since nobody has seen it; open is active or latched."""
    suppression: SuppressionEntry | None
    """Set while it is told to nobody."""
    acknowledgements: list[AcknowledgementEntry]
    """Who has it in hand, and until when."""
    round: int
    """How often it was told anew at its present priority."""
    last_transition: TransitionKind
    last_at_ms: int
    rules_version: str | None
    state: EpisodeState
    """The one word that says most of it."""
    technical: bool
    """About equipment, not the patient: a person may end it by hand."""


class Order(Body):
    """An order about an episode; repeating it with the same `command_id` changes nothing."""

    note: Annotated[str, Field(max_length=500)] | None = None
    command_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{8,64}$")] | None = None


class Ordered(BaseModel):
    """The log has the order; the alert service carries it out."""

    command_id: str
    episode_id: str


class DeviceEntry(BaseModel):
    """One device and whom it measures now."""

    device_id: str
    ward_id: str
    added_at_ms: int
    patient_id: str | None
    assigned_from_ms: int | None


class NewDevice(Body):
    """A device to make known."""

    device_id: Level
    ward_id: Level = "general"


class Assign(Body):
    """Whom a device measures, from when on; now where no time is given."""

    patient_id: Level
    from_ms: TimeMs | None = None


class Release(Body):
    """From when on a device measures nobody; now where no time is given."""

    at_ms: TimeMs | None = None


class RejectionEntry(BaseModel):
    """One refused message, its bytes as text where they are text."""

    rejection_id: str
    reason: RejectionReason
    detail: str
    device_id: str
    received_at_ms: int
    payload_text: str
    payload_bytes: int
    replayable: bool
    replayed_at_ms: int | None


class ReplayByReason(Body):
    """Which refused messages to publish again."""

    reason: RejectionReason
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    after: Annotated[str | None, Field(max_length=200, pattern=r"^[0-9]{1,15}~")] = None
    """`next` of the page before: what was sent then and refused again is newer, and not sent twice."""


class Nothing(Body):
    """An order that needs no words."""


class Replayed(BaseModel):
    """How many went back to their topics; cut payloads cannot."""

    replayed: int
    not_replayable: int
    next: str | None = None
    """Where the next page begins; None after the last."""


class FeedStatus(BaseModel):
    """Where the live feed stands."""

    live: bool
    not_live_since_ms: int | None
    why_not_live: str | None
    positions: dict[str, int]
    """Next record to read, per `topic/partition`."""
    behind_records: int | None
    """Records of the log not yet on the screens; None where the log does not answer."""
    patients: int
    browsers: int


class Ready(BaseModel):
    """Whether the process can do its work, and what keeps it from that."""

    ready: bool
    components: dict[str, str | None]
