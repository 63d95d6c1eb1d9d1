"""What the ledger costs the recorder: readings per second with it and without it, in turn on equal input, in one run.

With it means all of it: what is jotted down in each commit, and the entering of the journal in the tables of the ledger,
once a round, which lasts about as long as the keeper waits between two. The difference is smaller than what other work on the
machine makes of it, so the ratio is that of each side's least disturbed round; on SQLite of CPU seconds, since all the work
is this process's, on PostgreSQL of time as it passes.
"""

import asyncio
import gc
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.load import records
from benchmarks.measure import NotMeasured, Result, Stopwatch
from runtime.blocking import InlineDoor
from runtime.bus import Incoming, TopicPartition, positions_after
from runtime.clock import SystemClock
from runtime.telemetry import Telemetry
from storage import ledger
from storage.bulk import Storable
from storage.ledger_journal import Jotting
from storage.migrate import upgrade
from storage.recorder import RecorderHandler
from storage.session import Database
from storage.settings import RecorderSettings
from tests.support.postgres_server import start_postgres

ROUNDS = 10
READINGS_PER_ROUND = 80_000
PATIENTS = 200
PARTITIONS = 4
PER_POLL = 1000
PER_COMMIT = 2000


class _WithoutLedger(RecorderHandler):
    """The recorder as it would be without a ledger."""

    def _jotting(self, outcomes: Sequence[Storable]) -> Jotting:  # noqa: ARG002 - what it would have counted
        return Jotting(0, [], [], [])


def run() -> Iterator[Result]:
    """Measure on both databases; raises NotMeasured where there is no PostgreSQL, once SQLite has been measured."""
    with tempfile.TemporaryDirectory(prefix="wardlight-bench-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        urls = (f"sqlite:///{directory}/with.db", f"sqlite:///{directory}/without.db")
        yield asyncio.run(_measure("ledger-sqlite", *urls, seconds=Stopwatch.cpu_s))
        server_directory = directory / "postgres"
        server_directory.mkdir()
        server = start_postgres(server_directory)
        if server is None:
            raise NotMeasured(
                "No PostgreSQL on this machine: ledger-postgresql was not measured; install it (Debian: postgresql)."
            )
        try:
            urls = (server.create_database(), server.create_database())
            yield asyncio.run(_measure("ledger-postgresql", *urls, seconds=Stopwatch.wall_s))
        finally:
            server.stop()


async def _measure(bench: str, with_it: str, without: str, *, seconds: Callable[[Stopwatch], float]) -> Result:
    rounds: list[tuple[float, float]] = []
    async with _recorder(with_it) as (database, keeping), _recorder(without, _WithoutLedger) as (_, bare):
        for number in range(ROUNDS):
            boot, from_ms = f"round{number}", number * READINGS_PER_ROUND // PATIENTS * 1000
            batch = records(PATIENTS, READINGS_PER_ROUND, boot=boot, from_ms=from_ms, every_s=1, partitions=PARTITIONS)
            # The batch is the benchmark's own: nobody should pay for walking it in search of garbage.
            gc.collect()
            gc.freeze()
            took = {}
            for handler in (keeping, bare) if number % 2 else (bare, keeping):
                watch = Stopwatch()
                await _record(handler, batch)
                if handler is keeping:
                    with database.transaction() as conn:
                        ledger.enter(conn)
                took[handler is keeping] = seconds(watch)
            gc.unfreeze()
            rounds.append((took[True], took[False]))
        _check(database)
    ours_s, bare_s = (min(side) for side in zip(*rounds, strict=True))
    return Result.of(bench, value=READINGS_PER_ROUND / ours_s, unit="readings/s", floor=READINGS_PER_ROUND / bare_s)


def _check(database: Database) -> None:
    with database.snapshot() as conn:
        lines = ledger.lines(conn, from_ms=0, to_ms=2**45, now_ms=0, settle_ms=1)
    stored, missing = sum(line.stored for line in lines), sum(line.missing for line in lines)
    if (stored, missing) != (ROUNDS * READINGS_PER_ROUND, 0):
        raise RuntimeError(f"the ledger says {stored} stored and {missing} missing")


@asynccontextmanager
async def _recorder(
    url: str, kind: type[RecorderHandler] = RecorderHandler
) -> AsyncIterator[tuple[Database, RecorderHandler]]:
    upgrade(url)
    database = Database(url)
    handler = kind(
        database=database,
        door=InlineDoor(),
        clock=SystemClock(),
        telemetry=Telemetry(),
        settings=RecorderSettings(records_per_poll=PER_POLL, rows_per_commit=PER_COMMIT, commit_interval_s=60),
    )
    try:
        await handler.claim(frozenset(range(PARTITIONS)))
        yield database, handler
    finally:
        database.close()


async def _record(handler: RecorderHandler, batch: Sequence[Incoming]) -> None:
    """What the worker's loop does with records."""
    positions: dict[TopicPartition, int] = {}
    for first in range(0, len(batch), PER_POLL):
        polled = batch[first : first + PER_POLL]
        await handler.handle(polled)
        positions |= positions_after(polled)
        await handler.remember(positions, final=False)
    await handler.remember(positions, final=True)
