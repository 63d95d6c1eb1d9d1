"""Who is to hear of what: the boards that show a patient, the patient's own pages, everybody."""

from collections.abc import Callable

from dashboard.fanout import Interest
from dashboard.ward import PatientNow
from vitals.reading import PatientId, WardId


def everyone(_: Interest) -> bool:
    """Every stream."""
    return True


def ward_id_of(patient: PatientNow) -> WardId | None:
    """Where the patient lies; None where no register says so."""
    return None if patient.bed is None else patient.bed.ward_id


def boards_of(patient: PatientNow) -> Callable[[Interest], bool]:
    """Boards that show the patient."""
    ward_id = ward_id_of(patient)

    def wanted(interest: Interest) -> bool:
        return interest.patient_id is None and interest.covers(ward_id)

    return wanted


def left(patient_id: PatientId, ward_id: WardId | None, now_at: WardId | None) -> Callable[[Interest], bool]:
    """Boards that showed the patient and do not any more; the patient's own page only where they left the house."""

    def wanted(interest: Interest) -> bool:
        if interest.patient_id is not None:
            return interest.patient_id == patient_id and now_at is None
        return interest.covers(ward_id) and (now_at is None or not interest.covers(now_at))

    return wanted


def pages_of(patient_id: PatientId) -> Callable[[Interest], bool]:
    """The patient's own pages."""

    def wanted(interest: Interest) -> bool:
        return interest.patient_id == patient_id

    return wanted
