"""What the API takes and gives about alerts beyond an episode itself: orders, feedback, lives, silences."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field

from dashboard.schemas import Body, EpisodeEntry, EpisodeId, Level, SuppressionEntry, printable
from vitals.alert import AlertKind, Priority, Reason, TransitionKind
from vitals.label import Feedback

CommandId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{8,64}$")]
Note = Annotated[str, Field(max_length=500)]
MINUTES_MAX = 1440
"""A day: beyond it nothing may be asked for at all; the settings allow less."""


class AcknowledgeOrder(Body):
    """That somebody takes an alert in hand; repeating it with the same `command_id` changes nothing."""

    minutes: Annotated[int, Field(ge=1, le=MINUTES_MAX)] | None = None
    """For how long; where absent, for as long as the rules say for its priority."""
    note: Note | None = None
    feedback: Feedback | None = None
    """Whether the alert was worth it, said at once."""
    command_id: CommandId | None = None


class Acknowledged(BaseModel):
    """The log has the order; the alert service carries it out, and the live stream says so."""

    command_id: str
    episode_id: str
    person_id: str
    by: str
    until_ms: int | None
    """Until when, where it was asked for; otherwise the rules decide."""
    label_id: str | None
    """Of the feedback given with it."""


class FeedbackOrder(Body):
    """What somebody says of an alert, open or ended; repeating it with the same `label_id` changes nothing."""

    feedback: Feedback
    note: Note | None = None
    label_id: CommandId | None = None


class LabelEntry(BaseModel):
    """What one person said of one alert."""

    label_id: str
    episode_id: str
    feedback: Feedback
    person_id: str
    by: str
    at_ms: int
    note: str | None


class StepEntry(BaseModel):
    """One step of an alert's life."""

    transition_id: str
    transition: TransitionKind
    reason: Reason
    priority: Priority
    at_ms: int
    heard_ms: int | None
    by: str | None
    text: str
    value: float | None
    limit: float | None
    active: bool
    latched: bool
    acknowledged: bool
    round: int
    suppression: SuppressionEntry | None
    note: str | None
    """What whoever acknowledged it wrote."""
    until_ms: int | None
    """Until when they took it in hand."""
    ward_id: str
    from_ward_id: str | None
    rules_version: str | None
    correction_id: str | None


class Timeline(BaseModel):
    """One alert's whole life: every step in order, and what people said of it."""

    episode: EpisodeEntry
    steps: list[StepEntry]
    labels: list[LabelEntry]


class ExportedEpisode(EpisodeEntry):
    """An alert with what people said of it."""

    labels: list[LabelEntry]


class NewSilence(Body):
    """Which alerts to keep quiet: what is absent narrows nothing; without ward and patient it is the whole house."""

    ward_id: Level | None = None
    patient_id: Level | None = None
    kind: AlertKind | None = None
    priority: Priority | None = None
    """The highest that is covered; medium where absent. High: for one patient and one kind only."""
    minutes: Annotated[int, Field(ge=1, le=MINUTES_MAX)]
    reason: Annotated[str, Field(min_length=3, max_length=200), AfterValidator(printable)]
    confirmed: bool = False
    """Said a second time, which a silence of high priority asks for."""
    silence_id: CommandId | None = None
    """Repeating the order with the same id changes nothing."""


SilenceId = EpisodeId


class SilenceEntry(BaseModel):
    """One silence: what it covers, who answers for it, from when until when."""

    silence_id: str
    ward_id: str | None
    patient_id: str | None
    kind: AlertKind | None
    priority: Priority
    """The highest that it covers."""
    person_id: str
    by: str
    reason: str
    ordered_at_ms: int
    effective_ms: int
    until_ms: int
    ended_at_ms: int | None
    ended_by: str | None
    state: Literal["to come", "in force", "over"]
    holds_back: int
    """Open alerts that are told to nobody because of it, of those the person may see."""
