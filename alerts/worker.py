"""The alert engine at the log: readings, assessments, commands and ticks in; transitions and ticks out; state in SQL."""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

import structlog

from alerts.announcing import announce
from alerts.casebook import Outcome
from alerts.engine import PatientAlerts, Record, Standing
from alerts.life import TECHNICAL_KINDS
from alerts.partition import PartitionAlerts
from alerts.policy import FixedPolicy, Policy
from alerts.rules import AlertRules
from alerts.settings import AlertsSettings
from alerts.snapshot import Rows, agree, restore
from alerts.wards import Stay, Wards, stay_of
from runtime.blocking import Door
from runtime.bus import Bus, Incoming, Outgoing, Positions, TopicPartition, keys_by_partition, partition_of
from runtime.clock import Clock
from runtime.telemetry import Telemetry
from storage import episodes
from storage.claims import Claims, claim, remember_positions
from storage.retention import DAY_MS
from storage.session import Database, in_snapshot
from storage.signing import Signer, load_signer
from storage.states import FORGET_EVERY_S, StateRow, delete_states, ended_keys, load_states, store_states
from vitals import codec
from vitals.alert import Command, Transition, TransitionKind
from vitals.assessment import Assessment
from vitals.errors import Conflict, MalformedRecord, Unavailable
from vitals.model_version import ModelSwitch
from vitals.reading import PatientId, Tick
from vitals.topics import LogTopic

log = structlog.get_logger()

GROUP = "alerts"
TOPICS = (LogTopic.READINGS.value, LogTopic.ASSESSMENTS.value, LogTopic.COMMANDS.value)
_READINGS, _ASSESSMENTS, _COMMANDS = TOPICS
_ALERTS = LogTopic.ALERTS.value


class _Claimed(NamedTuple):
    claims: Claims
    rows: dict[int, list[StateRow]]
    signer: Signer
    open_episodes: Sequence[episodes.Episode]


class AlertsHandler:
    """Steps the engine over its partitions.

    A step is decided once: it is stored together with the state of its patient, and told afterwards (ADR 0044). Positions,
    and what else changed, follow, each partition's every `remember_every_s`, one partition after another so that no alert
    waits for all of them; what is read again since then, a state passes over as far as it has gone.
    """

    def __init__(
        self,
        *,
        bus: Bus,
        database: Database,
        door: Door,
        clock: Clock,
        telemetry: Telemetry,
        settings: AlertsSettings,
        policy: Policy | None = None,
        renew: Callable[[], None] | None = None,
    ) -> None:
        """`policy` says what people decided, and is brought up to now by `renew`, which blocks, before partitions are claimed.

        Without them the program's own rules hold for everybody.
        """
        self._bus = bus
        self._database = database
        self._door = door
        self._clock = clock
        self._telemetry = telemetry
        self._settings = settings
        self._policy = FixedPolicy(AlertRules()) if policy is None else policy
        self._renew = renew
        self._wards = Wards(database, clock.now_ms)
        self._tick_keys = keys_by_partition(bus.partition_count)
        self._epochs: dict[int, int] = {}
        self._signer: Signer | None = None
        self._partitions: dict[int, PartitionAlerts] = {}
        self._turns: deque[int] = deque()
        """Partitions in the order in which their states are stored next."""
        self._untold: list[Transition] = []
        """Transitions that are in SQL, and perhaps not published."""
        self._handed_out = 0
        """How many of these were returned to be published."""
        self._changes: list[Command] = []
        """Discharges, moves and changes of devices to be told of."""
        self._ticked_s = self._remembered_s = self._renewed_s = self._forgot_s = float("-inf")
        telemetry.not_ready(GROUP, "has not claimed its partitions yet")

    async def claim(self, partitions: frozenset[int]) -> Positions:
        """See `runtime.worker.Handler`; positions that the log no longer holds move to its beginning, loudly."""
        try:
            if self._renew is not None:
                await self._door.run(self._renew)
            claimed = await self._door.run(self._claim, partitions)
            beginnings = await self._bus.beginnings(TOPICS)
        except Unavailable as error:
            self._telemetry.not_ready(GROUP, f"nothing alarms: {error}")
            raise
        self._untold, self._handed_out = [], 0
        self._epochs, self._signer = claimed.claims.epochs, claimed.signer
        self._ticked_s = float("-inf")
        self._remembered_s = self._renewed_s = self._clock.monotonic_s()
        self._wards.reset()
        self._partitions = {number: self._restored(number, claimed) for number in sorted(partitions)}
        self._turns = deque(self._partitions)
        self._changes = await self._door.run(self._wards.renew, self._watched)
        self._telemetry.ready(GROUP)
        positions = claimed.claims.positions
        return {
            at: self._held(at, position, beginnings[at]) for at, position in positions.items() if at.topic in TOPICS
        }

    async def handle(self, records: Sequence[Incoming]) -> Sequence[Outgoing]:
        """See `runtime.worker.Handler`."""
        decoded = [(record, found) for record in records if (found := self._decoded(record)) is not None]
        strangers = {
            found.patient_id
            for _, found in decoded
            if not isinstance(found, Tick) and not self._wards.knows(found.patient_id)
        }
        if strangers:
            await self._door.run(self._wards.look_up, strangers)
        decided: list[Transition] = []
        for record, found in decoded:
            decided += self._step(self._partitions[record.partition], found, Standing(record.topic, record.offset))
        await self._decide(decided)
        return await self._due()

    async def idle(self) -> Sequence[Outgoing]:
        """See `runtime.worker.Handler`."""
        return await self._due()

    async def remember(self, positions: Positions, *, final: bool) -> None:
        """See `runtime.worker.Handler`; transitions at once, states and positions of the partitions whose turn it is."""
        # What was returned has been published by now.
        del self._untold[: self._handed_out]
        self._handed_out = 0
        now_s = self._clock.monotonic_s()
        turn = frozenset(self._turns) if final else self._turn(now_s - self._remembered_s)
        if not turn:
            return
        positions = {**positions, **await self._told()}
        theirs = {at: position for at, position in positions.items() if at.partition in turn}
        ended = await self._ended(now_s)
        await self._door.run(self._store, theirs, turn, ended)
        for number, patient_ids in ended.items():
            self._partitions[number].forget(patient_ids)
            self._telemetry.count("wardlight_alerts_forgotten_patients_total", len(patient_ids))
        self._count_evicted()
        self._remembered_s = now_s
        self._turns.rotate(-len(turn))
        for number in turn:
            self._partitions[number].dirty.clear()
        self._telemetry.observe("wardlight_alerts_remember_seconds", self._clock.monotonic_s() - now_s)

    def _count_evicted(self) -> None:
        for partition in self._partitions.values():
            self._telemetry.count("wardlight_alerts_evicted_patients_total", partition.evicted)
            partition.evicted = 0

    async def _decide(self, decided: list[Transition]) -> None:
        """Store these steps with the states that they left, for good; then they are to be told."""
        if not decided:
            return
        try:
            await self._door.run(self._store_steps, decided)
        except Conflict as conflict:
            # Nobody else opens episodes; claiming anew takes over what stands in SQL.
            raise Unavailable(f"SQL holds open what this engine does not know: {conflict}") from conflict
        self._untold += decided
        now_ms = self._clock.now_ms()
        for step in decided:
            announce(self._telemetry, step)
            if (
                step.transition is TransitionKind.RAISED
                and step.kind not in TECHNICAL_KINDS
                and step.heard_ms is not None
            ):
                waited_s = max(0, now_ms - step.heard_ms) / 1000
                self._telemetry.observe("wardlight_alerts_reading_to_alert_seconds", waited_s)

    def _turn(self, waited_s: float) -> frozenset[int]:
        """Partitions to store now, so that each comes round every `remember_every_s`."""
        every_s, count = self._settings.remember_every_s, len(self._turns)
        due = count if waited_s >= every_s else int(count * waited_s / every_s)
        return frozenset(islice(self._turns, due))

    async def _told(self) -> Positions:
        """Up to where all of topic `alerts` is in SQL: nothing is published that is not; nothing where the log cannot say now."""
        try:
            ends = await self._bus.ends((_ALERTS,))
        except Unavailable:
            return {}
        return {at: end for at, end in ends.items() if at.partition in self._epochs}

    def _claim(self, partitions: frozenset[int]) -> _Claimed:
        with self._database.transaction() as conn:
            claims = claim(conn, GROUP, partitions)
            rows = {number: load_states(conn, GROUP, number) for number in sorted(partitions)}
            return _Claimed(claims, rows, load_signer(conn), episodes.open_episodes(conn))

    def _restored(self, number: int, claimed: _Claimed) -> PartitionAlerts:
        partition = PartitionAlerts(
            self._policy,
            self._wards.place_of,
            patients_max=self._settings.patients_per_partition_max,
        )
        restored = restore(GROUP, number, claimed.rows[number], claimed.signer)
        partition.watch = restored.watch
        partition.restore(restored.states)
        self._untold += restored.untold
        if restored.refused:
            log.error("alert_states_refused", partition=number, patients=len(restored.refused))
            self._telemetry.count("wardlight_alerts_states_refused_total", len(restored.refused))
        theirs = [each for each in claimed.open_episodes if self._partition_of(each.patient_id) == number]
        differed = agree(partition, theirs)
        if differed:
            log.warning(
                "alert_states_differed", partition=number, episodes=differed, then="what SQL holds open goes on"
            )
        return partition

    def _partition_of(self, patient_id: PatientId) -> int:
        return partition_of(patient_id.encode(), self._bus.partition_count)

    def _held(self, at: TopicPartition, position: int, beginning: int) -> int:
        if beginning > position:
            log.error("log_trimmed_before_judged", topic=at.topic, partition=at.partition, lost=beginning - position)
            self._telemetry.count("wardlight_alerts_trimmed_records_total", beginning - position)
        return max(position, beginning)

    def _decoded(self, record: Incoming) -> Record | None:
        try:
            if record.topic == _READINGS:
                found = codec.decode_readings_record(record.value)
                return None if isinstance(found, ModelSwitch) else found
            if record.topic == _ASSESSMENTS:
                return codec.decode(Assessment, record.value)
            return codec.decode(Command, record.value)
        except MalformedRecord as error:
            log.warning("record_passed_over", topic=record.topic, offset=record.offset, cause=str(error))
            self._telemetry.count("wardlight_alerts_malformed_records_total", topic=record.topic)
            return None

    def _step(self, partition: PartitionAlerts, record: Record, at: Standing) -> Sequence[Transition]:
        if isinstance(record, Tick):
            return () if record.probe else partition.tick(record, at)
        transitions = partition.step(record, at)
        self._count_outcome(partition.patients[record.patient_id])
        self._wards.note(record)
        return transitions

    def _count_outcome(self, patient: PatientAlerts) -> None:
        if patient.outcome is Outcome.STEPPED:
            return
        self._telemetry.count("wardlight_alerts_records_total", outcome=patient.outcome.value)
        if patient.outcome is Outcome.REFUSED and patient.refusal is not None:
            self._telemetry.count("wardlight_alerts_commands_refused_total", refusal=patient.refusal.value)

    async def _due(self) -> list[Outgoing]:
        """What was decided, and ticks and what the registry changed whose time has come."""
        now_s = self._clock.monotonic_s()
        outputs = [_outgoing(transition) for transition in self._untold]
        self._handed_out = len(self._untold)
        if now_s - self._renewed_s >= self._settings.registry_every_s:
            self._renewed_s = now_s
            self._changes += await self._door.run(self._wards.renew, self._watched)
        outputs += [Outgoing(_COMMANDS, change.patient_id.encode(), codec.encode(change)) for change in self._changes]
        self._changes = []
        if now_s - self._ticked_s >= self._settings.tick_s:
            self._ticked_s = now_s
            tick = codec.encode(Tick(self._clock.now_ms()))
            outputs += [Outgoing(_READINGS, self._tick_keys[number], tick) for number in self._partitions]
        return outputs

    def _watched(self) -> list[Stay]:
        return [
            stay_of(patient.state) for partition in self._partitions.values() for patient in partition.patients.values()
        ]

    def _store_steps(self, decided: Sequence[Transition]) -> None:
        untold = [*self._untold, *decided]
        concerned = {self._partition_of(step.patient_id) for step in untold}
        rows = {number: self._rows(number).save_steps(decided, self._of(number, untold)) for number in concerned}
        with self._database.transaction() as conn:
            # First, since it holds the claims.
            store_states(conn, GROUP, self._epochs, rows)
            episodes.store(conn, decided)

    async def _ended(self, now_s: float) -> dict[int, list[PatientId]]:
        """Whose stay ended so long ago that their states can be forgotten, by partition; looked for now and then."""
        if now_s - self._forgot_s < FORGET_EVERY_S:
            return {}
        self._forgot_s = now_s
        before_ms = self._clock.now_ms() - round(self._settings.patient_days * DAY_MS)
        # A state says itself how far it has gone, and the log reaches less far back than `patient_days`.
        everywhere = dict.fromkeys(self._partitions, 0)
        ended = await in_snapshot(
            self._door, self._database, ended_keys, GROUP, before_ms=before_ms, positions=everywhere
        )
        found = {
            number: self._partitions[number].forgettable(map(PatientId, keys), before_ms)
            for number, keys in ended.items()
        }
        return {number: patient_ids for number, patient_ids in found.items() if patient_ids}

    def _store(self, positions: Positions, turn: Collection[int], ended: Mapping[int, Sequence[PatientId]]) -> None:
        rows = {number: self._rows(number).save(self._of(number, self._untold)) for number in turn}
        with self._database.transaction() as conn:
            store_states(conn, GROUP, self._epochs, rows)
            if ended:
                delete_states(conn, GROUP, self._epochs, ended)
            remember_positions(conn, GROUP, self._epochs, positions)

    def _of(self, number: int, steps: Iterable[Transition]) -> list[Transition]:
        return [step for step in steps if self._partition_of(step.patient_id) == number]

    def _rows(self, number: int) -> Rows:
        if self._signer is None:
            raise AssertionError("Nothing is stepped before it is claimed.")
        return Rows(GROUP, number, self._partitions[number], self._signer)


def _outgoing(transition: Transition) -> Outgoing:
    return Outgoing(_ALERTS, transition.patient_id.encode(), codec.encode(transition))
