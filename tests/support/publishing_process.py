"""A process that publishes to a local log and says so, to be traced or killed: `python -m … FILE FIRST COUNT PUBLISHERS`.

Each publisher writes `publishing N` before and `confirmed N` after each of its publishes of `RECORDS` records, in one
write each; numbers rise over all publishers from FIRST.
"""

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from runtime.blocking import ThreadDoor
from runtime.bus import Outgoing
from runtime.clock import SystemClock
from runtime.local_bus import LocalBus

PARTITIONS = 4
RECORDS = 3
TOPIC = "readings"


def publish_of(number: int, publisher: int) -> list[Outgoing]:
    """What the publish with this number holds; one publisher's records have one key."""
    return [Outgoing(TOPIC, b"publisher-%d" % publisher, b"%d/%d" % (number, part)) for part in range(RECORDS)]


async def publish_all(file: Path, *, first: int, count: int, publishers: int) -> None:
    """Publish `count` times, by so many publishers at once."""
    door = ThreadDoor(name="log", threads_max=1)
    bus = await LocalBus.open(file, partitions=PARTITIONS, door=door, clock=SystemClock())
    numbers = iter(range(first, first + count))
    say("ready")
    await asyncio.gather(*(publish_some(bus, numbers, publisher) for publisher in range(publishers)))
    await bus.close()
    door.close()


async def publish_some(bus: LocalBus, numbers: Iterator[int], publisher: int) -> None:
    """Take the next number and publish, until there are none."""
    for number in numbers:
        say(f"publishing {number}")
        await bus.publish(publish_of(number, publisher))
        say(f"confirmed {number}")


def say(line: str) -> None:
    """One line to stdout in one write, unbuffered."""
    os.write(1, f"{line}\n".encode())


if __name__ == "__main__":
    asyncio.run(
        publish_all(Path(sys.argv[1]), first=int(sys.argv[2]), count=int(sys.argv[3]), publishers=int(sys.argv[4]))
    )
