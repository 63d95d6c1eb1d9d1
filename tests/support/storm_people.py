"""People on a ward in a storm: they acknowledge, chart, silence and move patients, by the plan and by what they are told."""

import asyncio
import random
from typing import TYPE_CHECKING

from runtime.bus import Outgoing
from storage import patients, silences
from storage.decisions import SETTLE_MS
from vitals.alert import Action, Command, Transition
from vitals.charting import Observed, chart
from vitals.codec import encode
from vitals.errors import Unavailable
from vitals.lateness import LIVE_AGE_MS_MAX
from vitals.reading import PatientId, WardId
from vitals.sign import CONSCIOUSNESS_LETTERS, Sign
from vitals.silence import Silence
from vitals.topics import LogTopic

if TYPE_CHECKING:
    from tests.support.storm_ward import StormWard

NURSES = (("n-1", "Nurse One"), ("n-2", "Nurse Two"))
RETRY_S = 1.0


class StormPeople:
    """Does what the plan says when it says so; whom the log or the database does not answer, tries again."""

    def __init__(self, ward: "StormWard") -> None:
        self._ward = ward
        self._clock = ward.clock
        self._draw = random.Random(f"people/{ward.storm.seed}")
        self._orders = 0

    async def run(self) -> None:
        """All of it, side by side."""
        storm = self._ward.storm
        tasks = [
            *(self._at(second, self._move(patient, ward)) for second, patient, ward in storm.moves),
            *(self._at(second, self._chart(patient, letter)) for second, patient, letter in storm.charted),
            *(self._at(second, self._silence(patient, for_s)) for second, patient, for_s in storm.silenced),
        ]
        await asyncio.gather(self._answer(), *tasks)

    async def _at(self, second: float, deed: "asyncio.Future[None] | object") -> None:
        await self._clock.sleep(second)
        await deed  # type: ignore[misc]

    async def _answer(self) -> None:
        """Acknowledge, or try to end, what stands open."""
        every_s = self._ward.storm.nurse_every_s
        while every_s:
            await self._clock.sleep(self._draw.uniform(0.5, 1.5) * every_s)
            standing = self._ward.log.book.all_open()
            if standing:
                await self._order(self._draw.choice(standing))

    async def _order(self, step: Transition) -> None:
        self._orders += 1
        person_id, by = self._draw.choice(NURSES)
        action = Action.ACKNOWLEDGE if self._draw.random() < 0.85 else Action.RESOLVE
        order = Command(
            command_id=f"order-{self._orders}",
            patient_id=step.patient_id,
            episode_id=step.episode_id,
            action=action,
            by=by,
            at_ms=self._clock.now_ms(),
            person_id=person_id,
        )
        await self._publish(LogTopic.COMMANDS, order.patient_id, encode(order))

    async def _chart(self, patient_id: PatientId, letter: str) -> None:
        now_ms = self._clock.now_ms()
        reading = chart(
            Observed(signs={Sign.CONSCIOUSNESS: float(CONSCIOUSNESS_LETTERS.index(letter))}),
            patient_id=patient_id,
            person_id=NURSES[0][0],
            by=NURSES[0][1],
            now_ms=now_ms,
            age_ms_max=LIVE_AGE_MS_MAX,
        )
        await self._publish(LogTopic.READINGS, patient_id, encode(reading))

    async def _silence(self, patient_id: PatientId, for_s: float) -> None:
        await self._database_is_there()
        now_ms = self._clock.now_ms()
        silence = Silence(
            silence_id=f"silence-{patient_id}",
            ward_id=None,
            patient_id=patient_id,
            kind=None,
            priority=None,
            person_id=NURSES[1][0],
            by=NURSES[1][1],
            reason="at the bedside",
            ordered_at_ms=now_ms,
            effective_ms=now_ms + SETTLE_MS,
            until_ms=now_ms + SETTLE_MS + round(for_s * 1000),
        )
        with self._ward.database.transaction() as conn:
            silences.order(conn, silence)

    async def _move(self, patient_id: PatientId, ward_id: WardId) -> None:
        await self._database_is_there()
        with self._ward.database.transaction() as conn:
            patients.transfer(conn, patient_id, ward_id, f"{patient_id}-moved", self._clock.now_ms(), by="Nurse One")

    async def _database_is_there(self) -> None:
        while self._ward.database.is_away:
            await self._clock.sleep(RETRY_S)

    async def _publish(self, topic: LogTopic, patient_id: PatientId, value: bytes) -> None:
        while True:
            try:
                await self._ward.bus.publish([Outgoing(topic.value, patient_id.encode(), value)])
            except Unavailable:
                await self._clock.sleep(RETRY_S)
            else:
                return
