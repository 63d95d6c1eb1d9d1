"""The trimmer: a thin loop beside the recorder that carries out the retention policy, a bounded step at a time."""

import asyncio
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

import structlog
from sqlalchemy import Connection, Table

from runtime.blocking import Door
from runtime.clock import Clock
from runtime.telemetry import Telemetry
from storage import tables
from storage.claims import check_epochs, claim
from storage.operations import Deed, put_down
from storage.operations_tables import reading_minutes
from storage.retention import RetentionSettings, cutoffs
from storage.session import Database, in_snapshot, in_transaction
from storage.trimming import (
    Trimmed,
    next_patient,
    trim_episodes,
    trim_minutes,
    trim_notifications,
    trim_readings,
    trim_rejections,
)
from vitals.errors import Fenced, Unavailable
from vitals.reading import PatientId

log = structlog.get_logger()

GROUP: Final = "trimmer"
_PARTITION: Final = 0
Step = Callable[[Connection], Trimmed]


class TrimPatient(Protocol):
    """One bounded step of trimming one patient's rows of one table."""

    def __call__(
        self, conn: Connection, patient_id: PatientId, cutoff_ms: int, settings: RetentionSettings
    ) -> Trimmed: ...


class Trimmer:
    """Trims what is due every `every_s`; of several recorders' trimmers the last to begin goes on, fencing the others."""

    def __init__(
        self, *, database: Database, door: Door, clock: Clock, telemetry: Telemetry, settings: RetentionSettings
    ) -> None:
        self._database = database
        self._door = door
        self._clock = clock
        self._telemetry = telemetry
        self._settings = settings
        self._epochs: dict[int, int] = {}

    async def serve(self, stopping: asyncio.Event) -> None:
        """Look and trim until `stopping`; where the database does not answer, the next time."""
        if not cutoffs(self._settings, self._clock.now_ms()).any:
            await stopping.wait()
            return
        while not stopping.is_set():
            try:
                await self.run_once(stopping)
            except (Unavailable, Fenced) as error:
                log.warning("trimming_put_off", code=error.code.value, error=str(error))
            await self._rest(self._settings.every_s, stopping)

    async def run_once(self, stopping: asyncio.Event | None = None) -> dict[str, int]:
        """Trim everything that is due now; rows by table. Raises Unavailable, and Fenced where another trimmer has begun."""
        stopping = asyncio.Event() if stopping is None else stopping
        began_ms = self._clock.now_ms()
        due = cutoffs(self._settings, began_ms)
        self._epochs = (await in_transaction(self._door, self._database, claim, GROUP, {_PARTITION})).epochs
        trimmed: Counter[str] = Counter()
        if due.readings_ms is not None:
            await self._each_patient(tables.readings, trim_readings, due.readings_ms, trimmed, stopping)
        if due.minutes_ms is not None:
            await self._each_patient(reading_minutes, trim_minutes, due.minutes_ms, trimmed, stopping)
        if due.rejections_ms is not None:
            step = partial(trim_rejections, cutoff_ms=due.rejections_ms, settings=self._settings)
            await self._repeat(step, trimmed, stopping)
        if due.episodes_ms is not None:
            step = partial(trim_episodes, cutoff_ms=due.episodes_ms, settings=self._settings)
            await self._repeat(step, trimmed, stopping)
        if due.notifications_ms is not None:
            step = partial(trim_notifications, cutoff_ms=due.notifications_ms, settings=self._settings)
            await self._repeat(step, trimmed, stopping)
        detail = {"rows": dict(trimmed), "readings_before_ms": due.readings_ms, "finished": not stopping.is_set()}
        await in_transaction(self._door, self._database, put_down, Deed.TRIM, at_ms=began_ms, detail=detail)
        if trimmed.total():
            log.info("trimmed", **trimmed)
        return dict(trimmed)

    async def _each_patient(
        self, table: Table, trim: TrimPatient, cutoff_ms: int, trimmed: Counter[str], stopping: asyncio.Event
    ) -> None:
        patient_id = await in_snapshot(self._door, self._database, next_patient, table, None)
        while patient_id is not None and not stopping.is_set():
            step = partial(trim, patient_id=patient_id, cutoff_ms=cutoff_ms, settings=self._settings)
            await self._repeat(step, trimmed, stopping)
            patient_id = await in_snapshot(self._door, self._database, next_patient, table, patient_id)

    async def _repeat(self, step: Step, trimmed: Counter[str], stopping: asyncio.Event) -> None:
        more = True
        while more and not stopping.is_set():
            rows, more = await in_transaction(self._door, self._database, self._fenced, step)
            for table, number in rows.items():
                if number:
                    trimmed[table] += number
                    self._telemetry.count("wardlight_recorder_trimmed_rows_total", number, table=table)
            if rows:
                await self._rest(self._settings.pause_s, stopping)

    def _fenced(self, conn: Connection, step: Step) -> Trimmed:
        check_epochs(conn, GROUP, self._epochs)
        return step(conn)

    async def _rest(self, seconds: float, stopping: asyncio.Event) -> None:
        pause = asyncio.ensure_future(self._clock.sleep(seconds))
        asked = asyncio.ensure_future(stopping.wait())
        try:
            await asyncio.wait({pause, asked}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            pause.cancel()
            asked.cancel()
