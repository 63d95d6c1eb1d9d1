"""The stream service's handler: readings in, assessments out, patients' snapshots and positions in one transaction."""

import contextlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import structlog

from runtime.blocking import Door
from runtime.bus import Bus, Incoming, Outgoing, Positions, TopicPartition
from runtime.clock import Clock
from runtime.telemetry import Telemetry
from storage import patients as registered
from storage.claims import Claims, claim, remember_positions
from storage.retention import DAY_MS
from storage.scorers import Switched, note_switches, switches_of, trim_switches
from storage.session import Connection, Database, in_snapshot, in_transaction
from storage.signing import Signer, load_signer
from storage.states import FORGET_EVERY_S, StateRow, delete_states, ended_keys, load_states, state_keys, store_states
from stream.budget import BudgetParameters
from stream.charted import assess_charted, withdraw
from stream.context import ContextParameters
from stream.examples import example_of
from stream.patients import FirstUnsaved, LivePatient, Patients, SnapshotFault, Unsaved
from stream.pipeline import PipelineParameters
from stream.population import Candidate
from stream.scoring import PatientState, assess
from stream.settings import StreamSettings
from stream.versions import Versions
from vitals import codec
from vitals.assessment import Assessment
from vitals.errors import MalformedRecord, NotFound, Unavailable
from vitals.model_version import ModelSwitch
from vitals.quality import WithheldCause
from vitals.reading import PatientId, Reading, Withdrawn
from vitals.topics import LogTopic

log = structlog.get_logger()

GROUP = "stream"
_READINGS = LogTopic.READINGS.value
_ASSESSMENTS = LogTopic.ASSESSMENTS.value
_TRAINING = LogTopic.TRAINING.value
_OF_A_PATIENT = (Reading, Withdrawn)


class _Claimed(NamedTuple):
    claims: Claims
    stored: dict[int, list[str]]
    """By partition, the patients who have a snapshot."""
    signer: Signer
    switches: dict[int, list[Switched]]


class _Kept(NamedTuple):
    """What SQL has of patients who are to be live."""

    snapshots: dict[PatientId, StateRow]
    scales: dict[PatientId, int]


class _Tally:
    """What a batch came to."""

    __slots__ = ("duplicates", "failed", "flagged", "late", "replayed", "switched", "withheld")

    def __init__(self) -> None:
        self.replayed = self.duplicates = self.late = self.flagged = self.failed = self.switched = 0
        self.withheld: Counter[WithheldCause] = Counter()

    def note(self, assessment: Assessment) -> None:
        """Count what an assessment says that most do not."""
        self.late += assessment.late
        self.flagged += assessment.flagged
        self.withheld.update(value.cause for value in assessment.withheld)


class _Said(NamedTuple):
    """What a batch led to."""

    assessments: list[Outgoing]
    examples: list[Outgoing]
    tally: _Tally


class StreamHandler:
    """Assesses each distinct reading, measured or charted, once, in the order of the log, however often that is read again.

    The remembered position of a partition is the first record that is not in every patient's stored snapshot; after a
    restart records that a patient's own snapshot holds already are passed over, so its scores go on as if nothing had
    happened.
    """

    def __init__(
        self,
        *,
        bus: Bus,
        database: Database,
        door: Door,
        clock: Clock,
        telemetry: Telemetry,
        settings: StreamSettings,
        parameters: PipelineParameters | None = None,
        candidates: Sequence[Candidate] = (),
    ) -> None:
        self._bus = bus
        self._database = database
        self._door = door
        self._clock = clock
        self._telemetry = telemetry
        self._settings = settings
        self._example_every_ms = round(settings.example_every_s * 1000)
        self._epochs: dict[int, int] = {}
        self._remembered: dict[TopicPartition, int] = {}
        self._remembered_at_s = clock.monotonic_s()
        self._forget_at_s = self._remembered_at_s
        self._batch = 0
        self._signer: Signer | None = None
        self.versions = Versions(candidates, refused=self._count_version_refused)
        self.patients = Patients(
            group=GROUP,
            parameters=parameters_of(settings) if parameters is None else parameters,
            live_max=settings.live_patients_max,
            refused=self._count_refused,
        )

    async def claim(self, partitions: frozenset[int]) -> Positions:
        """See `runtime.worker.Handler`; positions that the log no longer holds move to its beginning, counted."""
        try:
            claimed = await in_transaction(self._door, self._database, _claim, partitions)
            beginnings = await self._bus.beginnings([_READINGS])
        except Unavailable as error:
            self._telemetry.not_ready(GROUP, f"nothing is scored: {error}")
            raise
        self._telemetry.ready(GROUP)
        self.patients.reset(claimed.signer, claimed.stored)
        self._epochs = claimed.claims.epochs
        self._remembered = {at: next_ for at, next_ in claimed.claims.positions.items() if at.topic == _READINGS}
        self._remembered_at_s = self._clock.monotonic_s()
        self._signer = claimed.signer
        positions = {
            at: max(position, self._begin(at, position, beginnings)) for at, position in self._remembered.items()
        }
        first = {at.partition: positions.get(at, beginning) for at, beginning in beginnings.items()}
        await in_snapshot(self._door, self._database, self.versions.reset, claimed.signer, claimed.switches, first)
        return positions

    async def handle(self, records: Sequence[Incoming]) -> Sequence[Outgoing]:
        """See `runtime.worker.Handler`."""
        self._batch += 1
        said = _Said([], [], _Tally())
        stepped = self._step(records, said)
        if stepped < len(records):
            rest = records[stepped:]
            await self._prepare(rest)
            if self._step(rest, said, prepared=True) < len(rest):
                raise AssertionError("A batch needs what was not brought for it: its end would be lost.")
        self.versions.let_go()
        self._tell(said)
        return said.assessments + said.examples

    async def idle(self) -> Sequence[Outgoing]:
        """See `runtime.worker.Handler`; nothing happens without records."""
        return ()

    async def remember(self, positions: Positions, *, final: bool) -> None:
        """See `runtime.worker.Handler`; due every `remember_every_s`."""
        now_s = self._clock.monotonic_s()
        if not final and now_s - self._remembered_at_s < self._settings.remember_every_s:
            return
        self._remembered_at_s = now_s
        beginnings = await self._switches_begin() if self.versions.unsaved else {}
        ended = await self._ended(now_s)
        await self._door.run(self._store, positions, beginnings, ended, final=final)
        self._telemetry.observe("wardlight_stream_remember_seconds", self._clock.monotonic_s() - now_s)
        self._telemetry.set("wardlight_stream_live_patients_count", len(self.patients.live))

    async def _prepare(self, records: Sequence[Incoming]) -> None:
        """Bring into memory all that these records need."""
        switches: list[tuple[int, ModelSwitch]] = []
        missing: dict[PatientId, int] = {}
        for record in records:
            with contextlib.suppress(MalformedRecord):  # `_step` counts it
                told = codec.decode_readings_record(record.value)
                if isinstance(told, ModelSwitch):
                    switches.append((record.partition, told))
                elif isinstance(told, _OF_A_PATIENT):
                    patient = self.patients.live.get(told.patient_id)
                    if patient is None:
                        missing[told.patient_id] = record.partition
                    else:
                        patient.used = self._batch
        wanted = self.versions.missing(switches)
        if wanted and self._signer is not None:
            await in_snapshot(self._door, self._database, self.versions.load, self._signer, wanted)
        if missing:
            await self._bring(missing)

    async def _bring(self, missing: Mapping[PatientId, int]) -> None:
        self.patients.make_room(len(missing), batch=self._batch)
        wanted = list(missing.items())
        for first in range(0, len(wanted), self._settings.bring_max):
            chunk = dict(wanted[first : first + self._settings.bring_max])
            known = [patient_id for patient_id in chunk if patient_id in self.patients.waiting]
            stored = self.patients.stored_only(known)
            kept = await in_snapshot(self._door, self._database, _kept, known, stored) if known else _Kept({}, {})
            await self._door.run(self.patients.bring, chunk, kept.snapshots, kept.scales)
            for patient_id in chunk:
                self.patients.live[patient_id].used = self._batch

    def _step(self, records: Sequence[Incoming], said: _Said, *, prepared: bool = False) -> int:
        """Step patients by these records, unless `prepared` up to the first that needs what is not in memory; how many.

        Each is decoded, assessed and encoded before the next, while all of it is at the processor's hand: in two passes
        over a batch a reading cost half as much again beside its models.
        """
        live, decode, batch = self.patients.live, codec.decode_readings_record, self._batch
        for at, record in enumerate(records):
            try:
                told = decode(record.value)
            except MalformedRecord as error:
                log.warning("record_passed_over", partition=record.partition, offset=record.offset, why=str(error))
                self._telemetry.count("wardlight_stream_malformed_records_total")
                continue
            if isinstance(told, _OF_A_PATIENT):
                patient = live.get(told.patient_id)
                if patient is None:
                    return at
                patient.used = batch
                self._step_patient(patient, told, record, said)
            elif isinstance(told, ModelSwitch):
                if not prepared and self.versions.missing([(record.partition, told)]):
                    return at
                said.tally.switched += self.versions.take(record.partition, record.offset, told)
        return len(records)

    def _step_patient(self, patient: LivePatient, told: Reading | Withdrawn, record: Incoming, said: _Said) -> None:
        _, partition, offset, key, _ = record
        if offset < patient.next_offset:
            said.tally.replayed += 1
            return
        state = patient.state
        if isinstance(told, Reading) and told.charted is None:
            state.in_force = self.versions.now(partition)
            assessment = assess(state, told, live_age_ms_max=self._settings.live_age_ms_max)
            example = example_of(state, told, assessment, every_ms=self._example_every_ms)
            if example is not None:
                said.examples.append(Outgoing(_TRAINING, key, codec.encode(example)))
        else:
            assessment = _of_people(state, told)
        patient.next_offset = offset + 1
        if patient.first_unsaved is None:
            patient.first_unsaved = FirstUnsaved(self._batch, offset)
        if assessment is None:
            said.tally.duplicates += 1
            return
        if assessment.late or assessment.flagged or assessment.withheld:
            said.tally.note(assessment)
        said.assessments.append(Outgoing(_ASSESSMENTS, key, codec.encode(assessment)))
        if state.models_failed:
            said.tally.failed += self._note_failure(state)

    def _tell(self, said: _Said) -> None:
        tally = said.tally
        for cause, count in tally.withheld.items():
            self._telemetry.count("wardlight_stream_withheld_values_total", count, cause=cause.value)
        for name, number in (
            ("wardlight_stream_assessed_readings_total", len(said.assessments)),
            ("wardlight_stream_late_readings_total", tally.late),
            ("wardlight_stream_flagged_readings_total", tally.flagged),
            ("wardlight_stream_duplicate_readings_total", tally.duplicates),
            ("wardlight_stream_replayed_readings_total", tally.replayed),
            ("wardlight_stream_models_failed_total", tally.failed),
            ("wardlight_stream_examples_total", len(said.examples)),
            ("wardlight_stream_model_switches_total", tally.switched),
        ):
            if number:
                self._telemetry.count(name, number)

    def _note_failure(self, state: PatientState) -> int:
        failed, state.models_failed = state.models_failed, 0
        log.error("models_put_aside", patient_id=state.patient_id, then="NEWS2 goes on, the models warm up anew")
        return failed

    async def _switches_begin(self) -> dict[int, int]:
        """Where the log begins in each claimed partition; where it does not answer, the next switch asks again."""
        try:
            beginnings = await self._bus.beginnings([_READINGS])
        except Unavailable:
            return {}
        return {at.partition: beginning for at, beginning in beginnings.items() if at.partition in self._epochs}

    async def _ended(self, now_s: float) -> dict[int, list[PatientId]]:
        """Whose stay ended so long ago that their models can be forgotten; looked for now and then."""
        if now_s < self._forget_at_s:
            return {}
        self._forget_at_s = now_s + FORGET_EVERY_S
        before_ms = self._clock.now_ms() - round(self._settings.patient_days * DAY_MS)
        positions = {at.partition: position for at, position in self._remembered.items()}
        ended = await in_snapshot(
            self._door, self._database, ended_keys, GROUP, before_ms=before_ms, positions=positions
        )
        return self.patients.forgettable(ended)

    def _store(
        self,
        positions: Positions,
        beginnings: Mapping[int, int],
        ended: Mapping[int, Sequence[PatientId]],
        *,
        final: bool,
    ) -> None:
        readings = {at: position for at, position in positions.items() if at.topic == _READINGS}
        unsaved = self.patients.unsaved(live_max=None if final else self._settings.snapshots_max)
        safe = _held_back(readings, unsaved)
        with self._database.transaction() as conn:
            if unsaved.rows:
                store_states(conn, GROUP, self._epochs, unsaved.rows)
            if ended:
                delete_states(conn, GROUP, self._epochs, ended)
            if self.versions.unsaved:
                note_switches(conn, GROUP, self._epochs, self.versions.unsaved)
                keep = self._settings.switches_kept_max
                trim_switches(conn, GROUP, self._epochs, beginnings, keep=keep)
            if safe != self._remembered or unsaved.rows:
                remember_positions(conn, GROUP, self._epochs, safe)
        self.patients.saved(unsaved)
        self.patients.forget(ended)
        self._telemetry.count("wardlight_stream_forgotten_patients_total", sum(map(len, ended.values())))
        self.versions.saved()
        self._remembered = safe
        behind = sum(position - safe[at] for at, position in readings.items())
        self._telemetry.set("wardlight_stream_unremembered_records", behind)
        self._telemetry.count("wardlight_stream_snapshots_total", sum(map(len, unsaved.rows.values())))
        self._telemetry.count("wardlight_stream_evicted_patients_total", self.patients.evicted)
        self.patients.evicted = 0

    def _begin(self, at: TopicPartition, position: int, beginnings: Positions) -> int:
        beginning = beginnings.get(at, 0)
        if beginning > position:
            log.error("log_trimmed_before_assessed", partition=at.partition, from_=position, to=beginning)
            self._telemetry.count("wardlight_stream_trimmed_records_total", beginning - position)
        return beginning

    def _count_version_refused(self) -> None:
        self._telemetry.count("wardlight_stream_model_versions_refused_total")

    def _count_refused(self, fault: SnapshotFault) -> None:
        self._telemetry.count("wardlight_stream_snapshots_refused_total", fault=fault.value)


def parameters_of(settings: StreamSettings) -> PipelineParameters:
    """The models' parameters of this house."""
    return PipelineParameters(
        context=ContextParameters(time_zone=settings.time_zone),
        budget=BudgetParameters(unusual_per_day_max=settings.unusual_per_day_max),
    )


def _claim(conn: Connection, partitions: frozenset[int]) -> _Claimed:
    claims = claim(conn, GROUP, partitions)
    stored = {partition: state_keys(conn, GROUP, partition) for partition in sorted(partitions)}
    return _Claimed(claims, stored, load_signer(conn), switches_of(conn, GROUP, partitions))


def _kept(conn: Connection, known: Iterable[PatientId], stored: Mapping[int, Sequence[str]]) -> _Kept:
    snapshots = {
        PatientId(row.key): row
        for partition, keys in stored.items()
        for row in load_states(conn, GROUP, partition, keys=keys)
    }
    return _Kept(snapshots, _spo2_scales(conn, known))


def _of_people(state: PatientState, record: Reading | Withdrawn) -> Assessment | None:
    return withdraw(state, record) if isinstance(record, Withdrawn) else assess_charted(state, record)


def _spo2_scales(conn: Connection, patient_ids: Iterable[PatientId]) -> dict[PatientId, int]:
    """The scales that the register says were charted, of those registered."""
    scales: dict[PatientId, int] = {}
    for patient_id in patient_ids:
        with contextlib.suppress(NotFound):
            scales[patient_id] = registered.get(conn, patient_id).spo2_scale
    return scales


def _held_back(positions: Positions, unsaved: Unsaved) -> dict[TopicPartition, int]:
    return {at: min(position, unsaved.floors.get(at.partition, position)) for at, position in positions.items()}
