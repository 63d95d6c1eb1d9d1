"""A steady load of readings by MQTT, some of them critical, and how long each of those takes to be answered."""

import threading
from collections.abc import Callable, Sequence

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from benchmarks.measure import NotMeasured
from runtime.clock import SystemClock
from vitals import codec
from vitals.reading import DeviceReading, Origin
from vitals.sign import Sign

STEP_S = 0.005
"""How often what has come due is sent; part of what is measured."""
SETTLE_S_MAX = 30.0
CONNECT_S_MAX = 10.0
IN_FLIGHT_MAX = 20_000
USUAL = {Sign.HEART_RATE.value: 75.0, Sign.RESPIRATORY_RATE.value: 15.0, Sign.SPO2.value: 97.0}
CRITICAL_SPO2 = 55.0
"""Beyond the limit that has no delay (`vitals.limits`)."""
KeyOf = Callable[[str, bytes], str | None]
"""Topic and payload of an answer to the name of the probe that it answers; None for any other message."""


class SteadyLoad:
    """As many devices as readings a second, each a reading a second, evenly spread; takes the time of each answer."""

    def __init__(self, port: int, *, listen_to: str, key_of: KeyOf) -> None:
        self.waits_ms: list[float] = []
        self._clock = SystemClock()
        self._sent_s: dict[str, float] = {}
        self._key_of = key_of
        self._publisher = _client(port, "bench-load")
        self._listener = _client(port, "bench-listener")
        self._listener.on_message = self._hear
        self._listener.subscribe(listen_to, qos=1)

    async def offer(self, topics: Sequence[str], names: Sequence[str], *, boot: str, for_s: int, probing: bool) -> None:
        """Send for so many seconds. While `probing`, in second s each hundredth device from the s-th on turns critical."""
        begun_s, sent, total = self._clock.monotonic_s(), 0, for_s * len(topics)
        while sent < total:
            due = min(int((self._clock.monotonic_s() - begun_s) * len(topics)), total)
            for number in range(sent, due):
                second, device = divmod(number, len(topics))
                critical = probing and second < 100 and device % 100 == second
                if critical:
                    self._sent_s[names[device]] = self._clock.monotonic_s()
                self._publisher.publish(topics[device], self._reading(boot, second, critical=critical), qos=1)
            sent = due
            await self._clock.sleep(STEP_S)

    async def settle(self) -> None:
        """Wait for the answers that are under way; raises NotMeasured where some never come."""
        deadline_s = self._clock.monotonic_s() + SETTLE_S_MAX
        while self._sent_s:
            if self._clock.monotonic_s() > deadline_s:
                raise NotMeasured(f"{len(self._sent_s)} critical readings were never answered.")
            await self._clock.sleep(STEP_S)

    def close(self) -> None:
        """Leave the broker."""
        for client in (self._publisher, self._listener):
            client.disconnect()
            client.loop_stop()

    def _reading(self, boot: str, sequence: int, *, critical: bool) -> bytes:
        signs = {**USUAL, Sign.SPO2.value: CRITICAL_SPO2} if critical else dict(USUAL)
        reading = DeviceReading(self._clock.now_ms(), signs, boot, sequence, Origin.DEMO)  # type: ignore[arg-type]
        return codec.encode(reading)

    def _hear(self, _client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        heard_s = self._clock.monotonic_s()
        key = self._key_of(message.topic, bytes(message.payload))
        sent_s = None if key is None else self._sent_s.pop(key, None)
        if sent_s is not None:
            self.waits_ms.append((heard_s - sent_s) * 1000)


def _client(port: int, name: str) -> mqtt.Client:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=MQTTProtocolVersion.MQTTv311)
    connected = threading.Event()
    client.on_connect = lambda *_: connected.set()
    client.max_inflight_messages_set(IN_FLIGHT_MAX)
    client.connect("127.0.0.1", port)
    client.loop_start()
    if not connected.wait(CONNECT_S_MAX):
        raise NotMeasured("Mosquitto does not answer.")
    return client
