"""Records of the database as the read model and the API word them."""

from collections.abc import Sequence

from dashboard.episodes import EpisodeNow, episode_after
from dashboard.ward import Bed
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


def episode_of(standing: Transition, steps: Sequence[Transition] = ()) -> EpisodeNow:
    """An episode as its furthest step left it; `steps` tell who acknowledged it where that step does not."""
    acknowledged: EpisodeNow | None = None
    for step in steps:
        if step.transition is TransitionKind.ACKNOWLEDGED:
            acknowledged = episode_after(None, step)
    return episode_after(acknowledged, standing)


def is_retold(standing: Transition) -> bool:
    """Whether somebody acknowledged it and only an earlier step says who."""
    if standing.acknowledgements or standing.transition is TransitionKind.ACKNOWLEDGED:
        return False
    return standing.acknowledged
