"""Beside the dispatcher: heartbeats of subscriptions, those whose time is up, and the alert that something is not delivered."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from alerts.notification_settings import NotificationsSettings
from runtime.blocking import Door
from runtime.bus import Bus, Outgoing
from runtime.clock import Clock
from runtime.telemetry import Telemetry
from storage import episodes, notifications_house, subscriptions
from storage.destinations import StoredDestination, failing, unreadable
from storage.session import Connection, Database, in_snapshot, in_transaction
from vitals import codec
from vitals.alert import AlertKind
from vitals.errors import Unavailable
from vitals.fault import SYSTEM_WARD, SystemFault, subject_of
from vitals.topics import LogTopic

log = structlog.get_logger()

COMPONENT: Final = "notification-house"
SUBJECT: Final = subject_of("notifications")
_REPEAT_S: Final = 60.0
"""How often a fault is told again until its alert stands (or has ended): what told it last may have been lost."""
_NAMED_MAX: Final = 3
_DELETED_MAX: Final = 500


class House:
    """Looks every few seconds; what several processes do here each does for itself, and doing it twice changes nothing."""

    def __init__(
        self,
        *,
        bus: Bus,
        database: Database,
        door: Door,
        clock: Clock,
        telemetry: Telemetry,
        settings: NotificationsSettings,
        wake: Callable[[], None],
    ) -> None:
        self._bus = bus
        self._database = database
        self._door = door
        self._clock = clock
        self._telemetry = telemetry
        self._settings = settings
        self._wake = wake
        self._told: tuple[bool, float] | None = None
        """Whether the fault was last told as present, and when."""

    async def run(self, stopping: asyncio.Event) -> None:
        """Look until `stopping`; where database or log do not answer, the next time."""
        while not stopping.is_set():
            try:
                await self.look()
            except Unavailable as error:
                log.warning("notification_house_waits", error=str(error))
            pause = asyncio.ensure_future(self._clock.sleep(self._settings.house_every_s))
            asked = asyncio.ensure_future(stopping.wait())
            try:
                await asyncio.wait({pause, asked}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                pause.cancel()
                asked.cancel()

    async def look(self) -> None:
        """Once; raises Unavailable."""
        now_ms = self._clock.now_ms()
        queued = await in_transaction(self._door, self._database, self._keep, now_ms)
        if queued:
            self._telemetry.count("wardlight_alerts_notifications_queued_total", queued)
            self._wake()
        waiting, broken, stands = await in_snapshot(self._door, self._database, self._state)
        oldest_s = 0.0 if waiting.oldest_at_ms is None else max(now_ms - waiting.oldest_at_ms, 0) / 1000
        self._telemetry.set("wardlight_alerts_notifications_waiting_count", waiting.waiting)
        self._telemetry.set("wardlight_alerts_notifications_oldest_seconds", oldest_s)
        self._telemetry.set("wardlight_alerts_destinations_failing_count", len(broken))
        await self._tell_fault(broken, now_ms, stands=stands)

    def _keep(self, conn: Connection, now_ms: int) -> int:
        subscriptions.end_expired(conn, now_ms=now_ms)
        before_ms = now_ms - round(self._settings.heartbeats_kept_h * 3_600_000)
        notifications_house.delete_old_heartbeats(conn, before_ms=before_ms, limit=_DELETED_MAX)
        limit = self._settings.heartbeats_per_look_max
        return notifications_house.enqueue_heartbeats(conn, now_ms=now_ms, limit=limit)

    def _state(self, conn: Connection) -> tuple[notifications_house.Backlog, tuple[StoredDestination, ...], bool]:
        stands = any(
            episode.patient_id == SUBJECT and episode.kind is AlertKind.DELIVERY_FAILED
            for episode in episodes.open_episodes(conn, SYSTEM_WARD)
        )
        sealed = unreadable(conn)
        broken = (*sealed, *(one for one in failing(conn) if not one.is_sealed))
        return notifications_house.backlog(conn), broken, stands

    async def _tell_fault(self, broken: Sequence[StoredDestination], now_ms: int, *, stands: bool) -> None:
        """Told while what is so and what alert stands differ, again each `_REPEAT_S`."""
        present = bool(broken)
        if present == stands:
            self._told = None
            return
        now_s = self._clock.monotonic_s()
        if self._told is not None and self._told[0] == present and now_s - self._told[1] < _REPEAT_S:
            return
        fault = SystemFault(
            SUBJECT,
            AlertKind.DELIVERY_FAILED,
            now_ms,
            failing_text(broken) if present else "Every destination takes notifications again.",
            present=present,
            since_ms=min((one.failed_at_ms or now_ms for one in broken), default=None),
        )
        await self._bus.publish([Outgoing(LogTopic.READINGS.value, SUBJECT.encode(), codec.encode(fault))])
        self._told = (present, now_s)


def failing_text(broken: Sequence[StoredDestination]) -> str:
    """What is wrong and what to do, in one sentence; names destinations, never their addresses."""
    named = [f"{one.destination.name} ({_why(one)})" for one in broken[:_NAMED_MAX]]
    more = f" and {len(broken) - _NAMED_MAX} more" if len(broken) > _NAMED_MAX else ""
    return (
        f"Notifications do not arrive at {', '.join(named)}{more}: see that somebody looks at the screen, and mend it."
    )


def _why(one: StoredDestination) -> str:
    if one.is_sealed:
        return "its key is missing"
    return "expired" if one.fault is None else one.fault.value
