"""`python -m benchmarks.publisher PORT DEVICES COUNT BOOT`: as many devices, as fast as the broker takes it, QoS 1."""

import sys
import threading
from collections.abc import Callable, Sequence

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from benchmarks.load import device_ids, messages
from runtime.clock import SystemClock

IN_FLIGHT_MAX = 500


def publish(port: int, devices: int, count: int, boot: str, *, begun: Callable[[], None] = lambda: None) -> None:
    """Publish `count` readings of `devices` devices over one connection; returns once the broker has them all.

    Calls `begun` when everything is prepared and the first goes out.
    """
    prepared = list(messages(device_ids(devices), count, boot=boot, now_ms=SystemClock().now_ms()))
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2, client_id=f"bench-publisher-{boot}", protocol=MQTTProtocolVersion.MQTTv311
    )
    room = threading.Semaphore(IN_FLIGHT_MAX)
    client.max_inflight_messages_set(IN_FLIGHT_MAX)
    client.on_publish = lambda *_: room.release()
    client.connect("127.0.0.1", port)
    client.loop_start()
    begun()
    for message in prepared:
        room.acquire()
        client.publish(message.topic, message.payload, qos=1)
    for _ in range(IN_FLIGHT_MAX):
        room.acquire()
    client.disconnect()
    client.loop_stop()


def main(arguments: Sequence[str]) -> None:
    """Read the arguments and publish; says `publishing` on stdout when it begins."""
    port, devices, count, boot = arguments
    publish(int(port), int(devices), int(count), boot, begun=lambda: print("publishing", flush=True))


if __name__ == "__main__":
    main(sys.argv[1:])
