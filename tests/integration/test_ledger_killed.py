"""The ledger of a recorder that is killed again and again equals the sets of what was published, lost, refused and repeated."""

import asyncio
import random
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from runtime.blocking import InlineDoor
from runtime.bus import Outgoing
from runtime.clock import SystemClock
from runtime.local_bus import LocalBus
from storage import ledger
from storage.ledger import Line
from storage.session import Database
from tests.integration.test_storage_process import WAIT_S_MAX, Recorder
from tests.support.ledger_contract import refused, sent
from vitals.codec import encode
from vitals.topics import LogTopic

pytestmark = pytest.mark.integration

DEVICES = 20
PUBLISHED = 600
SEED = 7


class Told(NamedTuple):
    """What became of one device's numbers."""

    accepted: set[int]
    refused: set[int]
    lost: set[int]
    records: int
    """Readings on the log, repeats included."""


def lives(chance: random.Random) -> dict[str, Told]:
    """Of each device which numbers come, are refused, or never come; the highest one always does."""
    told = {}
    for device in range(DEVICES):
        fates = {number: chance.choices(("kept", "refused", "lost"), (90, 4, 6))[0] for number in range(PUBLISHED - 1)}
        sets = [{number for number, fate in fates.items() if fate == kind} for kind in ("kept", "refused", "lost")]
        told[f"d{device}"] = Told(sets[0] | {PUBLISHED - 1}, sets[1], sets[2], 0)
    return told


async def fill(directory: Path, told: dict[str, Told], chance: random.Random) -> dict[str, int]:
    """The log of it, a tenth of the readings twice, in any order; how many readings of each device it holds."""
    bus = await LocalBus.open(directory / "log.db", partitions=4, door=InlineDoor(), clock=SystemClock())
    records, readings = [], {}
    for number, (device, life) in enumerate(told.items()):
        patient = f"p{number}"
        kept = [*life.accepted, *chance.sample(sorted(life.accepted), len(life.accepted) // 10)]
        readings[device] = len(kept)
        for sequence in kept:
            reading = msgspec.structs.replace(sent(sequence, device=device), patient_id=patient)
            records.append(Outgoing(LogTopic.READINGS, patient.encode(), encode(reading)))
        for sequence in [*life.refused, *list(life.refused)[:3]]:
            rejection = refused(sequence, device=device)
            records.append(Outgoing(LogTopic.REJECTED, device.encode(), encode(rejection)))
    chance.shuffle(records)
    for first in range(0, len(records), 1000):
        await bus.publish(records[first : first + 1000])
    await bus.close()
    return readings


def account(database: Database) -> dict[str, Line]:
    with database.snapshot() as conn:
        found = ledger.lines(conn, from_ms=0, to_ms=2**45, now_ms=SystemClock().now_ms(), settle_ms=1)
    return {line.device_id: line for line in found}


def entered(database: Database) -> bool:
    """Whether everything that the log held stands in the ledger."""
    with database.snapshot() as conn:
        return ledger.waiting(conn) == 0


def handled(database: Database) -> int:
    with database.snapshot() as conn:
        return int(conn.exec_driver_sql("SELECT coalesce(sum(position), 0) FROM positions").scalar_one())


def test_a_recorder_killed_in_mid_run_keeps_the_ledger_exact(tmp_path: Path, postgres_url: str) -> None:
    chance = random.Random(SEED)
    told = lives(chance)
    readings = asyncio.run(fill(tmp_path, told, chance))
    total = sum(readings.values()) + sum(len(life.refused) + min(3, len(life.refused)) for life in told.values())
    recorder = Recorder(tmp_path, postgres_url, rows_per_commit=200)
    recorder.environment["WARDLIGHT_LEDGER__ENTER_EVERY_S"] = "0.05"
    assert recorder.run("migrate").returncode == 0
    database = Database(postgres_url)
    clock = SystemClock()
    for part in (1, 2, 3, 4):
        process = recorder.start()
        deadline_s = clock.monotonic_s() + WAIT_S_MAX
        while handled(database) < total * part // 5:
            assert process.poll() is None
            assert clock.monotonic_s() < deadline_s
        process.kill()
        process.wait(WAIT_S_MAX)
    process = recorder.start()
    deadline_s = clock.monotonic_s() + WAIT_S_MAX
    while handled(database) < total or not entered(database):
        assert process.poll() is None
        assert clock.monotonic_s() < deadline_s
    process.terminate()
    assert process.wait(WAIT_S_MAX) == 0
    found = account(database)
    assert found.keys() == told.keys()
    for device, life in told.items():
        line = found[device]
        assert line.published == PUBLISHED
        assert (line.stored, line.accepted) == (len(life.accepted), readings[device])
        assert line.duplicates == readings[device] - len(life.accepted)
        assert (line.rejected, line.missing) == (len(life.refused), len(life.lost))
        with database.snapshot() as conn:
            gaps = ledger.gaps(conn, now_ms=clock.now_ms(), settle_ms=1, device_id=device)
        assert {n for one in gaps for n in range(one.gap.first, one.gap.last + 1)} == life.lost
    print(f"{total} records of {DEVICES} devices, killed four times: the ledger equals the sets")
    database.close()
