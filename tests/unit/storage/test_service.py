"""The recorder as a service on a log in memory: it follows, outlives an outage, and commits what it holds when it stops."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from runtime.blocking import InlineDoor
from runtime.bus import Bus, Outgoing
from runtime.clock import SystemClock
from runtime.local_bus import LocalBus
from runtime.telemetry import Telemetry
from storage.claims import claim
from storage.recorder import GROUP
from storage.service import Recorder
from storage.session import Database
from storage.settings import RecorderSettings
from tests.support.builders import reading
from tests.support.fresh_database import lay_schema
from vitals.codec import encode

WAIT_S_MAX = 20


@pytest_asyncio.fixture
async def bus() -> AsyncIterator[Bus]:
    bus = await LocalBus.open(None, partitions=3, door=InlineDoor(), clock=SystemClock())
    yield bus
    await bus.close()


@pytest.fixture
def database() -> Iterator[Database]:
    database = Database("sqlite://")
    lay_schema(database)
    yield database
    database.close()


def outgoing(count: int, *, first: int = 0) -> list[Outgoing]:
    """Readings of five patients."""
    records = [reading(at_s=number, patient=f"p{number % 5}") for number in range(first, first + count)]
    return [Outgoing("readings", record.patient_id.encode(), encode(record)) for record in records]


def recorder(bus: Bus, database: Database, settings: RecorderSettings) -> Recorder:
    return Recorder(
        bus=bus,
        database=database,
        door=InlineDoor(),
        clock=SystemClock(),
        telemetry=Telemetry(),
        settings=settings,
    )


async def until_stored(service: Recorder, count: int) -> None:
    """Await that many readings committed by this recorder."""
    async with asyncio.timeout(WAIT_S_MAX):
        while service.handler.stored["readings"] < count:
            await SystemClock().sleep(0)


@pytest.mark.asyncio
async def test_it_stores_what_stands_in_the_log_and_what_comes(bus: Bus, database: Database) -> None:
    await bus.publish(outgoing(50))
    service, stopping = recorder(bus, database, RecorderSettings(commit_interval_s=0)), asyncio.Event()
    serving = asyncio.create_task(service.serve(stopping))
    await until_stored(service, 50)
    await bus.publish(outgoing(30, first=50))
    await until_stored(service, 80)
    stopping.set()
    await asyncio.wait_for(serving, WAIT_S_MAX)


@pytest.mark.asyncio
async def test_stopping_commits_what_it_holds_and_the_next_one_repeats_nothing(bus: Bus, database: Database) -> None:
    await bus.publish(outgoing(50))
    patient = RecorderSettings(commit_interval_s=60, records_per_poll=7)
    first, stopping = recorder(bus, database, patient), asyncio.Event()
    serving = asyncio.create_task(first.serve(stopping))
    async with asyncio.timeout(WAIT_S_MAX):
        while sum(first.worker.positions.values()) < 50:
            await SystemClock().sleep(0)
    assert first.handler.stored["readings"] == 0
    stopping.set()
    await asyncio.wait_for(serving, WAIT_S_MAX)
    assert first.handler.stored["readings"] == 50

    await bus.publish(outgoing(1, first=50))
    second, stopping = recorder(bus, database, RecorderSettings(commit_interval_s=0)), asyncio.Event()
    serving = asyncio.create_task(second.serve(stopping))
    await until_stored(second, 1)
    stopping.set()
    await asyncio.wait_for(serving, WAIT_S_MAX)
    assert second.handler.duplicates["readings"] == 0


@pytest.mark.asyncio
async def test_a_fenced_recorder_claims_anew_and_goes_on(bus: Bus, database: Database) -> None:
    settings = RecorderSettings(commit_interval_s=0, backoff_s_max=0.01, poll_timeout_s=0.01)
    service, stopping = recorder(bus, database, settings), asyncio.Event()
    serving = asyncio.create_task(service.serve(stopping))
    await bus.publish(outgoing(10))
    await until_stored(service, 10)
    with database.transaction() as conn:
        claim(conn, GROUP, range(3))
    await bus.publish(outgoing(10, first=10))
    await until_stored(service, 20)
    stopping.set()
    await asyncio.wait_for(serving, WAIT_S_MAX)
    assert service.handler.duplicates["readings"] == 0
