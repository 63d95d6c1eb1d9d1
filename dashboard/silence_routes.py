"""Silences: keep alerts quiet for a time, in one's own name and with a reason; see them; end them early."""

import secrets
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Query

from dashboard.alert_schemas import NewSilence, SilenceEntry, SilenceId
from dashboard.context import Context, Here
from dashboard.permissions import Permission
from dashboard.person import Person, Signed
from dashboard.schemas import Level
from dashboard.silence_bounds import check_silence
from storage import patients, silences
from storage.decisions import SETTLE_MS
from storage.wards import require_known
from vitals.fault import SYSTEM_WARD, is_system
from vitals.reading import PatientId, WardId
from vitals.silence import Silence

router = APIRouter(tags=["silences"])
_MINUTE_MS = 60_000
_ROWS_MAX = 1000


@router.post("/silences", status_code=201)
async def order_silence(here: Here, who: Signed, new: NewSilence) -> SilenceEntry:
    """Keep these alerts quiet: they are still raised, recorded, counted and shown, with whose silence it is.

    It holds a few seconds later, everywhere at once (`effective_ms`), and ends by itself.
    """
    check_silence(new, here.settings)
    if new.ward_id is not None:
        await here.ask(require_known, WardId(new.ward_id))
    if new.patient_id is not None and not is_system(PatientId(new.patient_id)):
        await here.ask(patients.get, PatientId(new.patient_id))
    now_ms = here.clock.now_ms()
    wanted = Silence(
        silence_id=new.silence_id or secrets.token_hex(16),
        ward_id=None if new.ward_id is None else WardId(new.ward_id),
        patient_id=None if new.patient_id is None else PatientId(new.patient_id),
        kind=new.kind,
        priority=new.priority,
        person_id=who.person_id,
        by=who.name,
        reason=new.reason,
        ordered_at_ms=now_ms,
        effective_ms=now_ms + SETTLE_MS,
        until_ms=now_ms + new.minutes * _MINUTE_MS,
    )
    ordered = await here.change(silences.order, wanted)
    return _entry(ordered, now_ms, _held_back(here, who))


@router.get("/silences")
async def list_silences(
    here: Here,
    who: Signed,
    *,
    ward: Annotated[Level | None, Query()] = None,
    open_: Annotated[bool, Query(alias="open")] = True,
    limit: Annotated[int, Query(ge=1, le=_ROWS_MAX)] = 200,
) -> list[SilenceEntry]:
    """Silences of one's wards, of patients who lie there, and of the whole house, the last ordered first.

    With `open=false` also those that are over.
    """
    now_ms = here.clock.now_ms()
    seen = who.wards(Permission.SEE_WARD)
    wards = {WardId(ward)} if ward is not None else None if seen is None else {*seen, SYSTEM_WARD}
    found: Sequence[Silence] = await here.ask(
        silences.list_silences, limit=limit, ward_ids=wards, open_at_ms=now_ms if open_ else None
    )
    held_back = _held_back(here, who)
    return [_entry(silence, now_ms, held_back) for silence in found]


@router.delete("/silences/{silence_id}")
async def end_silence(here: Here, who: Signed, silence_id: SilenceId) -> SilenceEntry:
    """End a silence early: what it holds back and is open still is told a few seconds later. Ended twice is ended once."""
    now_ms = here.clock.now_ms()
    ended = await here.change(silences.end, silence_id, by=who.name, at_ms=now_ms, effective_ms=now_ms + SETTLE_MS)
    return _entry(ended, now_ms, _held_back(here, who))


def _held_back(here: Context, who: Person) -> Counter[str]:
    """By silence, how many open alerts it holds back now, of those the person may see."""
    ward = here.feed.ward
    open_now = [
        *(episode for patient in ward.listed() for episode in patient.episodes.open.values()),
        *ward.system.open.values(),
    ]
    return Counter(
        episode.suppression.silence_id
        for episode in open_now
        if episode.suppression is not None
        and episode.suppression.silence_id is not None
        and who.may(Permission.SEE_WARD, episode.ward_id, episode.patient_id)
    )


def _entry(silence: Silence, now_ms: int, held_back: Counter[str]) -> SilenceEntry:
    return SilenceEntry(
        silence_id=silence.silence_id,
        ward_id=silence.ward_id,
        patient_id=silence.patient_id,
        kind=silence.kind,
        priority=silence.ceiling,
        person_id=silence.person_id,
        by=silence.by,
        reason=silence.reason,
        ordered_at_ms=silence.ordered_at_ms,
        effective_ms=silence.effective_ms,
        until_ms=silence.until_ms,
        ended_at_ms=silence.ended_at_ms,
        ended_by=silence.ended_by,
        state=_state(silence, now_ms),
        holds_back=held_back[silence.silence_id],
    )


def _state(silence: Silence, now_ms: int) -> Literal["to come", "in force", "over"]:
    if now_ms >= silence.last_ms:
        return "over"
    return "to come" if now_ms < silence.effective_ms else "in force"
