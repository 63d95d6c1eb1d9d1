"""Counting alerts as events of subscriptions and putting what is due into the outbox, all in the caller's transaction."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from storage import subscriptions
from storage.notifications import NewDelivery, enqueue
from storage.subscribers import EVERYTHING, sights_of
from vitals.alert import Transition
from vitals.codec import encode
from vitals.delivery import delivery_id
from vitals.notification import DeliverySource, Subscription, Withheld


class Telling(NamedTuple):
    """What a judgement makes of one step for one subscription."""

    withheld: Withheld | None
    expires_after_ms: int
    is_ending: bool


class Had(NamedTuple):
    """What a subscription had of an episode before."""

    counted: bool
    sent: bool


Judge = Callable[[Subscription, Transition, Had], Telling | None]
"""Of a subscription, a step, and what it had of the episode before; None: none of its concern."""


class Told(NamedTuple):
    """What was done, for whoever counts."""

    events: int
    deliveries: int
    withheld: dict[Withheld, int]


class _Books:
    """What each subscription had of the episodes at hand, kept up while a batch is worked through."""

    def __init__(self, conn: Connection, steps: Sequence[Transition]) -> None:
        self._steps: set[tuple[str, str]] = set()
        self._counted: set[tuple[str, str]] = set()
        self._sent: set[tuple[str, str]] = set()
        for subscription_id, episode_id, transition_id, sent in subscriptions.known_steps(
            conn, [step.episode_id for step in steps]
        ):
            self.put(subscription_id, episode_id, transition_id, sent=sent)

    def put(self, subscription_id: str, episode_id: str, transition_id: str, *, sent: bool) -> None:
        """The subscription has had this step."""
        self._steps.add((subscription_id, transition_id))
        self._counted.add((subscription_id, episode_id))
        if sent:
            self._sent.add((subscription_id, episode_id))

    def has(self, subscription_id: str, step: Transition) -> bool:
        """Whether it has had this very step."""
        return (subscription_id, step.transition_id) in self._steps

    def had(self, subscription_id: str, step: Transition) -> Had:
        """What it had of the step's episode."""
        place = (subscription_id, step.episode_id)
        return Had(place in self._counted, place in self._sent)


def tell(conn: Connection, steps: Sequence[Transition], judge: Judge, *, now_ms: int) -> Told:
    """Count each step for every subscription that it concerns, number by number, and enqueue what is to be sent.

    Repeating it changes nothing. Who may not see the step's ward now is told nothing of it.
    """
    if not steps:
        return Told(0, 0, {})
    asked = subscriptions.counting(conn)
    if not asked:
        return Told(0, 0, {})
    sights = sights_of(conn, [one.person_id for one in asked if one.person_id is not None])
    numbers = subscriptions.hold(conn, [one.subscription_id for one in asked])
    books = _Books(conn, steps)
    before = dict(numbers)
    events: list[dict[str, Any]] = []
    new: list[NewDelivery] = []
    withheld: dict[Withheld, int] = {}
    for step in steps:
        for one in asked:
            sight = EVERYTHING if one.person_id is None else sights[one.person_id]
            if books.has(one.subscription_id, step) or not sight.sees(step.ward_id):
                continue
            telling = judge(one, step, books.had(one.subscription_id, step))
            if telling is None:
                continue
            number = numbers[one.subscription_id] = numbers[one.subscription_id] + 1
            events.append(_event(one, step, number, telling.withheld, now_ms))
            books.put(one.subscription_id, step.episode_id, step.transition_id, sent=telling.withheld is None)
            if telling.withheld is None:
                new.append(_delivery(one, step, number, telling, now_ms))
            else:
                withheld[telling.withheld] = withheld.get(telling.withheld, 0) + 1
    moved = {held: number for held, number in numbers.items() if number != before[held]}
    subscriptions.put_events(conn, events, moved)
    return Told(len(events), enqueue(conn, new, now_ms=now_ms), withheld)


def _event(one: Subscription, step: Transition, number: int, withheld: Withheld | None, now_ms: int) -> dict[str, Any]:
    return {
        "subscription_id": one.subscription_id,
        "number": number,
        "transition_id": step.transition_id,
        "episode_id": step.episode_id,
        "patient_id": step.patient_id,
        "ward_id": step.ward_id,
        "counted_at_ms": now_ms,
        "withheld": None if withheld is None else withheld.value,
        "record": encode(step),
    }


def _delivery(one: Subscription, step: Transition, number: int, telling: Telling, now_ms: int) -> NewDelivery:
    return NewDelivery(
        delivery_id=delivery_id(DeliverySource("subscription", one.subscription_id), step.transition_id),
        destination_id=one.destination_id,
        due_at_ms=now_ms,
        expires_at_ms=now_ms + telling.expires_after_ms,
        step=step,
        subscription_id=one.subscription_id,
        number=number,
        person_id=one.person_id,
        is_ending=telling.is_ending,
    )
