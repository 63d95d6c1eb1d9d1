"""Alert episodes as people look them up: those open, those over, one's whole life, and many as a file."""

import csv
import io
from collections.abc import Collection, Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from dashboard import tiles
from dashboard.alert_lookup import find_alert, with_hands
from dashboard.alert_orders import label_entry
from dashboard.alert_schemas import ExportedEpisode, StepEntry, Timeline
from dashboard.context import Here
from dashboard.episodes import EpisodeNow
from dashboard.permissions import Permission
from dashboard.person import Person, Signed
from dashboard.schemas import EpisodeEntry, EpisodeId, Level, TimeMs
from runtime.spreadsheet import as_cell
from storage import episode_history, episodes, labels
from storage.episode_history import Wanted
from storage.session import Connection
from storage.window import ROWS_MAX, Cursor
from vitals.alert import AlertKind, Priority, Transition, TransitionKind
from vitals.episode_state import EpisodeState
from vitals.errors import InvalidArgument
from vitals.fault import SYSTEM_WARD
from vitals.label import Label
from vitals.reading import PatientId, WardId

router = APIRouter(tags=["alerts"])
_ROWS_MAX = 1000
_AFTER = r"^[0-9]{1,15}~[A-Za-z0-9._-]{1,64}$"
WardQuery = Annotated[Level | None, Query()]
TimeQuery = Annotated[TimeMs | None, Query()]
FromQuery = Annotated[TimeMs | None, Query(alias="from")]
AfterQuery = Annotated[str | None, Query(pattern=_AFTER)]
_COLUMNS = (
    "episode_id", "ward_id", "patient_id", "kind", "priority", "state", "onset_ms", "raised_at_ms", "resolved_at_ms",
    "reason", "text", "value", "limit", "round", "acknowledged_by", "acknowledged_at_ms", "resolved_by", "origin",
    "retracted", "retrospective", "rules_version",
)  # fmt: skip


@router.get("/alerts")
async def list_alerts(
    here: Here,
    who: Signed,
    *,
    active: bool | None = None,
    ward: WardQuery = None,
    patient: WardQuery = None,
    kind: AlertKind | None = None,
    priority: Priority | None = None,
    state: EpisodeState | None = None,
    from_: FromQuery = None,
    to: TimeQuery = None,
    after: AfterQuery = None,
    limit: Annotated[int, Query(ge=1, le=_ROWS_MAX)] = 200,
) -> list[EpisodeEntry]:
    """Episodes, newest first: those open (`active=true`: active or latched), those ended (`active=false`), or both.

    Of wards one may see; those about Wardlight itself (ward `system`) whoever sees any ward. The next page begins
    `after` the last row's `raised_at_ms~episode_id`.
    """
    wanted = _wanted(
        who, Permission.SEE_WARD, ward, patient,
        kind=kind, priority=priority, state=_state(active=active, state=state), from_ms=from_, to_ms=to, after=after,
    )  # fmt: skip

    def ask(conn: Connection) -> list[EpisodeNow]:
        return [with_hands(conn, step) for step in episode_history.find(conn, wanted, limit=limit)]

    return [_entry(episode) for episode in await here.ask(ask)]


@router.get("/alerts/export")
async def export_alerts(
    here: Here,
    who: Signed,
    *,
    ward: WardQuery = None,
    patient: WardQuery = None,
    kind: AlertKind | None = None,
    priority: Priority | None = None,
    state: EpisodeState | None = None,
    from_: FromQuery = None,
    to: TimeQuery = None,
    after: AfterQuery = None,
    format_: Annotated[Literal["csv", "json"], Query(alias="format")] = "json",
    limit: Annotated[int, Query(ge=1, le=ROWS_MAX)] = ROWS_MAX,
) -> Response:
    """Episodes with what people said of them, newest first, as a file: JSON (`ExportedEpisode`), or a CSV row each.

    Of wards of which one may carry data away. The next page begins `after` the last row's `raised_at_ms~episode_id`.
    """
    wanted = _wanted(
        who, Permission.EXPORT, ward, patient,
        kind=kind, priority=priority, state=state, from_ms=from_, to_ms=to, after=after,
    )  # fmt: skip

    def ask(conn: Connection) -> tuple[list[EpisodeNow], dict[str, tuple[Label, ...]]]:
        found = [with_hands(conn, step) for step in episode_history.find(conn, wanted, limit=limit)]
        return found, labels.labels_of(conn, [episode.episode_id for episode in found])

    found, said = await here.ask(ask)
    rows = [_exported(episode, said.get(episode.episode_id, ())) for episode in found]
    if format_ == "csv":
        return _download(_csv(rows), "text/csv; charset=utf-8", "alerts.csv")
    body = "[" + ",\n".join(row.model_dump_json() for row in rows) + "]\n"
    return _download(body, "application/json", "alerts.json")


@router.get("/alerts/{episode_id}")
async def get_alert(here: Here, episode_id: EpisodeId) -> EpisodeEntry:
    """One episode."""
    return _entry(await find_alert(here, episode_id))


@router.get("/alerts/{episode_id}/timeline")
async def get_timeline(here: Here, episode_id: EpisodeId) -> Timeline:
    """One alert's whole life, as far as it is stored: every step with its reason, and what people said of it."""
    episode = await find_alert(here, episode_id)

    def ask(conn: Connection) -> tuple[Sequence[Transition], Sequence[Label]]:
        steps = episodes.transitions_of(conn, episode_id)
        return steps, labels.labels_of(conn, [episode_id]).get(episode_id, ())

    steps, said = await here.ask(ask)
    return Timeline(
        episode=_entry(episode),
        steps=[_step(step) for step in sorted(steps, key=_in_time)],
        labels=[label_entry(label) for label in said],
    )


def _wanted(
    who: Person,
    permission: Permission,
    ward: str | None,
    patient: str | None,
    *,
    kind: AlertKind | None,
    priority: Priority | None,
    state: EpisodeState | None,
    from_ms: int | None,
    to_ms: int | None,
    after: str | None,
) -> Wanted:
    wards: Collection[WardId] | None = None
    if ward is not None:
        wards = {WardId(ward)}
    elif patient is None:
        # Whoever may see the patient sees all alerts they had, also those on another ward.
        seen = who.wards(permission)
        wards = None if seen is None else {*seen, SYSTEM_WARD}
    return Wanted(
        ward_ids=wards,
        patient_id=None if patient is None else PatientId(patient),
        kind=kind,
        priority=priority,
        state=state,
        from_ms=from_ms,
        to_ms=to_ms,
        after=None if after is None else Cursor(int(after.partition("~")[0]), after.partition("~")[2]),
    )


def _state(*, active: bool | None, state: EpisodeState | None) -> EpisodeState | None:
    if active is None:
        return state
    if state is None:
        return EpisodeState.OPEN if active else EpisodeState.ENDED
    if active is (state in (EpisodeState.ENDED, EpisodeState.UNSEEN)):
        raise InvalidArgument(f"active={str(active).lower()} and state={state.value} leave nothing: give one of them.")
    return state


def _in_time(step: Transition) -> tuple[int, int, str]:
    """As things happened to whoever was told: by when they were heard of, then by event time."""
    return step.at_ms if step.heard_ms is None else step.heard_ms, step.at_ms, step.transition_id


def _step(step: Transition) -> StepEntry:
    given = None
    if step.transition is TransitionKind.ACKNOWLEDGED and step.acknowledgements:
        given = max(step.acknowledgements, key=lambda one: one.at_ms)
    shown = {name: getattr(step, name) for name in StepEntry.model_fields if hasattr(step, name)}
    return StepEntry.model_validate(
        shown
        | {
            "suppression": None if step.suppression is None else tiles.suppression(step.suppression),
            "note": None if given is None else given.note,
            "until_ms": None if given is None else given.until_ms,
        }
    )


def _entry(episode: EpisodeNow) -> EpisodeEntry:
    return EpisodeEntry.model_validate(tiles.episode(episode))


def _exported(episode: EpisodeNow, said: Sequence[Label]) -> ExportedEpisode:
    return ExportedEpisode.model_validate(
        tiles.episode(episode) | {"labels": [label_entry(label).model_dump() for label in said]}
    )


def _csv(rows: Sequence[ExportedEpisode]) -> str:
    """A row each; feedback of several people in one cell, as `word by name`, in the order given."""
    sheet = io.StringIO()
    writer = csv.writer(sheet)
    writer.writerow([*_COLUMNS, "feedback"])
    for row in rows:
        said = "; ".join(f"{label.feedback.value} by {label.by}" for label in row.labels)
        writer.writerow([as_cell(value) for value in (*(getattr(row, name) for name in _COLUMNS), said)])
    return sheet.getvalue()


def _download(body: str, media_type: str, name: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    return Response(body, media_type=media_type, headers=headers)
