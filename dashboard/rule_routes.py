"""Rules: the rulebook in force and its history; what is different for single wards and patients, by whom and until when."""

from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Query

from dashboard.context import Context, Here
from dashboard.limits_in_force import entry_of, kinds_in_force
from dashboard.person import Person, Signed
from dashboard.rule_schemas import (
    ChangeId,
    EndedWardLimits,
    LimitChangeEntry,
    LimitsInForce,
    NewPatientLimits,
    NewRulebook,
    NewWardLimits,
    RulebookEntry,
    RulebookText,
    State,
)
from dashboard.schemas import Level
from storage import patients, rule_changes, rulebooks
from storage.decisions import SETTLE_MS
from storage.patients import Patient
from storage.rule_changes import ChangeOrder
from storage.rulebooks import Proposal, ProposalState, StoredBook
from storage.session import Connection, in_transaction
from vitals.age import AgeBand, age_band
from vitals.errors import InvalidArgument, NotFound, Unavailable
from vitals.kind_rules import Change
from vitals.reading import PatientId, WardId
from vitals.rule_change import RuleChange

router = APIRouter(tags=["rules"])
_LOOK_S: Final = 0.2
"""How often to look whether the alert service has judged a proposal."""
_NO_BOOK: Final = "No rulebook is in force yet: the alert service puts one down when it starts."


@router.get("/patients/{patient_id}/alert-limits")
async def get_patient_limits(here: Here, patient_id: Level) -> LimitsInForce:
    """The patient's limits, delays and priorities as they are now, with who changed them and until when."""
    now_ms = here.clock.now_ms()

    def ask(conn: Connection) -> LimitsInForce:
        patient = patients.get(conn, PatientId(patient_id))
        return _in_force(conn, now_ms, patient.ward_id, patient.patient_id, _band_of(patient, now_ms))

    return await here.ask(ask)


@router.post("/patients/{patient_id}/alert-limits", status_code=201)
async def set_patient_limits(here: Here, who: Signed, patient_id: Level, new: NewPatientLimits) -> LimitChangeEntry:
    """Make one kind different for the patient, for a time; it holds a few seconds later (`effective_ms`).

    422 where the rulebook's bounds do not allow it. It takes the place of the patient's change of the same kind.
    """
    now_ms = here.clock.now_ms()

    def order(conn: Connection) -> RuleChange:
        patient = patients.get(conn, PatientId(patient_id))
        wanted = _wanted(new, who, patient.ward_id, new.until)
        wanted = wanted._replace(patient_id=patient.patient_id, band=_band_of(patient, now_ms))
        return rule_changes.order(conn, wanted, _book(conn, now_ms).part, at_ms=now_ms, settle_ms=SETTLE_MS)

    return entry_of(await here.change(order), now_ms)


@router.post("/patients/{patient_id}/alert-limits/{change_id}/end")
async def end_patient_limits(here: Here, who: Signed, patient_id: Level, change_id: ChangeId) -> LimitChangeEntry:
    """End a patient's change early; ended twice is ended once."""
    now_ms = here.clock.now_ms()

    def end(conn: Connection) -> RuleChange:
        if rule_changes.get(conn, change_id).patient_id != patient_id:
            raise NotFound(f"The patient has no change {change_id}.")
        return rule_changes.end(conn, change_id, by=who.name, at_ms=now_ms, settle_ms=SETTLE_MS)

    return entry_of(await here.change(end), now_ms)


@router.get("/alert-limits")
async def get_ward_limits(here: Here, ward: Annotated[Level, Query()]) -> LimitsInForce:
    """A ward's limits, delays and priorities for adults as they are now, with who changed them and until when."""
    now_ms = here.clock.now_ms()
    return await here.ask(_in_force, now_ms, WardId(ward))


@router.post("/alert-limits", status_code=201)
async def set_ward_limits(here: Here, who: Signed, new: NewWardLimits) -> LimitChangeEntry:
    """Make one kind different for the adults of a ward; it holds a few seconds later (`effective_ms`).

    422 where the rulebook's bounds do not allow it. It takes the place of the ward's change of the same kind.
    """
    now_ms = here.clock.now_ms()
    wanted = _wanted(new, who, WardId(new.ward_id), new.until)

    def order(conn: Connection) -> RuleChange:
        return rule_changes.order(conn, wanted, _book(conn, now_ms).part, at_ms=now_ms, settle_ms=SETTLE_MS)

    return entry_of(await here.change(order), now_ms)


@router.post("/alert-limits/end")
async def end_ward_limits(here: Here, who: Signed, ended: EndedWardLimits) -> LimitChangeEntry:
    """End a ward's change early; ended twice is ended once."""
    now_ms = here.clock.now_ms()

    def end(conn: Connection) -> RuleChange:
        if rule_changes.get(conn, ended.change_id).ward_id != ended.ward_id:
            raise NotFound(f"The ward has no change {ended.change_id}.")
        return rule_changes.end(conn, ended.change_id, by=who.name, at_ms=now_ms, settle_ms=SETTLE_MS)

    return entry_of(await here.change(end), now_ms)


@router.get("/alert-rules")
async def get_rulebook(here: Here, number: Annotated[int | None, Query(ge=1)] = None) -> RulebookText:
    """The rulebook in force, or the one of this number, with its text."""
    now_ms = here.clock.now_ms()

    def ask(conn: Connection) -> RulebookText:
        book = _book(conn, now_ms) if number is None else rulebooks.get_book(conn, number)
        shown = _shown(conn, [book], now_ms)[0]
        return RulebookText(**shown.model_dump(), yaml=book.yaml)

    return await here.ask(ask)


@router.get("/alert-rules/history")
async def list_rulebooks(here: Here, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> list[RulebookEntry]:
    """Every rulebook that is, was or is about to be in force, the last ordered first."""
    now_ms = here.clock.now_ms()

    def ask(conn: Connection) -> list[RulebookEntry]:
        return _shown(conn, rulebooks.list_books(conn, limit=limit), now_ms)

    return await here.ask(ask)


@router.put("/alert-rules")
async def put_rulebook(here: Here, who: Signed, new: NewRulebook) -> RulebookEntry:
    """Put a rulebook in force for the whole house, a few seconds later (`effective_ms`).

    The alert service, which goes by it, judges it: 422 names line, column, what was found and what was expected. 503 where it
    does not answer; then the book will not be in force.
    """
    proposal = await here.change(
        rulebooks.propose,
        yaml=new.yaml,
        person_id=who.person_id,
        by=who.name,
        reason=new.reason,
        at_ms=here.clock.now_ms(),
    )
    judged = await _judged(here, proposal)
    if judged.state is ProposalState.REFUSED:
        raise InvalidArgument(str(judged.answer))
    if judged.number is None:
        waited_s = here.settings.rules_answer_s
        raise Unavailable(f"The alert service has not answered within {waited_s:g} s: the rulebook is not in force.")
    book = await here.ask(rulebooks.get_book, judged.number)
    return (await here.ask(_shown, [book], here.clock.now_ms()))[0]


async def _judged(here: Context, proposal: Proposal) -> Proposal:
    """The proposal once it is judged; withdrawn where nobody does in time."""
    deadline_s = here.clock.monotonic_s() + here.settings.rules_answer_s
    while here.clock.monotonic_s() < deadline_s:
        found = await here.ask(rulebooks.get_proposal, proposal.proposal_id)
        if found.state is not ProposalState.WAITING:
            return found
        await here.clock.sleep(_LOOK_S)
    await in_transaction(here.door, here.database, rulebooks.answer, proposal.proposal_id, ProposalState.WITHDRAWN)
    return await here.ask(rulebooks.get_proposal, proposal.proposal_id)


def _in_force(
    conn: Connection,
    now_ms: int,
    ward_id: WardId,
    patient_id: PatientId | None = None,
    band: AgeBand | None = None,
) -> LimitsInForce:
    book = _book(conn, now_ms)
    rules = book.part.of(ward_id, band)
    changes = rule_changes.of_subject(conn, now_ms, ward_id=ward_id, patient_id=patient_id)
    if band is not None:
        # A ward's limits are for adults; what it says of kinds without bands holds for children too.
        changes = tuple(one for one in changes if one.patient_id is not None or rules.limit_rule(one.kind) is None)
    return LimitsInForce(
        patient_id=patient_id,
        ward_id=ward_id,
        age_band=band,
        rulebook=book.version,
        at_ms=now_ms,
        kinds=kinds_in_force(rules, changes, now_ms),
    )


def _wanted(new: NewPatientLimits | NewWardLimits, who: Person, ward_id: WardId, until_ms: int | None) -> ChangeOrder:
    return ChangeOrder(
        ward_id=ward_id,
        patient_id=None,
        kind=new.kind,
        change=Change(new.limits, new.delays_s, new.priorities),
        expires_ms=until_ms,
        person_id=who.person_id,
        by=who.name,
        reason=new.reason,
    )


def _book(conn: Connection, at_ms: int) -> StoredBook:
    book = rulebooks.book_at(conn, at_ms)
    if book is None:
        raise Unavailable(_NO_BOOK)
    return book


def _band_of(patient: Patient, at_ms: int) -> AgeBand | None:
    return age_band(patient.born, at_ms)


def _shown(conn: Connection, books: Sequence[StoredBook], at_ms: int) -> list[RulebookEntry]:
    in_force = rulebooks.book_at(conn, at_ms)
    return [
        RulebookEntry(
            number=book.number,
            version=book.version,
            source=book.source.value,
            by=book.by,
            reason=book.reason,
            ordered_at_ms=book.ordered_at_ms,
            effective_ms=book.effective_ms,
            state=_state(book, in_force, at_ms),
        )
        for book in books
    ]


def _state(book: StoredBook, in_force: StoredBook | None, at_ms: int) -> State:
    if in_force is not None and in_force.number == book.number:
        return "in force"
    return "to come" if at_ms < book.effective_ms else "over"
