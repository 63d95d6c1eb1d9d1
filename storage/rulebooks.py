"""Rulebooks in SQL: every one that was in force, and those that people ask for; rows are only ever added."""

import secrets
from enum import StrEnum
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, func, insert, select, update

from storage.decisions import begin_decision
from storage.decisions_tables import rule_proposals, rulebooks
from storage.window import check_limit
from vitals.errors import NotFound
from vitals.kind_rules import BookPart

WAITING_MAX: Final = 20
"""Proposals looked at together; more wait for the next look."""


class BookSource(StrEnum):
    """Where a book came from."""

    PROGRAM = "program"
    """It comes with Wardlight."""
    FILE = "file"
    """`alerts.rules_file`."""
    PERSON = "person"


class StoredBook(NamedTuple):
    """One book that was or is in force."""

    number: int
    version: str
    yaml: str
    part: BookPart
    source: BookSource
    person_id: str | None
    by: str
    reason: str
    ordered_at_ms: int
    effective_ms: int


class BookOrder(NamedTuple):
    """A book to be put in force, its text checked already."""

    yaml: str
    part: BookPart
    source: BookSource
    by: str
    reason: str
    person_id: str | None = None


class ProposalState(StrEnum):
    """How far a proposal is."""

    WAITING = "waiting"
    TAKEN = "taken"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    """Nobody judged it in time: it will never be in force."""


class Proposal(NamedTuple):
    """A book that somebody asks for."""

    proposal_id: str
    yaml: str
    person_id: str
    by: str
    reason: str
    proposed_at_ms: int
    state: ProposalState = ProposalState.WAITING
    answer: str | None = None
    """Why it was refused."""
    number: int | None = None
    """Of the book that it became."""


def put_in_force(conn: Connection, order: BookOrder, *, at_ms: int, settle_ms: int) -> StoredBook:
    """Number a book and put it down; it takes effect `settle_ms` after the order, and after every book before it.

    The book that is in force last already, by its content, stays as it is.
    """
    begin_decision(conn)
    last = last_book(conn)
    if last is not None and last.version == order.part.version:
        return last
    effective_ms = at_ms + settle_ms if last is None else max(at_ms + settle_ms, last.effective_ms + 1)
    number = 1 if last is None else last.number + 1
    conn.execute(
        insert(rulebooks).values(
            number=number,
            version=order.part.version,
            yaml=order.yaml,
            part=msgspec.json.encode(order.part).decode(),
            source=order.source.value,
            person_id=order.person_id,
            by_person=order.by,
            reason=order.reason,
            ordered_at_ms=at_ms,
            effective_ms=effective_ms,
        )
    )
    return get_book(conn, number)


def last_book(conn: Connection, *, source: BookSource | None = None) -> StoredBook | None:
    """The book ordered last, of one source where that is given; it may take effect in a moment."""
    query = select(rulebooks).order_by(rulebooks.c.number.desc()).limit(1)
    if source is not None:
        query = query.where(rulebooks.c.source == source.value)
    row = conn.execute(query).first()
    return None if row is None else _book(row)


def book_at(conn: Connection, at_ms: int) -> StoredBook | None:
    """The book in force at this moment; the first one before its time. None where there never was one."""
    columns = rulebooks.c
    query = select(rulebooks).where(columns.effective_ms <= at_ms).order_by(columns.number.desc()).limit(1)
    row = conn.execute(query).first() or conn.execute(select(rulebooks).order_by(columns.number).limit(1)).first()
    return None if row is None else _book(row)


def books_since(conn: Connection, from_ms: int, *, limit: int) -> tuple[StoredBook, ...]:
    """The book in force at `from_ms` and all after it, in order; of more than `limit` the last ones."""
    columns = rulebooks.c
    first = conn.scalar(select(func.max(columns.number)).where(columns.effective_ms <= from_ms)) or 1
    query = select(rulebooks).where(columns.number >= first).order_by(columns.number.desc()).limit(limit)
    return tuple(reversed([_book(row) for row in conn.execute(query)]))


def get_book(conn: Connection, number: int) -> StoredBook:
    """The book of this number; raises NotFound."""
    row = conn.execute(select(rulebooks).where(rulebooks.c.number == number)).first()
    if row is None:
        raise NotFound(f"There is no rulebook number {number}.")
    return _book(row)


def list_books(conn: Connection, *, limit: int) -> tuple[StoredBook, ...]:
    """Books, the last ordered first."""
    check_limit(limit)
    return tuple(map(_book, conn.execute(select(rulebooks).order_by(rulebooks.c.number.desc()).limit(limit))))


def propose(conn: Connection, *, yaml: str, person_id: str, by: str, reason: str, at_ms: int) -> Proposal:
    """Ask for a book: the alert service judges it."""
    proposal = Proposal(f"p-{secrets.token_hex(8)}", yaml, person_id, by, reason, at_ms)
    values = {**proposal._asdict(), "state": proposal.state.value, "by_person": proposal.by}
    del values["by"]
    conn.execute(insert(rule_proposals).values(values))
    return proposal


def waiting(conn: Connection) -> tuple[Proposal, ...]:
    """Proposals that nobody has judged, oldest first."""
    columns = rule_proposals.c
    query = select(rule_proposals).where(columns.state == ProposalState.WAITING.value)
    query = query.order_by(columns.proposed_at_ms, columns.proposal_id).limit(WAITING_MAX)
    return tuple(map(_proposal, conn.execute(query)))


def get_proposal(conn: Connection, proposal_id: str) -> Proposal:
    """The proposal; raises NotFound."""
    row = conn.execute(select(rule_proposals).where(rule_proposals.c.proposal_id == proposal_id)).first()
    if row is None:
        raise NotFound(f"There is no proposal {proposal_id}.")
    return _proposal(row)


def answer(
    conn: Connection, proposal_id: str, state: ProposalState, *, sentence: str | None = None, number: int | None = None
) -> bool:
    """Judge a proposal, unless somebody has already; whether this was the judgement."""
    columns = rule_proposals.c
    done = conn.execute(
        update(rule_proposals)
        .where(columns.proposal_id == proposal_id, columns.state == ProposalState.WAITING.value)
        .values(state=state.value, answer=sentence, number=number)
    )
    return done.rowcount == 1


def _book(row: Row[Any]) -> StoredBook:
    return StoredBook(
        number=row.number,
        version=row.version,
        yaml=row.yaml,
        part=msgspec.json.decode(row.part, type=BookPart),
        source=BookSource(row.source),
        person_id=row.person_id,
        by=row.by_person,
        reason=row.reason,
        ordered_at_ms=row.ordered_at_ms,
        effective_ms=row.effective_ms,
    )


def _proposal(row: Row[Any]) -> Proposal:
    return Proposal(
        proposal_id=row.proposal_id,
        yaml=row.yaml,
        person_id=row.person_id,
        by=row.by_person,
        reason=row.reason,
        proposed_at_ms=row.proposed_at_ms,
        state=ProposalState(row.state),
        answer=row.answer,
        number=row.number,
    )
