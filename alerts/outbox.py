"""What is sent of a claimed delivery, and when it is tried again. Pure."""

from typing import Final, NamedTuple

from alerts.notification import Link, Notification, NotificationKind, Undelivered
from alerts.notification_settings import NotificationsSettings
from alerts.outbox_matching import heard_at_ms
from storage.notifications_outbox import Claimed
from vitals.alert import Priority
from vitals.delivery import URGENCY, pause_ms
from vitals.fault import is_system
from vitals.notification import DeliveryFault

_REFUSALS: Final = frozenset({DeliveryFault.UNAUTHORIZED, DeliveryFault.GONE})


class NextAttempt(NamedTuple):
    """When to try again; None for never. And until when the destination is left alone altogether."""

    at_ms: int | None
    paused_until_ms: int | None


def is_high(claimed: Claimed) -> bool:
    """Whether it is about an alert of high priority."""
    return any(one.step is not None and URGENCY[one.step.priority] == 0 for one in claimed.deliveries)


def most_urgent(claimed: Claimed) -> Priority | None:
    """The highest priority of its alerts; None where it is about none."""
    priorities = [one.step.priority for one in claimed.deliveries if one.step is not None]
    return min(priorities, key=URGENCY.__getitem__, default=None)


def heard_ms(claimed: Claimed) -> int | None:
    """When what caused the oldest of its alerts reached us; None where it is about none."""
    return min((heard_at_ms(one.step) for one in claimed.deliveries if one.step is not None), default=None)


def notification_of(claimed: Claimed, *, base_url: str | None, seen_token: str | None) -> Notification:
    """What the channel gets."""
    steps = tuple(one.step for one in claimed.deliveries if one.step is not None)
    numbers = tuple(one.number for one in claimed.deliveries if one.number is not None)
    subscription = claimed.subscription
    last_number = 0 if subscription is None else subscription.last_number
    return Notification(
        notification_id=claimed.notification_id,
        kind=claimed.purpose,
        created_ms=heard_ms(claimed) or min(one.created_at_ms for one in claimed.deliveries),
        subscription_id=None if subscription is None else subscription.subscription_id,
        number=max(numbers, default=last_number),
        numbers=numbers,
        transitions=steps,
        places=claimed.places,
        links=_links(claimed, base_url, seen_token),
        step=claimed.step_text,
        subscription_state=None if subscription is None else subscription.state,
        attempt=max(one.attempt for one in claimed.deliveries),
    )


def next_attempt(
    claimed: Claimed, error: Undelivered, settings: NotificationsSettings, *, chance: float, now_ms: int
) -> NextAttempt:
    """After a failure: doubling pauses, sooner for high alerts; what the server asked for counts for all it gets.

    A handshake that is refused is over: whoever has just asked for the subscription is there, and may ask again.
    """
    if not error.retryable or (claimed.purpose is NotificationKind.HANDSHAKE and error.code in _REFUSALS):
        return NextAttempt(None, None)
    cap_s = settings.retry_high_s_max if is_high(claimed) else settings.retry_s_max
    attempts = max(one.attempt for one in claimed.deliveries)
    at_ms = now_ms + pause_ms(attempts, first_s=settings.retry_first_s, cap_s=cap_s, chance=chance)
    if error.retry_after_s is None or not error.retry_after_s > 0:
        return NextAttempt(at_ms, None)
    paused_until_ms = now_ms + round(min(error.retry_after_s, settings.retry_after_s_max) * 1000)
    return NextAttempt(max(at_ms, paused_until_ms), paused_until_ms)


def _links(claimed: Claimed, base_url: str | None, seen_token: str | None) -> dict[Link, str]:
    if base_url is None or claimed.purpose is not NotificationKind.EVENT:
        return {}
    base = base_url.rstrip("/")
    subjects = {one.step.patient_id for one in claimed.deliveries if one.step is not None}
    page = "/"
    if len(subjects) == 1:
        subject = next(iter(subjects))
        page = "/status" if is_system(subject) else f"/patients/{subject}"
    links = {Link.OPEN: base + page}
    if seen_token is not None:
        links[Link.SEEN] = f"{base}/seen#{seen_token}"
    return links
