"""Alerts as people look them up: by ward, patient, kind, priority, state and time, each with its whole state."""

from collections.abc import Collection, Iterable
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, select, tuple_

from storage import tables
from storage.window import Cursor, check_limit
from vitals.alert import AlertKind, Priority, Transition
from vitals.codec import decode
from vitals.episode_state import EpisodeState, state_of
from vitals.reading import PatientId, WardId

OPEN_MAX: Final = 5000
"""Open alerts looked through for one question of a state."""
_IDS_MAX: Final = 500


class Wanted(msgspec.Struct, frozen=True):
    """Which alerts: every field that is not None narrows; times are of raising, in [from_ms, to_ms)."""

    ward_ids: Collection[WardId] | None = None
    patient_id: PatientId | None = None
    kind: AlertKind | None = None
    priority: Priority | None = None
    state: EpisodeState | None = None
    from_ms: int | None = None
    to_ms: int | None = None
    after: Cursor | None = None
    """(raised_at_ms, episode_id) of the page before's last one."""


def find(conn: Connection, wanted: Wanted, *, limit: int) -> tuple[Transition, ...]:
    """The furthest step of each alert that is meant, the last raised first, at most `limit`."""
    check_limit(limit)
    query = _narrowed(wanted).order_by(tables.episodes.c.raised_at_ms.desc(), tables.episodes.c.episode_id.desc())
    match wanted.state:
        case None | EpisodeState.OPEN | EpisodeState.ENDED | EpisodeState.UNSEEN:
            return _steps(conn, query.limit(limit))
        case EpisodeState.ACTIVE | EpisodeState.ACKNOWLEDGED | EpisodeState.LATCHED | EpisodeState.SUPPRESSED:
            found = _steps(conn, query.limit(OPEN_MAX))
            return tuple(step for step in found if state_of(step) is wanted.state)[:limit]


def standing(conn: Connection, episode_ids: Iterable[str]) -> dict[str, Transition]:
    """The furthest step of each of these alerts that is stored, by its episode."""
    wanted = sorted(set(episode_ids))
    found: dict[str, Transition] = {}
    for first in range(0, len(wanted), _IDS_MAX):
        query = _last_steps().where(tables.episodes.c.episode_id.in_(wanted[first : first + _IDS_MAX]))
        found |= {step.episode_id: step for step in _steps(conn, query)}
    return found


def _last_steps() -> Select[Any]:
    return select(tables.transitions.c.record).join(
        tables.episodes, tables.episodes.c.last_transition_id == tables.transitions.c.transition_id
    )


def _narrowed(wanted: Wanted) -> Select[Any]:
    columns = tables.episodes.c
    conditions: list[ColumnElement[bool]] = list(_conditions_of(wanted.state))
    if wanted.ward_ids is not None:
        conditions.append(columns.ward_id.in_(sorted(wanted.ward_ids)))
    equal = ((columns.patient_id, wanted.patient_id), (columns.kind, wanted.kind), (columns.priority, wanted.priority))
    conditions += [column == value for column, value in equal if value is not None]
    if wanted.from_ms is not None:
        conditions.append(columns.raised_at_ms >= wanted.from_ms)
    if wanted.to_ms is not None:
        conditions.append(columns.raised_at_ms < wanted.to_ms)
    if wanted.after is not None:
        conditions.append(tuple_(columns.raised_at_ms, columns.episode_id) < tuple_(*wanted.after))
    return _last_steps().where(*conditions)


def _conditions_of(state: EpisodeState | None) -> tuple[ColumnElement[bool], ...]:
    columns = tables.episodes.c
    match state:
        case None:
            return ()
        case EpisodeState.ENDED:
            return (columns.resolved_at_ms.is_not(None),)
        case EpisodeState.UNSEEN:
            return (
                columns.resolved_at_ms.is_not(None),
                columns.acknowledged.is_(False),
                columns.retrospective.is_(False),
            )
        case _:
            return (columns.resolved_at_ms.is_(None),)


def _steps(conn: Connection, query: Select[Any]) -> tuple[Transition, ...]:
    return tuple(decode(Transition, record) for record in conn.execute(query).scalars())
