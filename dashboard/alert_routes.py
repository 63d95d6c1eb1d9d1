"""Alert episodes, and the orders people give about them."""

import secrets
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query

from dashboard import tiles
from dashboard.context import Context, Here
from dashboard.episodes import EpisodeNow
from dashboard.permissions import Permission
from dashboard.person import Person, Signed
from dashboard.records import episode_of
from dashboard.schemas import EpisodeEntry, EpisodeId, Level, Order, Ordered, TimeMs
from runtime.bus import Outgoing
from storage import episodes
from storage.episodes import Episode
from vitals.alert import Action, Command, TransitionKind
from vitals.codec import encode
from vitals.errors import Conflict
from vitals.reading import PatientId, WardId
from vitals.topics import LogTopic

router = APIRouter(tags=["alerts"])
_OPEN_MAX = 1000


@router.get("/alerts")
async def list_alerts(
    here: Here,
    who: Signed,
    *,
    active: bool | None = None,
    ward: Annotated[Level | None, Query()] = None,
    patient: Annotated[Level | None, Query()] = None,
    from_: Annotated[TimeMs | None, Query(alias="from")] = None,
    to: Annotated[TimeMs | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=_OPEN_MAX)] = 200,
) -> list[EpisodeEntry]:
    """Episodes, newest first: those open (`active=true`), those ended (`active=false`), or both; of wards one may see."""
    ward_id = None if ward is None else WardId(ward)
    patient_id = None if patient is None else PatientId(patient)
    # Whoever may see the patient sees all alerts they had, also those on another ward.
    wards = who.wards(Permission.SEE_WARD) if patient_id is None and ward_id is None else None

    def ask() -> list[EpisodeNow]:
        with here.database.snapshot() as conn:
            if active:
                found = [
                    episode
                    for episode in reversed(episodes.open_episodes(conn, ward_id))
                    if patient_id in (None, episode.patient_id)
                    and (wards is None or episode.ward_id in wards)
                    and (from_ is None or episode.raised_at_ms >= from_)
                    and (to is None or episode.raised_at_ms < to)
                ][:limit]
            else:
                narrow = partial(
                    episodes.list_episodes, conn, limit=limit, patient_id=patient_id, from_ms=from_, to_ms=to
                )
                among = [ward_id] if wards is None else sorted(wards)
                listed = sorted((one for where in among for one in narrow(ward_id=where)), key=_newest_first)[:limit]
                found = [episode for episode in listed if active is None or not episode.active]
            return [
                episode_of(
                    episode,
                    episodes.transitions_of(conn, episode.episode_id)
                    if episode.acknowledged and episode.last_transition is not TransitionKind.ACKNOWLEDGED
                    else (),
                )
                for episode in found
            ]

    return [_entry(episode) for episode in await here.door.run(ask)]


@router.get("/alerts/{episode_id}")
async def get_alert(here: Here, episode_id: EpisodeId) -> EpisodeEntry:
    """One episode."""
    return _entry(await _find(here, episode_id))


@router.post("/alerts/{episode_id}/acknowledge", status_code=202)
async def acknowledge(here: Here, who: Signed, episode_id: EpisodeId, order: Order) -> Ordered:
    """Say that someone has seen it: silences it, never ends it. Answers once the log has the order."""
    return await _order(here, episode_id, Action.ACKNOWLEDGE, order, who)


@router.post("/alerts/{episode_id}/resolve", status_code=202)
async def resolve(here: Here, who: Signed, episode_id: EpisodeId, order: Order) -> Ordered:
    """End the episode; it opens anew if the condition still holds. Answers once the log has the order."""
    return await _order(here, episode_id, Action.RESOLVE, order, who)


async def _order(here: Context, episode_id: str, action: Action, order: Order, who: Person) -> Ordered:
    episode = await _find(here, episode_id)
    if not episode.active:
        raise Conflict("This alert has ended already: there is nothing left to do about it.")
    command = Command(
        command_id=order.command_id or secrets.token_hex(16),
        patient_id=episode.patient_id,
        episode_id=episode_id,
        action=action,
        by=who.name,
        at_ms=here.clock.now_ms(),
        note=order.note,
    )
    await here.bus.publish([Outgoing(LogTopic.COMMANDS, episode.patient_id.encode(), encode(command))])
    return Ordered(command_id=command.command_id, episode_id=episode_id)


async def _find(here: Context, episode_id: str) -> EpisodeNow:
    """From the live ward, which may know it before the database does; raises NotFound."""
    for patient in here.feed.ward.patients.values():
        known = patient.episodes.get(episode_id)
        if known is not None:
            return known
    stored = await here.ask(episodes.get, episode_id)
    steps = await here.ask(episodes.transitions_of, episode_id)
    return episode_of(stored, steps)


def _newest_first(episode: Episode) -> tuple[int, list[int]]:
    return -episode.raised_at_ms, [-ord(letter) for letter in episode.episode_id]


def _entry(episode: EpisodeNow) -> EpisodeEntry:
    return EpisodeEntry.model_validate(tiles.episode(episode))
