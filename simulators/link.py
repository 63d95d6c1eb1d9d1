"""One MQTT connection that carries the readings of one device, or of several as a bedside gateway does.

On each connection everything unreceipted goes out again in sequence order before anything new: nothing is sent over a
connection whose backlog has not been put in front, and the MQTT layer itself starts empty on each.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Protocol

import structlog

from runtime.clock import Clock
from runtime.mqtt import ConnectionFacts, MqttPort, Received
from simulators.device import OFFLINE, ONLINE, Device
from vitals.codec import decode
from vitals.errors import MalformedRecord, Unavailable
from vitals.reading import Receipt

log = structlog.get_logger()

_RECEIPTS_PER_TURN_MAX = 200
_GOODBYE_S_MAX = 2.0
"""How long closing waits for the broker to take the last word."""


class Session(MqttPort, Protocol):
    """An MQTT session that its owner opens and closes."""

    async def open(self) -> ConnectionFacts:
        """Connect once; raises Unavailable. Later connections come by themselves."""

    async def close(self) -> None:
        """Say goodbye and stop."""


class Link:
    """Sends what its devices keep, takes their receipts, and says for a single device whether it is there."""

    def __init__(self, session: Session, devices: Sequence[Device], *, clock: Clock) -> None:
        self._session = session
        self._devices = {device.accepted_topic: device for device in devices}
        self._alone = devices[0] if len(devices) == 1 else None
        self._clock = clock
        self._number = 0
        """The connection over which sending may go on."""
        self._busy: dict[str, Device] = {}
        """Devices with something to send, by readings topic."""
        self._away: dict[str, bool] = {}
        """Devices out of reach, by readings topic, and whether they are powered: those hear no receipts."""
        self._tasks: list[asyncio.Task[None]] = []
        self.publish_failures = 0
        """Publishes that the broker refused or a broken connection left unanswered; all are sent again."""
        self.malformed_receipts = 0
        self._complained_on = 0
        """The connection of the last complaint in the log: one a connection is enough."""

    async def open(self) -> None:
        """Connect and subscribe; raises Unavailable where that fails."""
        await self._session.open()
        try:
            await self._session.subscribe(list(self._devices))
        except Unavailable:
            if self._session.connection_number:
                await self._session.close()
                raise
        self._tasks = [
            asyncio.create_task(self._follow_connections(), name="device-connections"),
            asyncio.create_task(self._take_receipts(), name="device-receipts"),
        ]

    async def close(self) -> None:
        """Say offline and goodbye; what is unreceipted stays with the devices."""
        if self._alone is not None and self._number:
            with contextlib.suppress(Unavailable, TimeoutError):
                async with asyncio.timeout(_GOODBYE_S_MAX):
                    await self._session.publish(self._alone.status_topic, OFFLINE, retain=True)
        self._number = 0
        await self._session.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def offer(self, device: Device) -> None:
        """The device has something new to send."""
        if device.readings_topic not in self._away:
            self._busy[device.readings_topic] = device
            self.pump()

    def leave(self, device: Device, *, powered: bool) -> None:
        """Send nothing for this device until it comes back; the broker says what the last will would have said."""
        self._away[device.readings_topic] = powered
        self._busy.pop(device.readings_topic, None)
        self._say(device, OFFLINE)

    def come_back(self, device: Device) -> None:
        """In reach again, on a new connection as it were: the backlog goes first."""
        if self._away.pop(device.readings_topic, None) is None:
            return
        device.outbox.rewind()
        self._say(device, ONLINE)
        self.offer(device)

    def _say(self, device: Device, status: bytes) -> None:
        if device is self._alone and self._number and self._session.connection_number == self._number:
            with contextlib.suppress(Unavailable):
                self._session.begin_publish(device.status_topic, status, retain=True).add_done_callback(self._answered)

    def retry_overdue(self, now_s: float) -> None:
        """Begin again with every device whose receipts are overdue."""
        for device in self._devices.values():
            if device.readings_topic not in self._away and device.outbox.rewind_if_overdue(now_s):
                log.debug("receipts_overdue", device_id=device.device_id, unreceipted=device.outbox.unreceipted)
                self._busy[device.readings_topic] = device
        self.pump()

    def pump(self) -> None:
        """Send as much as the connection takes now."""
        session, number = self._session, self._number
        if not self._busy or not number or session.connection_number != number:
            return
        room, now_s = session.publish_room, self._clock.monotonic_s()
        try:
            for topic, device in list(self._busy.items()):
                for payload in device.outbox.take(room, now_s):
                    session.begin_publish(topic, payload).add_done_callback(self._answered)
                    room -= 1
                if not device.outbox.has_work:
                    del self._busy[topic]
                if room <= 0:
                    return
        except Unavailable as error:
            self.publish_failures += 1
            log.warning("publish_not_taken", error=str(error))

    def _answered(self, answer: "asyncio.Future[None]") -> None:
        error = None if answer.cancelled() else answer.exception()
        if error is None:
            self.pump()
            return
        self.publish_failures += 1
        if self._session.connection_number == self._number != self._complained_on:
            self._complained_on = self._number
            log.warning("publish_refused", error=str(error))

    async def _follow_connections(self) -> None:
        while True:
            try:
                facts = await self._session.connected(after=self._number)
            except Unavailable:
                return
            for device in self._devices.values():
                device.outbox.rewind()
                if device.outbox.has_work and device.readings_topic not in self._away:
                    self._busy[device.readings_topic] = device
            self._number = facts.number
            if self._alone is not None and self._alone.readings_topic not in self._away:
                self._say(self._alone, ONLINE)
            self.pump()

    async def _take_receipts(self) -> None:
        while messages := await self._session.take(_RECEIPTS_PER_TURN_MAX):
            for message in messages:
                self._receive(message)
            self._session.acknowledge(messages)
            self.pump()

    def _receive(self, message: Received) -> None:
        device = self._devices.get(message.topic)
        if device is None or self._away.get(device.readings_topic):
            return
        try:
            receipt = decode(Receipt, message.payload)
        except MalformedRecord as error:
            self.malformed_receipts += 1
            log.warning("receipt_malformed", device_id=device.device_id, error=str(error))
            return
        device.receive(receipt)
        if device.outbox.has_work and device.readings_topic not in self._away:
            self._busy[device.readings_topic] = device
