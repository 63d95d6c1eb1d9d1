"""A scorer that never crashed, over the log of a simulated storm."""

from collections.abc import Coroutine
from typing import Any, TypeVar

from runtime.blocking import InlineDoor
from runtime.telemetry import Telemetry
from storage.session import Database
from stream.candidates import CANDIDATES
from stream.settings import StreamSettings
from stream.worker import StreamHandler
from tests.support.fresh_database import lay_schema
from tests.support.storm_ward import StormWard
from vitals.assessment import Assessment
from vitals.codec import decode
from vitals.topics import LogTopic

ResultT = TypeVar("ResultT")


def fresh_scores(ward: StormWard) -> dict[str, bytes]:
    """The body that a scorer with an empty database says of each reading in the log, in one go."""
    database = Database("sqlite://")
    lay_schema(database)
    handler = StreamHandler(
        bus=ward.bus,
        database=database,
        door=InlineDoor(),
        clock=ward.clock,
        telemetry=Telemetry(),
        settings=StreamSettings(),
        candidates=CANDIDATES,
    )
    readings = [record for record in ward.log.records if record.topic == LogTopic.READINGS]
    try:
        _at_once(handler.claim(frozenset(range(ward.storm.partitions))))
        outputs = _at_once(handler.handle(readings))
    finally:
        database.close()
    bodies = [record.value for record in outputs if record.topic == LogTopic.ASSESSMENTS]
    return {decode(Assessment, body).reading_id: body for body in bodies}


def _at_once(work: Coroutine[Any, Any, ResultT]) -> ResultT:
    """The result of work that never has to wait."""
    try:
        work.send(None)
    except StopIteration as ended:
        result: ResultT = ended.value
        return result
    raise AssertionError("The scorer waited for something.")
