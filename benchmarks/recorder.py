"""The recorder: readings per second from log records to committed rows, beside the driver's own bulk insert.

Floor on SQLite: executemany of ready tuples with a conflict clause. Floor on PostgreSQL: COPY of ready tuples into a
temporary table and one merge. Both sides write the same table, keep the same durability and commit as many rows at a
time; what the recorder adds is decoding, positions under the fence, and its loop. PostgreSQL is left out, loudly, where
this machine has none.
"""

import asyncio
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import BigInteger, Double, Text

from benchmarks.load import records
from benchmarks.measure import NotMeasured, Result, Stopwatch, rates
from runtime.blocking import ThreadDoor
from runtime.bus import Incoming, TopicPartition, positions_after
from runtime.clock import SystemClock
from runtime.telemetry import Telemetry
from storage.migrate import upgrade
from storage.readings import READINGS_INSERT
from storage.recorder import RecorderHandler
from storage.rows import Row, reading_row
from storage.session import Database
from storage.settings import RecorderSettings
from storage.tables import readings as table
from tests.support.postgres_server import start_postgres

ROUNDS = 12
READINGS_PER_ROUND = 20_000
PATIENTS = 200
PARTITIONS = 4
PER_POLL = 1000
PER_COMMIT = 2000

COLUMNS = ", ".join(READINGS_INSERT.columns)
MARKS = ", ".join("?" for _ in READINGS_INSERT.columns)
COPY_TYPES = {Text: "text", BigInteger: "int8", Double: "float8"}

Floor = Callable[[Sequence[Row]], None]


def run() -> Iterator[Result]:
    """Measure on both databases; raises NotMeasured where there is no PostgreSQL, once SQLite has been measured."""
    with tempfile.TemporaryDirectory(prefix="wardlight-bench-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        yield _on_sqlite(directory)
        server_directory = directory / "postgres"
        server_directory.mkdir()
        server = start_postgres(server_directory)
        if server is None:
            raise NotMeasured(
                "No PostgreSQL on this machine: recorder-postgresql was not measured; install it (Debian: postgresql)."
            )
        try:
            yield _on_postgres(server.create_database(), server.create_database())
        finally:
            server.stop()


def _on_sqlite(directory: Path) -> Result:
    ours, bare = (f"sqlite:///{directory / name}.db" for name in ("ours", "bare"))
    upgrade(bare)
    connection = sqlite3.connect(directory / "bare.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    insert = f"INSERT INTO readings ({COLUMNS}) VALUES ({MARKS}) ON CONFLICT (reading_id) DO NOTHING"  # noqa: S608 - our own names

    def floor(rows: Sequence[Row]) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(insert, rows)
        connection.execute("COMMIT")

    try:
        return asyncio.run(_measure("recorder-sqlite", ours, floor))
    finally:
        connection.close()


def _on_postgres(ours: str, bare: str) -> Result:
    upgrade(bare)
    types = [COPY_TYPES[type(table.columns[name].type)] for name in READINGS_INSERT.columns]
    with psycopg.connect(bare.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("CREATE TEMP TABLE staged (LIKE readings) ON COMMIT DELETE ROWS")
        copied = f"COPY staged ({COLUMNS}) FROM STDIN (FORMAT BINARY)".encode()
        merged = f"INSERT INTO readings ({COLUMNS}) SELECT {COLUMNS} FROM staged ON CONFLICT (reading_id) DO NOTHING"  # noqa: S608 - our own names

        def floor(rows: Sequence[Row]) -> None:
            with connection.transaction(), connection.cursor() as cursor:
                with cursor.copy(copied) as copy:
                    copy.set_types(types)
                    for row in rows:
                        copy.write_row(row)
                cursor.execute(merged.encode())

        return asyncio.run(_measure("recorder-postgresql", ours, floor))


async def _measure(bench: str, url: str, floor: Floor) -> Result:
    upgrade(url)
    database = Database(url)
    door = ThreadDoor(name="bench-sql", threads_max=1)
    handler = RecorderHandler(
        database=database,
        door=door,
        clock=SystemClock(),
        telemetry=Telemetry(),
        settings=RecorderSettings(records_per_poll=PER_POLL, rows_per_commit=PER_COMMIT, commit_interval_s=60),
    )
    rounds: list[tuple[float, float]] = []
    try:
        await handler.claim(frozenset(range(PARTITIONS)))
        for number in range(ROUNDS):
            boot, from_ms = f"round{number}", number * READINGS_PER_ROUND // PATIENTS * 1000
            batch = records(PATIENTS, READINGS_PER_ROUND, boot=boot, from_ms=from_ms, every_s=1, partitions=PARTITIONS)
            rows = _rows(batch)
            watch = Stopwatch()
            await _record(handler, batch)
            ours_s = watch.wall_s()
            watch = Stopwatch()
            for first in range(0, len(rows), PER_COMMIT):
                floor(rows[first : first + PER_COMMIT])
            rounds.append((ours_s, watch.wall_s()))
        if handler.stored["readings"] != ROUNDS * READINGS_PER_ROUND:
            raise RuntimeError(f"stored {handler.stored} of {ROUNDS * READINGS_PER_ROUND} readings")
    finally:
        door.close()
        database.close()
    ours, bare = rates(rounds, READINGS_PER_ROUND)
    return Result.of(bench, value=ours, unit="readings/s", floor=bare)


async def _record(handler: RecorderHandler, batch: Sequence[Incoming]) -> None:
    """What the worker's loop does with records."""
    positions: dict[TopicPartition, int] = {}
    for first in range(0, len(batch), PER_POLL):
        polled = batch[first : first + PER_POLL]
        await handler.handle(polled)
        positions |= positions_after(polled)
        await handler.remember(positions, final=False)
    await handler.remember(positions, final=True)


def _rows(batch: Sequence[Incoming]) -> list[tuple[Any, ...]]:
    rows = [reading_row(record.value) for record in batch]
    return [row for row in rows if isinstance(row, tuple)]
