"""What the API takes and gives about notifications; no answer ever holds a secret."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from dashboard.schemas import Body, Level, TimeMs, printable
from vitals.alert import AlertKind, Priority, Reason, TransitionKind
from vitals.notification import (
    Channel,
    DeliveryFault,
    DeliveryState,
    NotificationKind,
    ReceiptState,
    SubscriptionState,
    Withheld,
)

SomeId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
Name = Annotated[str, Field(max_length=100), AfterValidator(printable)]
WallTime = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
_NAMED_MAX = 200
_HEARTBEAT_S_MIN = 30


class DestinationBody(Body):
    """A destination to keep."""

    name: Name
    channel: Channel
    address: Annotated[str, Field(min_length=1, max_length=2000)]
    secret: Annotated[str, Field(min_length=1, max_length=2000)] | None = None
    """What signs, or signs in; never shown again."""
    template: Annotated[str, Field(min_length=1, max_length=10_000)] | None = None
    options: Annotated[
        dict[Annotated[str, Field(max_length=100)], Annotated[str, Field(max_length=500)]],
        Field(max_length=20, default_factory=dict),
    ]
    of_house: bool = False
    """The house's, for whoever manages notifications, rather than one's own."""


class DestinationEntry(BaseModel):
    """A destination and how it fares."""

    destination_id: str
    name: str
    channel: Channel
    address: str
    """Without what only its owner should know."""
    has_secret: bool
    template: str | None
    options: dict[str, str]
    of_house: bool
    created_at_ms: int
    created_by: str
    failing: bool
    """Something for it was given up, and it has accepted nothing since."""
    fault: DeliveryFault | None
    accepted_at_ms: int | None
    failed_at_ms: int | None
    paused_until_ms: int | None
    """It asked to be left alone until then."""


class QuietBody(Body):
    """When low and medium alerts are kept and not sent, every day; high ones always are."""

    from_: Annotated[WallTime, Field(alias="from")]
    until: WallTime
    time_zone: Annotated[str, Field(min_length=1, max_length=64)]


class SubscriptionBody(Body):
    """A subscription to make; what is left out narrows nothing."""

    name: Name
    destination_id: SomeId
    wards: Annotated[list[Level], Field(min_length=1, max_length=_NAMED_MAX)] | None = None
    patients: Annotated[list[Level], Field(min_length=1, max_length=_NAMED_MAX)] | None = None
    kinds: Annotated[list[AlertKind], Field(min_length=1, max_length=len(AlertKind))] | None = None
    priorities: Annotated[list[Priority], Field(min_length=1, max_length=len(Priority))] | None = None
    transitions: Annotated[list[TransitionKind], Field(min_length=1, max_length=len(TransitionKind))] | None = None
    """Absent: what pages, and what becomes of what was told. Named, exactly these."""
    quiet: QuietBody | None = None
    expires_at_ms: TimeMs | None = None
    heartbeat_s: Annotated[int, Field(ge=_HEARTBEAT_S_MIN, le=86_400)] | None = None
    of_house: bool = False


class QuietEntry(BaseModel):
    """Quiet hours as they are kept."""

    from_: Annotated[str, Field(alias="from", serialization_alias="from")]
    until: str
    time_zone: str


class SubscriptionEntry(BaseModel):
    """A subscription and where it stands."""

    subscription_id: str
    name: str
    destination_id: str
    of_house: bool
    wards: list[str] | None
    patients: list[str] | None
    kinds: list[AlertKind] | None
    priorities: list[Priority] | None
    transitions: list[TransitionKind] | None
    quiet: QuietEntry | None
    expires_at_ms: int | None
    heartbeat_s: int | None
    state: SubscriptionState
    state_at_ms: int
    state_reason: str
    last_number: int
    """How many events it has had."""
    first_kept: int
    """The first that can still be asked for."""
    created_at_ms: int
    created_by: str


class SubscriptionEvent(BaseModel):
    """One event of a subscription; of a ward that one may not see any more, its number alone."""

    number: int
    counted_at_ms: int
    withheld: Withheld | None
    """Why it was not sent."""
    hidden: bool = False
    episode_id: str | None = None
    patient_id: str | None = None
    ward_id: str | None = None
    kind: AlertKind | None = None
    transition: TransitionKind | None = None
    reason: Reason | None = None
    priority: Priority | None = None
    at_ms: int | None = None
    onset_ms: int | None = None
    active: bool | None = None
    acknowledged: bool | None = None
    latched: bool | None = None
    text: str | None = None
    transition_id: str | None = None


class EventsAnswer(BaseModel):
    """What a subscriber missed, in order; `next` is what to ask `since` next."""

    subscription_id: str
    state: SubscriptionState
    last_number: int
    next: int
    events: list[SubscriptionEvent]


class TrimmedAnswer(BaseModel):
    """Some of what was asked for is no longer kept (410)."""

    code: str
    message: str
    first_kept: int


class ReceiptEntry(BaseModel):
    """What happened to a delivery, once."""

    state: ReceiptState
    at_ms: int
    attempt: int
    code: DeliveryFault | None
    detail: str | None
    by: str | None


class OutboxEntry(BaseModel):
    """One delivery with its receipts."""

    delivery_id: str
    notification_id: str | None
    """What was or will be sent with it; shared by those that go together."""
    destination_id: str
    subscription_id: str | None
    number: int | None
    step_id: str | None
    purpose: NotificationKind
    episode_id: str | None
    state: DeliveryState
    created_at_ms: int
    due_at_ms: int
    expires_at_ms: int
    attempts: int
    seen: bool
    receipts: list[ReceiptEntry]


class TestAnswer(BaseModel):
    """A handshake is on its way: ask for its receipts."""

    delivery_id: str


class SeenBody(Body):
    """What a link carries."""

    token: Annotated[str, Field(min_length=1, max_length=200)]


class SaidSeen(BaseModel):
    """Put on record."""

    at_ms: int
    deliveries: int
    """How many this said it of for the first time."""
