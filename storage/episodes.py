"""Alert episodes and their transitions: idempotent, safe in any order, one open episode per patient and kind."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, insert, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from storage import tables
from storage.dialect import insert_new
from storage.window import Cursor, check_limit
from vitals.alert import AlertKind, Priority, Reason, Transition, TransitionKind, progress_of
from vitals.codec import decode, encode
from vitals.errors import Conflict, NotFound
from vitals.reading import Origin, PatientId, WardId
from vitals.sign import Sign

_Order = tuple[int, int, str]


class Episode(msgspec.Struct, frozen=True):
    """One alert from onset to end, as its furthest transition left it; open while `resolved_at_ms` is None."""

    episode_id: str
    patient_id: PatientId
    ward_id: WardId
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


def store(conn: Connection, transitions: Sequence[Transition]) -> None:
    """Insert transitions that are new, and move each episode to the furthest of them.

    The merge rule: a transition carries its episode's whole state, and the one with the greatest (progress, at_ms,
    transition_id) is the episode (`vitals.alert.progress_of`: a clock never decides over what happened); so any order, with any repeats, ends in the same row, and a replayed older transition
    moves nothing back. At most one episode per patient and kind is open: opening a second raises Conflict naming both.
    """
    furthest: dict[str, Transition] = {}
    for transition in transitions:
        held = furthest.get(transition.episode_id)
        if held is None or _order(transition) > _order(held):
            furthest[transition.episode_id] = transition
    if not furthest:
        return
    known = _known(conn, furthest)
    for transition in sorted(furthest.values(), key=_is_open):
        order = known.get(transition.episode_id)
        if order is None:
            _insert(conn, transition)
        elif _order(transition) > order:
            _move(conn, transition)
    rows = [
        {
            "transition_id": transition.transition_id,
            "episode_id": transition.episode_id,
            "at_ms": transition.at_ms,
            "progress": progress_of(transition.transition, transition.priority),
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
    records = conn.execute(
        select(columns.record)
        .where(columns.episode_id == episode_id)
        .order_by(columns.progress, columns.at_ms, columns.transition_id)
    ).scalars()
    return tuple(decode(Transition, record) for record in records)


def _order(transition: Transition) -> _Order:
    return progress_of(transition.transition, transition.priority), transition.at_ms, transition.transition_id


def _is_open(transition: Transition) -> bool:
    return transition.transition is not TransitionKind.RESOLVED


def _known(conn: Connection, episode_ids: Iterable[str]) -> dict[str, _Order]:
    columns = tables.episodes.c
    rows = conn.execute(
        select(columns.episode_id, columns.last_progress, columns.last_at_ms, columns.last_transition_id)
        .where(columns.episode_id.in_(sorted(episode_ids)))
        .order_by(columns.episode_id)
        .with_for_update()
    )
    return {row[0]: (row[1], row[2], row[3]) for row in rows}


def _insert(conn: Connection, transition: Transition) -> None:
    columns = tables.episodes.c
    if _is_open(transition):
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
        "resolved_at_ms": None if _is_open(transition) else transition.at_ms,
        "origin": transition.origin.value,
        "last_transition_id": transition.transition_id,
        "last_transition": transition.transition.value,
        "last_reason": transition.reason.value,
        "last_at_ms": transition.at_ms,
        "last_progress": progress_of(transition.transition, transition.priority),
        "text": transition.text,
        "sign": None if transition.sign is None else transition.sign.value,
        "value": transition.value,
        "limit_value": transition.limit,
        "by_person": transition.by,
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
    )
