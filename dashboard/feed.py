"""The process-wide live feed: slurp a snapshot, then follow the log from its positions, and hand changes to browsers.

Two readers without a group follow the log for all browsers, one of them alerts alone: where more comes than this process
can do, an alert does not wait behind readings. Whoever connects gets the read model as it stands and, in
the same turn of the event loop, its place in the fan-out: no gap, no double.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from dashboard.fanout import Browser, Fanout, Interest, Told
from dashboard.listeners import boards_of, everyone, left, pages_of, ward_id_of
from dashboard.settings import DashboardSettings
from dashboard.snapshot import Snapshot, Source
from dashboard.tiles import patient_event, system_event, tile
from dashboard.ward import Ward
from runtime.bus import Bus, Delivered, Incoming, Reader, TopicPartition
from runtime.clock import Clock
from runtime.retry import Backoff
from runtime.telemetry import Telemetry
from vitals.alert import Transition
from vitals.assessment import Assessment
from vitals.codec import decode, decode_readings_record
from vitals.errors import MalformedRecord, PositionOutOfRange, Unavailable
from vitals.reading import Reading, Withdrawn
from vitals.topics import LogTopic

log = structlog.get_logger()

ALERTS = (LogTopic.ALERTS,)
VALUES = (LogTopic.READINGS, LogTopic.ASSESSMENTS)
TOPICS = (*ALERTS, *VALUES)
_POLL_S = 0.2
ALERTS_EVERY_S = 0.1
"""Real time between two looks at what is new of alerts."""
COMPONENT = "dashboard.feed"


@dataclass(frozen=True)
class Readers:
    """Where the feed reads on."""

    alerts: Reader
    values: Reader

    async def close(self) -> None:
        """Leave the log."""
        try:
            await self.alerts.close()
        finally:
            await self.values.close()


class _TakenBack(Exception):
    """Readings were withdrawn, and SQL has them so: read the ward anew."""


class Feed:
    """Keeps `ward` true and browsers told; says so honestly when it cannot."""

    def __init__(
        self,
        *,
        bus: Bus,
        source: Source,
        clock: Clock,
        fanout: Fanout,
        settings: DashboardSettings,
        telemetry: Telemetry,
    ) -> None:
        self._bus = bus
        self._source = source
        self._clock = clock
        self._fanout = fanout
        self._settings = settings
        self._telemetry = telemetry
        self.ward = Ward(settings.ward_limits)
        self.positions: dict[TopicPartition, int] = {}
        """Where the reader stands; for status, lag and tests."""
        self.seen: Counter[str] = Counter()
        """Readings that came by since the start."""
        self._still_to_read: dict[TopicPartition, int] = {}
        """What the log held when the ward was read anew and the reader has not come to: until then it is not live."""
        self._stood: dict[TopicPartition, int] = {}
        """Where the reader stood in `readings` at the last look at the register."""
        self._answered_at_s: float | None = None
        """When the log last said anything; None where nobody watches it."""
        self._withdrawn: dict[TopicPartition, int] = {}
        """Withdrawals seen in the log whose effect the ward is to be read anew for: the position after each."""
        self._why_not_live: str | None = "The dashboard is starting."
        self._not_live_since_ms = clock.now_ms()
        self._turned_at_s = clock.monotonic_s()
        self._flushed_at_s = self._alerted_at_s = self._registered_at_s = clock.monotonic_s()
        telemetry.not_ready(COMPONENT, self._why_not_live)

    @property
    def why_not_live(self) -> str | None:
        """None while what the screen shows follows the log; otherwise one sentence."""
        if self._why_not_live is not None:
            return self._why_not_live
        if self._real_s_since(self._turned_at_s) > self._settings.stuck_after_s:
            return "The dashboard's reader of the log is stuck."
        if self._answered_at_s is not None and self._real_s_since(self._answered_at_s) > self._settings.stuck_after_s:
            return "The log does not answer."
        return None

    @property
    def is_live(self) -> bool:
        """Whether the screen follows the log."""
        return self.why_not_live is None

    async def run(self, stopping: asyncio.Event) -> None:
        """Follow the log until `stopping`; start again from a snapshot whenever that fails."""
        backoff = Backoff(clock=self._clock, cap_s=self._settings.backoff_s_max * self._clock.speed)
        while not stopping.is_set():
            readers: Readers | None = None
            try:
                self._withdrawn.clear()
                snapshot = await self._source.snapshot()
                readers = await self._readers()
                ward = await self._catch_up(readers, snapshot, stopping)
                if ward is not None:
                    self._show(ward)
                    await self._follow(readers, stopping, backoff)
            except _TakenBack:
                log.info("dashboard_reads_anew")
            except (Unavailable, PositionOutOfRange) as error:
                log.warning("dashboard_feed_restarts", code=error.code.value, error=str(error))
                self._telemetry.count("wardlight_dashboard_feed_restarts_total", code=error.code.value)
                self._lose(str(error))
                await backoff.pause(until=stopping)
            finally:
                if readers is not None:
                    await readers.close()

    async def beat(self, stopping: asyncio.Event) -> None:
        """Tell every browser, each `heartbeat_s`, what time it is here and whether the feed is live."""
        while not stopping.is_set():
            self._tell_time()
            await self._pause(stopping)

    async def _pause(self, stopping: asyncio.Event) -> None:
        pause = asyncio.ensure_future(self._clock.sleep(self._settings.heartbeat_s * self._clock.speed))
        stopped = asyncio.ensure_future(stopping.wait())
        await asyncio.wait({pause, stopped}, return_when=asyncio.FIRST_COMPLETED)
        for task in (pause, stopped):
            task.cancel()

    async def watch(self, stopping: asyncio.Event) -> None:
        """Ask the log, each `heartbeat_s`, whether it is there: whoever only reads it hears that nothing comes, and no more."""
        self._answered_at_s = self._clock.monotonic_s()
        while not stopping.is_set():
            try:
                await self._bus.ends(ALERTS)
                self._answered_at_s = self._clock.monotonic_s()
            except Unavailable as error:
                log.warning("dashboard_log_does_not_answer", code=error.code.value, error=str(error))
            await self._pause(stopping)

    def connect(self, interest: Interest) -> Browser:
        """A stream for one browser, beginning with a snapshot; raises Unavailable."""
        return self._fanout.open(interest, self._snapshot_event(interest))

    def clock_event(self) -> Mapping[str, Any]:
        """Server time, its speed and the feed's state."""
        return {
            "now_ms": self._clock.now_ms(),
            "speed": self._clock.speed,
            "live": self.is_live,
            "not_live_since_ms": None if self.is_live else self._not_live_since_ms,
            "why_not_live": self.why_not_live,
        }

    def system_event(self) -> Mapping[str, Any]:
        """Alerts about Wardlight itself, open and lately ended: what it says of patients may not be relied on meanwhile."""
        return system_event(self.ward.system, self.ward.limits, now_ms=self._clock.now_ms())

    async def _readers(self) -> Readers:
        alerts = await self._bus.reader(group=None, topics=ALERTS)
        try:
            return Readers(alerts, await self._bus.reader(group=None, topics=VALUES, gather_s=self._settings.gather_s))
        except BaseException:
            await alerts.close()
            raise

    async def _catch_up(self, readers: Readers, snapshot: Snapshot, stopping: asyncio.Event) -> Ward | None:
        """A ward from `snapshot`, stepped to the present end of the log; None where `stopping` came first.

        Alerts are awaited, readings only for `catch_up_s`: with those still to come the ward is shown, and not called live.
        """
        ward = _ward_of(snapshot, self._settings)
        beginnings = await self._bus.beginnings(TOPICS)
        self._still_to_read = await self._bus.ends(TOPICS)
        self.positions = {**beginnings, **snapshot.positions}
        for reader in (readers.alerts, readers.values):
            while isinstance(await reader.poll(records_max=1, timeout_s=_POLL_S), Delivered):
                if stopping.is_set():
                    return None
            await reader.seek(self.positions)
        begun_s = self._clock.monotonic_s()
        while self._is_behind():
            if stopping.is_set():
                return None
            awaits_alerts = any(place.topic in ALERTS for place in self._still_to_read)
            if not awaits_alerts and self._real_s_since(begun_s) > self._settings.catch_up_s:
                break
            await self._take(readers.alerts, ward, timeout_s=_POLL_S if awaits_alerts else 0)
            await self._take(readers.values, ward, timeout_s=0 if awaits_alerts else _POLL_S)
        ward.take_changes()
        ward.take_system_change()
        return ward

    async def _follow(self, readers: Readers, stopping: asyncio.Event, backoff: Backoff) -> None:
        while not stopping.is_set():
            await self._take(readers.alerts, self.ward, timeout_s=0)
            if self._real_s_since(self._alerted_at_s) >= ALERTS_EVERY_S:
                self.flush(of_alerts=True)
                self._alerted_at_s = self._clock.monotonic_s()
            await self._take(readers.values, self.ward, timeout_s=_POLL_S)
            backoff.reset()
            if self._why_not_live is not None and not self._is_behind():
                self._go_live()
            if self._real_s_since(self._registered_at_s) >= self._settings.registry_interval_s:
                await self._register()
                self._registered_at_s = self._clock.monotonic_s()
                await self._read_anew_if_due()
            if self._real_s_since(self._flushed_at_s) >= self._settings.publish_interval_s:
                self.flush()
                self._flushed_at_s = self._clock.monotonic_s()

    def _is_behind(self) -> bool:
        """Whether anything is still to be read of what the log held when the ward was read anew."""
        ends = self._still_to_read
        self._still_to_read = {place: end for place, end in ends.items() if self.positions[place] < end}
        return bool(self._still_to_read)

    async def _read_anew_if_due(self) -> None:
        """Raises _TakenBack once SQL has what was withdrawn, and nearly all that is shown: nothing shown may grow older."""
        stood, self._stood = (
            self._stood,
            {place: at for place, at in self.positions.items() if at and place.topic == LogTopic.READINGS},
        )
        if self._withdrawn and stood and await self._source.holds({**stood, **_later(stood, self._withdrawn)}):
            raise _TakenBack

    async def _take(self, reader: Reader, ward: Ward, *, timeout_s: float) -> None:
        polled = await reader.poll(records_max=self._settings.poll_records_max, timeout_s=timeout_s)
        self._turned_at_s = self._clock.monotonic_s()
        if not isinstance(polled, Delivered):
            raise Unavailable("The log's partitions changed: starting again from a snapshot.")
        for record in polled.records:
            self._apply(ward, record)
            self.positions[TopicPartition(record.topic, record.partition)] = record.offset + 1

    def _apply(self, ward: Ward, record: Incoming) -> None:
        try:
            match record.topic:
                case LogTopic.READINGS:
                    told = decode_readings_record(record.value)
                    if isinstance(told, Reading):
                        ward.apply_reading(told)
                        self.seen["readings"] += 1
                    elif isinstance(told, Withdrawn):
                        ward.apply_withdrawn(told)
                        if told.reading_id is None:
                            self._withdrawn[TopicPartition(record.topic, record.partition)] = record.offset + 1
                case LogTopic.ASSESSMENTS:
                    ward.apply_assessment(decode(Assessment, record.value))
                case LogTopic.ALERTS:
                    ward.apply_transition(decode(Transition, record.value))
        except MalformedRecord as error:
            self._telemetry.count("wardlight_dashboard_malformed_records_total")
            log.warning("dashboard_record_skipped", topic=record.topic, offset=record.offset, error=str(error))

    async def _register(self) -> None:
        unknown = self.ward.unknown
        try:
            beds = await self._source.beds(again=bool(unknown))
        except Unavailable as error:
            log.warning("dashboard_register_unavailable", error=str(error))
            return
        if beds is None:
            return
        were = {patient.patient_id: ward_id_of(patient) for patient in self.ward.listed()}
        departed = self.ward.place(beds)
        told: list[Told] = []
        for patient_id, ward_id in were.items():
            now_at = None if patient_id in departed else ward_id_of(self.ward.patients[patient_id])
            if now_at != ward_id:
                gone = self._fanout.event("gone", {"patient_id": patient_id})
                told.append(Told(gone, left(patient_id, ward_id, now_at)))
        self._fanout.publish(*told)
        self.ward.forget(unknown)

    def flush(self, *, of_alerts: bool = False) -> None:
        """Send what changed, or only the patients whose alerts did: one event per patient and kind of listener.

        Alerts about Wardlight itself go to everybody.
        """
        now_ms = self._clock.now_ms()
        told: list[Told] = []
        if self.ward.take_system_change():
            told.append(Told(self._fanout.event("system", self.system_event()), everyone))
        for patient_id, change in self.ward.take_changes(of_alerts=of_alerts).items():
            patient = self.ward.patients[patient_id]
            boards = boards_of(patient)
            if self._fanout.anyone(boards):
                shown = tile(patient, self.ward.limits, now_ms=now_ms, trend_from_ms=change.trend_from_ms)
                told.append(Told(self._fanout.event("tile", shown), boards))
            pages = pages_of(patient_id)
            if self._fanout.anyone(pages):
                shown = patient_event(patient, change, self.ward.limits, now_ms=now_ms)
                told.append(Told(self._fanout.event("patient", shown), pages))
        self._fanout.publish(*told)

    def _show(self, ward: Ward) -> None:
        self.ward = ward
        self._stood = {}
        if self._still_to_read:
            self._lose("Alerts are up to date; readings of a while ago are still being read.")
        else:
            self._go_live()
        self._fanout.resync(self._snapshot_event)

    def _go_live(self) -> None:
        self._why_not_live = None
        self._telemetry.ready(COMPONENT)
        self._tell_time()
        log.info("dashboard_live", patients=len(self.ward.patients))

    def _lose(self, why: str) -> None:
        if self._why_not_live is None:
            self._not_live_since_ms = self._clock.now_ms()
        self._why_not_live = why
        self._telemetry.not_ready(COMPONENT, why)
        self._tell_time()

    def _tell_time(self) -> None:
        self._fanout.publish(Told(self._fanout.event("clock", self.clock_event()), everyone))

    def _snapshot_event(self, interest: Interest) -> bytes:
        now_ms = self._clock.now_ms()
        tiles = [
            tile(patient, self.ward.limits, now_ms=now_ms)
            for patient in self.ward.listed()
            if interest.patient_id in (None, patient.patient_id)
            and (interest.patient_id is not None or interest.covers(ward_id_of(patient)))
        ]
        limits = self.ward.limits
        return self._fanout.event(
            "snapshot",
            {
                "clock": self.clock_event(),
                "trend_window_ms": limits.trend_window_ms,
                "trend_bucket_ms": limits.trend_bucket_ms,
                "tiles": tiles,
                "system": self.system_event(),
            },
        )

    def _real_s_since(self, monotonic_s: float) -> float:
        return (self._clock.monotonic_s() - monotonic_s) / self._clock.speed


def _ward_of(snapshot: Snapshot, settings: DashboardSettings) -> Ward:
    ward = Ward(settings.ward_limits)
    for seed in snapshot.seeds:
        ward.adopt(seed)
    for episode in snapshot.system:
        ward.system.adopt(episode)
    return ward


def _later(these: Mapping[TopicPartition, int], those: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
    return {place: max(at, these.get(place, 0)) for place, at in those.items()}
