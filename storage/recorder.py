"""The recorder: readings, assessments, rejections, labels and outcomes from the log into SQL, in batches, with their positions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Final

import structlog
from sqlalchemy import Connection

from runtime.blocking import Door
from runtime.bus import Incoming, Outgoing, Positions, TopicPartition
from runtime.clock import Clock
from runtime.telemetry import Telemetry
from storage import assessments
from storage.assessments import ASSESSMENTS_INSERT
from storage.bulk import ROW_REFUSALS, BulkInsert, Storable, Stored
from storage.charting import project_scales, withdraw, withdrawn_patients
from storage.claims import claim, remember_positions
from storage.labels import LABELS_INSERT, label_row
from storage.ledger_journal import Jotting, assessed_of, jot, note_readings, refused_of, without_repeats
from storage.outcomes import OUTCOMES_INSERT, outcome_row
from storage.readings import READINGS_INSERT
from storage.rejections import REJECTIONS_INSERT, wait_again
from storage.rows import (
    ASSESSMENT_ROW_PATIENT,
    READING_ROW_CHARTED,
    READING_ROW_PATIENT,
    READING_ROW_RECEIVED_AT,
    Row,
    RowOf,
    assessment_row,
    reading_row,
    rejection_row,
)
from storage.session import Database, in_snapshot, in_transaction
from storage.settings import RecorderSettings
from vitals.errors import MalformedRecord, Unavailable
from vitals.reading import PatientId, Withdrawn
from vitals.topics import LogTopic

log = structlog.get_logger()

GROUP: Final = "recorder"
_TOPIC_OF: Final = attrgetter("topic")
_RECEIVED_AT_OF: Final = itemgetter(READING_ROW_RECEIVED_AT)
TOPICS: Final = (LogTopic.READINGS, LogTopic.ASSESSMENTS, LogTopic.REJECTED, LogTopic.LABELS, LogTopic.OUTCOMES)


class _Way(Enum):
    """How a batch is written."""

    AT_ONCE = "at once"
    """All rows are new and can be stored; the usual case."""
    TELLING = "telling"
    """Some are there already: the ledger must know which."""
    ONE_BY_ONE = "one by one"
    """Some can never be stored: they are left out."""


class _SomeRepeated(Exception):
    """A batch written at once held rows that were there already: it is rolled back and written again, telling which."""


@dataclass
class _Lane:
    """One topic on its way into one table: rows that wait for the next commit, and the records they came from."""

    row_of: RowOf
    insert: BulkInsert
    rows: list[Row] = field(default_factory=list)
    sources: list[Incoming] = field(default_factory=list)
    withdrawals: list[tuple[int, Withdrawn]] = field(default_factory=list)
    """Each with how many of `rows` stand before it in the log: those it means, the others it does not."""

    def clear(self) -> None:
        self.rows = []
        self.sources = []
        self.withdrawals = []

    def write(self, conn: Connection, way: _Way) -> Storable:
        """Rows and withdrawals in the order of the log."""
        if not self.withdrawals:
            return self._insert(conn, 0, len(self.rows), way)
        written, first = self._insert(conn, 0, 0, way), 0
        for until, withdrawn in (*self.withdrawals, (len(self.rows), None)):
            written, first = written.followed_by(self._insert(conn, first, until, way)), until
            if withdrawn is not None:
                withdraw(conn, withdrawn)
                assessments.withdraw(conn, withdrawn)
        return written

    def _insert(self, conn: Connection, first: int, until: int, way: _Way) -> Storable:
        rows = self.rows[first:until]
        if way is _Way.ONE_BY_ONE:
            return self.insert.insert_storable(conn, rows, first=first)
        if way is _Way.TELLING:
            new = self.insert.insert_telling(conn, rows)
            return Storable(Stored(len(new), len(rows) - len(new)), (), new)
        counts = self.insert.insert(conn, rows)
        if counts.duplicates:
            raise _SomeRepeated
        return Storable(counts, ())

    def withdrawn_patients(self) -> set[PatientId]:
        """Of whom something was withdrawn."""
        return {order.patient_id for _, order in self.withdrawals}

    def charted_patients(self) -> set[PatientId]:
        """Of whom something was charted or withdrawn."""
        return self.withdrawn_patients() | {
            row[READING_ROW_PATIENT] for row in self.rows if row[READING_ROW_CHARTED] is not None
        }


class RecorderHandler:
    """Buffers rows as they come and commits them with their positions when a batch is full or has waited long enough.

    Idempotent by primary keys: what a replay repeats is counted as duplicates. A record that is none of ours, or that the
    database can never hold, is logged with its position, counted and passed over: it stays in the log, and must not stop
    the rest.
    """

    def __init__(
        self,
        *,
        database: Database,
        door: Door,
        clock: Clock,
        telemetry: Telemetry,
        settings: RecorderSettings,
        counts_repeats: bool = True,
    ) -> None:
        """Without `counts_repeats` the ledger counts only what is new: for a rebuild, which reads all of the log again."""
        self._counts_repeats = counts_repeats
        self._database = database
        self._door = door
        self._clock = clock
        self._telemetry = telemetry
        self._settings = settings
        self._epochs: dict[int, int] = {}
        self._lanes: dict[str, _Lane] = {
            LogTopic.READINGS.value: _Lane(reading_row, READINGS_INSERT),
            LogTopic.ASSESSMENTS.value: _Lane(assessment_row, ASSESSMENTS_INSERT),
            LogTopic.REJECTED.value: _Lane(rejection_row, REJECTIONS_INSERT),
            LogTopic.LABELS.value: _Lane(label_row, LABELS_INSERT),
            LogTopic.OUTCOMES.value: _Lane(outcome_row, OUTCOMES_INSERT),
        }
        self._waiting = 0
        self._waiting_since_s = 0.0
        self._withdrawn: set[PatientId] = set()
        """Patients of whom anything was ever withdrawn: an assessment may come after its reading was."""
        self.stored: dict[str, int] = dict.fromkeys((lane.insert.table_name for lane in self._lanes.values()), 0)
        """Rows committed per table since construction."""
        self.duplicates: dict[str, int] = dict.fromkeys(self.stored, 0)
        self.skipped = 0
        """Records passed over because they are none of ours or cannot be stored."""
        telemetry.not_ready(GROUP, "has not claimed its partitions yet")

    async def claim(self, partitions: frozenset[int]) -> Positions:
        self._drop_waiting()
        try:
            claims = await in_transaction(self._door, self._database, claim, GROUP, partitions)
            self._withdrawn = await in_snapshot(self._door, self._database, withdrawn_patients)
        except Unavailable as error:
            self._telemetry.not_ready(GROUP, str(error))
            raise
        self._epochs = claims.epochs
        self._telemetry.ready(GROUP)
        return claims.positions

    async def handle(self, records: Sequence[Incoming]) -> Sequence[Outgoing]:
        if self._waiting == 0:
            self._waiting_since_s = self._clock.monotonic_s()
        self._waiting += len(records)
        for topic, run in groupby(records, key=_TOPIC_OF):
            self._take(self._lanes[topic], run)
        return ()

    def _take(self, lane: _Lane, records: Iterable[Incoming]) -> None:
        row_of, add_row, add_source = lane.row_of, lane.rows.append, lane.sources.append
        for record in records:
            try:
                row = row_of(record.value)
            except MalformedRecord as error:
                self._skip(record, str(error))
                continue
            if isinstance(row, tuple):
                add_row(row)
                add_source(record)
            elif row is not None:
                lane.withdrawals.append((len(lane.rows), row))

    async def idle(self) -> Sequence[Outgoing]:
        return ()

    async def remember(self, positions: Positions, *, final: bool) -> None:
        if self._waiting == 0 or not (final or self._is_due()):
            return
        began_s = self._clock.monotonic_s()
        try:
            outcomes = await self._door.run(self._commit, dict(positions))
        except Unavailable as error:
            self._telemetry.not_ready(GROUP, str(error))
            raise
        self._telemetry.observe("wardlight_recorder_commit_seconds", self._clock.monotonic_s() - began_s)
        self._telemetry.ready(GROUP)
        self._report(outcomes)
        self._drop_waiting()

    def _is_due(self) -> bool:
        waited_s = self._clock.monotonic_s() - self._waiting_since_s
        return self._waiting >= self._settings.rows_per_commit or waited_s >= self._settings.commit_interval_s

    def _commit(self, positions: dict[TopicPartition, int]) -> list[Storable]:
        try:
            return self._write(positions, _Way.AT_ONCE)
        except _SomeRepeated:
            way = _Way.TELLING
        except ROW_REFUSALS:
            way = _Way.ONE_BY_ONE
        try:
            return self._write(positions, way)
        except ROW_REFUSALS:
            return self._write(positions, _Way.ONE_BY_ONE)

    def _write(self, positions: dict[TopicPartition, int], way: _Way) -> list[Storable]:
        with self._database.transaction() as conn:
            self._remember_positions(conn, positions)
            outcomes = [lane.write(conn, way) for lane in self._lanes.values()]
            jot(conn, self._jotting(outcomes))
            self._withdrawn |= self._lanes[LogTopic.READINGS.value].withdrawn_patients()
            if self._withdrawn:
                self._withdraw_assessments(conn)
            if way is not _Way.ONE_BY_ONE:
                wait_again(conn, self._lanes[LogTopic.REJECTED.value].rows)
            project_scales(conn, self._lanes[LogTopic.READINGS.value].charted_patients())
            return outcomes

    def _jotting(self, outcomes: Sequence[Storable]) -> Jotting:
        """What the ledger is to know of this commit."""
        readings, assessed, refused, *_ = self._lanes.values()
        of_readings, of_assessed, of_refused, *_ = outcomes
        unstorable = [index for index, _ in of_readings.refused]
        jotting = Jotting(
            self._clock.now_ms(),
            assessed=assessed_of(assessed.rows, of_assessed.new),
            refused=refused_of(refused.rows, of_refused.new),
        )
        note_readings(jotting, readings.rows, of_readings.new, unstorable)
        return jotting if self._counts_repeats else without_repeats(jotting)

    def _withdraw_assessments(self, conn: Connection) -> None:
        rows = self._lanes[LogTopic.ASSESSMENTS.value].rows
        late = [row[0] for row in rows if row[ASSESSMENT_ROW_PATIENT] in self._withdrawn]
        assessments.withdraw_with_readings(conn, late)

    def _remember_positions(self, conn: Connection, positions: dict[TopicPartition, int]) -> None:
        remember_positions(conn, GROUP, self._epochs, positions)

    def _report(self, outcomes: Sequence[Storable]) -> None:
        readings = self._lanes[LogTopic.READINGS.value].rows
        if readings:
            waited_ms = self._clock.now_ms() - min(map(_RECEIVED_AT_OF, readings))
            self._telemetry.observe("wardlight_recorder_reading_to_stored_seconds", max(0, waited_ms) / 1000)
        for lane, (counts, refused, _) in zip(self._lanes.values(), outcomes, strict=True):
            table = lane.insert.table_name
            self.stored[table] += counts.stored
            self.duplicates[table] += counts.duplicates
            if counts.stored:
                self._telemetry.count("wardlight_recorder_rows_stored_total", counts.stored, table=table)
            if counts.duplicates:
                self._telemetry.count("wardlight_recorder_duplicates_total", counts.duplicates, table=table)
            for index, cause in refused:
                self._skip(lane.sources[index], cause)

    def _skip(self, record: Incoming, cause: str) -> None:
        self.skipped += 1
        self._telemetry.count("wardlight_recorder_records_skipped_total", topic=record.topic)
        log.error(
            "record_skipped",
            worker=GROUP,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            cause=cause,
        )

    def _drop_waiting(self) -> None:
        self._waiting = 0
        for lane in self._lanes.values():
            lane.clear()
