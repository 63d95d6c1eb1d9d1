"""Watches the flow behind the log for the status page: looks every few seconds, keeps the last minute."""

import asyncio
from collections import Counter, deque
from dataclasses import dataclass
from typing import Final, NamedTuple

import structlog

from runtime.blocking import Door
from runtime.bus import Assigned, Bus, Positions
from runtime.clock import Clock
from storage.facts import Facts, facts
from storage.session import Database, in_snapshot
from storage.stages import BEHIND_S_MAX, TOPICS, Stage, StageWatch
from vitals.codec import decode_readings_record
from vitals.errors import MalformedRecord, PositionOutOfRange, Unavailable
from vitals.fault import SystemFault
from vitals.model_version import ModelSwitch
from vitals.reading import Tick, Unaccounted, Withdrawn
from vitals.topics import LogTopic

log = structlog.get_logger()

LOOK_EVERY_S: Final = 5.0
LOOKS_KEPT: Final = 13
"""A minute, and the look it began with."""
SPAN_EVERY_S: Final = 600.0
"""How often the log's oldest record is looked up."""
_SPAN_POLLS_MAX: Final = 20
_OF_OUR_TIME: Final = (Tick, Unaccounted, Withdrawn, SystemFault, ModelSwitch)


class Rates(NamedTuple):
    """Readings a second."""

    window_s: float
    accepted_per_s: float
    assessed_per_s: float
    stored_per_s: float


class Look(NamedTuple):
    """One moment."""

    at_s: float
    seen: Counter[str]
    """Readings and assessments the feed has seen since its start."""
    beginnings: Positions
    ends: Positions
    facts: Facts


@dataclass(frozen=True)
class Seen:
    """What the status page is made of."""

    look: Look
    stages: tuple[Stage, ...]
    rates: Rates | None
    log_begins_at_ms: int | None


class FlowWatch:
    """`run` looks again and again; `now` answers from the newest look, and looks itself where there is none fresh."""

    def __init__(self, *, bus: Bus, database: Database, door: Door, clock: Clock, seen: Counter[str]) -> None:
        self._bus = bus
        self._database = database
        self._door = door
        self._clock = clock
        self._seen = seen
        self._watch = StageWatch(behind_s_max=BEHIND_S_MAX)
        self._looks: deque[Look] = deque(maxlen=LOOKS_KEPT)
        self._begins_at_ms: int | None = None
        self._spanned_s = float("-inf")

    async def run(self, stopping: asyncio.Event) -> None:
        """Look until `stopping`; where the log or the database does not answer, the next time."""
        while not stopping.is_set():
            try:
                await self.look()
                await self._look_up_span()
            except (Unavailable, PositionOutOfRange) as error:
                log.warning("status_not_known", error=str(error))
            pause = asyncio.ensure_future(self._clock.sleep(LOOK_EVERY_S * self._clock.speed))
            asked = asyncio.ensure_future(stopping.wait())
            await asyncio.wait({pause, asked}, return_when=asyncio.FIRST_COMPLETED)
            pause.cancel()
            asked.cancel()

    async def look(self) -> Look:
        """Take one look; raises Unavailable."""
        beginnings, ends = await self._bus.beginnings(TOPICS), await self._bus.ends(TOPICS)
        found = await in_snapshot(self._door, self._database, facts)
        look = Look(self._now_s(), Counter(self._seen), beginnings, ends, found)
        self._watch.observe(look.at_s, beginnings=beginnings, ends=ends, positions=found.positions)
        self._looks.append(look)
        return look

    async def now(self) -> Seen:
        """What is known now, not older than two looks; raises Unavailable."""
        if not self._looks or self._now_s() - self._looks[-1].at_s > 2 * LOOK_EVERY_S:
            await self.look()
        newest = self._looks[-1]
        return Seen(newest, self._watch.stages(newest.at_s), rates_between(self._looks[0], newest), self._begins_at_ms)

    def _now_s(self) -> float:
        return self._clock.monotonic_s() / self._clock.speed

    async def _look_up_span(self) -> None:
        if self._now_s() - self._spanned_s < SPAN_EVERY_S:
            return
        self._spanned_s = self._now_s()
        reader = await self._bus.reader(group=None, topics=[LogTopic.READINGS.value])
        try:
            for _ in range(_SPAN_POLLS_MAX):
                polled = await reader.poll(records_max=1, timeout_s=0.2)
                if isinstance(polled, Assigned):
                    await reader.seek({})
                elif polled.records:
                    self._begins_at_ms = _at_ms(polled.records[0].value)
                    return
        finally:
            await reader.close()


def rates_between(first: Look, last: Look) -> Rates | None:
    """The flow between two looks; None where they are one."""
    window_s = last.at_s - first.at_s
    if window_s <= 0:
        return None
    readings = last.seen["readings"] - first.seen["readings"]
    records = _grown(first.ends, last.ends, LogTopic.READINGS)
    share = min(1.0, readings / records) if records else 0.0
    before, after = first.facts.positions.get("recorder", {}), last.facts.positions.get("recorder", {})
    recorded = _grown({**first.beginnings, **before}, after, LogTopic.READINGS)
    assessed = _grown(first.ends, last.ends, LogTopic.ASSESSMENTS)
    return Rates(window_s, readings / window_s, assessed / window_s, share * recorded / window_s)


def _grown(before: Positions, after: Positions, topic: LogTopic) -> int:
    return sum(max(0, end - before.get(at, 0)) for at, end in after.items() if at.topic == topic and at in before)


def _at_ms(value: bytes) -> int | None:
    try:
        found = decode_readings_record(value)
    except MalformedRecord:
        return None
    return found.at_ms if isinstance(found, _OF_OUR_TIME) else found.received_at_ms
