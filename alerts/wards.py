"""Who lies on which ward, and who has left: a cache of the registry, renewed when its version changes."""

from collections.abc import Iterable

from storage import patients as registered
from storage.registry import registry_version
from storage.session import Database
from vitals.alert import Action, Command
from vitals.errors import NotFound
from vitals.reading import PatientId, WardId

UNKNOWN_WARD = WardId("unknown")
"""Where a patient is shown whom the registry does not know: an alert without a ward is still an alert."""


class Wards:
    """Wards of present patients, and of others asked for; as many entries as patients, each a few words.

    Its methods except `ward_of` and `knows` block on SQL.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._wards: dict[PatientId, WardId] = {}
        self._version: int | None = None
        self._told_left: set[PatientId] = set()

    def reset(self) -> None:
        """Forget everything; the next renewal reads it anew."""
        self._wards, self._version, self._told_left = {}, None, set()

    def ward_of(self, patient_id: PatientId) -> WardId:
        """The patient's ward as last known."""
        return self._wards.get(patient_id, UNKNOWN_WARD)

    def knows(self, patient_id: PatientId) -> bool:
        """Whether the patient was looked up."""
        return patient_id in self._wards

    def look_up(self, patient_ids: Iterable[PatientId]) -> None:
        """Read the wards of these patients; raises Unavailable."""
        with self._database.snapshot() as conn:
            for patient_id in patient_ids:
                try:
                    self._wards[patient_id] = registered.get(conn, patient_id).ward_id
                except NotFound:
                    self._wards[patient_id] = UNKNOWN_WARD

    def renew(self, watched: Iterable[PatientId]) -> list[Command]:
        """Follow the registry; what to tell about watched patients who have left since; raises Unavailable."""
        with self._database.snapshot() as conn:
            version = registry_version(conn)
            if version == self._version:
                return []
            present = {patient.patient_id: patient.ward_id for patient in registered.list_patients(conn)}
            left: list[Command] = []
            for patient_id in watched:
                if patient_id in present or patient_id in self._told_left:
                    continue
                try:
                    patient = registered.get(conn, patient_id)
                except NotFound:
                    continue
                if patient.discharged_at_ms is not None:
                    self._told_left.add(patient_id)
                    left.append(_departure(patient_id, patient.discharged_at_ms))
        self._told_left -= present.keys()
        self._wards, self._version = present, version
        return left


def _departure(patient_id: PatientId, at_ms: int) -> Command:
    return Command(
        command_id=f"left-{patient_id}-{at_ms}",
        patient_id=patient_id,
        episode_id="",
        action=Action.PATIENT_LEFT,
        by="registry",
        at_ms=at_ms,
    )
