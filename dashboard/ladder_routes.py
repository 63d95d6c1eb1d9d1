"""Ladders: which are in force, setting and taking away one, and what each would do if it were climbed now."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query

from dashboard.context import Here
from dashboard.escalation_routes import missing_entries
from dashboard.ladder_schemas import LadderBody, LadderEntry, LadderOutlook, OutlookStep, ToldEntry, WardOrEvery
from dashboard.permissions import Permission
from dashboard.person import Person, Signed
from dashboard.schemas import Level
from storage import ladders
from storage.contacts import phone_book
from storage.ladders import StoredLadder, ladder_book
from storage.session import Connection
from storage.wards import known_wards
from vitals.alert import Priority
from vitals.errors import Forbidden
from vitals.escalation import Reached
from vitals.fault import SYSTEM_WARD
from vitals.ladder import EVERY_WARD, Ladder, LadderStep, TargetKind
from vitals.phone_book import PhoneBook

router = APIRouter(tags=["escalation"])
_TOLD_MAX = 1000


def require_manager(who: Person, ward_id: str) -> None:
    """Raises Forbidden unless the person may say who is told on this ward; on `*` or `system`: on every ward."""
    of_house = ward_id in (EVERY_WARD, SYSTEM_WARD)
    if not who.may(Permission.MANAGE_NOTIFICATIONS, None if of_house else ward_id):
        whose = "the whole house" if of_house else f"ward {ward_id}"
        raise Forbidden(f"You may not manage notifications here: this belongs to {whose}.")


@router.get("/ladders")
async def list_ladders(here: Here) -> list[LadderEntry]:
    """Every ladder in force, those shipped included (version 0), the house's first."""
    return [_entry(stored) for stored in await here.ask(_in_force)]


@router.post("/ladders")
async def set_ladder(here: Here, who: Signed, body: LadderBody) -> LadderEntry:
    """Set a ward's (or with `*` the house's) ladder of one priority; alerts that climb now go on by it."""
    require_manager(who, body.ward_id)
    ladder = msgspec.convert(body.model_dump(mode="json"), Ladder)
    return _entry(await here.change(ladders.put, ladder, at_ms=here.clock.now_ms(), by=who.name))


@router.delete("/ladders/{ward_id}/{priority}")
async def remove_ladder(here: Here, who: Signed, ward_id: WardOrEvery, priority: Priority) -> LadderEntry:
    """Take a ladder away: what answers is what holds instead."""
    require_manager(who, ward_id)
    await here.change(ladders.remove, ward_id, priority, at_ms=here.clock.now_ms(), by=who.name)
    return _entry((await here.ask(ladder_book)).find(ward_id, priority))


@router.get("/ladders/outlook")
async def preview_ladders(
    here: Here, who: Signed, ward: Annotated[Level | None, Query()] = None
) -> list[LadderOutlook]:
    """For each ward and priority: whom each step would tell if it were taken now, and whom it could not."""
    wards = [ward] if ward is not None else await here.ask(known_wards)
    seen = [each for each in wards if who.may(Permission.SEE_WARD, each)]
    return await here.ask(_outlook, seen, here.clock.now_ms())


def _in_force(conn: Connection) -> tuple[StoredLadder, ...]:
    return ladder_book(conn).all()


def _entry(stored: StoredLadder) -> LadderEntry:
    plain = msgspec.to_builtins(stored.ladder)
    return LadderEntry.model_validate({**plain, "version": stored.version, "at_ms": stored.at_ms, "by": stored.by})


def _outlook(conn: Connection, ward_ids: list[str], now_ms: int) -> list[LadderOutlook]:
    book, phones = ladder_book(conn), phone_book(conn, now_ms)
    outlooks = []
    for ward_id in ward_ids:
        for priority in Priority:
            ladder = book.find(ward_id, priority).ladder
            steps = [
                _step(phones, step, number, ward_id, priority, now_ms)
                for number, step in enumerate(ladder.steps, start=1)
            ]
            outlooks.append(
                LadderOutlook(ward_id=ward_id, priority=priority, ladder_ward_id=ladder.ward_id, steps=steps)
            )
    return outlooks


def _step(
    phones: PhoneBook, step: LadderStep, number: int, ward_id: str, priority: Priority, now_ms: int
) -> OutlookStep:
    answer = phones.whom(step.to, step.targets, ward_id=ward_id, priority=priority, at_ms=now_ms, told_max=_TOLD_MAX)
    on_screen = any(target.kind is TargetKind.SCREEN for target in step.targets)
    return OutlookStep(
        step=number,
        after_s=step.after_s,
        reached=Reached.TOLD if answer.told else Reached.SCREEN if on_screen else Reached.NOBODY,
        told=[ToldEntry(to=one.to, destination_id=one.destination_id, name=one.name) for one in answer.told],
        missing=missing_entries(answer.missing),
    )
