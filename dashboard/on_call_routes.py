"""On-call schedules, who stands in, who is on call, and by what ladders reach people."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query

from dashboard.context import Here
from dashboard.ladder_routes import require_manager
from dashboard.ladder_schemas import (
    ContactBody,
    ContactEntry,
    DestinationId,
    Login,
    OnCallEntry,
    OverrideBody,
    OverrideEntry,
    ScheduleBody,
    ScheduleEntry,
    ShiftEntry,
)
from dashboard.person import Signed
from dashboard.schemas import Level, TimeMs
from storage import contacts, people, schedules
from storage.contacts import StoredContact
from storage.schedules import StoredSchedule
from storage.session import Connection
from vitals.errors import InvalidArgument, NotFound
from vitals.on_call import Override, Schedule, Shift, people_of, shifts

router = APIRouter(tags=["escalation"])
_DAY_MS = 86_400_000


@router.get("/schedules")
async def list_schedules(here: Here) -> list[ScheduleEntry]:
    """Every on-call schedule."""
    return [_schedule(stored) for stored in await here.ask(schedules.all_schedules)]


@router.post("/schedules")
async def set_schedule(here: Here, who: Signed, body: ScheduleBody) -> ScheduleEntry:
    """Set a schedule, in place of the one of that id. 422 where somebody in it is nobody who signs in."""
    require_manager(who, body.ward_id)
    schedule = msgspec.convert(body.model_dump(mode="json", by_alias=True), Schedule)
    for held in await here.ask(schedules.all_schedules):
        if held.schedule.schedule_id == schedule.schedule_id:
            require_manager(who, held.schedule.ward_id)
    await here.ask(_require_known, people_of(schedule))
    return _schedule(await here.change(schedules.put, schedule, at_ms=here.clock.now_ms(), by=who.name))


@router.delete("/schedules/{schedule_id}")
async def remove_schedule(here: Here, who: Signed, schedule_id: Level) -> ScheduleEntry:
    """Take a schedule away: steps that name it reach nobody from now on, and say so."""
    held = await here.ask(schedules.get, schedule_id)
    require_manager(who, held.schedule.ward_id)
    await here.change(schedules.remove, schedule_id, at_ms=here.clock.now_ms())
    return _schedule(held)


@router.get("/on-call")
async def list_on_call(
    here: Here,
    at: Annotated[TimeMs | None, Query()] = None,
    ward: Annotated[Level | None, Query()] = None,
    days: Annotated[int, Query(ge=1, le=90)] = 7,
) -> list[OnCallEntry]:
    """Who is on call by each schedule (of a ward, and of the house) at a moment, until when, and the gaps that follow."""
    at_ms = here.clock.now_ms() if at is None else at
    return await here.ask(_on_call, at_ms, at_ms + days * _DAY_MS, ward)


@router.get("/schedules/{schedule_id}/shifts")
async def list_shifts(
    here: Here,
    schedule_id: Level,
    from_: Annotated[TimeMs, Query(alias="from")],
    to: Annotated[TimeMs, Query()],
) -> list[ShiftEntry]:
    """Who is on call when, gaps included, over at most 92 days."""
    held = await here.ask(schedules.get, schedule_id)
    overrides = await here.ask(schedules.overrides_of, schedule_id, ending_after_ms=from_, beginning_before_ms=to)
    return [_shift(shift) for shift in shifts(held.schedule, overrides, from_, to)]


@router.get("/schedules/{schedule_id}/overrides")
async def list_overrides(here: Here, schedule_id: Level) -> list[OverrideEntry]:
    """Who stands in now, or will."""
    await here.ask(schedules.get, schedule_id)
    now_ms = here.clock.now_ms()
    found = await here.ask(schedules.overrides_of, schedule_id, ending_after_ms=now_ms)
    return [_override(override) for override in found]


@router.post("/schedules/{schedule_id}/overrides", status_code=201)
async def stand_in(here: Here, who: Signed, schedule_id: Level, body: OverrideBody) -> OverrideEntry:
    """Let somebody stand in; of several that cover a moment the one made last counts."""
    held = await here.ask(schedules.get, schedule_id)
    require_manager(who, held.schedule.ward_id)
    await here.ask(_require_known, (body.login,))
    made = await here.change(
        schedules.stand_in,
        schedule_id,
        body.login,
        from_ms=body.from_ms,
        until_ms=body.until_ms,
        at_ms=here.clock.now_ms(),
        by=who.name,
        note=body.note,
    )
    return _override(made)


@router.delete("/schedules/{schedule_id}/overrides/{override_id}")
async def remove_override(here: Here, who: Signed, schedule_id: Level, override_id: Level) -> OverrideEntry:
    """As if nobody had stood in."""
    held = await here.ask(schedules.get, schedule_id)
    require_manager(who, held.schedule.ward_id)
    override = await here.ask(schedules.get_override, override_id)
    if override.schedule_id != schedule_id:
        raise NotFound(f"There is no override {override_id} of schedule {schedule_id}.")
    await here.change(schedules.withdraw, override_id, at_ms=here.clock.now_ms())
    return _override(override)


@router.get("/me/contacts")
async def list_own_contacts(here: Here, who: Signed) -> list[ContactEntry]:
    """By which of one's destinations ladders reach one."""
    return [_contact(one) for one in await here.ask(contacts.list_contacts, who.person_id)]


@router.post("/me/contacts")
async def set_own_contact(here: Here, who: Signed, body: ContactBody) -> ContactEntry:
    """Let ladders reach one at this destination, for alerts of these priorities."""
    return _contact(
        await here.change(
            contacts.put, who.person_id, body.destination_id, body.priorities, at_ms=here.clock.now_ms(), by=who.name
        )
    )


@router.delete("/me/contacts/{destination_id}")
async def remove_own_contact(here: Here, who: Signed, destination_id: DestinationId) -> dict[str, bool]:
    """Ladders reach one there no more."""
    await here.change(contacts.remove, who.person_id, destination_id)
    return {"removed": True}


@router.get("/contacts")
async def list_contacts(here: Here) -> list[ContactEntry]:
    """By what ladders reach everybody."""
    return [_contact(one) for one in await here.ask(contacts.list_contacts)]


@router.post("/contacts/{login}")
async def set_contact(here: Here, who: Signed, login: Login, body: ContactBody) -> ContactEntry:
    """Let ladders reach somebody at a destination of theirs or of the house."""
    person_id = await here.ask(_person_of, login)
    return _contact(
        await here.change(
            contacts.put, person_id, body.destination_id, body.priorities, at_ms=here.clock.now_ms(), by=who.name
        )
    )


@router.delete("/contacts/{login}/{destination_id}")
async def remove_contact(here: Here, login: Login, destination_id: DestinationId) -> dict[str, bool]:
    """Ladders reach somebody there no more."""
    person_id = await here.ask(_person_of, login)
    await here.change(contacts.remove, person_id, destination_id)
    return {"removed": True}


def _person_of(conn: Connection, login: str) -> str:
    account = people.find_login(conn, login)
    if account is None:
        raise NotFound(f"Nobody signs in as {login}.")
    return account.person_id


def _require_known(conn: Connection, logins: Sequence[str]) -> None:
    unknown = [login for login in logins if people.find_login(conn, login) is None]
    if unknown:
        raise InvalidArgument(
            f"Nobody signs in as {', '.join(unknown)}: write login names, as `wardlight users list` shows."
        )


def _on_call(conn: Connection, at_ms: int, until_ms: int, ward: str | None) -> list[OnCallEntry]:
    held = [one for one in schedules.all_schedules(conn) if ward is None or one.schedule.ward_id in ("*", ward)]
    overrides = schedules.overrides_of(conn, ending_after_ms=at_ms, beginning_before_ms=until_ms)
    names = {account.login: account.name for account in people.list_people(conn)} if held else {}
    found = []
    for one in held:
        coming = shifts(one.schedule, overrides, at_ms, until_ms)
        now = coming[0]
        found.append(
            OnCallEntry(
                schedule_id=one.schedule.schedule_id,
                ward_id=one.schedule.ward_id,
                at_ms=at_ms,
                login=now.login,
                name=None if now.login is None else names.get(now.login),
                through=now.through,
                until_ms=now.until_ms,
                gaps=[_shift(shift) for shift in coming if shift.login is None],
            )
        )
    return found


def _schedule(stored: StoredSchedule) -> ScheduleEntry:
    plain = msgspec.to_builtins(stored.schedule)
    said = {"version": stored.version, "at_ms": stored.at_ms, "by": stored.by}
    return ScheduleEntry.model_validate({**plain, **said})


def _shift(shift: Shift) -> ShiftEntry:
    return ShiftEntry(from_ms=shift.from_ms, until_ms=shift.until_ms, login=shift.login, through=shift.through)


def _override(override: Override) -> OverrideEntry:
    return OverrideEntry(
        override_id=override.override_id,
        schedule_id=override.schedule_id,
        login=override.login,
        from_ms=override.from_ms,
        until_ms=override.until_ms,
        made_at_ms=override.made_at_ms,
        by=override.by,
        note=override.note,
    )


def _contact(stored: StoredContact) -> ContactEntry:
    return ContactEntry(
        login=stored.login,
        name=stored.name,
        destination_id=stored.destination_id,
        destination_name=stored.destination_name,
        channel=stored.channel,
        priorities=stored.priorities,
        at_ms=stored.at_ms,
        by=stored.by,
    )
