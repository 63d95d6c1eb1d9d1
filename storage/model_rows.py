"""Rows of versions and switches as records, and back; used by `storage.models`."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Row, select

from storage.learning_tables import model_versions
from vitals.model_version import ModelStanding, ModelSwitch, ModelVersion, ProgressiveScores


class StoredVersion(NamedTuple):
    """A version as it stands now."""

    version: ModelVersion
    """As it was made."""
    standing: ModelStanding
    """Now."""
    refused: str | None = None
    """Why no scorer of this program takes it, in a sentence; None where they do."""


def described() -> Any:  # noqa: ANN401 - a query
    """Versions, everything but the weights."""
    return select(*(column for column in model_versions.columns if column.name not in {"blob", "signature"}))


def stored(row: Row[Any], pipelines: Mapping[str, str]) -> StoredVersion:
    """A version; `pipelines` names the candidates that this program knows, and the feature code each learns from."""
    version = ModelVersion(
        number=row.number,
        hash=row.hash,
        candidate=row.candidate,
        pipeline=row.pipeline,
        made_at_ms=row.made_at_ms,
        lessons=row.lessons,
        horizon_s=row.horizon_s,
        standing=ModelStanding(row.made_as),
        threshold=row.threshold,
        threshold_from=row.threshold_from,
        scores=msgspec.json.decode(row.scores, type=ProgressiveScores),
    )
    return StoredVersion(version, ModelStanding(row.standing), _refused(row, pipelines))


def switch_of(row: Row[Any]) -> ModelSwitch:
    """A switch."""
    return ModelSwitch(
        switch=row.switch, number=row.number, hash=row.hash, at_ms=row.at_ms, by=row.by_person, why=row.why
    )


def _refused(row: Row[Any], pipelines: Mapping[str, str]) -> str | None:
    pipeline = pipelines.get(row.candidate)
    if pipeline is None:
        return (
            f"Version {row.number} is of the candidate {row.candidate}, which the trainer of this program does not know:"
            " no scorer would take it."
        )
    if pipeline != row.pipeline:
        return f"Version {row.number} learned from other features than this program makes: no scorer would take it."
    return None
