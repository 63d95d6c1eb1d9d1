"""The dead-man's switch: a heartbeat on MQTT, and to an address outside, while every stage of the path moves; else silence.

Each round a probe goes out as a device's reading does, through the MQTT broker and ingest into the log, and its receipt
comes back; recorder, stream, alerts and delivery are judged by their positions in SQL (`storage.stages`). Whoever watches
from outside needs to know one thing only: how old the last heartbeat is.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final

import msgspec
import structlog

from alerts.heartbeat_settings import WatchdogSettings
from alerts.self_watch import SelfWatch
from alerts.symptoms import INGEST
from runtime.blocking import Door
from runtime.bus import Bus
from runtime.clock import Clock
from runtime.mqtt import MqttPort
from runtime.ping import ping
from runtime.retry import Backoff
from runtime.telemetry import Telemetry
from runtime.version import VERSION
from storage.operations import Deed, put_down
from storage.session import Database, in_snapshot, in_transaction
from storage.stages import TOPICS, Stage, StageWatch, faults, group_positions
from vitals import codec
from vitals.errors import MalformedRecord, Unavailable
from vitals.heartbeat import Beat
from vitals.reading import PROBE, Receipt
from vitals.topics import HEARTBEAT_TOPIC, accepted_topic, readings_topic

log = structlog.get_logger()

_TAKEN_MAX: Final = 50
Ping = Callable[[], Awaitable[None]]


class Heartbeat:
    """Judges the path each round and beats while it is whole; a ping outside goes with it, less often."""

    def __init__(
        self,
        *,
        bus: Bus,
        database: Database,
        door: Door,
        clock: Clock,
        telemetry: Telemetry,
        mqtt: MqttPort,
        settings: WatchdogSettings,
        ping_outside: Ping | None = None,
    ) -> None:
        self._bus = bus
        self._database = database
        self._door = door
        self._clock = clock
        self._telemetry = telemetry
        self._mqtt = mqtt
        self._settings = settings
        self._ping = _ping_of(settings) if ping_outside is None else ping_outside
        self._self_watch = SelfWatch(bus=bus, database=database, door=door, clock=clock, settings=settings)
        self._watch = StageWatch(behind_s_max=settings.behind_s_max)
        self._boot = secrets.token_hex(8)
        self._sequence = 0
        self._probes: dict[int, float] = {}
        """Sent and not receipted: sequence to when."""
        self._receipted_s: float | None = None
        """When the newest receipted probe was sent."""
        self._pinged_s = float("-inf")
        self._faults: dict[str, str] = {}
        self._has_beaten = False

    @property
    def is_wanted(self) -> bool:
        """Whether the settings ask for it."""
        return self._settings.enabled

    async def run(self, stopping: asyncio.Event) -> None:
        """Beat until `stopping`."""
        listening = asyncio.create_task(self._listen(), name="heartbeat-receipts")
        try:
            while not stopping.is_set():
                try:
                    await self._round()
                except Unavailable as error:
                    self._tell({"watchdog": str(error)})
                await self._rest(stopping)
                if listening.done() and not stopping.is_set():
                    listening.result()
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def _round(self) -> None:
        unheard = await self._probe_heard()
        beginnings, ends = await self._bus.beginnings(TOPICS), await self._bus.ends(TOPICS)
        positions = await in_snapshot(self._door, self._database, group_positions)
        now_s = self._now_s()
        self._watch.observe(now_s, beginnings=beginnings, ends=ends, positions=positions)
        stages = (self._ingest(now_s), *self._watch.stages(now_s))
        for stage in stages:
            self._telemetry.set("wardlight_alerts_stage_behind_seconds", stage.behind_s, stage=stage.name)
        self._tell(faults(stages) if unheard is None else {"broker": unheard, **faults(stages)})
        if not self._faults:
            await self._beat(stages)
        await self._self_watch.look(now_s, stages)

    async def _beat(self, stages: Sequence[Stage]) -> None:
        beat = Beat(self._clock.now_ms(), self._settings.every_s, VERSION)
        await self._publish(HEARTBEAT_TOPIC, codec.encode(beat), retain=True)
        detail = {"every_s": beat.every_s, "stages": {stage.name: round(stage.behind_s, 1) for stage in stages}}
        await in_transaction(self._door, self._database, put_down, Deed.HEARTBEAT, at_ms=beat.at_ms, detail=detail)
        self._has_beaten = True
        self._telemetry.count("wardlight_alerts_heartbeats_total")
        now_s = self._now_s()
        if self._ping is not None and now_s - self._pinged_s >= self._settings.ping_every_s:
            self._pinged_s = now_s
            try:
                await self._ping()
            except Unavailable as error:
                log.warning("ping_failed", error=str(error))
                self._telemetry.count("wardlight_alerts_pings_failed_total")

    async def _probe_heard(self) -> str | None:
        """Send a probe; why it could not be sent, or None. The stages are judged either way."""
        try:
            await self._probe()
        except Unavailable as error:
            return str(error)
        return None

    async def _probe(self) -> None:
        """Send one probe as a device sends a reading; those that wait for too long are given up."""
        now_s = self._now_s()
        self._probes = {
            sequence: sent_s
            for sequence, sent_s in self._probes.items()
            if now_s - sent_s <= self._settings.probe_s_max
        }
        body = {
            "measured_at": self._clock.now_ms(),
            "signs": {"battery_percent": 100},
            "boot": self._boot,
            "sequence": self._sequence,
        }
        self._probes[self._sequence] = now_s
        self._sequence += 1
        await self._publish(readings_topic(PROBE), msgspec.json.encode(body))

    async def _publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        try:
            async with asyncio.timeout(self._settings.probe_s_max):
                await self._mqtt.publish(topic, payload, retain=retain)
        except TimeoutError as error:
            raise Unavailable("The MQTT broker does not answer.") from error

    async def _listen(self) -> None:
        """Take receipts of our probes, for as long as the session lives."""
        backoff = Backoff(clock=self._clock, cap_s=5.0)
        while True:
            await self._mqtt.connected()
            try:
                await self._mqtt.subscribe([accepted_topic(PROBE)])
                break
            except Unavailable:
                await backoff.pause()
        while messages := await self._mqtt.take(_TAKEN_MAX):
            for message in messages:
                self._receipt(message.payload)
            self._mqtt.acknowledge(messages)

    def _receipt(self, payload: bytes) -> None:
        try:
            receipt = codec.decode(Receipt, payload)
        except MalformedRecord:
            return
        if receipt.boot != self._boot or receipt.rejected is not None:
            return
        for sequence in [*self._probes]:
            if receipt.from_sequence <= sequence <= receipt.through_sequence:
                self._receipted_s = max(self._probes.pop(sequence), self._receipted_s or 0.0)

    def _ingest(self, now_s: float) -> Stage:
        waiting = len(self._probes)
        if self._receipted_s is None:
            return Stage(INGEST, waiting, 0.0, "No probe has come back yet: MQTT broker, ingest or log stand still.")
        behind_s = now_s - self._receipted_s
        fault = None
        if behind_s > self._settings.probe_s_max + self._settings.every_s:
            fault = f"No probe sent since {behind_s:.0f} s has come back: MQTT broker, ingest or log stand still."
        return Stage(INGEST, waiting, behind_s, fault)

    def _tell(self, found: dict[str, str]) -> None:
        self._telemetry.set("wardlight_alerts_path_whole", 0 if found else 1)
        if found.keys() != self._faults.keys():
            why = {name.replace("-", "_"): sentence for name, sentence in found.items()}
            if not found:
                log.info("heartbeat_goes_on")
            elif self._has_beaten:
                log.error("heartbeat_stops", **why)
            else:
                log.info("heartbeat_waits", **why)
        self._faults = found

    def _now_s(self) -> float:
        """Real seconds, whatever the speed of the clock."""
        return self._clock.monotonic_s() / self._clock.speed

    async def _rest(self, stopping: asyncio.Event) -> None:
        pause = asyncio.ensure_future(self._clock.sleep(self._settings.every_s * self._clock.speed))
        asked = asyncio.ensure_future(stopping.wait())
        try:
            await asyncio.wait({pause, asked}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            pause.cancel()
            asked.cancel()


def _ping_of(settings: WatchdogSettings) -> Ping | None:
    if settings.ping_url is None:
        return None
    return partial(ping, settings.ping_url.get_secret_value(), timeout_s=settings.ping_timeout_s)
