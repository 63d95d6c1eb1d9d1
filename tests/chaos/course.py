"""One course: a ward lives for a minute or two, a fault is injected several times, and in the end everything is held against the truth."""

import asyncio
import random
import secrets
from collections import Counter
from dataclasses import dataclass

from sqlalchemy import select

from storage import episodes, tables
from storage.session import Connection
from tests.chaos.cluster import Cluster
from tests.chaos.faults import Fault
from tests.chaos.load import TECHNICAL, Due, Load, Plan, build_load
from tests.chaos.verifier import Found, Row, Truth, Verdict, verify
from tests.chaos.witness import Seen, retained, watching
from vitals.identity import sequenced_reading_id

WARM_S = 5.0
LOOK_S = 0.25
TICK_MS = 1000
"""Alerts write down the time this often."""
TAIL_S = 3.0
AGAIN_S = 1.5
SETTLE_S_MAX = 240.0
"""How long the end waits for what is still under way: what comes late is counted as late, not as missing."""


@dataclass(frozen=True, kw_only=True)
class Injected:
    """One injection: how long after its healing all was well; None where that took too long."""

    recovery_s: float | None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a course showed."""

    token: str
    injected: list[Injected]
    verdict: Verdict
    readings: int
    exits: int
    again: int
    waited_for: dict[str, int]


class Course:
    """Run once."""

    def __init__(self, cluster: Cluster, plan: Plan, dues: list[Due], fault: Fault, *, chance: random.Random) -> None:
        self._cluster = cluster
        self._plan = plan
        self._dues = dues
        self._fault = fault
        self._chance = chance
        self._clock = cluster.clock
        self.load: Load = build_load(plan, secrets.token_hex(4), cluster.device_mqtt(), clock=cluster.clock)
        self.waited_for: Counter[str] = Counter()
        """What recoveries waited for, in looks."""

    async def run(self, repetitions: int) -> Outcome:
        """Inject so many times, or as often as fits; verify."""
        cluster = self._cluster
        exits_before = cluster.supervisor.exits.total()
        await cluster.door.run(self._admit)
        async with watching(cluster.log_settings(), cluster.mosquitto.settings(), self._clock) as seen:
            stopping = asyncio.Event()
            await self.load.open()
            living = asyncio.create_task(self.load.run(stopping, readings_per_device=self._plan.course_s_max))
            try:
                injected = await self._inject(repetitions, seen, living)
            finally:
                stopping.set()
            await living
            verdict = await self._settle(seen)
        await cluster.door.run(self._discharge)
        return Outcome(
            token=self.load.token,
            injected=injected,
            verdict=verdict,
            readings=len(self.load.made_ids()),
            exits=cluster.supervisor.exits.total() - exits_before,
            again=self.load.redelivered,
            waited_for=dict(self.waited_for),
        )

    async def _inject(self, repetitions: int, seen: Seen, living: "asyncio.Task[None]") -> list[Injected]:
        begun_s = self._clock.monotonic_s()
        await self._clock.sleep(WARM_S)
        injected: list[Injected] = []
        needed_s = 2 * self._fault.hold_s + 10
        for _ in range(repetitions):
            left_s = self._plan.course_s_max - (self._clock.monotonic_s() - begun_s)
            if injected and left_s < needed_s:
                break
            await self._clock.sleep(self._chance.uniform(0.5, 2.5))
            started_s = self._clock.monotonic_s()
            heal = await self._fault.inject(self._cluster, self._chance)
            await self._clock.sleep(self._fault.hold_s)
            healed_s, healed_ms = self._clock.monotonic_s(), self._clock.now_ms()
            await heal()
            recovered = await self._recover(seen, healed_s, healed_ms)
            injected.append(Injected(recovery_s=recovered))
            needed_s = max(needed_s, self._clock.monotonic_s() - started_s + 3)
            if recovered is None:
                break
        lived_s = self._clock.monotonic_s() - begun_s
        await self._clock.sleep(0 if living.done() else max(TAIL_S, self._plan.course_s_min - lived_s))
        return injected

    async def _recover(self, seen: Seen, healed_s: float, healed_ms: int) -> float | None:
        """Seconds from the healing until all that was measured before it had come through, and all said that they are ready."""
        marked = self._last_measured()
        while (passed_s := self._clock.monotonic_s() - healed_s) < self._fault.late_after_s:
            if not (missing := await self._missing(seen, healed_ms, marked)):
                return passed_s
            self.waited_for[missing] += 1
            await self._clock.sleep(LOOK_S)
        return None

    def _last_measured(self) -> dict[str, int]:
        """Of each bed the last reading measured by now, and when that was: what has it has all before it, since order holds."""
        return {
            sequenced_reading_id(place.device_id, self.load.token, count - 1): self.load.measured_at_ms(
                place, count - 1
            )
            for place, count in self.load.made().items()
            if count
        }

    async def _missing(self, seen: Seen, healed_ms: int, marked: dict[str, int]) -> str:
        """What is not whole yet, in a few words; nothing where all is well."""
        until_ms = max(marked.values(), default=0)
        due = {each for each, measured_ms in self._due().items() if measured_ms <= until_ms}
        if untold := len(due - seen.told_ms.keys()):
            return f"{untold} alerts"
        if stale := [number for number, at_ms in seen.ticks_ms.items() if at_ms < healed_ms - TICK_MS]:
            return f"ticks of partitions {stale}"
        has = await self._cluster.door.run(self._has, list(marked))
        if missing := marked.keys() - has:
            return f"{len(missing)} readings"
        return ", ".join(await self._cluster.supervisor.unready())

    def _due(self) -> dict[str, int]:
        """When the reading of each alert due was measured."""
        return {
            its_id: self.load.measured_at_ms(place, due.sequence)
            for its_id, (due, place) in self.load.due(self._dues).items()
        }

    async def _settle(self, seen: Seen) -> Verdict:
        """The verdict, once nothing is missing or it has had its time."""
        deadline_s = self._clock.monotonic_s() + SETTLE_S_MAX
        while True:
            await self._clock.sleep(AGAIN_S)
            verdict = await self._verify(seen)
            only_late = not (verdict.lost or verdict.duplicated or verdict.wrong)
            if only_late or self._clock.monotonic_s() > deadline_s:
                return verdict

    async def _verify(self, seen: Seen) -> Verdict:
        cluster, token = self._cluster, self.load.token
        due = self._due()
        standing = await retained(cluster.mosquitto.settings(), self.load.ward_id, self._clock)
        stored, assessed, rows = await cluster.door.run(self._read)
        mine = f"/{token}/"
        truth = Truth(made=frozenset(self.load.made_ids()), receipted=frozenset(self.load.receipted_ids()), due=due)
        found = Found(
            stored=stored,
            assessed=assessed,
            in_log={each: count for each, count in seen.readings.items() if mine in each},
            assessments={each: len(bodies) for each, bodies in seen.assessments.items() if mine in each},
            steps={each: len(bodies) for each, bodies in seen.steps.items()},
            episodes=rows,
            told_ms=seen.told_ms,
            retained=frozenset(standing),
        )
        return verify(truth, found, late_after_s=self._fault.late_after_s)

    def _admit(self) -> None:
        with self._cluster.database.transaction() as conn:
            self.load.admit(conn)

    def _discharge(self) -> None:
        with self._cluster.database.transaction() as conn:
            self.load.discharge(conn, self._clock.now_ms())

    def _has(self, ids: list[str]) -> set[str]:
        with self._cluster.database.snapshot() as conn:
            return set(_assessed(conn, ids))

    def _read(self) -> tuple[list[str], list[str], list[Row]]:
        patients = [place.patient_id for place in self.load.places()]
        readings, assessments = tables.readings.c, tables.assessments.c
        with self._cluster.database.snapshot() as conn:
            stored = list(conn.scalars(select(readings.reading_id).where(readings.patient_id.in_(patients))))
            assessed = list(conn.scalars(select(assessments.reading_id).where(assessments.patient_id.in_(patients))))
            raised = episodes.list_episodes(conn, limit=1000, ward_id=self.load.ward_id)
        return stored, assessed, [_row(each) for each in raised]


def _assessed(conn: Connection, ids: list[str]) -> list[str]:
    readings, assessments = tables.readings.c, tables.assessments.c
    both = select(assessments.reading_id).join(tables.readings, readings.reading_id == assessments.reading_id)
    return list(conn.scalars(both.where(readings.reading_id.in_(ids))))


def _row(episode: episodes.Episode) -> Row:
    is_technical = episode.kind in TECHNICAL
    is_open = episode.resolved_at_ms is None
    return Row(
        episode_id=episode.episode_id,
        patient_id=episode.patient_id,
        kind=episode.kind.value,
        is_open=is_open,
        is_technical=is_technical,
        is_told=is_open and not is_technical,
    )
