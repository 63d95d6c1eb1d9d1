"""The patients a worker holds: live ones with models in memory, waiting ones by name, and what is not stored yet."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

import structlog

from storage.signing import Signer
from storage.states import StateRow
from stream.pipeline import PatientPipeline, PipelineParameters
from stream.scales import USUAL, Scales
from stream.scoring import PatientState
from stream.snapshot import decode_snapshot, encode_snapshot
from vitals.errors import Fenced, SnapshotMismatch
from vitals.reading import PatientId

log = structlog.get_logger()


class SnapshotFault(StrEnum):
    """Why a snapshot was not loaded as it stands; bounded, used as metric label."""

    SIGNATURE = "signature"
    """Not signed by this installation for this place: nothing of it is used, the patient starts anew."""
    VERSION = "version"
    """Other models, settings or River: the models warm up anew, what was seen is kept."""
    SHAPE = "shape"
    """Signed by us, yet not readable by this code: the patient starts anew."""


class FirstUnsaved(NamedTuple):
    """The first record that is in a patient's state and in no stored snapshot; smaller waits longer.

    Its batch comes first, since offsets of different partitions say nothing of who waits longer.
    """

    batch: int
    offset: int


class LivePatient:
    """One patient with models in memory, and where they stand in the log; mutable."""

    __slots__ = ("first_unsaved", "next_offset", "partition", "state", "used")

    def __init__(self, partition: int, state: PatientState, next_offset: int) -> None:
        self.partition = partition
        self.state = state
        self.next_offset = next_offset
        """Every record before it is in the state."""
        self.first_unsaved: FirstUnsaved | None = None
        """None where the state is stored as it is."""
        self.used = 0
        """The number of the batch that last used it."""


class WaitingPatient:
    """One patient whose snapshot is in SQL, or on its way there; mutable."""

    __slots__ = ("first_unsaved", "partition", "row")

    def __init__(self, partition: int, row: StateRow | None, first_unsaved: FirstUnsaved | None) -> None:
        self.partition = partition
        self.row = row
        """The snapshot while it is not stored; None once it is."""
        self.first_unsaved = first_unsaved


class Patients:
    """All patients of the claimed partitions. At most `live_max` are live, plus those one batch brings."""

    def __init__(
        self,
        *,
        group: str,
        parameters: PipelineParameters,
        live_max: int,
        refused: Callable[[SnapshotFault], None],
    ) -> None:
        self._group = group
        self._parameters = parameters
        self._live_max = live_max
        self._refused = refused
        self._signer: Signer | None = None
        self.live: dict[PatientId, LivePatient] = {}
        self.waiting: dict[PatientId, WaitingPatient] = {}
        self.evicted = 0
        """How many left memory for a snapshot since the last `reset`."""

    def reset(self, signer: Signer, stored: Mapping[int, Iterable[str]]) -> None:
        """Hold exactly what is stored of the claimed partitions: these patients' snapshots."""
        self._signer = signer
        self.live = {}
        self.waiting = {
            PatientId(key): WaitingPatient(partition, None, None) for partition, keys in stored.items() for key in keys
        }
        self.evicted = 0

    def stored_only(self, wanted: Iterable[PatientId]) -> dict[int, list[str]]:
        """Those of them whose snapshots have to be read from SQL before they can be brought, by partition."""
        found: dict[int, list[str]] = {}
        for patient_id in wanted:
            waiting = self.waiting.get(patient_id)
            if waiting is not None and waiting.row is None:
                found.setdefault(waiting.partition, []).append(patient_id)
        return found

    def bring(
        self,
        wanted: Mapping[PatientId, int],
        stored: Mapping[PatientId, StateRow],
        registered_scales: Mapping[PatientId, int],
    ) -> None:
        """Make patients (with their partitions) live: from their snapshots, or as new ones. 1-2 ms each.

        `stored` are the snapshots that `stored_only` asked for; raises Fenced where one of them is gone, since nobody else
        may take it away while the partition is ours.
        `registered_scales` is where the SpO2 scale comes from if a snapshot cannot be read: the log is not read again
        from its beginning.
        """
        for patient_id, partition in wanted.items():
            waiting = self.waiting.pop(patient_id, None)
            if waiting is None:
                self.live[patient_id] = LivePatient(partition, self._anew(patient_id, USUAL), 0)
                continue
            row = stored.get(patient_id) if waiting.row is None else waiting.row
            if row is None:
                raise Fenced(f"The state of {patient_id} is gone from partition {waiting.partition}: claim it anew.")
            state, offset = self._restored(patient_id, waiting.partition, row, registered_scales.get(patient_id, USUAL))
            self.live[patient_id] = LivePatient(partition, state, offset)
            self.live[patient_id].first_unsaved = waiting.first_unsaved

    def make_room(self, count: int, *, batch: int) -> None:
        """Turn the longest unused live patients into snapshots so that `count` more fit; never those of this batch."""
        excess = len(self.live) + count - self._live_max
        if excess <= 0:
            return
        unused = sorted((item for item in self.live.items() if item[1].used != batch), key=lambda item: item[1].used)
        for patient_id, patient in unused[:excess]:
            is_stored = patient.first_unsaved is None and patient.next_offset > 0
            row = None if is_stored else self._row(patient_id, patient)
            self.waiting[patient_id] = WaitingPatient(patient.partition, row, patient.first_unsaved)
            del self.live[patient_id]
            self.evicted += 1

    def unsaved(self, *, live_max: int | None) -> "Unsaved":
        """What to store now: all waiting snapshots not stored, and at most `live_max` live patients, longest unsaved first.

        Encodes and signs; may run on another thread while nothing steps the patients.
        """
        rows: dict[int, list[StateRow]] = {}
        waiting = [patient for patient in self.waiting.values() if patient.first_unsaved is not None]
        for patient in waiting:
            if patient.row is not None:
                rows.setdefault(patient.partition, []).append(patient.row)
        dirty = [
            (patient.first_unsaved, patient_id)
            for patient_id, patient in self.live.items()
            if patient.first_unsaved is not None
        ]
        dirty.sort()
        chosen = [patient_id for _, patient_id in dirty[:live_max]]
        for patient_id in chosen:
            rows.setdefault(self.live[patient_id].partition, []).append(self._row(patient_id, self.live[patient_id]))
        left = [self.live[patient_id] for _, patient_id in dirty[len(chosen) :]]
        return Unsaved(rows, chosen, waiting, _floors(left))

    def saved(self, unsaved: "Unsaved") -> None:
        """What `unsaved` named is stored."""
        for patient_id in unsaved.live:
            self.live[patient_id].first_unsaved = None
        for patient in unsaved.waiting:
            patient.first_unsaved = patient.row = None

    def forgettable(self, ended: Mapping[int, Sequence[str]]) -> dict[int, list[PatientId]]:
        """Of these patients, by partition, those of whom everything is stored."""
        unsaved = {name for name, patient in self.live.items() if patient.first_unsaved is not None}
        unsaved |= {name for name, patient in self.waiting.items() if patient.first_unsaved is not None}
        found = {
            partition: [PatientId(key) for key in keys if PatientId(key) not in unsaved]
            for partition, keys in ended.items()
        }
        return {partition: keys for partition, keys in found.items() if keys}

    def forget(self, ended: Mapping[int, Iterable[PatientId]]) -> None:
        """Their snapshots are deleted; whoever is heard again begins anew."""
        for patient_ids in ended.values():
            for patient_id in patient_ids:
                self.live.pop(patient_id, None)
                self.waiting.pop(patient_id, None)

    def _row(self, patient_id: PatientId, patient: LivePatient) -> StateRow:
        assert self._signer is not None  # noqa: S101 - patients are live only after a claim
        return self._signer.signed(
            self._group,
            patient.partition,
            key=patient_id,
            offset=patient.next_offset,
            blob=encode_snapshot(patient.state),
            pipeline_hash=self._parameters.model_version,
        )

    def _anew(self, patient_id: PatientId, spo2_scale: int) -> PatientState:
        return PatientState(patient_id, PatientPipeline(self._parameters), scales=Scales(before=spo2_scale))

    def _restored(self, patient_id: PatientId, partition: int, row: StateRow, scale: int) -> tuple[PatientState, int]:
        """The state and the offset it is true for; what cannot be trusted or read warms up anew, said aloud."""
        assert self._signer is not None  # noqa: S101 - patients wait only after a claim
        try:
            self._signer.verify(self._group, partition, row)
        except SnapshotMismatch as error:
            self._refuse(SnapshotFault.SIGNATURE, str(error))
            return self._anew(patient_id, scale), 0
        same = row.pipeline_hash == self._parameters.model_version
        if not same:
            self._refuse(SnapshotFault.VERSION, f"The models of {patient_id} are of {row.pipeline_hash}.")
        try:
            state = decode_snapshot(patient_id, row.blob, self._parameters, with_models=same)
        except SnapshotMismatch as error:
            self._refuse(SnapshotFault.SHAPE, str(error))
            state = self._anew(patient_id, scale)
        return state, row.offset

    def _refuse(self, fault: SnapshotFault, why: str) -> None:
        log.warning("snapshot_refused", fault=fault.value, why=why, then="the models warm up anew")
        self._refused(fault)


class Unsaved:
    """A choice of what to store, and what it leaves behind."""

    __slots__ = ("floors", "live", "rows", "waiting")

    def __init__(
        self,
        rows: Mapping[int, Sequence[StateRow]],
        live: Sequence[PatientId],
        waiting: Sequence[WaitingPatient],
        floors: Mapping[int, int],
    ) -> None:
        self.rows = rows
        """Snapshots to store, by partition."""
        self.live = live
        self.waiting = waiting
        self.floors = floors
        """Per partition the first record that is in no snapshot even then: the remembered position may not pass it."""


def _floors(left: Iterable[LivePatient]) -> dict[int, int]:
    floors: dict[int, int] = {}
    for patient in left:
        if patient.first_unsaved is not None:
            offset = patient.first_unsaved.offset
            floors[patient.partition] = min(offset, floors.get(patient.partition, offset))
    return floors
