"""The notifier: follows log topic `alerts`, counts each transition for whoever asked, and puts what is due into the outbox.

Events, deliveries, their first receipts and the position are one SQL transaction under the claimed epochs: after a crash
the records are read again, and what is there already stays as it is.
"""

from collections.abc import Callable, Sequence

import structlog

from alerts.notification_settings import NotificationsSettings
from alerts.outbox_matching import ENDINGS, Known, judge
from runtime.blocking import Door
from runtime.bus import Bus, Incoming, Outgoing, Positions
from runtime.clock import Clock
from runtime.telemetry import Telemetry
from storage.claims import claim, remember_positions
from storage.notifications_telling import Had, Telling, Told, tell
from storage.session import Connection, Database, in_transaction
from vitals import codec
from vitals.alert import Transition
from vitals.errors import MalformedRecord
from vitals.notification import Subscription
from vitals.topics import LogTopic

log = structlog.get_logger()

GROUP = "notifications"
TOPICS = (LogTopic.ALERTS.value,)


class NotifierHandler:
    """Steps of `runtime.worker.Handler` over log topic `alerts`; `wake` is called after each commit that queued something."""

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
        self._epochs: dict[int, int] = {}
        self._waiting: list[Transition] = []
        self._remembered: Positions = {}
        telemetry.not_ready(GROUP, "has not claimed its partitions yet")

    async def claim(self, partitions: frozenset[int]) -> Positions:
        """See `runtime.worker.Handler`; a position that the log no longer holds moves to its beginning, and is counted."""
        self._waiting = []
        claims = await in_transaction(self._door, self._database, claim, GROUP, partitions)
        beginnings = await self._bus.beginnings(TOPICS)
        self._epochs, self._remembered = claims.epochs, dict(claims.positions)
        for at, position in claims.positions.items():
            missed = beginnings.get(at, 0) - position
            if missed > 0:
                log.error("alerts_trimmed_unread", partition=at.partition, records=missed)
                self._telemetry.count("wardlight_alerts_trimmed_records_total", missed)
        self._telemetry.ready(GROUP)
        return {at: max(position, beginnings.get(at, 0)) for at, position in claims.positions.items()}

    async def handle(self, records: Sequence[Incoming]) -> Sequence[Outgoing]:
        """See `runtime.worker.Handler`."""
        for record in records:
            try:
                self._waiting.append(codec.decode(Transition, record.value))
            except MalformedRecord as error:
                log.warning("record_passed_over", topic=record.topic, offset=record.offset, cause=str(error))
                self._telemetry.count("wardlight_alerts_malformed_records_total", topic=record.topic)
        return ()

    async def idle(self) -> Sequence[Outgoing]:
        """See `runtime.worker.Handler`."""
        return ()

    async def remember(self, positions: Positions, *, final: bool) -> None:  # noqa: ARG002 - every batch is stored at once
        """See `runtime.worker.Handler`: everything of the batch and the position, or nothing."""
        if positions == self._remembered:
            return
        told = await in_transaction(self._door, self._database, self._store, dict(positions), tuple(self._waiting))
        self._remembered, self._waiting = dict(positions), []
        self._telemetry.count("wardlight_alerts_notification_events_total", told.events)
        for reason, number in told.withheld.items():
            self._telemetry.count("wardlight_alerts_notifications_withheld_total", number, reason=reason.value)
        if told.deliveries:
            self._telemetry.count("wardlight_alerts_notifications_queued_total", told.deliveries)
            self._wake()

    def _store(self, conn: Connection, positions: Positions, steps: Sequence[Transition]) -> Told:
        remember_positions(conn, GROUP, self._epochs, positions)
        return tell(conn, steps, self._judge, now_ms=self._clock.now_ms())

    def _judge(self, subscription: Subscription, step: Transition, had: Had) -> Telling | None:
        verdict = judge(subscription, step, Known(had.counted, had.sent), now_ms=self._clock.now_ms())
        if verdict is None:
            return None
        return Telling(
            withheld=verdict.withheld,
            expires_after_ms=self._settings.expires_after_ms(step.priority),
            is_ending=step.transition in ENDINGS,
        )
