"""FHIR R4 under /api/v1/fhir: subscriptions to alerts after the topic-based backport, and the Flags they lead to.

A subscription belongs to whoever made it, usually a program's token: it hears of what that person may see, judged at
each event anew. From error only its owner leads it back, by PUT with status `requested`.
"""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Query, Request
from fastapi.responses import JSONResponse, Response

from dashboard.context import Here
from dashboard.fhir_resources import (
    Asked,
    asked_of,
    capabilities,
    searchset,
    subscription_resource,
    topic_resource,
)
from dashboard.fhir_store import (
    FhirSubscription,
    created,
    events_of,
    flag_of,
    held_by,
    of_person,
    removed,
    status_of,
    turned,
)
from dashboard.person import GUEST, Person, Signed
from dashboard.schemas import Level
from dashboard.subscription_routes import require_token_sees
from vitals.errors import InvalidArgument
from vitals.fhir_subscription import MEDIA_TYPE, Content, notification_bundle, status_bundle

router = APIRouter(prefix="/fhir", tags=["fhir"])
EVENTS_MAX: Final = 200
"""Events in one answer to `$events`; ask on from the last number."""
_Resource = Annotated[dict[str, Any], Body()]


class FhirResponse(JSONResponse):
    """JSON as FHIR calls it."""

    media_type = MEDIA_TYPE


@router.get("/metadata", response_class=FhirResponse)
async def read_capabilities(here: Here, request: Request) -> Response:
    """What this server can do."""
    return FhirResponse(capabilities(version=here.version, base=_base(request), at_ms=here.clock.now_ms()))


@router.get("/Basic/alert", response_class=FhirResponse)
async def read_topic() -> Response:
    """The topic of alerts."""
    return FhirResponse(topic_resource())


@router.post("/Subscription", response_class=FhirResponse, status_code=201)
async def create_subscription(here: Here, who: Signed, request: Request, resource: _Resource) -> Response:
    """Create one: `requested`, and `active` once its endpoint has taken the handshake; `error` where it will not."""
    asked, base = asked_of(resource), _base(request)
    await here.ask(require_token_sees, who, asked.wanted)
    made = await here.change(created, asked, person_id=_owner(who), by=who.name, base=base, now_ms=here.clock.now_ms())
    location = f"{base}/Subscription/{made.held.subscription_id}"
    return FhirResponse(_shown(made), status_code=201, headers={"Location": location})


@router.get("/Subscription", response_class=FhirResponse)
async def search_subscriptions(
    here: Here, who: Signed, request: Request, url: str | None = None, status: str | None = None
) -> Response:
    """Those of whoever asks, by endpoint and state."""
    found = [
        _shown(one)
        for one in await here.ask(of_person, _owner(who))
        if url in (None, one.endpoint) and (status is None or one.held.state.value in status.split(","))
    ]
    return FhirResponse(searchset(found, base=_base(request)))


@router.get("/Subscription/$status", response_class=FhirResponse)
async def read_statuses(
    here: Here,
    who: Signed,
    request: Request,
    id: Annotated[list[str] | None, Query()] = None,  # noqa: A002 - the operation's own name
    status: Annotated[list[str] | None, Query()] = None,
) -> Response:
    """The status of each of one's own, or of those named."""
    wanted = None if id is None else {part for each in id for part in each.split(",")}
    states = None if status is None else {part for each in status for part in each.split(",")}
    found = [
        status_of(one.held)
        for one in await here.ask(of_person, _owner(who))
        if (wanted is None or one.held.subscription_id in wanted) and (states is None or one.held.state.value in states)
    ]
    return FhirResponse(status_bundle(found, base=_base(request)))


@router.get("/Subscription/{subscription_id}", response_class=FhirResponse)
async def read_subscription(here: Here, who: Signed, subscription_id: Level) -> Response:
    """One of one's own."""
    return FhirResponse(_shown(await here.ask(held_by, subscription_id, _owner(who))))


@router.put("/Subscription/{subscription_id}", response_class=FhirResponse)
async def change_subscription(here: Here, who: Signed, subscription_id: Level, resource: _Resource) -> Response:
    """Ask for it again (status `requested` or `active`), or turn it off; anything else takes a new subscription."""
    asked = asked_of(resource)
    held = await here.ask(held_by, subscription_id, _owner(who))
    _require_same(asked, held)
    if asked.status not in ("requested", "active", "off"):
        raise InvalidArgument("status must be requested, active or off.")
    wants_it = asked.status != "off"
    changed = await here.change(turned, held.held, wants_it=wants_it, by=who.name, now_ms=here.clock.now_ms())
    return FhirResponse(_shown(changed))


@router.delete("/Subscription/{subscription_id}", status_code=204)
async def delete_subscription(here: Here, who: Signed, subscription_id: Level) -> Response:
    """Nothing is sent by it any more."""
    held = await here.ask(held_by, subscription_id, _owner(who))
    await here.change(removed, held.held, now_ms=here.clock.now_ms())
    return Response(status_code=204)


@router.get("/Subscription/{subscription_id}/$status", response_class=FhirResponse)
async def read_status(here: Here, who: Signed, request: Request, subscription_id: Level) -> Response:
    """Its state and how many events it has had; answered while in error too."""
    held = await here.ask(held_by, subscription_id, _owner(who))
    return FhirResponse(status_bundle([status_of(held.held)], base=_base(request)))


@router.get("/Subscription/{subscription_id}/$events", response_class=FhirResponse)
async def read_events(
    here: Here,
    who: Signed,
    request: Request,
    subscription_id: Level,
    since: Annotated[int | None, Query(alias="eventsSinceNumber", ge=0, le=2**53)] = None,
    until: Annotated[int | None, Query(alias="eventsUntilNumber", ge=0, le=2**53)] = None,
    content: Content | None = None,
) -> Response:
    """Events by number, both ends included, as a notification; at most 200 of them, those first that come first."""
    held = await here.ask(held_by, subscription_id, _owner(who))
    events = await here.ask(events_of, held.held, who, since=max((since or 1) - 1, 0), until=until, limit=EVENTS_MAX)
    bundle = notification_bundle(
        status_of(held.held),
        events,
        content=held.content if content is None else content,
        base=_base(request),
        identity=f"events-{subscription_id}-{since or 1}-{until or held.held.last_number}",
        at_ms=here.clock.now_ms(),
    )
    return FhirResponse(bundle)


@router.get("/Flag/{episode_id}", response_class=FhirResponse)
async def read_flag(here: Here, episode_id: Level) -> Response:
    """An alert as it stands now."""
    return FhirResponse(await here.ask(flag_of, episode_id))


def _owner(who: Person) -> str | None:
    """Whose it is: the house's where nobody signs in."""
    return None if who is GUEST else who.person_id


def _base(request: Request) -> str:
    """The address of this FHIR server as the request named it; its host was checked before."""
    return f"{request.base_url}api/v1/fhir"


def _shown(one: FhirSubscription) -> dict[str, Any]:
    return subscription_resource(one.held, endpoint=one.endpoint, content=one.content)


def _require_same(asked: Asked, held: FhirSubscription) -> None:
    is_same = asked.endpoint == held.endpoint and asked.content is held.content and asked.wanted == held.held.wanted
    if not is_same:
        raise InvalidArgument("Only the status of a subscription can be changed: make a new one, then delete this one.")
