"""FHIR subscriptions as they are kept: a subscription and a destination of channel `fhir`, made and removed together."""

from typing import NamedTuple

from dashboard.fhir_resources import Asked
from dashboard.permissions import Permission
from dashboard.person import Person
from storage import destinations, episode_history, patients, subscriptions
from storage.notifications_house import enqueue_handshake
from storage.notifications_outbox import place_of
from storage.session import Connection
from storage.subscribers import EVERYTHING, NOTHING, sights_of
from vitals.alert import Transition
from vitals.errors import NotFound
from vitals.fault import is_system
from vitals.fhir_alert import Resource, flag
from vitals.fhir_subscription import BASE_OPTION, CONTENT_OPTION, Content, FhirEvent, FhirStatus
from vitals.notification import (
    Channel,
    Destination,
    NotificationKind,
    Place,
    Secret,
    Subscription,
    SubscriptionState,
)
from vitals.outside import outside_text
from vitals.reading import PatientId

HANDSHAKE_MS = 3_600_000
"""For so long a handshake is tried before the subscription is in error."""


class FhirSubscription(NamedTuple):
    """A subscription with what its destination keeps for it."""

    held: Subscription
    endpoint: str
    content: Content


def created(
    conn: Connection, asked: Asked, *, person_id: str | None, by: str, base: str, now_ms: int
) -> FhirSubscription:
    """Keep it, requested, with its handshake on the way."""
    destination_id = destinations.new_destination_id()
    headers = "\n".join(f"{name}: {value}" for name, value in asked.headers.items())
    destinations.add(
        conn,
        Destination(
            destination_id,
            Channel.FHIR,
            asked.endpoint,
            name=asked.name,
            person_id=person_id,
            secret=Secret(headers) if headers else None,
            options={CONTENT_OPTION: asked.content.value, BASE_OPTION: base},
        ),
        by=by,
        now_ms=now_ms,
    )
    subscription = Subscription(
        subscription_id=subscriptions.new_subscription_id(),
        name=asked.name,
        person_id=person_id,
        destination_id=destination_id,
        wanted=asked.wanted,
        state=SubscriptionState.REQUESTED,
        state_at_ms=now_ms,
        state_reason=f"asked for by {by}",
        created_at_ms=now_ms,
        created_by=by,
        expires_at_ms=asked.expires_at_ms,
        heartbeat_s=asked.heartbeat_s,
    )
    subscriptions.add(conn, subscription)
    enqueue_handshake(conn, subscription, now_ms=now_ms, expires_after_ms=HANDSHAKE_MS)
    return FhirSubscription(subscription, asked.endpoint, asked.content)


def held_by(conn: Connection, subscription_id: str, person_id: str | None) -> FhirSubscription:
    """The person's own (None: the house's); raises NotFound for anybody else's, and for those of other channels."""
    held = subscriptions.get(conn, subscription_id)
    found = _with_destination(conn, held) if held.person_id == person_id else None
    if found is None:
        raise NotFound(f"There is no subscription {subscription_id}.")
    return found


def of_person(conn: Connection, person_id: str | None) -> tuple[FhirSubscription, ...]:
    """All the person's own (None: the house's)."""
    own = (one for one in subscriptions.list_subscriptions(conn) if one.person_id == person_id)
    found = (_with_destination(conn, held) for held in own)
    return tuple(one for one in found if one is not None)


def turned(conn: Connection, held: Subscription, *, wants_it: bool, by: str, now_ms: int) -> FhirSubscription:
    """Ask for it again, with a new handshake where it was not active; or turn it off."""
    if wants_it:
        after = subscriptions.ask_again(conn, held.subscription_id, now_ms=now_ms, by=by)
        if after.state is SubscriptionState.REQUESTED:
            enqueue_handshake(conn, after, now_ms=now_ms, expires_after_ms=HANDSHAKE_MS)
    else:
        subscriptions.turn_off(conn, held.subscription_id, now_ms=now_ms, by=by)
    return held_by(conn, held.subscription_id, held.person_id)


def removed(conn: Connection, held: Subscription, *, now_ms: int) -> None:
    """Take both away."""
    subscriptions.remove(conn, held.subscription_id, now_ms=now_ms)
    destinations.remove(conn, held.destination_id, now_ms=now_ms)


def status_of(held: Subscription) -> FhirStatus:
    """What `$status` says."""
    return FhirStatus(
        subscription_id=held.subscription_id,
        state=held.state,
        kind=NotificationKind.STATUS,
        events=held.last_number,
        error=held.state_reason if held.state is SubscriptionState.ERROR else None,
    )


def events_of(
    conn: Connection, held: Subscription, who: Person, *, since: int, until: int | None, limit: int
) -> tuple[FhirEvent, ...]:
    """The events after `since`, up to `until`; of wards its owner, or the token that asks, may not see only the numbers."""
    owner = held.person_id
    sight = EVERYTHING if owner is None else sights_of(conn, [owner]).get(owner, NOTHING)
    places: dict[PatientId, Place] = {}
    found = []
    for event in subscriptions.events_since(conn, held.subscription_id, since=since, limit=limit):
        if until is not None and event.number > until:
            break
        step = event.step
        if step.patient_id not in places:
            places[step.patient_id] = _place(conn, step)
        is_beyond_token = who.token_id is not None and not (
            is_system(step.patient_id) or who.may(Permission.SEE_WARD, step.ward_id)
        )
        is_hidden = is_beyond_token or not sight.sees(step.ward_id)
        found.append(FhirEvent(event.number, step, places[step.patient_id], outside_text(step), is_hidden))
    return tuple(found)


def flag_of(conn: Connection, episode_id: str) -> Resource:
    """The alert as a Flag; raises NotFound."""
    step = episode_history.standing(conn, [episode_id]).get(episode_id)
    if step is None:
        raise NotFound(f"There is no alert {episode_id}.")
    return flag(step, _place(conn, step), text=outside_text(step))


def _with_destination(conn: Connection, held: Subscription) -> FhirSubscription | None:
    destination = destinations.get(conn, held.destination_id).destination
    if destination.channel is not Channel.FHIR:
        return None
    content = Content(destination.options.get(CONTENT_OPTION, Content.EMPTY.value))
    return FhirSubscription(held, destination.address, content)


def _place(conn: Connection, step: Transition) -> Place:
    try:
        bed = patients.get(conn, step.patient_id).bed
    except NotFound:
        bed = None
    return place_of(step.patient_id, step.ward_id, bed)
