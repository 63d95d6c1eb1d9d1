"""The stream service on a real log in memory, from the first reading to an orderly end, and again."""

import asyncio

import pytest

from runtime.blocking import InlineDoor
from runtime.bus import Assigned, Delivered, Outgoing, TopicPartition
from runtime.clock import SystemClock
from runtime.local_bus import LocalBus
from runtime.telemetry import Telemetry
from storage.claims import positions_of
from storage.session import Database
from stream.service import serve
from stream.settings import StreamSettings
from stream.worker import GROUP
from tests.support.builders import reading
from tests.support.fresh_database import lay_schema
from vitals import codec
from vitals.assessment import Assessment
from vitals.reading import Reading


def outgoing(record: Reading) -> Outgoing:
    return Outgoing("readings", record.patient_id.encode(), codec.encode(record))


async def assessed(bus: LocalBus, count: int) -> list[Assessment]:
    """The first `count` assessments in the log, in the order of each patient."""
    reader = await bus.reader(group=None, topics=["assessments"])
    found: list[Assessment] = []
    while len(found) < count:
        polled = await reader.poll(records_max=100, timeout_s=1)
        if isinstance(polled, Assigned):
            await reader.seek({})
        elif isinstance(polled, Delivered):
            found += [codec.decode(Assessment, record.value) for record in polled.records]
    await reader.close()
    return found


@pytest.mark.asyncio
async def test_readings_become_assessments_and_a_second_run_goes_on_where_the_first_ended() -> None:
    clock, door, database, telemetry = SystemClock(), InlineDoor(), Database("sqlite://"), Telemetry()
    lay_schema(database)
    bus = await LocalBus.open(None, partitions=3, door=door, clock=clock)
    course = [reading(at_s=second, patient=f"p{second % 5}", device=f"d{second % 5}") for second in range(60)]
    for first in (0, 30):
        await bus.publish([outgoing(record) for record in course[first : first + 30]])
        stopping = asyncio.Event()
        service = asyncio.create_task(
            serve(
                bus=bus,
                database=database,
                door=door,
                clock=clock,
                telemetry=telemetry,
                settings=StreamSettings(poll_timeout_s=0.01),
                stopping=stopping,
            )
        )
        async with asyncio.timeout(20):
            found = await assessed(bus, first + 30)
            stopping.set()
            await service
    assert sorted(each.reading_id for each in found) == sorted(record.reading_id for record in course)
    ends = await bus.ends(["readings"])
    with database.transaction() as conn:
        remembered = positions_of(conn, GROUP)
    assert {at: remembered.get(TopicPartition(*at), 0) for at in ends} == ends
    assert telemetry.value("wardlight_stream_replayed_readings_total") == 0
    await bus.close()
