"""Records of the database as the read model and the API word them."""

from collections.abc import Sequence

from dashboard.episodes import EpisodeNow
from dashboard.ward import Bed
from storage.episodes import Episode
from storage.patients import Patient
from vitals.alert import Transition, TransitionKind
from vitals.reading import DeviceId


def bed_of(patient: Patient, device_ids: tuple[DeviceId, ...] = ()) -> Bed:
    """Where a patient lies; at home or in the corridor the bed is empty. `device_ids` are worn now."""
    return Bed(
        patient_id=patient.patient_id,
        ward_id=patient.ward_id,
        bed=patient.bed or "",
        name=patient.name,
        spo2_scale=patient.spo2_scale,
        device_ids=device_ids,
    )


def episode_of(episode: Episode, steps: Sequence[Transition] = ()) -> EpisodeNow:
    """An episode as stored; `steps` tell who acknowledged it where something happened since."""
    acknowledged_by: str | None = None
    acknowledged_at_ms: int | None = None
    if episode.last_transition is TransitionKind.ACKNOWLEDGED:
        acknowledged_by, acknowledged_at_ms = episode.by, episode.last_at_ms
    elif episode.acknowledged:
        for step in steps:
            if step.transition is TransitionKind.ACKNOWLEDGED:
                acknowledged_by, acknowledged_at_ms = step.by, step.at_ms
    return EpisodeNow(
        episode_id=episode.episode_id,
        patient_id=episode.patient_id,
        ward_id=episode.ward_id,
        kind=episode.kind,
        priority=episode.priority,
        reason=episode.last_reason,
        text=episode.text,
        onset_ms=episode.onset_ms,
        raised_at_ms=episode.raised_at_ms,
        order=episode.order,
        active=episode.active,
        acknowledged=episode.acknowledged,
        acknowledged_by=acknowledged_by,
        acknowledged_at_ms=acknowledged_at_ms,
        resolved_at_ms=episode.resolved_at_ms,
        resolved_by=episode.by if episode.resolved_at_ms is not None else None,
        sign=episode.sign,
        value=episode.value,
        limit=episode.limit,
        origin=episode.origin,
        retracted=episode.retracted,
        retrospective=episode.retrospective,
        correction_id=episode.correction_id,
    )
