"""When versions are made, and of whom; does no I/O."""

from storage.models import Draft
from stream.population import hash_of
from stream.race import Race, Racer
from stream.trainer_settings import TrainerSettings


def drafts(race: Race, settings: TrainerSettings, now_ms: int) -> list[tuple[Draft, str]]:
    """Versions that are due now, each with the reason, noted as made. All candidates' come at the same time.

    One that is known to do worse than no model at all makes none: what it was before stays in force.
    """
    racing = [racer for racer in race.racers.values() if not racer.is_retired]
    learned = max((racer.lessons - racer.published for racer in racing), default=0)
    if not _is_due(race, settings, learned, now_ms):
        return []
    race.state.made_at_ms = now_ms
    made: list[tuple[Draft, str]] = []
    for racer in racing:
        new = racer.lessons - racer.published
        if new and not racer.is_worse_than_nothing:
            racer.published = racer.lessons
            made.append((_draft(racer, settings, now_ms), f"{new} more lessons"))
    return made


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
    return Draft(
        candidate=racer.candidate.name,
        hash=hash_of(blob),
        pipeline=racer.candidate.pipeline,
        made_at_ms=now_ms,
        lessons=racer.lessons,
        horizon_s=settings.horizon_s,
        scores=racer.progress.scores(),
        blob=blob,
        threshold=racer.progress.threshold(settings.alert_share),
    )
