"""One partition of the log: its patients and its ticks. Pure."""

from collections.abc import Callable, Iterable

from alerts.engine import PatientAlerts, Standing
from alerts.place import Place
from alerts.policy import Policy
from alerts.state import PatientState
from alerts.watchdog import Watch
from vitals.alert import Command, Transition
from vitals.assessment import Assessment
from vitals.fault import SystemFault
from vitals.reading import PatientId, Reading, RefusedSigns, Tick, Unaccounted, WardId, Withdrawn

_NOBODY, _NO_WARD = PatientId(""), WardId("")
"""Of whom the house's rules hold: whether ticks may judge is one question for all patients of a partition."""


class PartitionAlerts:
    """The patients of one partition of the log, and its ticks.

    Holds at most `patients_max` patients: beyond that the one longest unheard without an open episode is forgotten.
    """

    def __init__(
        self,
        policy: Policy,
        place_of: Callable[[PatientId], Place],
        *,
        patients_max: int,
    ) -> None:
        self.watch = Watch()
        self.patients: dict[PatientId, PatientAlerts] = {}
        self.dirty: set[PatientId] = set()
        """Patients whose state changed; whoever stores them empties it."""
        self.evicted = 0
        """Patients forgotten because there were too many; whoever counts them sets it back."""
        self._policy = policy
        self._place_of = place_of
        self._patients_max = patients_max

    def restore(self, states: Iterable[PatientState]) -> None:
        """Go on from these states."""
        for state in states:
            self.patients[state.patient_id] = PatientAlerts(state, self._policy, self._place_of)

    def patient(self, patient_id: PatientId) -> PatientAlerts:
        """The patient's machines, made on first use."""
        found = self.patients.get(patient_id)
        if found is None:
            if len(self.patients) >= self._patients_max:
                self._forget_one()
            found = PatientAlerts(PatientState(patient_id), self._policy, self._place_of)
            self.patients[patient_id] = found
        return found

    def step(
        self,
        record: Reading | RefusedSigns | Withdrawn | Unaccounted | SystemFault | Assessment | Command,
        at: Standing | None = None,
    ) -> tuple[Transition, ...]:
        """Step the record's patient, unless the state holds already what stands there in the log."""
        self.dirty.add(record.patient_id)
        return self.patient(record.patient_id).step(record, at)

    def tick(self, tick: Tick, at: Standing | None = None) -> tuple[Transition, ...]:
        """Step every patient by a tick, where the watch judges, but those whose states hold it already."""
        house = self._policy.rules(_NOBODY, _NO_WARD, tick.at_ms)
        if not self.watch.step(tick.at_ms, house.contact):
            return ()
        transitions: list[Transition] = []
        for patient_id, patient in self.patients.items():
            stepped = patient.step(tick, at)
            if stepped:
                self.dirty.add(patient_id)
                transitions += stepped
        return tuple(transitions)

    def forgettable(self, patient_ids: Iterable[PatientId], before_ms: int) -> list[PatientId]:
        """Those of them without an open episode of whom nothing was heard since then."""
        return [each for each in patient_ids if self._is_quiet(each, before_ms)]

    def forget(self, patient_ids: Iterable[PatientId]) -> None:
        """Hold nothing of them any more; whoever is heard again begins anew."""
        for patient_id in patient_ids:
            self.patients.pop(patient_id, None)
            self.dirty.discard(patient_id)

    def _is_quiet(self, patient_id: PatientId, before_ms: int) -> bool:
        patient = self.patients.get(patient_id)
        if patient is None:
            return True
        return not patient.state.has_open_episode() and (patient.state.contact.heard_ms or 0) < before_ms

    def _forget_one(self) -> None:
        quiet = [patient for patient in self.patients.values() if not patient.state.has_open_episode()]
        if quiet:
            longest = min(quiet, key=lambda patient: patient.state.contact.heard_ms or 0)
            self.forget([longest.state.patient_id])
            self.evicted += 1
