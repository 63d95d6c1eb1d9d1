"""When versions are made, and of whom."""

from collections.abc import Mapping

import structlog

from storage import models
from storage.models import Draft, Threshold
from storage.session import Connection
from storage.signing import Signer
from stream.population import hash_of
from stream.race import Race, Racer
from stream.trainer_settings import TrainerSettings
from vitals.errors import SnapshotMismatch

log = structlog.get_logger()


def newest_thresholds(conn: Connection, pipelines: Mapping[str, str], signer: Signer) -> dict[str, Threshold | None]:
    """The threshold each candidate had last with its present feature code; None for one that cannot be trusted, said aloud."""
    found: dict[str, Threshold | None] = {}
    for name, pipeline in pipelines.items():
        try:
            threshold = models.newest_threshold(conn, name, pipeline, signer)
        except SnapshotMismatch as error:
            log.warning(
                "threshold_refused", candidate=name, why=str(error), then="no version before it has one of its own"
            )
            found[name] = None
        else:
            if threshold is not None:
                found[name] = threshold
    return found


def drafts(race: Race, settings: TrainerSettings, now_ms: int) -> list[tuple[Draft, str]]:
    """Versions that are due now, each with the reason, noted as made. All candidates' come at the same time.

    One that has not learned yet has no part in it. One that is known to do worse than no model at all makes none, nor does
    one that would lose its threshold: what it was before stays in force.
    """
    racing = [each for each in race.racers.values() if not each.is_retired and each.has_learned(settings.positives_min)]
    learned = max((racer.lessons - racer.published for racer in racing), default=0)
    if not _is_due(race, settings, learned, now_ms):
        return []
    race.state.made_at_ms = now_ms
    made: list[tuple[Draft, str]] = []
    for racer in racing:
        new = racer.lessons - racer.published
        if not new or racer.is_worse_than_nothing:
            continue
        draft = _draft(racer, settings, now_ms)
        if draft.threshold is None and racer.owes_threshold:
            continue
        racer.published = racer.lessons
        made.append((draft, _why(new, draft)))
    return made


def _why(new: int, draft: Draft) -> str:
    lessons = f"{new} more {'lesson' if new == 1 else 'lessons'}"
    return (
        lessons if draft.threshold_from is None else f"{lessons}; with the threshold of version {draft.threshold_from}"
    )


def _is_due(race: Race, settings: TrainerSettings, learned: int, now_ms: int) -> bool:
    if race.state.made_at_ms is None:
        race.state.made_at_ms = now_ms
    since_s = (now_ms - race.state.made_at_ms) / 1000
    if learned >= settings.lessons_min and (since_s >= settings.version_gap_s or _is_first(race)):
        return True
    return learned > 0 and since_s >= settings.version_every_s


def _is_first(race: Race) -> bool:
    return not any(racer.published for racer in race.racers.values())


def _draft(racer: Racer, settings: TrainerSettings, now_ms: int) -> Draft:
    blob = racer.model.dump()
    threshold, threshold_from = racer.progress.threshold(settings.alert_share), None
    if threshold is None and racer.carried is not None:
        threshold, threshold_from = racer.carried.value, racer.carried.number
    return Draft(
        candidate=racer.candidate.name,
        hash=hash_of(blob),
        pipeline=racer.candidate.pipeline,
        made_at_ms=now_ms,
        lessons=racer.lessons,
        horizon_s=settings.horizon_s,
        scores=racer.progress.scores(),
        blob=blob,
        threshold=threshold,
        threshold_from=threshold_from,
    )
