"""Destinations and deliveries: where notifications go, what became of each, and saying that one was seen."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query

from dashboard.context import Here
from dashboard.notification_schemas import (
    DestinationBody,
    DestinationEntry,
    OutboxEntry,
    ReceiptEntry,
    SaidSeen,
    SeenBody,
    SomeId,
    TestAnswer,
)
from dashboard.permissions import Permission
from dashboard.person import GUEST, Person, Signed
from dashboard.schemas import EpisodeId
from storage import destinations, notifications
from storage.destinations import StoredDestination
from storage.notifications import Delivery, Receipt
from storage.notifications_house import enqueue_test
from storage.seen_links import notification_of
from storage.session import Connection
from storage.signing import load_signer
from vitals.destination_address import shown_address
from vitals.errors import Conflict, Forbidden, InvalidArgument, NotFound
from vitals.notification import Destination, Secret
from vitals.reading import WardId

router = APIRouter(tags=["notifications"])
_TEST_MS = 60_000
_ROWS_MAX = 500
BY_LINK = "whoever holds the notification"


def owner_of(who: Person, *, of_house: bool) -> str | None:
    """Whose it will be; raises Forbidden where the house's is not theirs to make. Without sign-in all is the house's."""
    if of_house or who.person_id == GUEST.person_id:
        if not who.may_somewhere(Permission.MANAGE_NOTIFICATIONS):
            raise Forbidden("You may not manage notifications of the house: leave out of_house for your own.")
        return None
    return who.person_id


def is_theirs(who: Person, person_id: str | None) -> bool:
    """Whether something of this owner is theirs to see and change."""
    if person_id is None:
        return who.may_somewhere(Permission.MANAGE_NOTIFICATIONS)
    return person_id == who.person_id


@router.get("/destinations")
async def list_destinations(here: Here, who: Signed) -> list[DestinationEntry]:
    """One's own, and the house's for whoever manages notifications."""
    found = await here.ask(destinations.list_destinations)
    return [_destination(one) for one in found if is_theirs(who, one.destination.person_id)]


@router.post("/destinations", status_code=201)
async def add_destination(here: Here, who: Signed, body: DestinationBody) -> DestinationEntry:
    """Keep an address. Nothing goes there before somebody subscribes by it, or a ladder names it."""
    made = Destination(
        destination_id=destinations.new_destination_id(),
        channel=body.channel,
        address=body.address,
        name=body.name,
        person_id=owner_of(who, of_house=body.of_house),
        secret=None if body.secret is None else Secret(body.secret),
        template=body.template,
        options=body.options,
    )
    await here.change(destinations.add, made, by=who.name, now_ms=here.clock.now_ms())
    return _destination(await here.ask(destinations.get, made.destination_id))


@router.get("/destinations/{destination_id}")
async def get_destination(here: Here, who: Signed, destination_id: SomeId) -> DestinationEntry:
    """One destination."""
    return _destination(await _mine(here, who, destination_id))


@router.delete("/destinations/{destination_id}")
async def remove_destination(here: Here, who: Signed, destination_id: SomeId) -> DestinationEntry:
    """Nothing goes there any more; 409 while a subscription does, or of the house's a ladder or somebody's contact.

    Its secret is deleted.
    """
    held = await _mine(here, who, destination_id)
    await here.change(destinations.remove, destination_id, now_ms=here.clock.now_ms())
    return _destination(held)


@router.post("/destinations/{destination_id}/test")
async def test_destination(here: Here, who: Signed, destination_id: SomeId) -> TestAnswer:
    """Send a handshake, tried for a minute; its delivery says what came of it."""
    held = await _mine(here, who, destination_id)
    if held.removed_at_ms is not None:
        raise Conflict("This destination was removed.")
    now_ms = here.clock.now_ms()
    return TestAnswer(
        delivery_id=await here.change(enqueue_test, destination_id, now_ms=now_ms, expires_after_ms=_TEST_MS)
    )


@router.get("/deliveries")
async def list_deliveries(
    here: Here,
    who: Signed,
    *,
    episode: Annotated[EpisodeId | None, Query()] = None,
    subscription: Annotated[SomeId | None, Query()] = None,
    destination: Annotated[SomeId | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=_ROWS_MAX)] = 100,
) -> list[OutboxEntry]:
    """What was sent of an alert, by a subscription or to a destination, newest first, with every receipt."""
    if (episode, subscription, destination).count(None) != 2:
        raise InvalidArgument("Say of which: one of episode, subscription, destination.")
    return await here.ask(_deliveries, who, episode, subscription, destination, limit)


@router.get("/deliveries/{delivery_id}")
async def get_delivery(here: Here, who: Signed, delivery_id: SomeId) -> OutboxEntry:
    """One delivery, with every receipt."""
    return await here.ask(_delivery, who, delivery_id)


@router.post("/deliveries/{delivery_id}/seen")
async def say_seen(here: Here, who: Signed, delivery_id: SomeId) -> SaidSeen:
    """Say that the person who is signed in has seen it, or all that came with it under a notification's id.

    It is for whom it was sent to, and for whoever may acknowledge alerts there: the ladder goes by it.
    """
    await here.ask(_require_seeing, who, delivery_id)
    now_ms = here.clock.now_ms()
    person_id = None if who.person_id == GUEST.person_id else who.person_id
    marked = await here.change(notifications.seen, delivery_id, now_ms=now_ms, by=who.name, person_id=person_id)
    return SaidSeen(at_ms=now_ms, deliveries=marked)


@router.post("/seen")
async def say_seen_by_link(here: Here, body: SeenBody) -> SaidSeen:
    """Say that whoever holds the notification has seen it. The link is good once, and for a day; nothing is shown for it."""
    now_ms = here.clock.now_ms()
    signer = await here.ask(load_signer)
    notification_id = notification_of(signer, body.token, now_ms=now_ms)
    marked = await here.change(notifications.seen, notification_id, now_ms=now_ms, by=BY_LINK, person_id=None)
    if not marked:
        raise Conflict("This link was used already: it is on record that the alert was seen.")
    return SaidSeen(at_ms=now_ms, deliveries=marked)


async def _mine(here: Here, who: Person, destination_id: str) -> StoredDestination:
    held = await here.ask(destinations.get, destination_id)
    if not is_theirs(who, held.destination.person_id):
        raise NotFound(f"There is no destination {destination_id} of yours.")
    return held


def _deliveries(
    conn: Connection,
    who: Person,
    episode_id: str | None,
    subscription_id: str | None,
    destination_id: str | None,
    limit: int,
) -> list[OutboxEntry]:
    found = notifications.list_deliveries(
        conn, limit=limit, episode_id=episode_id, subscription_id=subscription_id, destination_id=destination_id
    )
    owners = {one.destination_id: destinations.get(conn, one.destination_id).destination.person_id for one in found}
    shown = [one for one in found if _may_see(who, one, owners[one.destination_id])]
    return _entries(shown, notifications.receipts_of(conn, [one.delivery_id for one in shown]))


def _delivery(conn: Connection, who: Person, delivery_id: str) -> OutboxEntry:
    for one in notifications.find_sent(conn, delivery_id):
        if _may_see(who, one, destinations.get(conn, one.destination_id).destination.person_id):
            return _entries([one], notifications.receipts_of(conn, [one.delivery_id]))[0]
    raise NotFound(f"There is no delivery {delivery_id}.")


def _require_seeing(conn: Connection, who: Person, delivery_id: str) -> None:
    _delivery(conn, who, delivery_id)
    for one in notifications.find_sent(conn, delivery_id):
        is_own = one.person_id is not None and one.person_id == who.person_id
        if one.ward_id is None or is_own:
            continue
        if not who.may(Permission.ACKNOWLEDGE, WardId(one.ward_id), one.patient_id):
            raise Forbidden("It was sent to somebody else: saying seen for the ward takes acknowledge there.")


def _may_see(who: Person, one: Delivery, owner: str | None) -> bool:
    """Of an alert, whoever sees its ward; of what is no alert, whose destination it is."""
    if one.ward_id is None:
        return is_theirs(who, owner)
    return who.may(Permission.SEE_WARD, WardId(one.ward_id), one.patient_id)


def _entries(found: Sequence[Delivery], receipts: Sequence[Receipt]) -> list[OutboxEntry]:
    by_delivery: dict[str, list[ReceiptEntry]] = {one.delivery_id: [] for one in found}
    for receipt in receipts:
        by_delivery[receipt.delivery_id].append(
            ReceiptEntry(
                state=receipt.state,
                at_ms=receipt.at_ms,
                attempt=receipt.attempt,
                code=receipt.code,
                detail=receipt.detail,
                by=receipt.by,
            )
        )
    return [
        OutboxEntry(
            delivery_id=one.delivery_id,
            notification_id=one.notification_id,
            destination_id=one.destination_id,
            subscription_id=one.subscription_id,
            number=one.number,
            step_id=one.step_id,
            purpose=one.purpose,
            episode_id=one.episode_id,
            state=one.state,
            created_at_ms=one.created_at_ms,
            due_at_ms=one.due_at_ms,
            expires_at_ms=one.expires_at_ms,
            attempts=one.attempts,
            seen=one.seen,
            receipts=by_delivery[one.delivery_id],
        )
        for one in found
    ]


def _destination(held: StoredDestination) -> DestinationEntry:
    one = held.destination
    return DestinationEntry(
        destination_id=one.destination_id,
        name=one.name,
        channel=one.channel,
        address="(unavailable: its key is missing)" if held.is_sealed else shown_address(one.channel, one.address),
        has_secret=one.secret is not None,
        template=one.template,
        options=dict(one.options),
        of_house=one.person_id is None,
        created_at_ms=held.created_at_ms,
        created_by=held.created_by,
        failing=held.is_failing,
        fault=held.fault if held.is_failing else None,
        accepted_at_ms=held.accepted_at_ms,
        failed_at_ms=held.failed_at_ms,
        paused_until_ms=held.paused_until_ms or None,
    )
