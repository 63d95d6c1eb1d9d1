"""What was told and may not be in SQL: read back from the log by whoever claims the partitions of one that died in between.

A replay mostly tells the same again, in the same bytes. Mostly: rules may have changed since, and a score may be read before
or after the reading that it speaks of. Subscribers and screens have what was told, so SQL is to have it, too.
"""

from collections.abc import Collection
from typing import Final

import structlog

from runtime.bus import Assigned, Bus, Incoming, Positions, Reader, TopicPartition
from runtime.clock import Clock
from vitals import codec
from vitals.alert import Transition
from vitals.errors import MalformedRecord
from vitals.topics import LogTopic

log = structlog.get_logger()

_ALERTS = LogTopic.ALERTS.value
TOLD_MAX: Final = 20_000
"""Transitions that are read back at most."""
_RECORDS_MAX = 500
_POLL_S = 0.5


async def told_since(
    bus: Bus, partitions: Collection[int], positions: Positions, *, clock: Clock, within_s: float
) -> list[Transition]:
    """The transitions of topic `alerts` from these positions up to its end now, in order per patient.

    A partition without a position is read from its beginning: nothing of it was ever remembered. Nothing alarms meanwhile:
    so `within_s` seconds and `TOLD_MAX` transitions are the most, and the rest is left to the replay, loudly. Raises
    Unavailable.
    """
    if not partitions:
        return []
    beginnings, ends = await bus.beginnings((_ALERTS,)), await bus.ends((_ALERTS,))
    begun = {
        at: max(positions.get(at, 0), beginning) for at, beginning in beginnings.items() if at.partition in partitions
    }
    behind = {at: position for at, position in begun.items() if position < ends[at]}
    if not behind:
        return []
    reader = await bus.reader(group=None, topics=(_ALERTS,))
    try:
        records = await _read(reader, behind, ends, until_s=clock.monotonic_s() + within_s, clock=clock)
    finally:
        await reader.close()
    return [transition for record in records if (transition := _decoded(record)) is not None]


async def _read(
    reader: Reader, behind: dict[TopicPartition, int], ends: Positions, *, until_s: float, clock: Clock
) -> list[Incoming]:
    found: list[Incoming] = []
    at = dict(behind)
    while any(position < ends[place] for place, position in at.items()):
        if clock.monotonic_s() > until_s or len(found) >= TOLD_MAX:
            log.error("told_not_read_back", read=len(found), left=sum(ends[place] - at[place] for place in at))
            break
        polled = await reader.poll(records_max=_RECORDS_MAX, timeout_s=_POLL_S)
        if isinstance(polled, Assigned):
            await reader.seek({**ends, **at})
            continue
        for record in polled.records:
            place = TopicPartition(record.topic, record.partition)
            if place in at and record.offset < ends[place]:
                found.append(record)
                at[place] = record.offset + 1
    return found


def _decoded(record: Incoming) -> Transition | None:
    try:
        return codec.decode(Transition, record.value)
    except MalformedRecord as error:
        # Counted by who delivers it.
        log.warning("record_passed_over", topic=record.topic, offset=record.offset, cause=str(error))
        return None
