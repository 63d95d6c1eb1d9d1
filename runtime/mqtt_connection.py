"""One connection to an MQTT broker: paho-mqtt over an asyncio wire; the one file that imports paho.

paho encodes, decodes and checks the protocol; bytes and keep-alive are `runtime.mqtt_wire`'s, so there is no thread and
no system call per packet. A new paho client serves each connection: nothing half-done survives one.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from runtime.mqtt import Received, Will
from runtime.mqtt_inbox import Inbox, SessionLimits
from runtime.mqtt_publish import qos_of, read_publish
from runtime.mqtt_tls import tls_context
from runtime.mqtt_wire import Wire, open_wire, unreachable
from runtime.settings import MqttSettings
from vitals.errors import Unavailable

_RECEIVE_MAXIMUM_MAX = 65535


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who connects, and what the broker does for them while they are away."""

    client_id: str
    persistent: bool
    will: Will | None = None


class _Publish(NamedTuple):
    topic: str
    payload: bytes
    retain: bool
    answer: asyncio.Future[None]


class _Client(paho.Client):
    """paho's client, whose socket is our wire, and whose messages we read ourselves (QoS 2 apart, which nobody asks for)."""

    wire: Wire
    take_publish: Callable[[int, bytearray], MQTTErrorCode]

    def _handle_publish(self) -> MQTTErrorCode:
        command = self._in_packet["command"]
        if qos_of(command) > 1:
            return super()._handle_publish()
        return self.take_publish(command, self._in_packet["packet"])

    def _create_socket(self) -> "paho.SocketLike":
        return self.wire


class Connection:
    """One connection and what waits for the broker's answer on it; of no use once `lost` is settled."""

    def __init__(
        self,
        number: int,
        *,
        settings: MqttSettings,
        identity: Identity,
        inbox: Inbox,
        limits: SessionLimits,
        on_change: Callable[[], None],
    ) -> None:
        loop = asyncio.get_running_loop()
        self.number = number
        self._settings = settings
        self._identity = identity
        self._inbox = inbox
        self._limits = limits
        self._on_change = on_change
        self._client = _new_client(settings, identity)
        self._has_properties = settings.protocol == "5"
        self._publishes: dict[int, asyncio.Future[None]] = {}
        self._subscribes: dict[int, asyncio.Future[None]] = {}
        self._waiting: deque[_Publish] = deque()
        """Publishes that wait for room; as many as there are callers."""
        self._window = settings.publish_outstanding_max
        self._reading = False
        self._farewell: str | None = None
        self._opened: asyncio.Future[bool | str] = loop.create_future()
        self.lost: asyncio.Future[str] = loop.create_future()
        """Why it ended."""

    async def open(self) -> bool:
        """Connect; says whether the broker resumed our session. Raises Unavailable naming host, port and what to do."""
        try:
            self._client.wire = await open_wire(
                host=self._settings.host,
                port=self._settings.port,
                tls=tls_context(self._settings),
                on_bytes=self._read,
                on_lost=self._end,
            )
        except TimeoutError:
            raise
        except OSError as error:
            raise unreachable(self._settings, error) from error
        self._listen()
        self._say_hello()
        answer = await self._opened
        if isinstance(answer, str):
            raise unreachable(self._settings, answer)
        return answer

    def abort(self, cause: str) -> None:
        """End at once, without a goodbye."""
        if hasattr(self._client, "wire"):
            self._client.wire.abort(cause)
        self._end(cause)

    def say_goodbye(self) -> None:
        """End in order; the broker sends no will. `lost` settles once it is written."""
        self._client.disconnect()

    @property
    def is_open(self) -> bool:
        """Accepted by the broker and not lost."""
        return self._opened.done() and self._opened.result() in {True, False} and not self.lost.done()

    @property
    def is_paused(self) -> bool:
        """Whether reading stands still above the high-water mark."""
        return self._client.wire.paused

    @property
    def has_lasted(self) -> bool:
        """Whether it outlived half a keep-alive."""
        return hasattr(self._client, "wire") and self._client.wire.has_lasted

    @property
    def publish_room(self) -> int:
        """How many more publishes may go unanswered."""
        return 0 if self._waiting else max(0, self._window - len(self._publishes))

    def publish(self, topic: str, payload: bytes, *, retain: bool) -> asyncio.Future[None]:
        """Send with QoS 1, in turn and once there is room; settles on PUBACK, or with Unavailable."""
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Publish(topic, payload, retain, answer))
        self._send_waiting()
        return answer

    def _send_waiting(self) -> None:
        while self._waiting and len(self._publishes) < self._window:
            topic, payload, retain, answer = self._waiting.popleft()
            if answer.done():
                continue
            info = self._client.publish(topic, payload, qos=1, retain=retain)
            if info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS:
                self._publishes[info.mid] = answer
            else:
                _fail(answer, f"The MQTT client did not take a message for {topic}: {paho.error_string(info.rc)}")

    def publish_unanswered(self, topic: str, payload: bytes, *, retain: bool) -> None:
        """Send with QoS 0."""
        self._client.publish(topic, payload, qos=0, retain=retain)

    def subscribe(self, filters: Sequence[str]) -> asyncio.Future[None]:
        """Subscribe with QoS 1; settles on SUBACK, or with Unavailable when refused."""
        result, mid = self._client.subscribe([(name, 1) for name in filters])
        if result != MQTTErrorCode.MQTT_ERR_SUCCESS or mid is None:
            raise Unavailable(f"The MQTT client cannot subscribe: {paho.error_string(result)}")
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._subscribes[mid] = future
        return future

    def acknowledge(self, message: Received) -> None:
        """Send the PUBACK, where the message came over this connection: another one's ids mean other messages."""
        if message.connection == self.number:
            self._client.ack(message.mid, message.qos)

    def read_on(self) -> None:
        """The inbox is low again."""
        self._client.wire.resume()
        self._read_soon()

    # Reading: paho decodes what the wire has, up to the high-water mark.

    @property
    def _is_in_handshake(self) -> bool:
        """The broker owes an answer without which nothing goes on: it is read even above the high-water mark."""
        return not self._opened.done() or bool(self._subscribes)

    def _read_soon(self) -> None:
        if self._client.wire.has_bytes and not self._reading:
            self._reading = True
            asyncio.get_running_loop().call_soon(self._read)

    def _read(self) -> None:
        """Decode for one turn of the loop at most."""
        self._reading = False
        client, inbox = self._client, self._inbox
        wire, packets = client.wire, self._limits.packets_per_turn
        while wire.has_bytes and packets and (self._is_in_handshake or not inbox.is_high):
            packets -= 1
            if client.loop_read() != MQTTErrorCode.MQTT_ERR_SUCCESS:
                break
        if client.want_write():
            client.loop_write()
        inbox.announce()
        if inbox.is_high and not self._is_in_handshake:
            wire.pause()
        else:
            self._read_soon()

    # What paho and the wire tell us.

    def _listen(self) -> None:
        client = self._client
        client.on_connect = lambda _client, _data, flags, reason, properties: self._on_connect(
            reason, properties, resumed=flags.session_present
        )
        client.take_publish = self._take_publish
        client.on_publish = lambda _client, _data, mid, reason, _properties: self._on_publish(mid, reason)
        client.on_subscribe = lambda _client, _data, mid, reasons, _properties: self._on_subscribe(mid, reasons)
        client.on_disconnect = lambda _client, _data, flags, reason, _properties: self._on_disconnect(
            reason, by_broker=flags.is_disconnect_packet_from_server
        )

    def _say_hello(self) -> None:
        settings, persistent = self._settings, self._identity.persistent
        if settings.protocol != "5":
            self._client.connect(settings.host, settings.port, settings.keepalive_s)
            return
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.ReceiveMaximum = min(self._limits.held_messages_max, _RECEIVE_MAXIMUM_MAX)
        properties.SessionExpiryInterval = settings.session_expiry_s if persistent else 0
        self._client.connect(
            settings.host, settings.port, settings.keepalive_s, clean_start=not persistent, properties=properties
        )

    def _on_connect(self, reason: ReasonCode, properties: Properties | None, *, resumed: bool) -> None:
        if self._opened.done():
            return
        if reason.is_failure:
            self._opened.set_result(f"refused: {reason}")
            return
        self._window = min(self._window, getattr(properties, "ReceiveMaximum", self._window))
        self._client.wire.keep_alive(getattr(properties, "ServerKeepAlive", self._settings.keepalive_s))
        self._opened.set_result(resumed)

    def _take_publish(self, command: int, packet: bytearray) -> MQTTErrorCode:
        message = read_publish(command, packet, has_properties=self._has_properties, connection=self.number)
        if message is None:
            return MQTTErrorCode.MQTT_ERR_PROTOCOL
        self._inbox.add(message)
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _on_publish(self, mid: int, reason: ReasonCode) -> None:
        future = self._publishes.pop(mid, None)
        self._send_waiting()
        if future is None or future.done():
            return
        if reason.is_failure:
            _fail(
                future, f"The MQTT broker refused a message ({reason}): check what {self._identity.client_id} may do."
            )
        else:
            future.set_result(None)

    def _on_subscribe(self, mid: int, reasons: Sequence[ReasonCode]) -> None:
        future = self._subscribes.pop(mid, None)
        if future is None or future.done():
            return
        refused = next((reason for reason in reasons if reason.is_failure), None)
        if refused is None:
            future.set_result(None)
        else:
            _fail(future, f"The MQTT broker refused a subscription ({refused}): check what this client may read.")

    def _on_disconnect(self, reason: ReasonCode, *, by_broker: bool) -> None:
        if by_broker:
            self._farewell = f"the broker said: {reason}"
        elif reason.is_failure:
            self._farewell = self._farewell or str(reason)

    def _end(self, cause: str) -> None:
        """Settle everything that waits for this connection."""
        cause = self._farewell or cause
        if not self._opened.done():
            self._opened.set_result(cause)
        waiting = [publish.answer for publish in self._waiting]
        for future in (*self._publishes.values(), *self._subscribes.values(), *waiting):
            _fail(future, f"The connection to the MQTT broker ended ({cause}): send again once it is back.")
        self._publishes.clear()
        self._subscribes.clear()
        self._waiting.clear()
        if not self.lost.done():
            self.lost.set_result(cause)
            self._on_change()


def _new_client(settings: MqttSettings, identity: Identity) -> _Client:
    five = settings.protocol == "5"
    client = _Client(
        CallbackAPIVersion.VERSION2,
        client_id=identity.client_id,
        protocol=MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311,
        clean_session=None if five else not identity.persistent,
        reconnect_on_failure=False,
        manual_ack=True,
    )
    client.max_inflight_messages = 0
    if settings.username is not None:
        client.username_pw_set(settings.username, settings.password.get_secret_value() if settings.password else None)
    if identity.will is not None:
        client.will_set(identity.will.topic, identity.will.payload, qos=1, retain=identity.will.retain)
    return client


def _fail(future: asyncio.Future[None], sentence: str) -> None:
    """Settle with Unavailable; nobody need look at it."""
    if not future.done():
        future.set_exception(Unavailable(sentence))
        future.exception()
