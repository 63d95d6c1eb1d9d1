"""The trainer's handler: examples wait for their outcome, lessons are learned in one order, versions are made and told.

Every trainer settles the examples of its own partitions. All lessons stand in one partition of topic `training`, so that
whoever owns that one learns, and nobody else: the claim of that partition is the fence behind which versions are made.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

import structlog

from runtime.blocking import Door
from runtime.bus import (
    Bus,
    Incoming,
    Outgoing,
    Positions,
    TopicPartition,
    keys_by_partition,
    partition_of,
    positions_after,
)
from runtime.clock import Clock
from runtime.telemetry import Telemetry
from storage import models
from storage.claims import Claims, claim, remember_positions
from storage.models import Threshold, Weights
from storage.session import Connection, Database, in_snapshot, in_transaction
from storage.signing import Signer, load_signer
from storage.states import StateRow, load_states, store_states
from stream.lessons import Fate
from stream.population import Candidate
from stream.race import Race
from stream.race_states import race_of, rows_of
from stream.trainer_clocks import LogClocks
from stream.trainer_labels import Labeller, Told
from stream.trainer_settings import TrainerSettings
from stream.trainer_versions import drafts, newest_thresholds
from vitals import codec
from vitals.errors import MalformedRecord, Unavailable
from vitals.model_version import ModelStanding, ModelSwitch, ModelVersion
from vitals.topics import LogTopic
from vitals.training import POPULATION_KEY, Example, Lesson

log = structlog.get_logger()

GROUP: Final = "trainer"
TOPICS: Final = (LogTopic.TRAINING, LogTopic.OUTCOMES)
_TRAINING, _READINGS, _MODELS = LogTopic.TRAINING.value, LogTopic.READINGS.value, LogTopic.MODELS.value
_GONE_MAX: Final = 1000
"""Settled examples that may wait to be deleted before what was done is stored, due or not."""


class _Claimed(NamedTuple):
    claims: Claims
    rows: list[StateRow]
    signer: Signer
    standings: dict[str, ModelStanding]
    newest: dict[str, tuple[Weights, int]]
    thresholds: dict[str, Threshold | None]
    """None where a candidate had one that cannot be trusted."""


class TrainerHandler:
    """See `runtime.worker.Handler`. Learns only lessons, in the order of the log, each once."""

    def __init__(
        self,
        *,
        bus: Bus,
        database: Database,
        door: Door,
        clock: Clock,
        telemetry: Telemetry,
        settings: TrainerSettings,
        candidates: Sequence[Candidate],
    ) -> None:
        self._bus = bus
        self._database = database
        self._door = door
        self._clock = clock
        self._telemetry = telemetry
        self._settings = settings
        self._candidates = tuple(candidates[: settings.candidates_max])
        self._home = partition_of(POPULATION_KEY, bus.partition_count)
        self._labeller = Labeller(
            group=GROUP,
            rules=settings.rules,
            waiting_max=settings.waiting_per_patient_max,
            settle_max=settings.lessons_per_step_max,
            patient_ms=round(settings.patient_days * 86_400_000),
        )
        self._clocks = LogClocks(TOPICS, observing=_TRAINING, slack_ms=round(settings.settle_slack_s * 1000))
        self._held = False
        """Whether time was held back by what is not read yet."""
        self._epochs: dict[int, int] = {}
        self._signer: Signer | None = None
        self.race: Race | None = None
        """What learns; None where another trainer has the lessons."""
        self._dirty = False
        self._told: tuple[list[int], list[int]] = ([], [])
        """Versions and switches that were published and are not marked so yet."""
        self._remembered_s = self._announced_s = float("-inf")
        telemetry.not_ready(GROUP, "has not claimed its partitions yet")

    async def claim(self, partitions: frozenset[int]) -> Positions:
        """See `runtime.worker.Handler`; positions that the log no longer holds move to its beginning, said aloud."""
        try:
            claimed = await in_transaction(self._door, self._database, self._claim, partitions)
            beginnings = await self._bus.beginnings(TOPICS)
        except Unavailable as error:
            self._telemetry.not_ready(GROUP, f"nothing is learned: {error}")
            raise
        self._epochs, self._signer = claimed.claims.epochs, claimed.signer
        self._labeller.reset(self._epochs)
        self._told, self._dirty = ([], []), False
        self._remembered_s = self._clock.monotonic_s()
        self._announced_s = float("-inf")
        self.race = None
        if self._home in partitions:
            self.race = race_of(
                claimed.rows,
                self._candidates,
                claimed.signer,
                group=GROUP,
                partition=self._home,
                newest=claimed.newest,
                thresholds=claimed.thresholds,
            )
            self._stand(claimed.standings)
        self._telemetry.ready(GROUP)
        positions = {
            at: max(position, self._begin(at, position, beginnings))
            for at, position in claimed.claims.positions.items()
        }
        self._clocks.reset(partitions, {**beginnings, **positions})
        return positions

    async def handle(self, records: Sequence[Incoming]) -> Sequence[Outgoing]:
        """See `runtime.worker.Handler`."""
        told: list[tuple[int, Told]] = []
        lessons: list[tuple[int, Lesson]] = []
        self._clocks.read(positions_after(records))
        for record in records:
            found = self._decoded(record)
            if isinstance(found, Lesson):
                if self.race is not None and record.partition == self._home:
                    lessons.append((record.offset, found))
            elif found is not None:
                at_ms = found.received_at_ms if isinstance(found, Example) else found.at_ms
                self._clocks.heard(TopicPartition(record.topic, record.partition), at_ms)
                told.append((record.partition, found))
        if lessons:
            self._learn(lessons)
        return [*await self._settle(told), *await self._announce()]

    async def idle(self) -> Sequence[Outgoing]:
        """See `runtime.worker.Handler`; settles on, and tells the log what it does not have yet."""
        return [*await self._settle(()), *await self._announce()]

    async def remember(self, positions: Positions, *, final: bool) -> None:
        """See `runtime.worker.Handler`; due every `remember_every_s`, and when versions are to be made."""
        now_s = self._clock.monotonic_s()
        is_due = now_s - self._remembered_s >= self._settings.remember_every_s
        if not (final or is_due or any(self._told) or self._labeller.pending >= _GONE_MAX):
            return
        self._remembered_s = now_s
        made = await self._door.run(self._store, dict(positions))
        self._labeller.forgotten()
        self._told, self._dirty = ([], []), False
        if made:
            self._announced_s = float("-inf")

    def _claim(self, conn: Connection, partitions: frozenset[int]) -> _Claimed:
        claims = claim(conn, GROUP, partitions)
        if self._home not in partitions:
            return _Claimed(claims, [], load_signer(conn), {}, {}, {})
        pipelines, signer = {each.name: each.pipeline for each in self._candidates}, load_signer(conn)
        standings = models.require_candidates(conn, pipelines)
        newest = {name: found for name in pipelines if (found := models.newest_weights(conn, name, signer)) is not None}
        thresholds = newest_thresholds(conn, pipelines, signer)
        return _Claimed(claims, load_states(conn, GROUP, self._home), signer, standings, newest, thresholds)

    def _decoded(self, record: Incoming) -> Told | Lesson | None:
        try:
            if record.topic == _TRAINING:
                return codec.decode_training_record(record.value)
            return codec.decode_outcomes_record(record.value)
        except MalformedRecord as error:
            log.warning("record_passed_over", topic=record.topic, offset=record.offset, cause=str(error))
            self._telemetry.count("wardlight_trainer_malformed_records_total")
            return None

    def _learn(self, lessons: Sequence[tuple[int, Lesson]]) -> None:
        if self.race is None:
            return
        new = self.race.take(lessons)
        self._dirty = True
        for source, number in Counter(lesson.source for lesson in new).items():
            self._telemetry.count("wardlight_trainer_lessons_total", number, source=source.value)
        for racer in self.race.racers.values():
            if racer.faults:
                log.error("candidate_broke", candidate=racer.candidate.name, lessons=racer.faults)
                self._telemetry.count("wardlight_trainer_faults_total", racer.faults)
                racer.faults = 0

    async def _settle(self, told: Sequence[tuple[int, Told]]) -> list[Outgoing]:
        if not (told or self._labeller.has_more or self._held):
            return []
        self._clocks.end_at(await self._bus.ends(TOPICS))
        self._held = self._clocks.is_behind
        step = await self._door.run(self._labeller.step, self._database, told, self._clocks.now_ms())
        for fate in Fate:
            if step.fates[fate]:
                self._telemetry.count("wardlight_trainer_examples_total", step.fates[fate], fate=fate.value)
        return [Outgoing(_TRAINING, POPULATION_KEY, codec.encode(lesson)) for lesson in step.lessons]

    async def _announce(self) -> list[Outgoing]:
        """What was made and ordered, as far as the log does not have it; only by whoever has the lessons."""
        now_s = self._clock.monotonic_s()
        if self.race is None or any(self._told) or now_s - self._announced_s < self._settings.announce_every_s:
            return []
        self._announced_s = now_s
        versions, switches = await in_snapshot(self._door, self._database, models.untold)
        self._stand(await in_snapshot(self._door, self._database, models.candidates))
        self._told = [version.number for version in versions], [each.switch for each in switches]
        told: list[ModelVersion | ModelSwitch] = [*versions, *switches]
        return [record for each in told for record in self._announcement(each)]

    def _announcement(self, told: ModelVersion | ModelSwitch) -> list[Outgoing]:
        value = codec.encode(told)
        records = [Outgoing(_MODELS, POPULATION_KEY, value)]
        if isinstance(told, ModelSwitch):
            records += [Outgoing(_READINGS, key, value) for key in keys_by_partition(self._bus.partition_count)]
            log.info("model_switched", switch=told.switch, number=told.number, by=told.by, why=told.why)
        return records

    def _stand(self, standings: dict[str, ModelStanding]) -> None:
        if self.race is not None:
            for name, racer in self.race.racers.items():
                racer.is_retired = standings.get(name) is ModelStanding.RETIRED

    def _store(self, positions: dict[TopicPartition, int]) -> int:
        """Everything since the last time, and versions where they are due; how many were made."""
        made = 0
        with self._database.transaction() as conn:
            remember_positions(conn, GROUP, self._epochs, positions)
            self._labeller.forget(conn)
            models.mark_told(conn, *self._told)
            if self.race is not None and self._signer is not None:
                for draft, why in drafts(self.race, self._settings, self._clock.now_ms()):
                    models.make(conn, draft, self._signer, by=GROUP, why=why)
                    made += 1
                if self._dirty or made:
                    rows = rows_of(self.race, self._signer, group=GROUP, partition=self._home)
                    store_states(conn, GROUP, self._epochs, {self._home: rows})
        self._telemetry.count("wardlight_trainer_versions_total", made)
        return made

    def _begin(self, at: TopicPartition, position: int, beginnings: Positions) -> int:
        beginning = beginnings.get(at, 0)
        if beginning > position:
            log.error("log_trimmed_before_learned", topic=at.topic, partition=at.partition, lost=beginning - position)
            self._telemetry.count("wardlight_trainer_trimmed_records_total", beginning - position)
        return beginning
