"""The life of one delivery: a pure state machine, stepped inside the transaction that stores it.

    queued ──claim──▶ sending ──accepted──▶ accepted
      ▲                 │ failed, worth trying again
      └── (waiting) ◀───┘        │ not worth trying again ──▶ failed
    any of the three open states, past its time and not claimed ──▶ expired

Whoever claims gets an epoch, and a lease until which nobody else sends. News of a failure counts only from the holder of
the present epoch; news of acceptance counts from anybody and whenever, since the receiver has it, whatever we thought.
"""

import hashlib
from typing import Final, NamedTuple

from vitals.alert import Priority
from vitals.notification import OPEN_STATES, DeliveryFault, DeliverySource, DeliveryState, ReceiptState

URGENCY: Final = {Priority.HIGH: 0, Priority.MEDIUM: 1, Priority.LOW: 2}
"""What goes first; smaller is sooner."""
URGENCY_NONE: Final = 3
"""Of what is no alert: handshakes, heartbeats."""


class Standing(NamedTuple):
    """Where a delivery stands."""

    state: DeliveryState
    attempts: int
    epoch: int
    due_at_ms: int
    expires_at_ms: int
    lease_until_ms: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether something is still to be done."""
        return self.state in OPEN_STATES

    def is_held(self, now_ms: int) -> bool:
        """Whether a process is sending it, as far as anyone can know."""
        return self.state is DeliveryState.SENDING and self.lease_until_ms is not None and now_ms < self.lease_until_ms


class Mark(NamedTuple):
    """A receipt to be written."""

    state: ReceiptState
    attempt: int
    code: DeliveryFault | None = None
    detail: str | None = None


class Step(NamedTuple):
    """The standing afterwards, and what to put on record; a step that changes nothing has no marks and the same standing."""

    standing: Standing
    marks: tuple[Mark, ...] = ()


def queued(*, now_ms: int, due_at_ms: int, expires_at_ms: int) -> Step:
    """A new delivery."""
    standing = Standing(DeliveryState.QUEUED, 0, 0, due_at_ms, max(expires_at_ms, now_ms))
    return Step(standing, (Mark(ReceiptState.QUEUED, 0),))


def is_claimable(at: Standing, now_ms: int) -> bool:
    """Whether it may be sent now: due, not expired, and nobody at it."""
    if not at.is_open or at.is_held(now_ms) or now_ms >= at.expires_at_ms:
        return False
    return at.state is DeliveryState.SENDING or at.due_at_ms <= now_ms


def claim(at: Standing, *, now_ms: int, lease_ms: int) -> Step:
    """Begin an attempt, which `is_claimable` must allow; one that was under way when its process ended is put on record."""
    if not is_claimable(at, now_ms):
        return Step(at)
    taken = Standing(
        DeliveryState.SENDING, at.attempts + 1, at.epoch + 1, at.due_at_ms, at.expires_at_ms, now_ms + lease_ms
    )
    return Step(taken, _interrupted(at))


def accepted(at: Standing, *, attempt: int, is_delivered: bool, reference: str | None = None) -> Step:
    """The receiver has it: the end, whoever sent it and whatever was thought of it meanwhile."""
    done = at._replace(state=DeliveryState.ACCEPTED, lease_until_ms=None)
    sent = Mark(ReceiptState.SENT, attempt, detail=reference)
    return Step(done, (sent, Mark(ReceiptState.DELIVERED, attempt)) if is_delivered else (sent,))


def failed(
    at: Standing, *, epoch: int, code: DeliveryFault, detail: str | None, next_at_ms: int | None, now_ms: int
) -> Step:
    """An attempt failed; it is tried again at `next_at_ms`, or never where that is None. Passed over from a former holder."""
    if at.state is not DeliveryState.SENDING or at.epoch != epoch:
        return Step(at)
    mark = Mark(ReceiptState.FAILED, at.attempts, code, detail)
    if next_at_ms is None:
        return Step(at._replace(state=DeliveryState.FAILED, lease_until_ms=None), (mark,))
    if now_ms >= at.expires_at_ms:
        ended = at._replace(state=DeliveryState.EXPIRED, lease_until_ms=None)
        return Step(ended, (mark, Mark(ReceiptState.EXPIRED, at.attempts, code)))
    due_at_ms = min(max(next_at_ms, now_ms), at.expires_at_ms)
    return Step(at._replace(state=DeliveryState.WAITING, due_at_ms=due_at_ms, lease_until_ms=None), (mark,))


def given_up(at: Standing, *, code: DeliveryFault, detail: str | None, now_ms: int) -> Step:
    """It must not be sent any more; one that a process is sending now is left to it."""
    if not at.is_open or at.is_held(now_ms):
        return Step(at)
    mark = Mark(ReceiptState.FAILED, at.attempts, code, detail)
    return Step(at._replace(state=DeliveryState.FAILED, lease_until_ms=None), (*_interrupted(at), mark))


def expired(at: Standing, *, now_ms: int) -> Step:
    """Its time is up, if it is and nobody is sending it."""
    if not at.is_open or at.is_held(now_ms) or now_ms < at.expires_at_ms:
        return Step(at)
    ended = at._replace(state=DeliveryState.EXPIRED, lease_until_ms=None)
    return Step(ended, (*_interrupted(at), Mark(ReceiptState.EXPIRED, at.attempts)))


def _interrupted(at: Standing) -> tuple[Mark, ...]:
    if at.state is not DeliveryState.SENDING:
        return ()
    return (Mark(ReceiptState.FAILED, at.attempts, DeliveryFault.INTERRUPTED),)


def pause_ms(attempts: int, *, first_s: float, cap_s: float, chance: float) -> int:
    """How long to wait after so many failed attempts: doubling from `first_s` up to `cap_s`, less up to half by `chance` in [0, 1)."""
    doublings = min(max(attempts - 1, 0), 30)
    ceiling_s = min(cap_s, first_s * float(1 << doublings))
    return round(ceiling_s * (1 - chance / 2) * 1000)


def delivery_id(source: DeliverySource, cause: str) -> str:
    """Of what a subscription or a ladder's step makes of one transition (or heartbeat): the same however often it is made."""
    return _digest("delivery", source.kind, source.source_id, cause)


def notification_id(delivery_ids: tuple[str, ...]) -> str:
    """The idempotency key of deliveries sent together: a single one's own id."""
    return delivery_ids[0] if len(delivery_ids) == 1 else _digest("group", *sorted(delivery_ids))


def receipt_id(delivery: str, mark: Mark, by: str | None = None) -> str:
    """The same fact about the same delivery has one id."""
    code = "" if mark.code is None else mark.code.value
    return _digest("receipt", delivery, mark.state.value, str(mark.attempt), code, by or "")


def _digest(*parts: str) -> str:
    return hashlib.blake2b("\x1f".join(parts).encode(), digest_size=16).hexdigest()
