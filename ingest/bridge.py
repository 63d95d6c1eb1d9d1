"""The bridge: take what has arrived, publish it to the log, and only when the log has it acknowledge and receipt.

Several batches may be on their way to the log at once. The session sends PUBACKs in arrival order whatever the order of
confirmations. Each is handed to the log after the one before, and what was handed behind one that failed fails with it;
while the log does not answer, batches are tried again one after another, oldest first. So the log's order stays that of
arrival; nothing more is taken meanwhile, and the session stops reading at its high-water mark.
"""

import asyncio
from dataclasses import dataclass
from typing import NamedTuple

import structlog

from ingest.batch import Batch, decode_batch, resolve
from ingest.decoder import DecoderLimits
from ingest.patient_directory import PatientDirectory
from ingest.receipts import Receipts
from runtime.bus import Bus
from runtime.clock import Clock
from runtime.mqtt import MqttPort
from runtime.retry import Backoff
from runtime.telemetry import Telemetry
from vitals.errors import Unavailable

log = structlog.get_logger()

LOG = "log"
DATABASE = "database"


@dataclass(frozen=True, kw_only=True)
class BridgeLimits:
    """Bounds of the bridge."""

    batch_messages_max: int
    publishes_in_flight_max: int
    payload_bytes_kept: int
    backoff_s_max: float


class _Before(NamedTuple):
    """The batch that arrived before."""

    delivery: asyncio.Task[None]
    handed: asyncio.Event
    """Set once it was handed to the log, or is over."""


class Bridge:
    """Carries messages from one MQTT session into the log until `stop`."""

    def __init__(
        self,
        *,
        session: MqttPort,
        bus: Bus,
        directory: PatientDirectory,
        receipts: Receipts,
        clock: Clock,
        telemetry: Telemetry,
        decoder: DecoderLimits,
        limits: BridgeLimits,
    ) -> None:
        self._session = session
        self._bus = bus
        self._directory = directory
        self._receipts = receipts
        self._clock = clock
        self._telemetry = telemetry
        self._decoder = decoder
        self._limits = limits
        self._stopping = asyncio.Event()
        self._slots = asyncio.Semaphore(limits.publishes_in_flight_max)
        self._publishing: set[asyncio.Task[None]] = set()
        self._failed: list[asyncio.Task[None]] = []
        self._retrying = 0
        """Batches that the log has failed to confirm and that are tried again: later ones wait for their turn."""
        self._log_down_since_s: float | None = None
        telemetry.ready(LOG)
        telemetry.ready(DATABASE)

    def stop(self) -> None:
        """Take nothing more; what the log has not confirmed by then stays with the broker."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until `stop`, or until the session is closed; then see what is on its way confirmed, if the log answers."""
        intake = asyncio.create_task(self._take_in(), name="ingest-intake")
        stopped = asyncio.create_task(self._stopping.wait(), name="ingest-stopping")
        try:
            await asyncio.wait({intake, stopped}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            for task in self._publishing:
                task.cancel()
            raise
        finally:
            self._stopping.set()
            stopped.cancel()
            intake.cancel()
            await asyncio.gather(intake, *self._publishing, return_exceptions=True)
        for task in (intake, *self._failed):
            if not task.cancelled():
                task.result()

    async def _take_in(self) -> None:
        """Take, decode, resolve, and send each batch on its way."""
        before: _Before | None = None
        while messages := await self._session.take(self._limits.batch_messages_max):
            batch = decode_batch(messages, received_at_ms=self._clock.now_ms(), limits=self._decoder)
            if not self._directory.knows(batch.device_ids):
                await self._learn(batch)
            resolve(
                batch,
                self._directory,
                limits=self._decoder,
                payload_bytes_kept=self._limits.payload_bytes_kept,
            )
            self._count_received(batch)
            await self._slots.acquire()
            before = self._send_on_its_way(batch, before)
            await self._clock.sleep(0)

    def _send_on_its_way(self, batch: Batch, before: _Before | None) -> _Before:
        handed = asyncio.Event()
        delivery = asyncio.create_task(self._deliver(batch, before, handed), name="ingest-publish")
        self._publishing.add(delivery)
        delivery.add_done_callback(self._delivered)
        delivery.add_done_callback(lambda _: handed.set())
        return _Before(delivery, handed)

    async def _learn(self, batch: Batch) -> None:
        """Get to know the batch's devices, however long the database takes: not knowing is no reason to refuse."""
        backoff = self._backoff()
        while True:
            try:
                await self._directory.learn(batch.device_ids)
            except Unavailable as error:
                log.warning("devices_unknown", error=str(error), attempts=backoff.failures)
                self._telemetry.not_ready(DATABASE, str(error))
                await backoff.pause()
            else:
                self._telemetry.ready(DATABASE)
                return

    async def _deliver(self, batch: Batch, before: _Before | None, handed: asyncio.Event) -> None:
        """Publish until the log has it, then let go; gives up, letting go of nothing, once stopping."""
        began_s = self._clock.monotonic_s()
        if not await self._publish(batch, before, handed):
            return
        self._telemetry.observe("wardlight_ingest_publish_seconds", self._clock.monotonic_s() - began_s)
        self._session.acknowledge(batch.messages)
        self._receipts.add(batch.safe)
        self._telemetry.count("wardlight_ingest_accepted_total", batch.accepted)
        for reason, count in batch.rejected.items():
            self._telemetry.count("wardlight_ingest_rejected_total", count, reason=reason.value)

    async def _publish(self, batch: Batch, before: _Before | None, handed: asyncio.Event) -> bool:
        backoff: Backoff | None = None
        while True:
            if before is not None:
                await before.handed.wait()
                if self._retrying:
                    await asyncio.wait({before.delivery})
            handed.set()
            try:
                await self._bus.publish(batch.records)
            except Unavailable as error:
                self._retrying += backoff is None
                backoff = backoff or self._backoff()
                self._on_log_down(error)
                await backoff.pause(until=self._stopping)
                if self._stopping.is_set():
                    return False
            else:
                self._retrying -= backoff is not None
                self._on_log_up()
                return True

    def _delivered(self, task: asyncio.Task[None]) -> None:
        self._publishing.discard(task)
        self._slots.release()
        if not task.cancelled() and task.exception() is not None:
            self._failed.append(task)
            self._stopping.set()

    def _on_log_down(self, error: Unavailable) -> None:
        if self._log_down_since_s is None:
            self._log_down_since_s = self._clock.monotonic_s()
            self._telemetry.count("wardlight_ingest_log_outages_total")
            self._telemetry.not_ready(LOG, str(error))
            log.warning("log_down", error=str(error))

    def _on_log_up(self) -> None:
        if self._log_down_since_s is not None and not self._retrying:
            outage_s = self._clock.monotonic_s() - self._log_down_since_s
            self._log_down_since_s = None
            self._telemetry.count("wardlight_ingest_log_outage_seconds_total", outage_s)
            self._telemetry.ready(LOG)
            log.info("log_up", outage_s=round(outage_s, 1))

    def _count_received(self, batch: Batch) -> None:
        self._telemetry.count("wardlight_ingest_received_total", len(batch.messages))
        redelivered = sum(message.redelivered for message in batch.messages)
        if redelivered:
            self._telemetry.count("wardlight_ingest_redelivered_total", redelivered)

    def _backoff(self) -> Backoff:
        return Backoff(clock=self._clock, cap_s=self._limits.backoff_s_max)
