"""Outcomes: that a patient did deteriorate, as people chart it. What the population model of risk is held to."""

import hashlib
from enum import StrEnum
from typing import Annotated, Final

import msgspec

from vitals.errors import InvalidArgument
from vitals.model_version import IdText, Name
from vitals.reading import PatientId, WardId
from vitals.whole_numbers import EpochMs

NOTE_CHARACTERS_MAX: Final = 500


class OutcomeKind(StrEnum):
    """What happened: the end points of trials of early-warning scores (Smith 2013: arrest, intensive care, death), and two more."""

    CARDIAC_ARREST = "cardiac_arrest"
    INTENSIVE_CARE = "intensive_care"
    """Transfer to intensive care that nobody had planned."""
    DEATH = "death"
    SEPSIS = "sepsis"
    RAPID_RESPONSE = "rapid_response"
    """The rapid-response or medical emergency team was called."""


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True, tag="outcome"):
    """One outcome that a person charted, on log topic `outcomes`, keyed by patient; idempotent by `outcome_id`."""

    outcome_id: Name
    patient_id: Annotated[PatientId, IdText]
    ward_id: Annotated[WardId, IdText]
    """Where the patient was when it was charted."""
    kind: OutcomeKind
    happened_at_ms: EpochMs
    at_ms: EpochMs
    """When it was charted."""
    person_id: Name
    by: str
    """Their name, as it is shown."""
    note: str | None = None


class OutcomeWithdrawn(msgspec.Struct, frozen=True, omit_defaults=True, tag="outcome_withdrawn"):
    """An outcome that was charted in error, on log topic `outcomes`: it stays on record and counts for nothing from here on.

    What was learned from it stays learned, as part of versions that name their lessons; it teaches nothing more.
    """

    outcome_id: Name
    patient_id: Annotated[PatientId, IdText]
    at_ms: EpochMs
    person_id: Name
    by: str
    reason: str


OutcomeRecord = Outcome | OutcomeWithdrawn
"""Whatever may stand on log topic `outcomes`."""


def happened_ms(said_ms: int | None, *, now_ms: int, age_ms_max: int) -> int:
    """When an outcome happened, just now unless said; raises InvalidArgument where that lies ahead, or too long ago."""
    if said_ms is None:
        return now_ms
    if said_ms > now_ms:
        raise InvalidArgument("An outcome is charted once it has happened: the time lies ahead.")
    if now_ms - said_ms > age_ms_max:
        raise InvalidArgument(f"An outcome is charted at most {age_ms_max // 86_400_000} days after it happened.")
    return said_ms


def outcome_id(patient_id: PatientId, kind: OutcomeKind, happened_at_ms: int, person_id: str, key: str | None) -> str:
    """The same for the same `key` of the same person, or the same content: charted twice it is one outcome."""
    said = (patient_id, person_id, key) if key is not None else (patient_id, person_id, kind.value, happened_at_ms)
    return hashlib.blake2b(msgspec.json.encode(said), digest_size=12).hexdigest()
