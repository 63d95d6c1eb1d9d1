"""Outcomes: that a patient did deteriorate, charted by people onto the log; what was charted, and taking it back."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from dashboard.charting_schemas import IDEMPOTENCY_KEY, Note, Withdrawal, WithdrawnEntry
from dashboard.context import Here
from dashboard.person import Signed
from dashboard.schemas import Body, Level, TimeMs
from runtime.bus import Outgoing
from storage import outcomes, patients
from storage.outcomes import Charted
from vitals.codec import encode
from vitals.errors import NotFound
from vitals.outcome import Outcome, OutcomeKind, OutcomeWithdrawn, happened_ms, outcome_id
from vitals.reading import PatientId
from vitals.topics import LogTopic

router = APIRouter(tags=["outcomes"])
_DAY_MS = 86_400_000
OutcomeId = Annotated[str, Field(pattern=r"^[0-9a-f]{8,64}$")]


class NewOutcome(Body):
    """What happened to a patient."""

    kind: OutcomeKind
    happened_at: TimeMs | None = None
    """Just now, unless said."""
    note: Note | None = None
    idempotency_key: IDEMPOTENCY_KEY | None = None


class OutcomeEntry(BaseModel):
    """One charted outcome."""

    outcome_id: str
    patient_id: str
    kind: OutcomeKind
    happened_at_ms: int
    charted_at_ms: int
    by: str
    person_id: str
    note: str | None
    withdrawn: WithdrawnEntry | None


@router.get("/patients/{patient_id}/outcomes")
async def list_outcomes(here: Here, patient_id: Level) -> list[OutcomeEntry]:
    """Outcomes charted of the patient, the latest first; those taken back are shown as such."""
    await here.ask(patients.get, PatientId(patient_id))
    return [_shown(found) for found in await here.ask(outcomes.outcomes_of, PatientId(patient_id))]


@router.post("/patients/{patient_id}/outcomes", status_code=201)
async def add_outcome(here: Here, who: Signed, patient_id: Level, body: NewOutcome) -> OutcomeEntry:
    """Chart what happened, also of a patient who has left; answers once the log has it. Charted again it stays one."""
    subject, now_ms = PatientId(patient_id), here.clock.now_ms()
    patient = await here.ask(patients.get, subject)
    at_ms = happened_ms(body.happened_at, now_ms=now_ms, age_ms_max=here.settings.outcome_days_max * _DAY_MS)
    outcome = Outcome(
        outcome_id=outcome_id(subject, body.kind, at_ms, who.person_id, body.idempotency_key),
        patient_id=subject,
        ward_id=patient.ward_id,
        kind=body.kind,
        happened_at_ms=at_ms,
        at_ms=now_ms,
        person_id=who.person_id,
        by=who.name,
        note=body.note or None,
    )
    known = await here.ask(outcomes.find, outcome.outcome_id)
    if known is not None:
        return _shown(known)
    await here.bus.publish([Outgoing(LogTopic.OUTCOMES, subject.encode(), encode(outcome))])
    return _shown(Charted(outcome, None))


@router.post("/patients/{patient_id}/outcomes/{outcome_id}/withdraw")
async def withdraw_outcome(
    here: Here, who: Signed, patient_id: Level, outcome_id: OutcomeId, body: Withdrawal
) -> OutcomeEntry:
    """Take back an outcome that was charted in error: it stays on record and teaches nothing more. Repeating it changes nothing."""
    found = await here.ask(outcomes.find, outcome_id)
    if found is None or found.outcome.patient_id != patient_id:
        raise NotFound("There is no such outcome of this patient.")
    if found.withdrawn is not None:
        return _shown(found)
    order = OutcomeWithdrawn(
        outcome_id=outcome_id,
        patient_id=PatientId(patient_id),
        at_ms=here.clock.now_ms(),
        person_id=who.person_id,
        by=who.name,
        reason=body.reason,
    )
    await here.bus.publish([Outgoing(LogTopic.OUTCOMES, patient_id.encode(), encode(order))])
    return _shown(Charted(found.outcome, order))


def _shown(charted: Charted) -> OutcomeEntry:
    outcome, order = charted
    return OutcomeEntry(
        outcome_id=outcome.outcome_id,
        patient_id=outcome.patient_id,
        kind=outcome.kind,
        happened_at_ms=outcome.happened_at_ms,
        charted_at_ms=outcome.at_ms,
        by=outcome.by,
        person_id=outcome.person_id,
        note=outcome.note,
        withdrawn=None if order is None else WithdrawnEntry(at_ms=order.at_ms, by=order.by, reason=order.reason),
    )
