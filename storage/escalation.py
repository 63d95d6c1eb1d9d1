"""The climbing of ladders in SQL: steps taken, what became of their deliveries, and who has seen an alert."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec
import structlog
from sqlalchemy import Connection, Row, case, func, select

from storage import tables
from storage.dialect import insert, upsert
from storage.ladder_tables import ladder_steps, sightings
from storage.notification_tables import deliveries, receipts
from vitals.alert import Priority, Transition
from vitals.codec import decode
from vitals.errors import MalformedRecord
from vitals.escalation import Case, Evidence, Reached, Round, Taken, failed_at
from vitals.notification import ReceiptState
from vitals.phone_book import Addressee, Unreached
from vitals.reading import PatientId, WardId

log = structlog.get_logger()

_IN_MAX: Final = 500
"""Ids named in one statement."""
_ARRIVED: Final = (ReceiptState.SENT.value, ReceiptState.DELIVERED.value, ReceiptState.SEEN.value)
_FAILED: Final = (ReceiptState.FAILED.value, ReceiptState.EXPIRED.value)


class StepRow(msgspec.Struct, frozen=True):
    """One step that was taken."""

    episode_id: str
    round_id: str
    step: int
    step_id: str
    patient_id: PatientId
    ward_id: WardId
    priority: Priority
    due_ms: int
    at_ms: int
    evidence: Evidence
    reached: Reached
    told: tuple[Addressee, ...]
    missing: tuple[Unreached, ...]
    rung: int
    """Which of the ladder's steps it was."""
    ladder_ward_id: str
    ladder_version: int


class Fate(msgspec.Struct, frozen=True):
    """What became of one delivery of a step."""

    step_id: str
    destination_id: str
    is_sent: bool
    failed_at_ms: int | None
    seen_at_ms: int | None

    @property
    def state(self) -> Literal["under way", "failed", "sent", "seen"]:
        """In one word: the furthest that it came; a failed one may be tried again."""
        if self.seen_at_ms is not None:
            return "seen"
        if self.is_sent:
            return "sent"
        return "under way" if self.failed_at_ms is None else "failed"


class Sighting(msgspec.Struct, frozen=True):
    """Somebody has had an alert before their eyes."""

    person_id: str
    by: str
    first_at_ms: int
    last_at_ms: int


class OpenEpisode(msgspec.Struct, frozen=True):
    """An open episode, as far as it takes to know whether anything has changed."""

    episode_id: str
    patient_id: PatientId
    last_transition_id: str


def open_episodes(conn: Connection) -> tuple[OpenEpisode, ...]:
    """Every open episode, oldest first."""
    columns = tables.episodes.c
    query = (
        select(columns.episode_id, columns.patient_id, columns.last_transition_id)
        .where(columns.resolved_at_ms.is_(None))
        .order_by(columns.raised_at_ms, columns.episode_id)
    )
    return tuple(
        OpenEpisode(row.episode_id, PatientId(row.patient_id), row.last_transition_id) for row in conn.execute(query)
    )


def transitions_of(conn: Connection, episode_ids: Sequence[str]) -> dict[str, list[Transition]]:
    """All transitions of these episodes that can be read; what another release wrote may be none of them, loudly."""
    columns = tables.transitions.c
    found: dict[str, list[Transition]] = {episode_id: [] for episode_id in episode_ids}
    for some in _chunks(episode_ids):
        query = select(columns.episode_id, columns.record).where(columns.episode_id.in_(some))
        for row in conn.execute(query):
            try:
                found[row.episode_id].append(decode(Transition, row.record))
            except MalformedRecord as error:
                log.error("transition_passed_over", episode_id=row.episode_id, cause=str(error))  # noqa: TRY400 - no traceback of ours
    return found


def stored_of(conn: Connection, transition_ids: Sequence[str]) -> frozenset[str]:
    """Which of these transitions the database holds."""
    column = tables.transitions.c.transition_id
    return frozenset(
        found for some in _chunks(transition_ids) for found in conn.scalars(select(column).where(column.in_(some)))
    )


def cases(conn: Connection, rounds: Sequence[Round]) -> tuple[Case, ...]:
    """What is known of each of these rounds, in their order."""
    by_round: dict[str, list[StepRow]] = {each.round_id: [] for each in rounds}
    episode_ids = [each.state.episode_id for each in rounds]
    for row in _steps(conn, episode_ids):
        if row.round_id in by_round:
            by_round[row.round_id].append(row)
    last = [steps[-1].step_id for steps in by_round.values() if steps]
    fates: dict[str, list[Fate]] = {}
    for fate in fates_of(conn, last):
        fates.setdefault(fate.step_id, []).append(fate)
    seen = last_seen(conn, episode_ids)
    return tuple(
        Case(
            round=each,
            taken=tuple(_taken(row, fates.get(row.step_id, ())) for row in by_round[each.round_id]),
            is_seen=seen.get(each.state.episode_id, -1) >= each.began_ms,
        )
        for each in rounds
    )


def claim(conn: Connection, step: StepRow) -> bool:
    """Note that the step is taken; False where somebody has taken it already, and then nothing may follow from it."""
    values = {
        **msgspec.structs.asdict(step),
        "priority": step.priority.value,
        "evidence": step.evidence.value,
        "reached": step.reached.value,
        "told": msgspec.json.encode(step.told).decode(),
        "missing": msgspec.json.encode(step.missing).decode(),
    }
    made = insert(conn, ladder_steps).values(values).on_conflict_do_nothing(index_elements=_KEY)
    return conn.execute(made.returning(ladder_steps.c.step)).first() is not None


def steps_of(conn: Connection, episode_id: str) -> tuple[StepRow, ...]:
    """Every step taken for the episode, over all its rounds, in order."""
    return tuple(sorted(_steps(conn, [episode_id]), key=lambda row: (row.at_ms, row.step)))


def fates_of(conn: Connection, step_ids: Sequence[str]) -> Iterator[Fate]:
    """What became of each delivery of these steps."""
    sent = func.max(case((receipts.c.state.in_(_ARRIVED), 1), else_=0))
    failed = func.min(case((receipts.c.state.in_(_FAILED), receipts.c.at_ms)))
    seen = func.min(case((receipts.c.state == ReceiptState.SEEN.value, receipts.c.at_ms)))
    columns = deliveries.c
    for some in _chunks(step_ids):
        query = (
            select(
                columns.step_id, columns.destination_id, sent.label("sent"), failed.label("failed"), seen.label("seen")
            )
            .outerjoin(receipts, receipts.c.delivery_id == columns.delivery_id)
            .where(columns.step_id.in_(some))
            .group_by(columns.delivery_id, columns.step_id, columns.destination_id)
            .order_by(columns.step_id, columns.destination_id)
        )
        for row in conn.execute(query):
            yield Fate(row.step_id, row.destination_id, bool(row.sent), row.failed, row.seen)


def told_of(conn: Connection, episode_ids: Sequence[str]) -> dict[str, tuple[Addressee, ...]]:
    """Everybody whom a step of a ladder told of each of these episodes, each destination once."""
    found: dict[str, dict[str, Addressee]] = {}
    for step in _steps(conn, sorted(set(episode_ids))):
        for addressee in step.told:
            found.setdefault(step.episode_id, {}).setdefault(addressee.destination_id, addressee)
    return {episode_id: tuple(addressees.values()) for episode_id, addressees in found.items()}


def last_seen(conn: Connection, episode_ids: Sequence[str]) -> dict[str, int]:
    """When somebody last had each of these episodes before their eyes: on a page, or through a notification."""
    found: dict[str, int] = {}
    for some in _chunks(episode_ids):
        on_pages = (
            select(sightings.c.episode_id, func.max(sightings.c.last_at_ms))
            .where(sightings.c.episode_id.in_(some))
            .group_by(sightings.c.episode_id)
        )
        by_receipt = (
            select(deliveries.c.episode_id, func.max(receipts.c.at_ms))
            .join(receipts, receipts.c.delivery_id == deliveries.c.delivery_id)
            .where(deliveries.c.episode_id.in_(some), receipts.c.state == ReceiptState.SEEN.value)
            .group_by(deliveries.c.episode_id)
        )
        for query in (on_pages, by_receipt):
            for episode_id, at_ms in conn.execute(query):
                found[episode_id] = max(found.get(episode_id, at_ms), at_ms)
    return found


def see(conn: Connection, episode_id: str, person_id: str, *, by: str, at_ms: int) -> None:
    """Note that the person has the alert before their eyes now."""
    row = {
        "episode_id": episode_id,
        "person_id": person_id,
        "by_person": by,
        "first_at_ms": at_ms,
        "last_at_ms": at_ms,
    }
    changes: Mapping[str, Any] = {"last_at_ms": at_ms, "by_person": by}
    conn.execute(upsert(conn, sightings, [row], key=("episode_id", "person_id"), changes=changes))


def sightings_of(conn: Connection, episode_id: str) -> tuple[Sighting, ...]:
    """Who has seen the episode on a page, in the order in which they first did."""
    columns = sightings.c
    query = select(sightings).where(columns.episode_id == episode_id).order_by(columns.first_at_ms, columns.person_id)
    return tuple(Sighting(row.person_id, row.by_person, row.first_at_ms, row.last_at_ms) for row in conn.execute(query))


def unreached_since(conn: Connection, at_ms: int) -> int:
    """How many steps since then could tell nobody."""
    columns = ladder_steps.c
    query = select(func.count()).where(columns.at_ms >= at_ms, columns.reached == Reached.NOBODY.value)
    return int(conn.scalar(query) or 0)


_KEY: Final = ("episode_id", "round_id", "step")


def _steps(conn: Connection, episode_ids: Sequence[str]) -> Iterator[StepRow]:
    columns = ladder_steps.c
    for some in _chunks(episode_ids):
        query = select(ladder_steps).where(columns.episode_id.in_(some))
        yield from map(_step, conn.execute(query.order_by(columns.episode_id, columns.round_id, columns.step)))


def _step(row: Row[Any]) -> StepRow:
    return StepRow(
        episode_id=row.episode_id,
        round_id=row.round_id,
        step=row.step,
        step_id=row.step_id,
        patient_id=PatientId(row.patient_id),
        ward_id=WardId(row.ward_id),
        priority=Priority(row.priority),
        due_ms=row.due_ms,
        at_ms=row.at_ms,
        evidence=Evidence(row.evidence),
        reached=Reached(row.reached),
        told=msgspec.json.decode(row.told, type=tuple[Addressee, ...]),
        missing=msgspec.json.decode(row.missing, type=tuple[Unreached, ...]),
        rung=row.rung,
        ladder_ward_id=row.ladder_ward_id,
        ladder_version=row.ladder_version,
    )


def _taken(row: StepRow, fates: Iterable[Fate]) -> Taken:
    known = [(fate.is_sent, fate.failed_at_ms) for fate in fates]
    return Taken(
        step=row.step,
        at_ms=row.at_ms,
        reached=row.reached,
        is_sent=any(is_sent for is_sent, _ in known),
        failed_at_ms=failed_at(known),
    )


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), _IN_MAX):
        yield ids[start : start + _IN_MAX]
