"""Subscriptions: who is told of which alerts; what each has had, for whoever was away."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from dashboard.context import Here
from dashboard.notification_routes import is_theirs, owner_of
from dashboard.notification_schemas import (
    EventsAnswer,
    QuietBody,
    QuietEntry,
    SomeId,
    SubscriptionBody,
    SubscriptionEntry,
    SubscriptionEvent,
    TrimmedAnswer,
)
from dashboard.permissions import Permission
from dashboard.person import Person, Signed
from storage import patients, subscriptions
from storage.notifications_house import enqueue_handshake
from storage.session import Connection
from storage.subscribers import sights_of
from storage.subscriptions import Event, NoLongerKept
from storage.wards import require_known
from vitals.errors import Forbidden, InvalidArgument, NotFound
from vitals.fault import SYSTEM_WARD, is_system
from vitals.notification import QuietHours, Subscription, SubscriptionState, Wanted
from vitals.reading import PatientId, WardId

router = APIRouter(tags=["notifications"])
HANDSHAKE_MS = 3_600_000
"""For so long a new subscription's handshake is tried."""
_EVENTS_MAX = 1000


@router.get("/subscriptions")
async def list_subscriptions(here: Here, who: Signed) -> list[SubscriptionEntry]:
    """One's own, and the house's for whoever manages notifications."""
    return await here.ask(_listed, who)


@router.post("/subscriptions", status_code=201)
async def add_subscription(here: Here, who: Signed, body: SubscriptionBody) -> SubscriptionEntry:
    """Ask to be told. It is active once its destination has taken a handshake; events are counted from now on.

    One's own is bounded by the wards that one may see, asked anew at each event.
    """
    now_ms = here.clock.now_ms()
    person_id = owner_of(who, of_house=body.of_house)
    if body.expires_at_ms is not None and body.expires_at_ms <= now_ms:
        raise InvalidArgument("It would have expired already: give a moment to come as expires_at_ms.")
    wanted = Wanted(
        wards=None if body.wards is None else tuple(map(WardId, body.wards)),
        patients=None if body.patients is None else tuple(map(PatientId, body.patients)),
        kinds=None if body.kinds is None else tuple(body.kinds),
        priorities=None if body.priorities is None else tuple(body.priorities),
        transitions=None if body.transitions is None else tuple(body.transitions),
    )
    await here.ask(_require_wards, who, wanted, of_house=person_id is None)
    await here.ask(require_known, *(wanted.wards or ()))
    made = Subscription(
        subscription_id=subscriptions.new_subscription_id(),
        name=body.name,
        person_id=person_id,
        destination_id=body.destination_id,
        wanted=wanted,
        state=SubscriptionState.REQUESTED,
        state_at_ms=now_ms,
        state_reason=f"asked for by {who.name}",
        created_at_ms=now_ms,
        created_by=who.name,
        quiet=None if body.quiet is None else _quiet(body.quiet),
        expires_at_ms=body.expires_at_ms,
        heartbeat_s=body.heartbeat_s,
    )
    await here.change(_add, made, now_ms)
    return await here.ask(_shown, who, made.subscription_id)


@router.get("/subscriptions/{subscription_id}")
async def get_subscription(here: Here, who: Signed, subscription_id: SomeId) -> SubscriptionEntry:
    """One subscription: its state, and how many events it has had."""
    return await here.ask(_shown, who, subscription_id)


@router.delete("/subscriptions/{subscription_id}")
async def remove_subscription(here: Here, who: Signed, subscription_id: SomeId) -> SubscriptionEntry:
    """Nobody is told by it any more; what it was told stays on record."""
    held = await here.ask(_shown, who, subscription_id)
    await here.ask(_require_change, who, subscription_id)
    await here.change(subscriptions.remove, subscription_id, now_ms=here.clock.now_ms())
    return held


@router.post("/subscriptions/{subscription_id}/reactivate")
async def reactivate_subscription(here: Here, who: Signed, subscription_id: SomeId) -> SubscriptionEntry:
    """Ask for it again, after an error or an end: a handshake goes out, and its acceptance makes it active."""
    await here.ask(_require_change, who, subscription_id)
    await here.change(_ask_again, subscription_id, here.clock.now_ms(), who.name)
    return await here.ask(_shown, who, subscription_id)


@router.post("/subscriptions/{subscription_id}/off")
async def turn_off_subscription(here: Here, who: Signed, subscription_id: SomeId) -> SubscriptionEntry:
    """Count and send nothing, until somebody asks for it again."""
    await here.ask(_require_change, who, subscription_id)
    await here.change(subscriptions.turn_off, subscription_id, now_ms=here.clock.now_ms(), by=who.name)
    return await here.ask(_shown, who, subscription_id)


@router.get(
    "/subscriptions/{subscription_id}/events",
    response_model=EventsAnswer,
    responses={410: {"model": TrimmedAnswer, "description": "Some of them are no longer kept."}},
)
async def list_subscription_events(
    here: Here,
    who: Signed,
    subscription_id: SomeId,
    *,
    since: Annotated[int, Query(ge=0, le=2**53)] = 0,
    limit: Annotated[int, Query(ge=1, le=_EVENTS_MAX)] = 100,
) -> EventsAnswer | JSONResponse:
    """Exactly what came after number `since`, in order: for a subscriber that was away, or saw a gap between numbers."""
    try:
        return await here.ask(_events, who, subscription_id, since, limit)
    except NoLongerKept as error:
        answer = TrimmedAnswer(code="no_longer_kept", message=str(error), first_kept=error.first_kept)
        return JSONResponse(answer.model_dump(), status_code=410)


def _add(conn: Connection, made: Subscription, now_ms: int) -> None:
    subscriptions.add(conn, made)
    enqueue_handshake(conn, made, now_ms=now_ms, expires_after_ms=HANDSHAKE_MS)


def _ask_again(conn: Connection, subscription_id: str, now_ms: int, by: str) -> None:
    held = subscriptions.ask_again(conn, subscription_id, now_ms=now_ms, by=by)
    if held.state is SubscriptionState.REQUESTED:
        enqueue_handshake(conn, held, now_ms=now_ms, expires_after_ms=HANDSHAKE_MS)


def _require_wards(conn: Connection, who: Person, wanted: Wanted, *, of_house: bool) -> None:
    """Raises Forbidden where a ward that it names, or a patient's, is not theirs to ask for."""
    if not of_house:
        require_token_sees(conn, who, wanted)
    permission = Permission.MANAGE_NOTIFICATIONS if of_house else Permission.SEE_WARD
    subjects = [one for one in wanted.patients or () if not is_system(one)]
    named = {*(wanted.wards or ()), *(patients.get(conn, one).ward_id for one in subjects)}
    if of_house and wanted.wards is None and not wanted.patients and not who.may(permission, None):
        raise Forbidden("Every ward is the whole house's: name the wards that you manage notifications of.")
    for ward_id in sorted(named):
        if not who.may(permission, ward_id):
            raise Forbidden(f"You may not {permission.replace('_', ' ')} here: this belongs to ward {ward_id}.")


def require_token_sees(conn: Connection, who: Person, wanted: Wanted) -> None:
    """What a token asks for outlives it and is bounded by its owner: so it asks for no ward that it does not see itself.

    Raises Forbidden.
    """
    if who.token_id is None:
        return
    if wanted.wards is not None:
        for ward_id in wanted.wards:
            if not who.may(Permission.SEE_WARD, ward_id):
                raise Forbidden(f"This token does not see ward {ward_id}.")
        return
    seen = who.wards(Permission.SEE_WARD)
    owner = sights_of(conn, [who.person_id])[who.person_id]
    if seen is not None and (owner.every or owner.named - {SYSTEM_WARD} - seen):
        raise Forbidden("This token sees fewer wards than its owner: name those to be told of, out of its own.")


def _require_change(conn: Connection, who: Person, subscription_id: str) -> None:
    held = _held(conn, who, subscription_id)
    if held.person_id is None:
        _require_wards(conn, who, held.wanted, of_house=True)


def _held(conn: Connection, who: Person, subscription_id: str) -> Subscription:
    held = subscriptions.get(conn, subscription_id)
    if not is_theirs(who, held.person_id):
        raise NotFound(f"There is no subscription {subscription_id} of yours.")
    return held


def _listed(conn: Connection, who: Person) -> list[SubscriptionEntry]:
    found = subscriptions.list_subscriptions(conn)
    return [_entry(conn, one) for one in found if is_theirs(who, one.person_id)]


def _shown(conn: Connection, who: Person, subscription_id: str) -> SubscriptionEntry:
    return _entry(conn, _held(conn, who, subscription_id))


def _events(conn: Connection, who: Person, subscription_id: str, since: int, limit: int) -> EventsAnswer:
    held = _held(conn, who, subscription_id)
    found = subscriptions.events_since(conn, subscription_id, since=since, limit=limit)
    return EventsAnswer(
        subscription_id=subscription_id,
        state=held.state,
        last_number=held.last_number,
        next=found[-1].number if found else since,
        events=[_event(who, one) for one in found],
    )


def _event(who: Person, one: Event) -> SubscriptionEvent:
    step = one.step
    if not who.may(Permission.SEE_WARD, step.ward_id, step.patient_id):
        return SubscriptionEvent(number=one.number, counted_at_ms=one.counted_at_ms, withheld=one.withheld, hidden=True)
    return SubscriptionEvent(
        number=one.number,
        counted_at_ms=one.counted_at_ms,
        withheld=one.withheld,
        episode_id=step.episode_id,
        patient_id=step.patient_id,
        ward_id=step.ward_id,
        kind=step.kind,
        transition=step.transition,
        reason=step.reason,
        priority=step.priority,
        at_ms=step.at_ms,
        onset_ms=step.onset_ms,
        active=step.active,
        acknowledged=step.acknowledged,
        latched=step.latched,
        text=step.text,
        transition_id=step.transition_id,
    )


def _entry(conn: Connection, one: Subscription) -> SubscriptionEntry:
    wanted = one.wanted
    return SubscriptionEntry(
        subscription_id=one.subscription_id,
        name=one.name,
        destination_id=one.destination_id,
        of_house=one.person_id is None,
        wards=None if wanted.wards is None else [*wanted.wards],
        patients=None if wanted.patients is None else [*wanted.patients],
        kinds=None if wanted.kinds is None else [*wanted.kinds],
        priorities=None if wanted.priorities is None else [*wanted.priorities],
        transitions=None if wanted.transitions is None else [*wanted.transitions],
        quiet=None if one.quiet is None else _quiet_entry(one.quiet),
        expires_at_ms=one.expires_at_ms,
        heartbeat_s=one.heartbeat_s,
        state=one.state,
        state_at_ms=one.state_at_ms,
        state_reason=one.state_reason,
        last_number=one.last_number,
        first_kept=subscriptions.first_kept_of(conn, one),
        created_at_ms=one.created_at_ms,
        created_by=one.created_by,
    )


def _quiet(body: QuietBody) -> QuietHours:
    return QuietHours(_minutes(body.from_), _minutes(body.until), body.time_zone)


def _minutes(wall: str) -> int:
    hours, _, minutes = wall.partition(":")
    return int(hours) * 60 + int(minutes)


def _quiet_entry(quiet: QuietHours) -> QuietEntry:
    def wall(minutes: int) -> str:
        return f"{minutes // 60:02d}:{minutes % 60:02d}"

    return QuietEntry.model_validate(
        {"from": wall(quiet.from_min), "until": wall(quiet.until_min), "time_zone": quiet.time_zone}
    )
