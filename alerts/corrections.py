"""Corrections carried out: readings of the wrong patient withdrawn, copied to the right one, alerts retracted and found.

Every step may be done again: ids are made of the originals' and the correction's. So a crash anywhere costs a
repetition, and the order stays in SQL until all is done (docs/adr/0014-corrections.md, docs/delivery.md).
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

import structlog

from alerts import worker as engine
from alerts.announcing import announce
from alerts.episode import retracted
from alerts.place import UNKNOWN_WARD
from alerts.policy import FixedPolicy, Policy
from alerts.retraction import was_raised_by
from alerts.retrospect import Retrospect, copy_of
from alerts.rules import AlertRules
from alerts.settings import AlertsSettings
from alerts.snapshot import adoptable
from runtime.blocking import Door
from runtime.bus import Bus, Outgoing, TopicPartition, partition_of
from runtime.clock import Clock
from runtime.retry import Backoff
from runtime.telemetry import Telemetry
from storage import assessments, corrections, episodes, moves, patients, recorder
from storage.claims import positions_of
from storage.corrections import Correction, CorrectionState
from storage.patients import NOTHING_KNOWN
from storage.session import Database, in_snapshot, in_transaction
from storage.window import Cursor
from vitals.alert import Transition, TransitionKind
from vitals.assessment import Assessment
from vitals.codec import encode
from vitals.errors import Unavailable
from vitals.reading import PatientId, Reading, WardId
from vitals.topics import LogTopic

log = structlog.get_logger()

COMPONENT: Final = "alert-corrections"
_READINGS, _ALERTS = LogTopic.READINGS.value, LogTopic.ALERTS.value
_LOOK_AGAIN_S: Final = 0.1
"""How often it looks whether others have come so far."""


class CorrectionWorker:
    """Carries out what was ordered, one at a time, oldest first; those of patients whose partition is `owned` here."""

    def __init__(
        self,
        *,
        bus: Bus,
        database: Database,
        door: Door,
        clock: Clock,
        telemetry: Telemetry,
        settings: AlertsSettings,
        owned: Callable[[], frozenset[int]],
        policy: Policy | None = None,
    ) -> None:
        self._bus = bus
        self._database = database
        self._door = door
        self._clock = clock
        self._telemetry = telemetry
        self._settings = settings
        self._policy = FixedPolicy(AlertRules()) if policy is None else policy
        self._owned = owned
        self._swept_s = float("-inf")

    async def run(self, stopping: asyncio.Event) -> None:
        """Until `stopping`; a correction under way is left to the next start."""
        working = asyncio.create_task(self._work(), name=COMPONENT)
        asked = asyncio.create_task(stopping.wait(), name=f"{COMPONENT}-stopping")
        try:
            await asyncio.wait({working, asked}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
        finally:
            asked.cancel()
            working.cancel()
            await asyncio.gather(asked, working, return_exceptions=True)

    async def _work(self) -> None:
        backoff = Backoff(clock=self._clock, cap_s=self._settings.backoff_s_max)
        while True:
            try:
                await self.look()
                backoff.reset()
                await self._clock.sleep(self._settings.corrections_look_s)
            except Unavailable as error:
                log.warning("corrections_wait", error=str(error))
                await backoff.pause()

    async def look(self) -> None:
        """Carry out what is due; raises Unavailable."""
        now_ms = self._clock.now_ms()
        since_ms = now_ms - round(self._settings.corrections_watch_s * 1000)
        found = await in_snapshot(
            self._door,
            self._database,
            corrections.unfinished,
            done_since_ms=since_ms,
            limit=self._settings.corrections_per_look_max,
        )
        waiting = [correction for correction in found if correction.state is CorrectionState.REQUESTED]
        self._telemetry.set("wardlight_alerts_corrections_waiting_count", len(waiting))
        busy: set[str] = set()
        for correction in waiting:
            is_due = now_ms - correction.requested_at_ms >= self._settings.corrections_settle_s * 1000
            if correction.device_id not in busy and is_due and self._is_ours(correction):
                await self._carry_out(correction)
            else:
                # A later correction of the same device builds on what an earlier one copies.
                busy.add(correction.device_id)
        now_s = self._clock.monotonic_s()
        if now_s - self._swept_s >= self._settings.corrections_sweep_s:
            self._swept_s = now_s
            for correction in found:
                if correction.state is CorrectionState.DONE and self._is_ours(correction):
                    await self._sweep(correction)

    async def _sweep(self, correction: Correction) -> None:
        """Do it again for readings that were under way, longer than `corrections_settle_s`, when it was done."""
        late = await in_snapshot(self._door, self._database, corrections.stragglers, correction)
        if late:
            log.warning("correction_done_again", correction_id=correction.correction_id, readings=late)
            await self._carry_out(correction)

    async def _carry_out(self, correction: Correction) -> None:
        await self._recorded(correction.wrong_patient_id)
        withdrawn = encode(correction.withdrawn())
        await self._bus.publish([Outgoing(_READINGS, correction.wrong_patient_id.encode(), withdrawn)])
        count = 0
        async for page in self._pages(correction):
            count += len(page)
            await self._publish_copies(correction, page)
        await self._judged(correction.wrong_patient_id)
        await self._retract(correction)
        if correction.right_patient_id is not None and count:
            await self._find(correction, correction.right_patient_id)
        await self._finish(correction, count)

    async def _publish_copies(self, correction: Correction, page: Sequence[Reading]) -> None:
        if correction.right_patient_id is None:
            return
        key = correction.right_patient_id.encode()
        await self._bus.publish(
            [Outgoing(_READINGS, key, encode(copy)) for copy in await self._copies(correction, page)]
        )

    async def _retract(self, correction: Correction) -> None:
        """Episodes that have ended; the engine has retracted those that were open."""
        withdrawn = correction.withdrawn()
        ended = await in_snapshot(
            self._door,
            self._database,
            episodes.ended_between,
            correction.wrong_patient_id,
            correction.from_ms,
            correction.until_ms,
        )
        steps = [
            retracted(adoptable(episode), withdrawn).transition
            for episode in ended
            if was_raised_by(
                withdrawn,
                episode.kind,
                episode.episode_id,
                raised_at_ms=episode.raised_at_ms,
                device_id=episode.device_id,
            )
        ]
        await self._tell(steps)

    async def _find(self, correction: Correction, patient_id: PatientId) -> None:
        places = await in_snapshot(self._door, self._database, moves.moves_of, patient_id)

        def ward_at(at_ms: int) -> WardId:
            before = [place.ward_id for place in places if place.at_ms <= at_ms] or [
                place.ward_id for place in places[:1]
            ]
            return before[-1] if before else UNKNOWN_WARD

        retrospect = Retrospect(
            patient_id,
            self._policy,
            correction_id=correction.correction_id,
            by=correction.by_person,
            ward_at=ward_at,
        )
        deadline_s = self._clock.monotonic_s() + self._settings.corrections_assess_s
        async for page in self._pages(correction):
            copies = await self._copies(correction, page)
            assessed = await self._assessed([copy.reading_id for copy in copies], deadline_s)
            for copy in copies:
                retrospect.step(copy)
                if copy.reading_id in assessed:
                    retrospect.step(assessed[copy.reading_id])
        if retrospect.left_out:
            log.warning("findings_left_out", correction_id=correction.correction_id, left_out=retrospect.left_out)
        await self._tell(retrospect.end())

    async def _assessed(self, reading_ids: Sequence[str], deadline_s: float) -> dict[str, Assessment]:
        """What stream said of these; where it is away for long, scores are not looked at, limits are."""
        while True:
            found = await in_snapshot(self._door, self._database, assessments.assessed, reading_ids)
            if len(found) == len(reading_ids) or self._clock.monotonic_s() >= deadline_s:
                return {assessment.reading_id: assessment for assessment in found}
            await self._clock.sleep(_LOOK_AGAIN_S)

    async def _tell(self, steps: Sequence[Transition]) -> None:
        """To the log, then to SQL: a crash in between tells the same again."""
        if not steps:
            return
        await self._bus.publish([Outgoing(_ALERTS, step.patient_id.encode(), encode(step)) for step in steps])
        await in_transaction(self._door, self._database, episodes.store, steps)
        for step in steps:
            announce(self._telemetry, step)

    async def _finish(self, correction: Correction, count: int) -> None:
        def finish() -> None:
            with self._database.transaction() as conn:
                corrections.finish(
                    conn,
                    correction.correction_id,
                    at_ms=self._clock.now_ms(),
                    readings=count,
                    retracted=episodes.count_of_correction(conn, correction.correction_id, TransitionKind.RETRACTED),
                    found=episodes.count_of_correction(conn, correction.correction_id, TransitionKind.FOUND),
                )

        await self._door.run(finish)
        self._telemetry.count("wardlight_alerts_corrections_total")
        log.info("correction_done", correction_id=correction.correction_id, readings=count)

    async def _pages(self, correction: Correction) -> AsyncIterator[tuple[Reading, ...]]:
        limit, after = self._settings.corrections_batch_max, None
        while True:
            page = await in_snapshot(
                self._door, self._database, corrections.readings_of, correction, limit=limit, after=after
            )
            if page:
                yield page
            if len(page) < limit:
                return
            after = Cursor(page[-1].measured_at_ms, page[-1].reading_id)

    async def _recorded(self, patient_id: PatientId) -> None:
        """Wait until SQL holds every reading of the patient that is in the log now."""
        await self._reached(recorder.GROUP, patient_id)

    async def _judged(self, patient_id: PatientId) -> None:
        """Wait until the engine has stepped, and SQL holds, what is in the log of the patient now."""
        await self._reached(engine.GROUP, patient_id)
        await self._reached(recorder.GROUP, patient_id)

    async def _reached(self, group: str, patient_id: PatientId) -> None:
        place = TopicPartition(_READINGS, partition_of(patient_id.encode(), self._bus.partition_count))
        end = (await self._bus.ends((_READINGS,)))[place]
        while (await in_snapshot(self._door, self._database, positions_of, group)).get(place, 0) < end:
            await self._clock.sleep(_LOOK_AGAIN_S)

    def _is_ours(self, correction: Correction) -> bool:
        return partition_of(correction.wrong_patient_id.encode(), self._bus.partition_count) in self._owned()

    async def _copies(self, correction: Correction, page: Sequence[Reading]) -> list[Reading]:
        right_patient_id = correction.right_patient_id
        if right_patient_id is None:
            return []
        found = await in_snapshot(self._door, self._database, patients.known_of, [right_patient_id])
        known = found.get(right_patient_id, NOTHING_KNOWN)
        return [
            copy_of(
                reading,
                correction_id=correction.correction_id,
                right_patient_id=right_patient_id,
                ordered_at_ms=correction.requested_at_ms,
                born=known.born,
                sex=known.sex,
            )
            for reading in page
        ]
