"""`python -m storage` as a process: on a local log and PostgreSQL, stopped, killed and started again."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.blocking import InlineDoor
from runtime.bus import Outgoing
from runtime.clock import SystemClock
from runtime.local_bus import LocalBus
from storage.session import Database
from tests.support.builders import reading
from vitals.codec import encode

pytestmark = pytest.mark.integration

READINGS = 8_000
WAIT_S_MAX = 60


class Recorder:
    """`python -m storage` with its settings in the environment."""

    def __init__(self, directory: Path, url: str, *, rows_per_commit: int = 250) -> None:
        self.environment = {
            **os.environ,
            "WARDLIGHT_DATABASE__URL": url,
            "WARDLIGHT_LOG__DIRECTORY": str(directory),
            "WARDLIGHT_LOG__PARTITIONS": "4",
            "WARDLIGHT_RECORDER__ROWS_PER_COMMIT": str(rows_per_commit),
            "WARDLIGHT_RECORDER__RECORDS_PER_POLL": "125",
        }

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """To its end."""
        return subprocess.run(
            [sys.executable, "-m", "storage", *arguments],
            env=self.environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=WAIT_S_MAX,
        )

    def start(self) -> subprocess.Popen[bytes]:
        """In the background."""
        return subprocess.Popen(
            [sys.executable, "-m", "storage"],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


async def fill(directory: Path) -> None:
    """A local log with `READINGS` readings of 40 patients."""
    bus = await LocalBus.open(directory / "log.db", partitions=4, door=InlineDoor(), clock=SystemClock())
    records = [
        reading(at_s=number // 40, device=f"d{number % 40}", patient=f"p{number % 40}") for number in range(READINGS)
    ]
    await bus.publish([Outgoing("readings", record.patient_id.encode(), encode(record)) for record in records])
    await bus.close()


def rows_in(database: Database) -> int:
    with database.snapshot() as conn:
        return int(conn.exec_driver_sql("SELECT count(*) FROM readings").scalar_one())


def await_rows(process: subprocess.Popen[bytes], database: Database, count: int) -> None:
    """Until so many readings are in SQL; the process must live."""
    clock = SystemClock()
    deadline_s = clock.monotonic_s() + WAIT_S_MAX
    while rows_in(database) < count:
        assert process.poll() is None
        assert clock.monotonic_s() < deadline_s


def test_without_a_schema_it_says_what_to_do(tmp_path: Path, postgres_url: str) -> None:
    ended = Recorder(tmp_path, postgres_url).run()
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1] == "The database has no tables yet: run `wardlight db upgrade`."


def test_an_unreachable_database_is_one_sentence(tmp_path: Path) -> None:
    ended = Recorder(tmp_path, "postgresql+psycopg://ward@127.0.0.1:1/ward").run()
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith("The database does not answer: ")


def test_killed_again_and_again_it_stores_every_reading_once_and_stops_when_asked(
    tmp_path: Path, postgres_url: str
) -> None:
    asyncio.run(fill(tmp_path))
    recorder = Recorder(tmp_path, postgres_url)
    assert recorder.run("migrate").returncode == 0
    database = Database(postgres_url)
    for part in (1, 2, 3):
        process = recorder.start()
        await_rows(process, database, READINGS * part // 5)
        process.kill()
        assert process.wait(WAIT_S_MAX) == -signal.SIGKILL
        assert rows_in(database) < READINGS
    process = recorder.start()
    await_rows(process, database, READINGS)
    process.terminate()
    assert process.wait(WAIT_S_MAX) == 0
    with database.snapshot() as conn:
        remembered = conn.exec_driver_sql("SELECT sum(position) FROM positions WHERE topic = 'readings'").scalar_one()
    assert (rows_in(database), remembered) == (READINGS, READINGS)
    database.close()
