"""Notifications: who asked to be told of what, where it goes, and what became of each delivery. Records only; pure."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

from vitals.alert import AlertKind, Priority, Transition, TransitionKind
from vitals.reading import PatientId, WardId


class Channel(StrEnum):
    """By what a notification travels."""

    WEBHOOK = "webhook"
    EMAIL = "email"
    NTFY = "ntfy"
    SLACK = "slack"
    TEAMS = "teams"
    ALERTMANAGER = "alertmanager"
    FHIR = "fhir"
    APPRISE = "apprise"
    """Services beyond these, by the library of that name."""


class NotificationKind(StrEnum):
    """Why something is sent; after the notification types of FHIR R4 subscriptions."""

    EVENT = "event"
    HEARTBEAT = "heartbeat"
    """Nothing else was sent for so long: the channel is alive, and the number of events as it stands."""
    HANDSHAKE = "handshake"
    """Asks a destination whether it takes notifications: the first of a subscription, or a test on demand."""
    STATUS = "status"


class DeliveryFault(StrEnum):
    """Why an attempt failed: the same word in receipt, metric label, log line, API and screen."""

    UNREACHABLE = "unreachable"
    """No address by that name, connection refused, or cut."""
    TIMED_OUT = "timed_out"
    TLS_FAILED = "tls_failed"
    ADDRESS_FORBIDDEN = "address_forbidden"
    """The settings do not allow anything to be sent there."""
    UNAUTHORIZED = "unauthorized"
    """It wants other credentials (401, 403, SMTP 535)."""
    GONE = "gone"
    """There is nothing at this address, or no longer (404, 410, SMTP 550)."""
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    """It answered that it is in trouble itself (5xx, SMTP 4xx)."""
    REFUSED = "refused"
    """It will not have this notification, however often it is sent (other 4xx, SMTP 5xx)."""
    TOO_LARGE = "too_large"
    ANSWER_INVALID = "answer_invalid"
    MISCONFIGURED = "misconfigured"
    """The destination lacks something, or its template cannot be filled."""
    CHANNEL_OFF = "channel_off"
    """This process has no adapter for the channel."""
    CRASHED = "crashed"
    """The adapter failed in a way that nobody foresaw; the log has it."""
    INTERRUPTED = "interrupted"
    """The process that was sending ended: whether it arrived is not known, so it goes again under the same id."""
    NO_ACCESS = "no_access"
    """Whom it was for may not see that ward any more."""
    DESTINATION_REMOVED = "destination_removed"
    SUBSCRIPTION_OFF = "subscription_off"


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    QUEUED = "queued"
    SENDING = "sending"
    """Claimed by one process until its lease runs out."""
    WAITING = "waiting"
    """An attempt failed; the next one has its time."""
    ACCEPTED = "accepted"
    FAILED = "failed"
    """It can never be accepted."""
    EXPIRED = "expired"


OPEN_STATES: Final = frozenset({DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.WAITING})
"""States that something is still to be done about."""


class ReceiptState(StrEnum):
    """What happened to a delivery: one row each."""

    QUEUED = "queued"
    SENT = "sent"
    """The channel's server took it over."""
    DELIVERED = "delivered"
    """It says that whom it is for has it."""
    SEEN = "seen"
    FAILED = "failed"
    """An attempt failed; with the reason."""
    EXPIRED = "expired"


class SubscriptionState(StrEnum):
    """After the FHIR R4 backport of subscriptions. From `error` and `off` only a person's asking leads back."""

    REQUESTED = "requested"
    """Events are counted and kept; a handshake is on its way."""
    ACTIVE = "active"
    ERROR = "error"
    """Something could not be delivered: events are counted and kept; of one that ever was active, high alerts are still sent."""
    OFF = "off"


class Secret:
    """A value that no repr, log line or encoder shows; `reveal` does."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself, for whoever sends."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other.reveal()

    def __hash__(self) -> int:
        return hash(self._value)


class Destination(msgspec.Struct, frozen=True):
    """Where notifications can be sent: one address on one channel."""

    destination_id: str
    channel: Channel
    address: str
    """URL of a webhook, address of a mailbox; how it must look is the channel's to say."""
    name: str = ""
    """What people call it."""
    person_id: str | None = None
    """Whose it is; None for the house's."""
    secret: Secret | None = None
    """What signs, or signs in; write-only."""
    template: str | None = None
    options: Mapping[str, str] = {}
    """What else the channel wants to know, by its own names."""


class Place(msgspec.Struct, frozen=True):
    """How the subject of an alert is called outside: never by name or record number."""

    ward_name: str
    label: str
    """`Bed 12`; where there is no bed, the surrogate id's beginning; of a part of Wardlight, its name."""


class Link(StrEnum):
    """What a link of a notification leads to."""

    OPEN = "open"
    """The page about it, for who may sign in."""
    SEEN = "seen"
    """A page with one button that says: seen. Good once, needs no sign-in; opening it alone records nothing."""


class Notification(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is sent in one go to one destination, and again with the same id until it is accepted."""

    notification_id: str
    """The idempotency key: whoever has had it before may pass it over."""
    kind: NotificationKind
    created_ms: int
    """When its (oldest) event was heard, or it was made."""
    subscription_id: str | None = None
    """None for steps of an escalation, and tests of a destination."""
    number: int = 0
    """How many events the subscription has had, the last of these included: a gap before it is something missed."""
    numbers: tuple[int, ...] = ()
    """The number of each of `transitions`."""
    transitions: tuple[Transition, ...] = ()
    """More than one where many alerts of one ward are told together; oldest first."""
    places: Mapping[PatientId, Place] = {}
    """By the subjects of `transitions`."""
    links: Mapping[Link, str] = {}
    step: str | None = None
    """Of an escalation: which step, in words."""
    subscription_state: SubscriptionState | None = None
    attempt: int = 1


class Accepted(msgspec.Struct, frozen=True):
    """The channel's server has it."""

    is_delivered: bool = False
    """Whether that means that it is where it should go, as with a webhook; a mail server only promises to try."""
    reference: str | None = None
    """What it is called there, at most 200 characters."""


class Undelivered(Exception):
    """An attempt failed. `sentence` is for people, and holds neither secret nor what the patient has."""

    def __init__(
        self, code: DeliveryFault, sentence: str, *, retryable: bool, retry_after_s: float | None = None
    ) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.retryable = retryable
        self.retry_after_s = retry_after_s
        """What the server asked for, where it did."""


class QuietHours(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When low and medium alerts are kept and not sent, every day; `from_min` > `until_min` passes midnight."""

    from_min: int
    """Minutes after local midnight."""
    until_min: int
    time_zone: str
    """Of the IANA database, such as `Europe/Berlin`."""


class Wanted(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Of which alerts a subscription is told; None is every one."""

    wards: tuple[WardId, ...] | None = None
    patients: tuple[PatientId, ...] | None = None
    kinds: tuple[AlertKind, ...] | None = None
    priorities: tuple[Priority, ...] | None = None
    transitions: tuple[TransitionKind, ...] | None = None
    """None: what pages, and what becomes of what was told. Named, exactly these; FOUND and SUPPRESSED only so."""


class Subscription(msgspec.Struct, frozen=True):
    """Somebody's wish to be told."""

    subscription_id: str
    name: str
    person_id: str | None
    """Whose it is, and whose wards bound it at each event; None for the house's."""
    destination_id: str
    wanted: Wanted
    state: SubscriptionState
    state_at_ms: int
    state_reason: str
    created_at_ms: int
    created_by: str
    quiet: QuietHours | None = None
    expires_at_ms: int | None = None
    heartbeat_s: int | None = None
    last_number: int = 0
    """How many events it has had."""
    activated_at_ms: int | None = None
    """When its destination first took a handshake: before that nothing of any patient is sent there."""


class Withheld(StrEnum):
    """Why an event was counted and kept, and not sent."""

    QUIET_HOURS = "quiet_hours"
    NOT_ACTIVE = "not_active"
    """The subscription was requested or in error."""
    NOT_TOLD = "not_told"
    """It ends or answers what was not sent either."""


class DeliverySource(NamedTuple):
    """What a delivery is made for: with the transition it makes the delivery's id."""

    kind: str
    """`subscription` or `ladder`."""
    source_id: str
    """The subscription's id, or that of the ladder's step."""
