"""What the API takes and gives about escalation: ladders, on-call schedules, contacts, and how far an alert has climbed."""

from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field

from dashboard.schemas import Body, Level, TimeMs, printable
from vitals.alert import Priority
from vitals.escalation import Evidence, Over, Reached
from vitals.ladder import ACKNOWLEDGEMENTS_MAX, AFTER_S_MAX, REPEATS_MAX, STEPS_MAX, TARGETS_MAX
from vitals.on_call import LAYERS_MAX, PEOPLE_MAX, HandOver, Weekday
from vitals.phone_book import Missing

WardOrEvery = Annotated[str, Field(pattern=r"^(\*|[A-Za-z0-9][A-Za-z0-9._-]{0,63})$")]
"""A ward, or `*` for the whole house: that takes the permission on every ward."""
Login = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._@+-]{0,63}$")]
DestinationId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
WallTime = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Note = Annotated[str, Field(max_length=200), AfterValidator(printable)]
_Seconds = Annotated[float, Field(ge=0, le=AFTER_S_MAX)]


class StepBody(Body):
    """One step: whom to tell, and when at the latest."""

    after_s: _Seconds
    """Since the alert was heard of; 0 for the first step."""
    to: Annotated[list[Annotated[str, Field(max_length=120)]], Field(min_length=1, max_length=TARGETS_MAX)]
    """`screen`, `person:LOGIN`, `role:ROLE`, `on-call:SCHEDULE`, `destination:ID`."""
    undelivered_after_s: _Seconds = 0.0
    """So long after it shows that the step before could be delivered to nobody."""
    unseen_after_s: _Seconds | None = None
    """So long after the step before, where nobody has seen it; no sooner than `after_s` where absent."""


class LadderBody(Body):
    """A ladder to set."""

    ward_id: WardOrEvery
    priority: Priority
    steps: Annotated[list[StepBody], Field(min_length=1, max_length=STEPS_MAX)]
    acknowledgements: Annotated[int, Field(ge=1, le=ACKNOWLEDGEMENTS_MAX)] = 1
    """So many people must take it in hand before the ladder ends."""
    repeat_every_s: Annotated[float, Field(ge=30, le=AFTER_S_MAX)] | None = None
    repeats_max: Annotated[int, Field(ge=0, le=REPEATS_MAX)] = 10


class LadderEntry(LadderBody):
    """A ladder in force."""

    version: int
    """0 for one as shipped."""
    at_ms: int | None
    by: str | None


class ToldEntry(BaseModel):
    """One destination that a step told or would tell."""

    to: str
    """Through which word of the step."""
    destination_id: str
    name: str | None
    """The person's; absent for an address of the house."""


class MissingEntry(BaseModel):
    """Somebody whom a step names and cannot tell."""

    to: str
    why: Missing
    name: str | None


class OutlookStep(BaseModel):
    """What a step would do if it were taken now."""

    step: int
    after_s: float
    reached: Reached
    told: list[ToldEntry]
    missing: list[MissingEntry]


class LadderOutlook(BaseModel):
    """A ladder of a ward as it would be climbed now."""

    ward_id: str
    priority: Priority
    ladder_ward_id: str
    """Whose ladder it is: the ward's own, or `*`."""
    steps: list[OutlookStep]


class DeliveryEntry(BaseModel):
    """What became of what a step sent to one destination."""

    to: str
    destination_id: str
    name: str | None
    state: Literal["under way", "failed", "sent", "seen", "not known"]
    """`failed` may be tried again; `not known` where the record of it was trimmed."""
    failed_at_ms: int | None
    seen_at_ms: int | None


class TakenEntry(BaseModel):
    """A step that was taken."""

    round: int
    """1 for the first telling of the alert."""
    step: int
    """1 for the ladder's first; repetitions of the last go on counting."""
    at_ms: int
    due_ms: int
    evidence: Evidence
    """Why: `not_delivered`, `not_seen`, `not_acknowledged` of the step before, or `first`."""
    reached: Reached
    told: list[DeliveryEntry]
    missing: list[MissingEntry]
    ladder_ward_id: str
    ladder_version: int


class DueEntry(BaseModel):
    """The step that follows, by what is known now."""

    step: int
    at_ms: int
    evidence: Evidence
    to: list[str]


class SeenEntry(BaseModel):
    """Somebody has had the alert before their eyes."""

    name: str
    first_at_ms: int
    last_at_ms: int


class EscalationEntry(BaseModel):
    """How far an alert has climbed, to whom, why, and what comes next."""

    episode_id: str
    steps: list[TakenEntry]
    seen: list[SeenEntry]
    next: DueEntry | None
    over: Over | None
    """Why no step follows, where none does."""
    acknowledgements: int
    """How many people have it in hand,"""
    acknowledgements_needed: int
    """of so many that it takes."""


class SeenAnswer(BaseModel):
    """It stands on record that the person has seen the alert."""

    episode_id: str
    at_ms: int


class HoursBody(Body):
    """A part of the day, over midnight where `until` is not after `from`."""

    from_: Annotated[WallTime, Field(alias="from")]
    until: WallTime
    days: Annotated[tuple[Weekday, ...], Field(min_length=1, max_length=7)] = tuple(Weekday)


class LayerBody(Body):
    """People who take turns."""

    people: Annotated[list[Login], Field(min_length=1, max_length=PEOPLE_MAX)]
    starts: date
    hands_over: HandOver = HandOver.WEEKLY
    at: WallTime = "08:00"
    every: Annotated[int, Field(ge=1, le=52)] = 1
    hours: Annotated[tuple[HoursBody, ...], Field(max_length=14)] = ()
    name: Annotated[str, Field(min_length=1, max_length=64), AfterValidator(printable)] = "rotation"


class ScheduleBody(Body):
    """An on-call schedule to set: of its layers the first that has somebody counts."""

    schedule_id: Level
    ward_id: WardOrEvery = "*"
    name: Annotated[str, Field(max_length=120)] = ""
    time_zone: Annotated[str, Field(min_length=1, max_length=64)]
    layers: Annotated[list[LayerBody], Field(min_length=1, max_length=LAYERS_MAX)]


class ScheduleEntry(ScheduleBody):
    """A schedule in force."""

    version: int
    at_ms: int
    by: str


class ShiftEntry(BaseModel):
    """A time without a change; nobody is on call in it where `login` is absent."""

    from_ms: int
    until_ms: int
    login: str | None
    through: str | None


class OnCallEntry(BaseModel):
    """Who is on call by one schedule at one moment."""

    schedule_id: str
    ward_id: str
    at_ms: int
    login: str | None
    """Absent in a gap."""
    name: str | None
    through: str | None
    """The layer, or `override`."""
    until_ms: int
    """When that changes next, within the next days."""
    gaps: list[ShiftEntry]
    """When nobody is on call, over the days asked for."""


class OverrideBody(Body):
    """Who stands in, and when."""

    login: Login
    from_ms: TimeMs
    until_ms: TimeMs
    note: Note | None = None


class OverrideEntry(BaseModel):
    """Somebody stands in."""

    override_id: str
    schedule_id: str
    login: str
    from_ms: int
    until_ms: int
    made_at_ms: int
    by: str
    note: str | None


class ContactBody(Body):
    """By which destination ladders may reach a person, for alerts of which priorities."""

    destination_id: DestinationId
    priorities: Annotated[tuple[Priority, ...], Field(min_length=1, max_length=3)] = tuple(Priority)


class ContactEntry(BaseModel):
    """One way to reach one person."""

    login: str
    name: str
    destination_id: str
    destination_name: str
    channel: str
    priorities: tuple[Priority, ...]
    at_ms: int
    by: str
