"""SQL from the log once more: the recorder's tables and the alert episodes. What is there stays, what is missing comes back.

Nothing is ever deleted, so that a log that reaches back a week cannot cost a history of a year. Registry, people and audit
are not in the log: they come from a backup.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec
import structlog

from runtime.blocking import Door
from runtime.bus import Assigned, Bus, Incoming, Positions, TopicPartition
from runtime.clock import Clock
from runtime.telemetry import Telemetry
from storage import episodes
from storage.claims import check_epochs, claim
from storage.operations import Deed, put_down
from storage.recorder import TOPICS, RecorderHandler
from storage.session import Database, in_transaction
from storage.settings import RecorderSettings
from vitals.alert import Transition
from vitals.codec import decode, decode_readings_record
from vitals.errors import Conflict, MalformedRecord, Unavailable
from vitals.fault import SystemFault
from vitals.model_version import ModelSwitch
from vitals.reading import Tick, Unaccounted, Withdrawn
from vitals.topics import LogTopic

log = structlog.get_logger()

ALERTS_GROUP: Final = "alerts"
"""The group that writes episodes; a rebuild claims it, too."""
DEFERRED_MAX: Final = 20_000
"""Transitions that may wait for the end of an episode in their way."""
STUCK_POLLS_MAX: Final = 100
"""Empty polls in a row after which the log counts as not answering."""
_POLL_S: Final = 0.1
_OF_OUR_TIME: Final = (Tick, Withdrawn, Unaccounted, SystemFault, ModelSwitch)

Progress = Callable[[int, int], None]
"""Told how many records are done, of how many."""
Take = Callable[[Sequence[Incoming], Positions], Awaitable[None]]
"""Takes records, and where the reader stands after them."""


class TopicRebuilt(msgspec.Struct, frozen=True):
    """What one topic gave."""

    records: int
    beyond_reach: int
    """Records that the log has trimmed, of all partitions together."""


class Rebuilt(msgspec.Struct, frozen=True):
    """What a rebuild did."""

    topics: dict[str, TopicRebuilt]
    rows_stored: dict[str, int]
    """Per table, rows that were missing."""
    rows_present: dict[str, int]
    skipped: int
    """Records that are none of ours or cannot be stored."""
    transitions: int
    log_begins_at_ms: int | None
    """The oldest time in topic `readings`: what is older can come from a backup only. None where the topic is empty."""

    @property
    def whole(self) -> bool:
        """Whether the log still held its very first record everywhere."""
        return not any(topic.beyond_reach for topic in self.topics.values())


class Rebuilder:
    """Reads the log from its beginning to its present end; run it while no service works.

    It holds the claims of `recorder` and `alerts`: a service that claims meanwhile fences it, and the rebuild ends with
    Fenced, having harmed nothing. Run again, it ends in the same rows.
    """

    def __init__(
        self,
        *,
        bus: Bus,
        database: Database,
        door: Door,
        clock: Clock,
        telemetry: Telemetry,
        settings: RecorderSettings,
        progress: Progress | None = None,
    ) -> None:
        self._bus = bus
        self._database = database
        self._door = door
        self._clock = clock
        self._settings = settings
        self._progress = progress
        self._recorder = RecorderHandler(
            database=database, door=door, clock=clock, telemetry=telemetry, settings=settings, counts_repeats=False
        )
        self._epochs: dict[int, int] = {}
        self._deferred: list[Transition] = []
        self._transitions = self._skipped = self._done = self._total = 0
        self._oldest_at_ms: int | None = None

    async def run(self) -> Rebuilt:
        """Rebuild; raises Unavailable, Fenced, PositionOutOfRange where the log is trimmed meanwhile, Conflict."""
        partitions = frozenset(range(self._bus.partition_count))
        await self._recorder.claim(partitions)
        self._epochs = (await in_transaction(self._door, self._database, claim, ALERTS_GROUP, partitions)).epochs
        recorded, told = [topic.value for topic in TOPICS], [LogTopic.ALERTS.value]
        beginnings = await self._bus.beginnings([*recorded, *told])
        ends = await self._bus.ends([*recorded, *told])
        self._total = sum(end - beginnings[at] for at, end in ends.items())
        await self._read(recorded, beginnings, ends, self._record)
        await self._recorder.remember({at: ends[at] for at in ends if at.topic in recorded}, final=True)
        await self._read(told, beginnings, ends, self._tell)
        rebuilt = self._rebuilt(beginnings, ends)
        await in_transaction(
            self._door,
            self._database,
            put_down,
            Deed.REBUILD,
            at_ms=self._clock.now_ms(),
            detail=msgspec.to_builtins(rebuilt),
        )
        return rebuilt

    async def _read(self, topics: Sequence[str], beginnings: Positions, ends: Positions, take: Take) -> None:
        """Every record of these topics from the beginnings to before the ends."""
        positions = {at: beginnings[at] for at in ends if at.topic in topics}
        reader = await self._bus.reader(group=None, topics=topics)
        quiet = 0
        try:
            while any(position < ends[at] for at, position in positions.items()):
                polled = await reader.poll(records_max=self._settings.records_per_poll, timeout_s=_POLL_S)
                if isinstance(polled, Assigned):
                    await reader.seek(positions)
                    continue
                quiet = 0 if polled.records else quiet + 1
                if quiet > STUCK_POLLS_MAX:
                    raise Unavailable("The log does not give its records: check it, and rebuild again.")
                wanted = [record for record in polled.records if record.offset < ends[_place(record)]]
                for record in wanted:
                    positions[_place(record)] = record.offset + 1
                await take(wanted, positions)
                self._done += len(wanted)
                if self._progress is not None:
                    self._progress(self._done, self._total)
        finally:
            await reader.close()

    async def _record(self, records: Sequence[Incoming], positions: Positions) -> None:
        if self._oldest_at_ms is None:
            self._oldest_at_ms = _oldest_at_ms(records)
        await self._recorder.handle(records)
        await self._recorder.remember(positions, final=False)

    async def _tell(self, records: Sequence[Incoming], _positions: Positions) -> None:
        transitions: list[Transition] = []
        for record in records:
            try:
                transitions.append(decode(Transition, record.value))
            except MalformedRecord as error:
                self._skipped += 1
                log.warning("record_passed_over", topic=record.topic, offset=record.offset, cause=str(error))
        self._transitions += len(transitions)
        await self._door.run(self._store, transitions)

    def _store(self, transitions: Sequence[Transition]) -> None:
        """Store these; an episode that another open one stands in the way of waits until the log tells of that one's end."""
        waiting = [*self._deferred, *transitions]
        try:
            self._store_together(waiting)
            self._deferred = []
        except Conflict:
            self._deferred = [transition for transition in waiting if not self._store_alone(transition)]
        if len(self._deferred) > DEFERRED_MAX:
            raise Conflict(f"More than {DEFERRED_MAX} steps of alerts contradict each other: restore a backup first.")

    def _store_together(self, transitions: Sequence[Transition]) -> None:
        with self._database.transaction() as conn:
            check_epochs(conn, ALERTS_GROUP, self._epochs)
            episodes.store(conn, transitions)

    def _store_alone(self, transition: Transition) -> bool:
        try:
            self._store_together([transition])
        except Conflict:
            return False
        return True

    def _rebuilt(self, beginnings: Positions, ends: Positions) -> Rebuilt:
        for transition in self._deferred:
            log.error("transition_left_out", transition_id=transition.transition_id, episode_id=transition.episode_id)
        topics = {
            topic: TopicRebuilt(
                sum(end - beginnings[at] for at, end in ends.items() if at.topic == topic),
                sum(beginning for at, beginning in beginnings.items() if at.topic == topic),
            )
            for topic in sorted({at.topic for at in ends})
        }
        return Rebuilt(
            topics=topics,
            rows_stored=dict(self._recorder.stored),
            rows_present=dict(self._recorder.duplicates),
            skipped=self._recorder.skipped + self._skipped + len(self._deferred),
            transitions=self._transitions - len(self._deferred),
            log_begins_at_ms=self._oldest_at_ms,
        )


def _place(record: Incoming) -> TopicPartition:
    return TopicPartition(record.topic, record.partition)


def _oldest_at_ms(records: Sequence[Incoming]) -> int | None:
    """When the first records of topic `readings` were taken in."""
    times: list[int] = []
    for record in records:
        if record.topic == LogTopic.READINGS:
            try:
                found = decode_readings_record(record.value)
            except MalformedRecord:
                continue
            times.append(found.at_ms if isinstance(found, _OF_OUR_TIME) else found.received_at_ms)
    return min(times, default=None)
