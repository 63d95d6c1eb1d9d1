"""Faults of Wardlight itself, as records: so that its own troubles raise alerts as a patient's do, and a replay decides alike."""

from typing import Final

import msgspec

from vitals.alert import AlertKind, Priority
from vitals.reading import PatientId, WardId
from vitals.whole_numbers import EpochMs

SYSTEM_WARD: Final = WardId("system")
"""Where alerts about Wardlight itself stand; whoever may see any ward may see it: nothing in it is about a patient."""
_PREFIX: Final = "system-"

FAULT_KINDS: Final = frozenset(
    {
        AlertKind.WORKER_DOWN,
        AlertKind.BACKLOG_GROWING,
        AlertKind.READINGS_REJECTED,
        AlertKind.DISK_FULL,
        AlertKind.DELIVERY_FAILED,
    }
)
"""Kinds of which no patient is the subject."""


class SystemFault(msgspec.Struct, frozen=True, omit_defaults=True, tag="fault"):
    """A fault of one part of Wardlight was found, or is gone; on log topic `readings`, keyed by `patient_id`.

    Told when that changes; telling it again changes nothing. Whoever wants readings passes it over.
    """

    patient_id: PatientId
    """The subject: `subject_of(part)`."""
    kind: AlertKind
    """One of `FAULT_KINDS`."""
    at_ms: EpochMs
    text: str
    """What is wrong and what to do, or what is well again, in one sentence."""
    priority: Priority = Priority.MEDIUM
    present: bool = True
    since_ms: EpochMs | None = None
    """Since when, where that is known to be earlier."""


def subject_of(part: str) -> PatientId:
    """The subject of a part's faults, e.g. `recorder` or `notifications`.

    >>> subject_of("recorder")
    'system-recorder'
    """
    return PatientId(_PREFIX + part)


def is_system(patient_id: PatientId) -> bool:
    """Whether this subject is a part of Wardlight rather than a patient, whose ids never begin so."""
    return patient_id.startswith(_PREFIX)
