"""Alert episodes and their transitions: idempotent, safe in any order, one open episode per patient and kind."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, func, insert, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from storage import tables
from storage.dialect import insert_new
from storage.window import Cursor, check_limit
from vitals.alert import (
    Acknowledgement,
    AlertKind,
    Order,
    Priority,
    Reason,
    Suppression,
    Transition,
    TransitionKind,
    order_of,
    progress_of,
)
from vitals.codec import decode, encode
from vitals.errors import Conflict, NotFound
from vitals.reading import DeviceId, Origin, PatientId, WardId
from vitals.sign import Sign


class Episode(msgspec.Struct, frozen=True):
    """One alert from onset to end, as its furthest transition left it; open while `resolved_at_ms` is None."""

    episode_id: str
    patient_id: PatientId
    ward_id: WardId
    """Where the patient lay when it ended, or lies now."""
    kind: AlertKind
    priority: Priority
    active: bool
    """The condition holds; says nothing of whether anyone has seen it."""
    acknowledged: bool
    """A person has seen it at its present priority; says nothing of whether it still holds."""
    onset_ms: int
    raised_at_ms: int
    resolved_at_ms: int | None
    origin: Origin
    last_transition_id: str
    last_transition: TransitionKind
    last_reason: Reason
    last_at_ms: int
    text: str
    sign: Sign | None
    value: float | None
    limit: float | None
    by: str | None
    last_progress: int
    move: int
    device_id: DeviceId | None
    retrospective: bool
    """Found afterwards by a correction: it paged nobody."""
    correction_id: str | None
    """The correction that retracted or found it."""
    latched: bool
    """Open although the condition has ended: nobody has seen it."""
    suppression: Suppression | None
    """Why it is told to nobody, or was when it ended."""
    acknowledgements: tuple[Acknowledgement, ...]
    """Who has it in hand, or had when it ended."""
    round: int
    heard_ms: int | None
    """When the cause of the last step was received."""
    rules_version: str | None

    @property
    def order(self) -> Order:
        """What a step must exceed to change anything."""
        return self.last_progress, self.move, self.last_at_ms, self.last_transition_id

    @property
    def retracted(self) -> bool:
        """Whether it was never this patient's."""
        return self.last_transition is TransitionKind.RETRACTED


def store(conn: Connection, transitions: Sequence[Transition]) -> None:
    """Insert transitions that are new, and move each episode to the furthest of them.

    The merge rule: a transition carries its episode's whole state, and the furthest is the episode
    (`vitals.alert.order_of`: a clock never decides over what happened); so any order, with any repeats, ends in the same
    row, and a replayed older transition moves nothing back. At most one episode per patient and kind is open: opening a second raises Conflict naming both.
    """
    furthest: dict[str, Transition] = {}
    for transition in transitions:
        held = furthest.get(transition.episode_id)
        if held is None or order_of(transition) > order_of(held):
            furthest[transition.episode_id] = transition
    if not furthest:
        return
    known = _known(conn, furthest)
    for transition in sorted(furthest.values(), key=_is_active):
        order = known.get(transition.episode_id)
        if order is None:
            _insert(conn, transition)
        elif order_of(transition) > order:
            _move(conn, transition)
    rows = [
        {
            "transition_id": transition.transition_id,
            "episode_id": transition.episode_id,
            "at_ms": transition.at_ms,
            "progress": progress_of(transition),
            "record": encode(transition),
        }
        for transition in transitions
    ]
    conn.execute(insert_new(conn, tables.transitions, key="transition_id"), rows)


def get(conn: Connection, episode_id: str) -> Episode:
    """The episode; raises NotFound."""
    row = conn.execute(select(tables.episodes).where(tables.episodes.c.episode_id == episode_id)).first()
    if row is None:
        raise NotFound(f"There is no alert episode {episode_id}.")
    return _episode(row)


def open_episodes(conn: Connection, ward_id: WardId | None = None) -> tuple[Episode, ...]:
    """Every episode not resolved (of one ward), oldest first."""
    columns = tables.episodes.c
    query = select(tables.episodes).where(columns.resolved_at_ms.is_(None))
    if ward_id is not None:
        query = query.where(columns.ward_id == ward_id)
    return tuple(map(_episode, conn.execute(query.order_by(columns.raised_at_ms, columns.episode_id))))


def list_episodes(
    conn: Connection,
    *,
    limit: int,
    patient_id: PatientId | None = None,
    ward_id: WardId | None = None,
    from_ms: int | None = None,
    to_ms: int | None = None,
    after: Cursor | None = None,
) -> tuple[Episode, ...]:
    """Episodes raised in [from_ms, to_ms), newest first, at most `limit` (InvalidArgument beyond `ROWS_MAX`).

    The next page begins `after` the last one's (raised_at_ms, episode_id).
    """
    check_limit(limit)
    columns = tables.episodes.c
    query = select(tables.episodes)
    if patient_id is not None:
        query = query.where(columns.patient_id == patient_id)
    if ward_id is not None:
        query = query.where(columns.ward_id == ward_id)
    if from_ms is not None:
        query = query.where(columns.raised_at_ms >= from_ms)
    if to_ms is not None:
        query = query.where(columns.raised_at_ms < to_ms)
    if after is not None:
        query = query.where(tuple_(columns.raised_at_ms, columns.episode_id) < tuple_(*after))
    query = query.order_by(columns.raised_at_ms.desc(), columns.episode_id.desc()).limit(limit)
    return tuple(map(_episode, conn.execute(query)))


def transitions_of(conn: Connection, episode_id: str) -> tuple[Transition, ...]:
    """Every step of the episode, in the order of its progress."""
    columns = tables.transitions.c
    records = conn.execute(select(columns.record).where(columns.episode_id == episode_id)).scalars()
    return tuple(sorted((decode(Transition, record) for record in records), key=order_of))


def ended_between(conn: Connection, patient_id: PatientId, from_ms: int, until_ms: int) -> tuple[Episode, ...]:
    """Episodes of the patient that have ended and were raised in [from_ms, until_ms), less those retracted."""
    columns = tables.episodes.c
    query = select(tables.episodes).where(
        columns.patient_id == patient_id,
        columns.raised_at_ms >= from_ms,
        columns.raised_at_ms < until_ms,
        columns.resolved_at_ms.is_not(None),
        columns.last_transition != TransitionKind.RETRACTED.value,
    )
    return tuple(map(_episode, conn.execute(query.order_by(columns.raised_at_ms, columns.episode_id))))


def count_of_correction(conn: Connection, correction_id: str, last: TransitionKind) -> int:
    """How many episodes a correction found (FOUND) or retracted (RETRACTED)."""
    columns = tables.episodes.c
    query = select(func.count()).where(columns.correction_id == correction_id, columns.last_transition == last.value)
    return int(conn.scalar(query) or 0)


def _is_active(transition: Transition) -> bool:
    return transition.is_open


def _known(conn: Connection, episode_ids: Iterable[str]) -> dict[str, Order]:
    columns = tables.episodes.c
    rows = conn.execute(
        select(columns.episode_id, columns.last_progress, columns.move, columns.last_at_ms, columns.last_transition_id)
        .where(columns.episode_id.in_(sorted(episode_ids)))
        .order_by(columns.episode_id)
        .with_for_update()
    )
    return {row[0]: (row[1], row[2], row[3], row[4]) for row in rows}


def _insert(conn: Connection, transition: Transition) -> None:
    columns = tables.episodes.c
    if transition.is_open:
        other = conn.execute(
            select(columns.episode_id).where(
                columns.patient_id == transition.patient_id,
                columns.kind == transition.kind.value,
                columns.resolved_at_ms.is_(None),
            )
        ).scalar_one_or_none()
        if other is not None:
            raise _second_open(transition, f"while {other} is")
    try:
        conn.execute(insert(tables.episodes).values(_columns_of(transition)))
    except IntegrityError as error:
        raise _second_open(transition, "while another writer opened one") from error


def _move(conn: Connection, transition: Transition) -> None:
    columns = tables.episodes.c
    conn.execute(
        update(tables.episodes).where(columns.episode_id == transition.episode_id).values(_columns_of(transition))
    )


def _second_open(transition: Transition, meanwhile: str) -> Conflict:
    return Conflict(
        f"Episode {transition.episode_id} ({transition.kind.value} of patient {transition.patient_id}) cannot be open"
        f" {meanwhile}: one open episode per patient and kind."
    )


def _columns_of(transition: Transition) -> dict[str, Any]:
    return {
        "episode_id": transition.episode_id,
        "patient_id": transition.patient_id,
        "ward_id": transition.ward_id,
        "kind": transition.kind.value,
        "priority": transition.priority.value,
        "active": transition.active,
        "acknowledged": transition.acknowledged,
        "onset_ms": transition.onset_ms,
        "raised_at_ms": transition.raised_at_ms,
        "resolved_at_ms": None if transition.is_open else transition.at_ms,
        "origin": transition.origin.value,
        "last_transition_id": transition.transition_id,
        "last_transition": transition.transition.value,
        "last_reason": transition.reason.value,
        "last_at_ms": transition.at_ms,
        "last_progress": progress_of(transition),
        "text": transition.text,
        "sign": None if transition.sign is None else transition.sign.value,
        "value": transition.value,
        "limit_value": transition.limit,
        "by_person": transition.by,
        "move": transition.move,
        "device_id": transition.device_id,
        "retrospective": transition.retrospective,
        "correction_id": transition.correction_id,
        "latched": transition.latched,
        "suppression": None if transition.suppression is None else _text(transition.suppression),
        "acknowledgements": _text(transition.acknowledgements),
        "round": transition.round,
        "heard_ms": transition.heard_ms,
        "rules_version": transition.rules_version,
    }


def _episode(row: Row[Any]) -> Episode:
    return Episode(
        episode_id=row.episode_id,
        patient_id=PatientId(row.patient_id),
        ward_id=WardId(row.ward_id),
        kind=AlertKind(row.kind),
        priority=Priority(row.priority),
        active=row.active,
        acknowledged=row.acknowledged,
        onset_ms=row.onset_ms,
        raised_at_ms=row.raised_at_ms,
        resolved_at_ms=row.resolved_at_ms,
        origin=Origin(row.origin),
        last_transition_id=row.last_transition_id,
        last_transition=TransitionKind(row.last_transition),
        last_reason=Reason(row.last_reason),
        last_at_ms=row.last_at_ms,
        text=row.text,
        sign=None if row.sign is None else Sign(row.sign),
        value=row.value,
        limit=row.limit_value,
        by=row.by_person,
        last_progress=row.last_progress,
        move=row.move,
        device_id=None if row.device_id is None else DeviceId(row.device_id),
        retrospective=row.retrospective,
        correction_id=row.correction_id,
        latched=row.latched,
        suppression=None if row.suppression is None else msgspec.json.decode(row.suppression, type=Suppression),
        acknowledgements=msgspec.json.decode(row.acknowledgements, type=tuple[Acknowledgement, ...]),
        round=row.round,
        heard_ms=row.heard_ms,
        rules_version=row.rules_version,
    )


def _text(record: Suppression | tuple[Acknowledgement, ...]) -> str:
    return msgspec.json.encode(record).decode()
