"""Ingest as a service: session, directory, receipts and bridge, started in order and stopped in the opposite one."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import structlog

from ingest.bridge import Bridge, BridgeLimits
from ingest.patient_directory import PatientDirectory
from ingest.receipts import Receipts
from ingest.settings import IngestSettings
from runtime.blocking import Door
from runtime.bus import Bus
from runtime.clock import Clock
from runtime.mqtt import MqttPort
from runtime.mqtt_session import MqttSession
from runtime.retry import Backoff
from runtime.settings import MqttSettings
from runtime.telemetry import Telemetry
from storage.session import Database
from vitals.errors import Unavailable
from vitals.reading import WardId
from vitals.topics import READINGS_FILTER

log = structlog.get_logger()

MQTT = "mqtt"
_LAST_RECEIPTS_S_MAX = 1.0
"""How long the end waits for the broker to answer the last receipts."""
_WATCH_EVERY_S = 1.0


class Ingest:
    """Carries readings from an open session into the log until `stop`; `serve` opens a real session around it."""

    def __init__(
        self,
        *,
        session: MqttPort,
        bus: Bus,
        database: Database,
        door: Door,
        clock: Clock,
        settings: IngestSettings,
        telemetry: Telemetry,
    ) -> None:
        self._session = session
        self._clock = clock
        self._directory = PatientDirectory(
            database=database,
            door=door,
            clock=clock,
            limits=settings.directory,
            enroll_ward=WardId(settings.enroll_ward) if settings.enroll_unassigned else None,
        )
        self._receipts = Receipts(
            session=session,
            clock=clock,
            telemetry=telemetry,
            every_s=settings.receipt_every_s,
            runs_max=settings.receipt_runs_max,
        )
        self._bridge = Bridge(
            session=session,
            bus=bus,
            directory=self._directory,
            receipts=self._receipts,
            clock=clock,
            telemetry=telemetry,
            decoder=settings.decoder,
            limits=BridgeLimits(
                batch_messages_max=settings.batch_messages_max,
                publishes_in_flight_max=settings.publishes_in_flight_max,
                payload_bytes_kept=settings.payload_bytes_kept,
                backoff_s_max=settings.backoff_s_max,
            ),
        )

    def stop(self) -> None:
        """Ask for the end: what the log has not confirmed stays with the broker."""
        self._bridge.stop()

    async def run(self) -> None:
        """Subscribe and work until `stop`."""
        async with (
            _beside(self._directory.keep_fresh(), name="ingest-directory", stop=self.stop),
            _beside(self._receipts.run(), name="ingest-receipts", stop=self.stop),
            _beside(self._subscribe(), name="ingest-subscribe", stop=self.stop),
        ):
            await self._bridge.run()
        await self._receipts.finish(timeout_s=_LAST_RECEIPTS_S_MAX)

    async def _subscribe(self) -> None:
        """Ask for readings until the broker grants it; the session repeats it whenever the broker forgot us."""
        backoff = Backoff(clock=self._clock, cap_s=_WATCH_EVERY_S)
        while True:
            await self._session.connected()
            try:
                await self._session.subscribe([READINGS_FILTER])
            except Unavailable as error:
                log.warning("not_subscribed", error=str(error))
                await backoff.pause()
            else:
                return


async def serve(
    *,
    mqtt: MqttSettings,
    bus: Bus,
    database: Database,
    door: Door,
    clock: Clock,
    settings: IngestSettings,
    telemetry: Telemetry,
    stopping: asyncio.Event,
) -> None:
    """Run ingest until `stopping`; raises Unavailable where the broker cannot be reached at the start."""
    session = MqttSession(mqtt, client_id=settings.client_id, clock=clock, limits=settings.session)
    telemetry.not_ready(MQTT, "not yet connected")
    if not await _open(session, mqtt=mqtt, clock=clock, telemetry=telemetry, stopping=stopping):
        return
    ingest = Ingest(
        session=session, bus=bus, database=database, door=door, clock=clock, settings=settings, telemetry=telemetry
    )
    try:
        async with (
            _beside(_stop_when(stopping, ingest), name="ingest-stopping", stop=ingest.stop),
            _beside(_watch(session, clock=clock, telemetry=telemetry), name="ingest-watch", stop=ingest.stop),
        ):
            await ingest.run()
    finally:
        await session.close()


async def _open(
    session: MqttSession, *, mqtt: MqttSettings, clock: Clock, telemetry: Telemetry, stopping: asyncio.Event
) -> bool:
    """Connect for the first time; False when stopped before. Raises Unavailable after `first_connection_s` of trying."""
    backoff = Backoff(clock=clock, cap_s=mqtt.reconnect_s_max)
    deadline_s = clock.monotonic_s() + mqtt.first_connection_s
    while not stopping.is_set():
        try:
            await session.open()
        except Unavailable as error:
            if clock.monotonic_s() >= deadline_s:
                raise
            log.warning("mqtt_unreachable", error=str(error))
            telemetry.not_ready(MQTT, str(error))
            await backoff.pause(until=stopping)
        else:
            telemetry.ready(MQTT)
            return True
    return False


async def _stop_when(stopping: asyncio.Event, ingest: Ingest) -> None:
    await stopping.wait()
    ingest.stop()


async def _watch(session: MqttSession, *, clock: Clock, telemetry: Telemetry) -> None:
    """Keep the session's gauges and readiness true."""
    while True:
        telemetry.set("wardlight_ingest_held_messages", len(session.inbox))
        telemetry.set("wardlight_ingest_held_messages_high_water", session.inbox.high_water)
        telemetry.set("wardlight_ingest_reading_paused", int(session.is_paused))
        if session.is_connected:
            telemetry.ready(MQTT)
        else:
            telemetry.not_ready(MQTT, "the connection to the MQTT broker is lost; reconnecting")
        await clock.sleep(_WATCH_EVERY_S)


@contextlib.asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None], *, name: str, stop: Callable[[], None]) -> AsyncIterator[None]:
    """Run `work` as a task for as long as the block lasts; if it fails, `stop` the block and raise its failure after it."""
    task = asyncio.create_task(work, name=name)

    def on_end(ended: asyncio.Task[None]) -> None:
        if not ended.cancelled() and ended.exception() is not None:
            stop()

    task.add_done_callback(on_end)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
