"""Messages that ingest refused: why, and another try once the cause is mended."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query

from dashboard.context import Context, Here
from dashboard.permissions import Permission
from dashboard.person import Person, Signed
from dashboard.schemas import Nothing, RecordId, RejectionEntry, ReplayByReason, Replayed
from storage import rejections
from storage.rejections import StoredRejection
from storage.session import Connection
from storage.whereabouts import Kind, Named, Place, places_of
from storage.window import Cursor
from vitals.errors import Conflict, Unavailable
from vitals.reading import DeviceId, RejectionReason
from vitals.topics import is_level, readings_topic

router = APIRouter(tags=["rejected"])
_TEXT_CHARACTERS_MAX = 2000


@router.get("/rejected")
async def list_rejected(
    here: Here,
    who: Signed,
    reason: Annotated[RejectionReason | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[RejectionEntry]:
    """Refused messages of devices on wards one looks after, newest first; those of nobody's, for roles on every ward."""
    permission = Permission.SEE_REJECTED
    found = await here.ask(rejections.list_rejections, limit=limit, reason=reason, ward_ids=who.wards(permission))
    return [_entry(stored) for stored in await _permitted(here, who, permission, found)]


@router.post("/rejected/replay")
async def replay_by_reason(here: Here, who: Signed, body: ReplayByReason) -> Replayed:
    """Publish again what was refused for one reason and not yet replayed, newest first, at most `limit`; then from `next` on."""
    permission = Permission.REPLAY_REJECTED
    found = await here.ask(
        rejections.list_rejections,
        limit=body.limit,
        reason=body.reason,
        ward_ids=who.wards(permission),
        waiting_only=True,
        after=_cursor(body.after),
    )
    waiting = await _permitted(here, who, permission, found)
    replayable = [stored for stored in waiting if _is_replayable(stored)]
    for stored in reversed(replayable):
        await _replay(here, stored)
    last = found[-1].rejection if len(found) == body.limit else None
    following = None if last is None else f"{last.received_at_ms}~{last.rejection_id}"
    return Replayed(replayed=len(replayable), not_replayable=len(waiting) - len(replayable), next=following)


@router.post("/rejected/{rejection_id:path}/replay")
async def replay(here: Here, rejection_id: RecordId, _: Nothing) -> Replayed:
    """Publish one refused message again, with its original bytes; 409 where they were cut."""
    stored = await here.ask(rejections.get, rejection_id)
    if not _is_replayable(stored):
        raise Conflict("This message cannot be replayed: its bytes were cut, or its topic named no device.")
    await _replay(here, stored)
    return Replayed(replayed=1, not_replayable=0)


async def _permitted(
    here: Context, who: Person, permission: Permission, found: Sequence[StoredRejection]
) -> Sequence[StoredRejection]:
    """Without those of devices that measure somebody on another ward now."""
    if who.may(permission, None):
        return found

    def places(conn: Connection) -> list[Sequence[Place]]:
        return [places_of(conn, [Named(Kind.REJECTION, stored.rejection.rejection_id)]) for stored in found]

    return [stored for stored, at in zip(found, await here.ask(places), strict=True) if who.may_at(permission, at)]


async def _replay(here: Context, stored: StoredRejection) -> None:
    if here.republish is None:
        raise Unavailable("This process has no MQTT session: replay through one that has, such as `wardlight up`.")
    rejection = stored.rejection
    await here.change(rejections.mark_replayed, [rejection.rejection_id], here.clock.now_ms())
    try:
        await here.republish(readings_topic(DeviceId(rejection.device_id)), rejection.payload)
    except Unavailable:
        await here.change(rejections.mark_replayed, [rejection.rejection_id], None)
        raise


def _cursor(text: str | None) -> Cursor | None:
    if text is None:
        return None
    at_ms, _, rejection_id = text.partition("~")
    return Cursor(int(at_ms), rejection_id)


def _is_replayable(stored: StoredRejection) -> bool:
    return stored.is_whole and is_level(stored.rejection.device_id)


def _entry(stored: StoredRejection) -> RejectionEntry:
    rejection = stored.rejection
    return RejectionEntry(
        rejection_id=rejection.rejection_id,
        reason=rejection.reason,
        detail=rejection.detail,
        device_id=rejection.device_id,
        received_at_ms=rejection.received_at_ms,
        payload_text=rejection.payload.decode("utf-8", errors="replace")[:_TEXT_CHARACTERS_MAX],
        payload_bytes=rejection.payload_bytes,
        replayable=_is_replayable(stored),
        replayed_at_ms=stored.replayed_at_ms,
    )
