"""Charting: what people observe at the bedside, onto the log; what was charted, and taking it back."""

from collections.abc import Iterator, Mapping
from typing import Annotated

from fastapi import APIRouter, Query

from dashboard.charting_schemas import (
    Charting,
    ChartingEntry,
    EntryId,
    NewEntry,
    NewScale,
    Withdrawal,
    WithdrawnEntry,
)
from dashboard.context import Context, Here
from dashboard.exports import CHARTING_ROWS
from dashboard.person import Person, Signed
from dashboard.schemas import Level
from runtime.bus import Outgoing
from storage import charting, patients
from storage.charting import Entry
from storage.patients import Patient
from storage.window import Cursor
from vitals.charting import CHARTABLE, Observed, chart, says_the_same, value_of
from vitals.codec import encode
from vitals.errors import Conflict, InvalidArgument, NotFound
from vitals.reading import CHARTING, PatientId, Reading, Withdrawn
from vitals.sign import Sign
from vitals.topics import LogTopic
from vitals.validity import charted_for_ms

router = APIRouter(tags=["charting"])
_LIMIT_MAX = 500
Before = Annotated[str, Query(max_length=200, pattern=r"^[0-9]{1,15}~")]


@router.get("/patients/{patient_id}/charting")
async def list_charting(
    here: Here,
    patient_id: Level,
    before: Before | None = None,
    limit: Annotated[int, Query(ge=1, le=_LIMIT_MAX)] = CHARTING_ROWS,
) -> Charting:
    """What was charted, newest observation first; entries that were taken back are shown as such."""
    subject = PatientId(patient_id)
    patient = await here.ask(patients.get, subject)
    start = None if before is None else before.partition("~")
    cursor = None if start is None else Cursor(int(start[0]), start[2])
    stored = await here.ask(charting.entries, subject, limit=limit, before=cursor)
    found = stored if cursor is not None else _with_live(here, subject, stored, limit)
    last = stored[-1].reading if len(stored) == limit else None
    return Charting(
        patient_id=patient_id,
        spo2_scale=patient.spo2_scale,
        entries=[_shown(entry) for entry in found],
        next=None if last is None else f"{last.measured_at_ms}~{last.reading_id}",
    )


@router.post("/patients/{patient_id}/charting", status_code=201)
async def add_entry(here: Here, who: Signed, patient_id: Level, body: NewEntry) -> ChartingEntry:
    """Chart what was observed; answers once the log has it. With an idempotency key it may be sent again."""
    observed = Observed(
        signs={sign: value_of(sign, value) for sign, value in _named(body.signs)},
        observed_at_ms=body.observed_at,
        note=body.note,
        valid_for_s=body.valid_for_s,
    )
    return await _chart(here, who, PatientId(patient_id), observed, body.idempotency_key)


@router.post("/patients/{patient_id}/spo2-scale", status_code=201)
async def set_scale(here: Here, who: Signed, patient_id: Level, body: NewScale) -> ChartingEntry:
    """Say which SpO2 scale holds from now on; scale 2 only with the name of who prescribed it. Answers once the log has it."""
    observed = Observed(
        observed_at_ms=body.observed_at,
        note=body.note,
        spo2_scale=body.spo2_scale,
        spo2_scale_by=body.prescribed_by,
    )
    return await _chart(here, who, PatientId(patient_id), observed, body.idempotency_key)


@router.post("/patients/{patient_id}/charting/{entry_id}/withdraw")
async def withdraw_entry(
    here: Here, who: Signed, patient_id: Level, entry_id: EntryId, body: Withdrawal
) -> ChartingEntry:
    """Take an entry back that was charted in error: it stays on record and counts for nothing. Repeating it changes nothing."""
    subject, reading_id = PatientId(patient_id), f"{CHARTING}/{entry_id}"
    entry = await _find(here, subject, reading_id)
    if entry is None:
        raise NotFound("There is no such entry of this patient.")
    if entry.withdrawn is not None:
        return _shown(entry)
    order = Withdrawn(
        correction_id=f"withdrawn-{entry_id}",
        patient_id=subject,
        device_id=CHARTING,
        from_ms=entry.reading.measured_at_ms,
        until_ms=entry.reading.measured_at_ms + 1,
        at_ms=here.clock.now_ms(),
        by=who.name,
        reason=body.reason,
        reading_id=reading_id,
    )
    await _publish(here, order)
    return _shown(Entry(entry.reading, order))


def _named(signs: Mapping[str, float | str]) -> Iterator[tuple[Sign, float | str]]:
    for name, value in signs.items():
        if name not in CHARTABLE:
            raise InvalidArgument(f"{name[:64]!r} is not charted by people; these are: {', '.join(CHARTABLE)}.")
        yield Sign(name), value


async def _chart(
    here: Context, who: Person, patient_id: PatientId, observed: Observed, key: str | None
) -> ChartingEntry:
    patient = await here.ask(patients.get, patient_id)
    _check_presence(patient)
    reading = chart(
        observed,
        patient_id=patient_id,
        person_id=who.person_id,
        by=who.name,
        now_ms=here.clock.now_ms(),
        age_ms_max=round(here.settings.charting_age_s_max * 1000),
        key=key,
        born=patient.born,
    )
    known = await _find(here, patient_id, reading.reading_id)
    if known is not None:
        if not says_the_same(known.reading, reading):
            raise Conflict("Another entry was charted under this idempotency key: choose a new one for a new entry.")
        return _shown(known)
    await _publish(here, reading)
    return _shown(Entry(reading, None))


def _check_presence(patient: Patient) -> None:
    if patient.discharged_at_ms is not None:
        raise Conflict("This patient has left: nothing more is charted.")


async def _find(here: Context, patient_id: PatientId, reading_id: str) -> Entry | None:
    """From the live ward, which knows it first, else from the database."""
    live = here.feed.ward.patients.get(patient_id)
    if live is not None and reading_id in live.charted.entries:
        return Entry(live.charted.entries[reading_id], live.charted.withdrawn.get(reading_id))
    stored = await here.ask(charting.entry, reading_id)
    return stored if stored is not None and stored.reading.patient_id == patient_id else None


def _with_live(here: Context, patient_id: PatientId, stored: tuple[Entry, ...], limit: int) -> list[Entry]:
    """What the live ward knows, too: the recorder may be a moment behind."""
    live = here.feed.ward.patients.get(patient_id)
    if live is None:
        return list(stored)
    known = {entry.reading.reading_id for entry in stored}
    oldest = stored[-1].reading.measured_at_ms if len(stored) == limit else 0
    newer = [
        Entry(reading, None)
        for reading_id, reading in live.charted.entries.items()
        if reading_id not in known and reading.measured_at_ms >= oldest
    ]
    merged = [
        entry
        if entry.withdrawn is not None
        else Entry(entry.reading, live.charted.withdrawn.get(entry.reading.reading_id))
        for entry in (*stored, *newer)
    ]
    return sorted(merged, key=_observed, reverse=True)


async def _publish(here: Context, record: Reading | Withdrawn) -> None:
    await here.bus.publish([Outgoing(LogTopic.READINGS, record.patient_id.encode(), encode(record))])


def _observed(entry: Entry) -> tuple[int, str]:
    return entry.reading.measured_at_ms, entry.reading.reading_id


def _shown(entry: Entry) -> ChartingEntry:
    reading, order = entry
    said = reading.charted
    if said is None:
        raise NotFound("There is no such entry of this patient.")
    return ChartingEntry(
        entry_id=reading.reading_id.removeprefix(f"{CHARTING}/"),
        reading_id=reading.reading_id,
        patient_id=reading.patient_id,
        observed_at_ms=reading.measured_at_ms,
        charted_at_ms=reading.received_at_ms,
        by=said.by,
        person_id=said.person_id,
        signs=reading.signs,
        valid_until_ms={
            sign: reading.measured_at_ms + charted_for_ms(sign, said.valid_for_s) for sign in reading.signs
        },
        note=said.note,
        spo2_scale=said.spo2_scale,
        spo2_scale_by=said.spo2_scale_by,
        withdrawn=None if order is None else WithdrawnEntry(at_ms=order.at_ms, by=order.by, reason=order.reason),
    )
