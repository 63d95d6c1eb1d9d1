"""A step's notifications, put into the outbox."""

from functools import partial

from alerts.ladder import words
from alerts.ladder_runner import Enqueue, Paging
from storage import notifications
from storage.session import Connection


def pager(*, expires_s: float) -> Enqueue:
    """What puts a step's deliveries into the outbox, each to be tried for so long."""
    return partial(_page, expires_ms=round(expires_s * 1000))


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
