"""The local log's file: one SQLite database in WAL mode with `synchronous=FULL`, one writer, positions without gaps.

Records of all topics lie in one table in the order of their commit, so that a commit appends to the table's end and
trimming by age cuts its beginning; an index leads from (sequence, offset) to the record. All calls block: go through
a Door. Without a path everything is in memory.
"""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from io import BufferedRandom
from pathlib import Path
from typing import NamedTuple

from runtime.bus import Incoming, Outgoing, TopicPartition, partition_of
from runtime.local_tail import within
from runtime.private_files import private_directory, private_file
from vitals.errors import ConfigurationError, PositionOutOfRange, Unavailable

LOG_FILE = "log.db"
"""The log's name in its directory."""
_FORMAT = 1
"""Version of the tables below; another one in the file is refused."""
_TIMED_SINCE = "timed_since_ms"
"""The property that says from when on `at_ms` is the log's own time, and never goes back."""
_TABLES = """
CREATE TABLE IF NOT EXISTS property (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sequence (
    sequence_id INTEGER PRIMARY KEY, topic TEXT NOT NULL, partition INTEGER NOT NULL,
    beginning INTEGER NOT NULL, UNIQUE (topic, partition));
CREATE TABLE IF NOT EXISTS record (
    record_id INTEGER PRIMARY KEY, sequence_id INTEGER NOT NULL, offset INTEGER NOT NULL,
    at_ms INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS record_place ON record (sequence_id, offset);
"""
_PUT_DOWN = "INSERT INTO property (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING"
_INSERT = "INSERT INTO record (sequence_id, offset, at_ms, key, value) VALUES (?, ?, ?, ?, ?)"
_SELECT = "SELECT offset, key, value FROM record WHERE sequence_id = ? AND offset >= ? ORDER BY offset LIMIT ?"
_CHECKPOINT_PAGES = 4000
"""Pages of the write-ahead log after which SQLite copies them into the file (16 MB)."""


class ReadRequest(NamedTuple):
    """`records_count` committed records of one sequence, from `offset` on."""

    place: TopicPartition
    offset: int
    records_count: int


class LocalLog:
    """Appends, reads and trims; safe to call from several threads, appends one at a time.

    Raises ConfigurationError on opening a file that another process holds, that has another number of partitions or
    is no log of ours; Unavailable where the disk is full or fails.
    """

    def __init__(self, path: Path | None, *, partition_count: int) -> None:
        self.path = path
        self.partition_count = partition_count
        self._name = "the log in memory" if path is None else f"the log {path}"
        self._writing = threading.Lock()
        self._timed_since_ms: int | None = None
        self._reading = threading.Lock() if path is not None else self._writing
        with ExitStack() as opened:
            if path is not None:
                opened.enter_context(locked(path))
            try:
                self._writer = opened.enter_context(closing(self._connect()))
                self._reader = self._writer if path is None else opened.enter_context(closing(self._connect()))
                self._open_tables()
            except sqlite3.Error as error:
                raise ConfigurationError(
                    f"Cannot open {self._name} ({error}): check its directory's rights and space, or move the file away."
                ) from error
            self._opened = opened.pop_all()

    def ends(self) -> Mapping[TopicPartition, int]:
        """The next offset of every sequence that has or had records."""
        return dict(self._ends)

    def beginnings(self) -> Mapping[TopicPartition, int]:
        """The oldest offset held, of every sequence that has or had records."""
        return dict(self._beginnings)

    def append(self, records: Sequence[Outgoing], *, at_ms: int) -> list[Incoming]:
        """Commit `records` in order, synced to disk; returns them with their places. All or none.

        `at_ms` never goes back: it is the log's own time (`runtime.local_time`).
        """
        appended: list[Incoming] = []
        rows: list[tuple[int, int, int, bytes, bytes]] = []
        with self._writing, self._transaction():
            ends: dict[TopicPartition, int] = {}
            created: dict[TopicPartition, int] = {}
            for record in records:
                place = TopicPartition(record.topic, partition_of(record.key, self.partition_count))
                offset = ends.get(place, self._ends.get(place, 0))
                ends[place] = offset + 1
                sequence_id = self._sequence_ids.get(place) or created.get(place) or self._create(place, created)
                rows.append((sequence_id, offset, at_ms, record.key, record.value))
                appended.append(Incoming(record.topic, place.partition, offset, record.key, record.value))
            self._writer.executemany(_INSERT, rows)
            timed_since_ms = self._timed_since_ms
            if timed_since_ms is None:
                self._writer.execute(_PUT_DOWN, (_TIMED_SINCE, at_ms))
                timed_since_ms = at_ms
        self._timed_since_ms = timed_since_ms
        self._sequence_ids.update(created)
        self._ends.update(ends)
        for place in created:
            self._beginnings[place] = 0
        return appended

    def read(self, request: ReadRequest, *, bytes_max: int) -> list[Incoming]:
        """The records asked for, in order; the first of them, at least one, where all are more than `bytes_max` bytes.

        Raises PositionOutOfRange where some are not held.
        """
        place, offset, records_count = request
        with self._reading, self._failing_plainly("read"):
            rows = self._reader.execute(_SELECT, (self._sequence_ids.get(place, 0), offset, records_count))
            with closing(rows):
                found = within((Incoming(place.topic, place.partition, *row) for row in rows), bytes_max)
        reaches_back = found[0].offset == offset if found else records_count == 0
        if not reaches_back or offset + records_count > self._ends.get(place, 0):
            raise PositionOutOfRange(
                f"{self._name.capitalize()} does not hold {records_count} records of {place.topic}/"
                f"{place.partition} from offset {offset} on: raise log.retention_h, or reset this position."
            )
        return found

    def trim(self, *, before_ms: int, now_ms: int, records_max: int) -> int:
        """Delete the oldest records, at most `records_max`, while they are older than `before_ms`; returns how many.

        A record from beyond `now_ms` is of an earlier release, which kept the time of a wrong clock: it counts as old as
        the first that was committed by the log's own time.
        """
        is_timed_before = self._timed_since_ms is not None and self._timed_since_ms < before_ms
        with self._writing, self._transaction():
            oldest = self._writer.execute(
                "SELECT record_id, sequence_id, offset, at_ms FROM record ORDER BY record_id LIMIT ?", (records_max,)
            )
            new_beginnings: dict[int, int] = {}
            last_id = trimmed = 0
            for record_id, sequence_id, offset, at_ms in oldest.fetchall():
                if at_ms >= before_ms and not (at_ms > now_ms and is_timed_before):
                    break
                last_id, trimmed = record_id, trimmed + 1
                new_beginnings[sequence_id] = offset + 1
            self._writer.execute("DELETE FROM record WHERE record_id <= ?", (last_id,))
            self._writer.executemany(
                "UPDATE sequence SET beginning = ? WHERE sequence_id = ?",
                [(beginning, sequence_id) for sequence_id, beginning in new_beginnings.items()],
            )
        for place, sequence_id in self._sequence_ids.items():
            if sequence_id in new_beginnings:
                self._beginnings[place] = new_beginnings[sequence_id]
        return trimmed

    def close(self) -> None:
        """Close the file and let another process have it."""
        with self._writing:
            self._opened.close()

    def _connect(self) -> sqlite3.Connection:
        if self.path is not None:
            private_file(self.path)
        connection = sqlite3.connect(self.path or ":memory:", isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        return connection

    def _open_tables(self) -> None:
        self._writer.executescript(_TABLES)
        self._require("format", _FORMAT, "was written by another version of this program")
        timed_since = self._writer.execute("SELECT value FROM property WHERE name = ?", (_TIMED_SINCE,)).fetchone()
        self._timed_since_ms = None if timed_since is None else timed_since[0]
        newest = self._writer.execute("SELECT at_ms FROM record ORDER BY record_id DESC LIMIT 1").fetchone()
        self.newest_ms: int | None = None if newest is None else newest[0]
        """When the newest record was committed, as the log was opened; None where it held none."""
        self._require("partitions", self.partition_count, "has another number of partitions, which is fixed for life")
        self._sequence_ids: dict[TopicPartition, int] = {}
        self._beginnings: dict[TopicPartition, int] = {}
        self._ends: dict[TopicPartition, int] = {}
        sequences = self._writer.execute(
            "SELECT sequence_id, topic, partition, beginning,"
            " (SELECT max(offset) FROM record WHERE record.sequence_id = sequence.sequence_id) FROM sequence"
        )
        for sequence_id, topic, partition, beginning, last in sequences:
            place = TopicPartition(topic, partition)
            self._sequence_ids[place] = sequence_id
            self._beginnings[place] = beginning
            self._ends[place] = beginning if last is None else last + 1

    def _require(self, name: str, value: int, otherwise: str) -> None:
        self._writer.execute(_PUT_DOWN, (name, value))
        (found,) = self._writer.execute("SELECT value FROM property WHERE name = ?", (name,)).fetchone()
        if found != value:
            raise ConfigurationError(
                f"{self._name.capitalize()} {otherwise} ({name} is {found}, wanted {value}): set it back, or start a new log."
            )

    def _create(self, place: TopicPartition, created: dict[TopicPartition, int]) -> int:
        insert = "INSERT INTO sequence (topic, partition, beginning) VALUES (?, ?, 0) RETURNING sequence_id"
        (sequence_id,) = self._writer.execute(insert, place).fetchone()
        created[place] = sequence_id
        return int(sequence_id)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._failing_plainly("written"):
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise

    @contextmanager
    def _failing_plainly(self, deed: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.ProgrammingError, sqlite3.IntegrityError):
            raise
        except sqlite3.DatabaseError as error:
            raise Unavailable(
                f"{self._name.capitalize()} cannot be {deed} ({error}): free disk space or check the disk."
            ) from error


def locked(path: Path) -> BufferedRandom:
    """Hold `<path>.lock` for this process; the lock ends with the file returned, or the process.

    Raises ConfigurationError where another process holds it.
    """
    lock_path = path.with_name(path.name + ".lock")
    try:
        private_directory(path.parent)
        lock_file = os.fdopen(os.open(lock_path, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
    except OSError as error:
        raise ConfigurationError(
            f"Cannot create {lock_path} ({error.strerror}): check the directory's rights."
        ) from error
    try:
        fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock_file.close()
        raise ConfigurationError(
            f"The log {path} is in use by another process: stop that one, or give this one another log.directory."
        ) from error
    return lock_file
