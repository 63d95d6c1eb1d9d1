"""What the local log confirmed is on the disk: syncs are counted, and a process is killed in the midst of publishing.

Killing alone would prove little, since the kernel keeps what a killed process wrote; so the order of syncs and
confirmations is read from the system calls themselves.
"""

import random
import re
import shutil
import signal
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from runtime.bus import Incoming, TopicPartition
from runtime.local_log import LocalLog, ReadRequest
from tests.support.publishing_process import PARTITIONS, RECORDS, TOPIC
from tests.support.servers import missing

pytestmark = pytest.mark.integration

EVENT = re.compile(
    r'write\(1, "(?P<said>publishing|confirmed) (?P<number>\d+)'
    r"|(?P<synced>(fdatasync|fsync)\(\d+[^<]*\) += 0|<\.\.\. (fdatasync|fsync) resumed>\) += 0)"
)
PUBLISHES = 200
KILLS = 5


def command(file: Path, *, first: int, count: int, publishers: int) -> list[str]:
    """The publishing process."""
    arguments = [str(file), str(first), str(count), str(publishers)]
    return [sys.executable, "-m", "tests.support.publishing_process", *arguments]


def traced(file: Path, *, publishers: int) -> list[re.Match[str]]:
    """The syncs, announcements and confirmations of a publishing process, in the order in which they happened."""
    if shutil.which("strace") is None:
        missing("strace (to count syncs)")
    trace = file.with_suffix(".trace")
    tracing = ["strace", "-f", "-o", str(trace), "-e", "trace=write,fdatasync,fsync"]
    publishing = command(file, first=0, count=PUBLISHES, publishers=publishers)
    subprocess.run([*tracing, *publishing], check=True, stdout=subprocess.DEVNULL)
    return [event for line in trace.read_text(encoding="utf-8").splitlines() if (event := EVENT.search(line))]


@pytest.mark.parametrize("publishers", [1, 8])
def test_every_confirmation_comes_after_a_sync_that_began_after_its_publish(tmp_path: Path, publishers: int) -> None:
    syncs = confirmed = 0
    syncs_before: dict[int, int] = {}
    for event in traced(tmp_path / "log.db", publishers=publishers):
        if event["synced"]:
            syncs += 1
        elif event["said"] == "publishing":
            syncs_before[int(event["number"])] = syncs
        else:
            confirmed += 1
            assert syncs > syncs_before[int(event["number"])], f"publish {event['number']} was confirmed unsynced"
    assert confirmed == PUBLISHES
    if publishers == 1:
        assert syncs >= PUBLISHES
    else:
        assert syncs < PUBLISHES, "publishes at once did not share commits"


def test_a_killed_process_loses_nothing_that_it_confirmed(tmp_path: Path, seed: int) -> None:
    file = tmp_path / "log.db"
    chance = random.Random(seed)
    confirmed: set[int] = set()
    first = 0
    for _ in range(KILLS):
        confirmed |= _confirmed_until_killed(file, first=first, after_lines=chance.randrange(20, 600))
        first += 1_000_000
    places = _all_records(file)
    held = {int(r.value.split(b"/")[0]): 0 for records in places.values() for r in records}
    for records in places.values():
        assert [r.offset for r in records] == list(range(len(records))), "a gap or a repetition in the offsets"
        _assert_each_publish_is_whole_and_in_order(records)
    assert confirmed, "nothing was confirmed before the kills"
    assert confirmed <= held.keys(), f"lost: {sorted(confirmed - held.keys())}"


def _confirmed_until_killed(file: Path, *, first: int, after_lines: int) -> set[int]:
    with subprocess.Popen(
        command(file, first=first, count=1_000_000, publishers=4), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(after_lines)]
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.readlines()
    whole = [line for line in lines if line.endswith("\n")]
    return {int(line.split()[1]) for line in whole if line.startswith("confirmed")}


def _all_records(file: Path) -> dict[TopicPartition, list[Incoming]]:
    log = LocalLog(file, partition_count=PARTITIONS)
    records = [
        record for place, end in log.ends().items() for record in log.read(ReadRequest(place, 0, end), bytes_max=2**30)
    ]
    log.close()
    places: defaultdict[TopicPartition, list[Incoming]] = defaultdict(list)
    for record in records:
        places[TopicPartition(TOPIC, record.partition)].append(record)
    return places


def _assert_each_publish_is_whole_and_in_order(records: list[Incoming]) -> None:
    by_publisher: defaultdict[bytes, list[tuple[int, ...]]] = defaultdict(list)
    for record in records:
        by_publisher[record.key].append(tuple(map(int, record.value.split(b"/"))))
    for published in by_publisher.values():
        numbers = [number for number, _ in published[::RECORDS]]
        assert published == [(number, part) for number in numbers for part in range(RECORDS)]
        assert numbers == sorted(set(numbers))
