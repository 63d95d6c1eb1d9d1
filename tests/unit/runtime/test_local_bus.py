"""The local log keeps the log's contract, in memory and in a file, and its own promises: bounds, trimming, one process."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from runtime.blocking import InlineDoor, ThreadDoor
from runtime.bus import Bus
from runtime.clock import SystemClock
from runtime.local_bus import LocalBus
from tests.support.bus_contract import PARTITIONS, BusContract


class TestInMemory(BusContract):
    @pytest_asyncio.fixture
    async def bus(self) -> AsyncIterator[Bus]:
        bus = await LocalBus.open(None, partitions=PARTITIONS, door=InlineDoor(), clock=SystemClock())
        yield bus
        await bus.close()


class TestInAFile(BusContract):
    @pytest_asyncio.fixture
    async def bus(self, tmp_path: Path) -> AsyncIterator[Bus]:
        door = ThreadDoor(name="log", threads_max=2)
        bus = await LocalBus.open(tmp_path / "log.db", partitions=PARTITIONS, door=door, clock=SystemClock())
        yield bus
        await bus.close()
        door.close()
