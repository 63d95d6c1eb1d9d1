"""The keeper of the ledger, beside the recorder: enters its journal, looks for what does not balance, and tells the log."""

import asyncio
from collections import Counter

import structlog

from runtime.blocking import Door
from runtime.bus import Bus, Outgoing
from runtime.clock import Clock
from runtime.telemetry import Telemetry
from storage import ledger, ledger_findings
from storage.ledger import ImbalanceKind
from storage.ledger_findings import Finding
from storage.ledger_settings import LedgerSettings
from storage.session import Connection, Database, in_transaction
from vitals.codec import encode
from vitals.errors import Unavailable
from vitals.reading import PatientId, Unaccounted
from vitals.topics import LogTopic

log = structlog.get_logger()
DAY_S = 86_400


class LedgerKeeper:
    """Works until stopped; of several keepers each enters what is left, and what one has told none tells again."""

    def __init__(
        self,
        *,
        bus: Bus,
        database: Database,
        door: Door,
        clock: Clock,
        telemetry: Telemetry,
        settings: LedgerSettings,
    ) -> None:
        self._bus = bus
        self._database = database
        self._door = door
        self._clock = clock
        self._telemetry = telemetry
        self._settings = settings
        self._checked_s = self._trimmed_s = float("-inf")

    async def serve(self, stopping: asyncio.Event) -> None:
        """Enter, judge, tell and trim, each in its time; where database or log do not answer, the next time."""
        while not stopping.is_set():
            try:
                await self.enter()
                await self._judge_when_due()
                await self._trim_when_due()
            except Unavailable as error:
                log.warning("ledger_waits", code=error.code.value, error=str(error))
            await self._rest(stopping)

    async def enter(self) -> int:
        """Enter the whole journal, in bounded transactions; how many jottings."""
        entered = 0
        while True:
            count = await in_transaction(self._door, self._database, ledger.enter, self._settings.bounds)
            entered += count
            if count < self._settings.jottings_per_entry:
                return entered

    async def judge(self) -> list[Unaccounted]:
        """Look for what does not balance, and tell the log what has changed of it; what it was told."""
        now_ms = self._clock.now_ms()
        findings, wearing = await in_transaction(self._door, self._database, self._find, now_ms)
        self._count(findings)
        records, told = ledger_findings.to_tell(findings, wearing, now_ms=now_ms)
        if records:
            log.warning("ledger_imbalance", patients=len(records), readings=sum(one.readings for one in records))
            await self._bus.publish(
                [Outgoing(LogTopic.READINGS, one.patient_id.encode(), encode(one)) for one in records]
            )
        if told:
            await in_transaction(self._door, self._database, ledger_findings.remember_told, told)
        return records

    def _find(self, conn: Connection, now_ms: int) -> tuple[list[Finding], dict[str, PatientId]]:
        settings = self._settings
        found = ledger.imbalances(conn, now_ms=now_ms, settle_ms=settings.settle_ms, told_for_ms=settings.told_for_ms)
        standing = ledger_findings.remember(conn, found, now_ms=now_ms)
        # An hour's assessments may lag behind a late upload: only what lasts counts.
        settled = [
            finding
            if finding.kind is not ImbalanceKind.UNASSESSED or now_ms - finding.since_ms >= settings.settle_ms
            else finding._replace(readings=0)
            for finding in standing
        ]
        return settled, ledger_findings.wearers(conn, sorted({finding.device_id for finding in settled}))

    def _count(self, findings: list[Finding]) -> None:
        readings: Counter[ImbalanceKind] = Counter()
        for finding in findings:
            readings[finding.kind] += finding.readings
        for kind in ImbalanceKind:
            self._telemetry.set("wardlight_recorder_ledger_imbalance_readings", readings[kind], kind=kind.value)
        devices = {finding.device_id for finding in findings if finding.readings}
        self._telemetry.set("wardlight_recorder_ledger_imbalanced_devices_count", len(devices))

    async def _judge_when_due(self) -> None:
        now_s = self._clock.monotonic_s()
        if now_s - self._checked_s >= self._settings.check_every_s:
            await self.judge()
            self._checked_s = now_s

    async def _trim_when_due(self) -> None:
        now_s = self._clock.monotonic_s()
        if now_s - self._trimmed_s >= DAY_S:
            before_ms = self._clock.now_ms() - self._settings.kept_ms
            await in_transaction(self._door, self._database, ledger.trim, before_ms=before_ms)
            self._trimmed_s = now_s

    async def _rest(self, stopping: asyncio.Event) -> None:
        pause = asyncio.ensure_future(self._clock.sleep(self._settings.enter_every_s))
        asked = asyncio.ensure_future(stopping.wait())
        try:
            await asyncio.wait({pause, asked}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            pause.cancel()
            asked.cancel()
