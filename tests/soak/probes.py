"""Critical readings sent now and then through an overloaded house, and how long each takes to come back as a high alert."""

import secrets
import threading
from collections.abc import Sequence

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from runtime.clock import SystemClock
from tests.soak.page_watch import PageWatch
from vitals import codec
from vitals.reading import DeviceId, DeviceReading, Origin
from vitals.sign import Sign
from vitals.topics import STEPS_FILTER, readings_topic

CRITICAL_SPO2 = 55.0
"""Beyond the limit that has no delay."""
CONNECT_S_MAX = 30.0
_RAISED = "/high/raised/spo2-low/"


class Probes:
    """As many probes as devices; each device sends one critical reading, once."""

    def __init__(self, port: int, devices: Sequence[str], page: PageWatch) -> None:
        self._clock = SystemClock()
        self._devices = list(devices)
        self._page = page
        self._sent_s: dict[str, float] = {}
        self.answers: list[tuple[float, float]] = []
        """When each was sent, and seconds until its alert was heard, in the order of hearing."""
        self._subscribed = threading.Event()
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"probes-{secrets.token_hex(4)}",
            protocol=MQTTProtocolVersion.MQTTv311,
        )
        self._client.on_message = self._hear
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.connect("127.0.0.1", port)
        self._client.subscribe(STEPS_FILTER, qos=1)
        self._client.loop_start()
        if not self._subscribed.wait(CONNECT_S_MAX):
            raise TimeoutError("The broker did not take the probes' subscription.")

    def send(self) -> None:
        """One critical reading of a device that has not been critical yet."""
        device = self._devices[len(self._sent_s)]
        self._sent_s[device] = self._clock.monotonic_s()
        reading = DeviceReading(
            measured_at=self._clock.now_ms(),
            signs={Sign.SPO2.value: CRITICAL_SPO2},
            boot="probe",
            sequence=0,
            origin=Origin.DEMO,
        )
        self._client.publish(readings_topic(DeviceId(device)), codec.encode(reading), qos=1)

    @property
    def sent(self) -> int:
        """How many went out."""
        return len(self._sent_s)

    @property
    def unanswered(self) -> int:
        """Sent, and not heard of yet."""
        return self.sent - len(self.answers)

    @property
    def seen(self) -> list[tuple[float, float]]:
        """When each was sent, and seconds until its alert was on the page, of those that are."""
        shown_s = self._page.shown_s
        return [(sent_s, shown_s[name] - sent_s) for name, sent_s in self._sent_s.items() if name in shown_s]

    @property
    def unseen(self) -> int:
        """Sent, and not on the page yet."""
        return self.sent - len(self.seen)

    def close(self) -> None:
        """Leave the broker."""
        self._client.disconnect()
        self._client.loop_stop()

    def _hear(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        if _RAISED not in message.topic:
            return
        sent_s = self._sent_s.get(message.topic.rpartition("/")[2])
        if sent_s is not None:
            self.answers.append((sent_s, self._clock.monotonic_s() - sent_s))
