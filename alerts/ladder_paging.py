"""What the ladders send: the notifications of a step, and to whoever had one what became of the alert."""

from collections.abc import Sequence
from functools import partial

from alerts.ladder import words
from alerts.ladder_runner import Enqueue, Follow, Paging
from alerts.outbox_matching import ENDINGS, FOLLOWING
from storage import escalation, notifications
from storage.notifications import NewDelivery
from storage.session import Connection
from vitals.alert import Transition, TransitionKind
from vitals.delivery import delivery_id
from vitals.notification import DeliverySource
from vitals.phone_book import Addressee


def pager(*, expires_s: float) -> Enqueue:
    """What puts a step's deliveries into the outbox, each to be tried for so long."""
    return partial(_page, expires_ms=round(expires_s * 1000))


def follower(*, expires_s: float) -> Follow:
    """What tells everybody whom a ladder told of an alert that somebody has it in hand, or that it is over."""
    return partial(_follow, expires_ms=round(expires_s * 1000))


def _page(conn: Connection, paging: Paging, now_ms: int, *, expires_ms: int) -> None:
    step = paging.step
    text = words(paging.stored.ladder, step)
    deliveries = [
        notifications.ladder_delivery(
            step.step_id,
            addressee.destination_id,
            paging.round.told,
            person_id=addressee.person_id,
            step_text=text,
            now_ms=now_ms,
            expires_at_ms=now_ms + expires_ms,
        )
        for addressee in step.told
    ]
    notifications.enqueue(conn, deliveries, now_ms=now_ms)


def _follow(conn: Connection, steps: Sequence[Transition], now_ms: int, *, expires_ms: int) -> int:
    following = [step for step in steps if step.transition in FOLLOWING and not step.retrospective]
    told = escalation.told_of(conn, [step.episode_id for step in following])
    deliveries = [
        _news(addressee, step, now_ms, now_ms + expires_ms)
        for step in following
        for addressee in told.get(step.episode_id, ())
        if not _is_own(addressee, step)
    ]
    return notifications.enqueue(conn, deliveries, now_ms=now_ms)


def _news(addressee: Addressee, step: Transition, now_ms: int, expires_at_ms: int) -> NewDelivery:
    source = DeliverySource("ladder", f"{step.episode_id}/{addressee.destination_id}")
    return NewDelivery(
        delivery_id=delivery_id(source, step.transition_id),
        destination_id=addressee.destination_id,
        due_at_ms=now_ms,
        expires_at_ms=expires_at_ms,
        step=step,
        person_id=addressee.person_id,
        is_ending=step.transition in ENDINGS,
    )


def _is_own(addressee: Addressee, step: Transition) -> bool:
    """Whether it is about what this very person did."""
    if step.transition is not TransitionKind.ACKNOWLEDGED or not step.acknowledgements:
        return False
    return step.acknowledgements[-1].person_id == addressee.person_id
