"""Versions of the population model: which scores, how the candidates do on lessons to come, and who put which in force."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import AfterValidator, BaseModel, Field

from dashboard.charting_schemas import some_lines
from dashboard.context import Here
from dashboard.person import Signed
from dashboard.schemas import Body
from storage import models
from storage.model_rows import StoredVersion
from vitals.model_version import SHIPPED, ModelStanding, ModelSwitch

router = APIRouter(tags=["models"])
WHY_CHARACTERS_MAX = 300
Number = Annotated[int, Path(ge=0, le=2**53)]


class Because(Body):
    """Why a version is put in force, or out of use; kept with the act."""

    reason: Annotated[str, Field(max_length=WHY_CHARACTERS_MAX), AfterValidator(some_lines)]


class ModelEntry(BaseModel):
    """One version as it stands now."""

    number: int
    hash: str
    candidate: str
    pipeline: str
    made_at_ms: int
    lessons: int
    positives: int
    horizon_s: float
    threshold: float | None
    """From which probability on it is told."""
    threshold_from: int | None
    """The version that threshold was measured for, where it is not its own."""
    refused: str | None
    """Why no scorer takes it, in a sentence; null where they do."""
    standing: ModelStanding
    auroc: float | None
    brier: float | None
    log_loss: float | None
    base_log_loss: float | None
    """What telling everybody the share of positives so far would have scored on the same lessons."""


class SwitchEntry(BaseModel):
    """One decision which version scores."""

    switch: int
    number: int
    at_ms: int
    by: str
    why: str


class Models(BaseModel):
    """Which version scores, and what else there is."""

    in_force: int
    """0 is what Wardlight came with."""
    chosen: ModelEntry | None
    """The version in force, however old; null for what Wardlight came with."""
    candidates: dict[str, ModelStanding]
    versions: list[ModelEntry]
    """Newest first."""
    switches: list[SwitchEntry]
    """Newest first."""


@router.get("/models")
async def list_models(here: Here, limit: Annotated[int, Query(ge=1, le=models.VERSIONS_MAX)] = 50) -> Models:
    """Versions with their progressive scores (on lessons before they were learned), and who put which in force, and why."""
    in_force = await here.ask(models.last_switch)
    number = SHIPPED if in_force is None else in_force.number
    return Models(
        in_force=number,
        chosen=None if number == SHIPPED else _version(await here.ask(models.get, number)),
        candidates=await here.ask(models.candidates),
        versions=[_version(each) for each in await here.ask(models.versions, limit=limit)],
        switches=[_switch(each) for each in await here.ask(models.switches, limit=limit)],
    )


@router.post("/models/{number}/promote")
async def promote(here: Here, who: Signed, number: Number, body: Because) -> SwitchEntry:
    """Put a version in force; scorers switch at one place of the log each, once the trainer has told it.

    The newest of a candidate makes that one the champion, whose later versions follow by themselves; an older one, or 0
    for what Wardlight came with, stays until somebody promotes again. 409 where it is in force, was retired, is refused by
    every scorer, or has no threshold while the version in force has one.
    """
    ordered = await here.change(models.promote, number, at_ms=here.clock.now_ms(), by=who.name, why=body.reason)
    return _switch(ordered)


@router.post("/models/{number}/retire")
async def retire(here: Here, number: Number, body: Because) -> ModelEntry:  # noqa: ARG001 - the reason is for the record
    """Nobody puts this version in force; the newest of a challenger takes that candidate out of the shadow. 409 where it is in force, or retired already."""
    return _version(await here.change(models.retire, number))


@router.post("/models/{number}/restore")
async def restore(here: Here, number: Number, body: Because) -> ModelEntry:  # noqa: ARG001 - the reason is for the record
    """Take back that a version was retired, so that it may be promoted; the newest of its candidate learns on. 409 where it is not retired."""
    return _version(await here.change(models.restore, number))


def _version(stored: StoredVersion) -> ModelEntry:
    version = stored.version
    return ModelEntry(
        number=version.number,
        hash=version.hash,
        candidate=version.candidate,
        pipeline=version.pipeline,
        made_at_ms=version.made_at_ms,
        lessons=version.lessons,
        positives=version.scores.positives,
        horizon_s=version.horizon_s,
        threshold=version.threshold,
        threshold_from=version.threshold_from,
        refused=stored.refused,
        standing=stored.standing,
        auroc=version.scores.auroc,
        brier=version.scores.brier,
        log_loss=version.scores.log_loss,
        base_log_loss=version.scores.base_log_loss,
    )


def _switch(switch: ModelSwitch) -> SwitchEntry:
    return SwitchEntry(switch=switch.switch, number=switch.number, at_ms=switch.at_ms, by=switch.by, why=switch.why)
