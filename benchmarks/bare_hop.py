"""`python -m benchmarks.bare_hop MQTT_PORT BOOTSTRAP`: MQTT to Kafka and back, nothing else; the floor of an alert's way.

Takes every message of `bench/in/+` to a topic of Kafka, confirmed by it, reads that topic, and publishes what is critical
at `bench/out/{name}`. It decodes nothing, keeps nothing, and acknowledges before Kafka has the message.
"""

import asyncio
import sys
from collections.abc import Sequence

import paho.mqtt.client as mqtt
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from benchmarks.steady_load import CRITICAL_SPO2

IN, OUT, TOPIC = "bench/in", "bench/out", "bench-hop"
PARTITIONS = 12
READY = "bare hop is ready"
_CRITICAL = f":{CRITICAL_SPO2}".encode()


async def hop(port: int, bootstrap: str) -> None:
    """Carry messages until cancelled."""
    loop = asyncio.get_running_loop()
    await _create_topic(bootstrap)
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    consumer = AIOKafkaConsumer(TOPIC, bootstrap_servers=bootstrap, auto_offset_reset="latest")
    await producer.start()
    await consumer.start()
    await consumer.seek_to_end()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="bench-hop", protocol=MQTTProtocolVersion.MQTTv311)
    carried: set[asyncio.Future[object]] = set()

    def take(name: str, payload: bytes) -> None:
        task = loop.create_task(producer.send(TOPIC, payload, key=name.encode()))
        carried.add(task)
        task.add_done_callback(carried.discard)

    def on_message(_client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        loop.call_soon_threadsafe(take, message.topic.rpartition("/")[2], bytes(message.payload))

    client.on_message = on_message
    client.connect("127.0.0.1", port)
    client.subscribe(f"{IN}/+", qos=1)
    client.loop_start()
    print(READY, flush=True)
    async for record in consumer:
        if _CRITICAL in record.value:
            client.publish(f"{OUT}/{record.key.decode()}", record.value, qos=1)


async def _create_topic(bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(TOPIC, num_partitions=PARTITIONS, replication_factor=1)])
    finally:
        await admin.close()


def main(arguments: Sequence[str]) -> None:
    """Read the arguments and carry messages until a signal ends it."""
    port, bootstrap = arguments
    asyncio.run(hop(int(port), bootstrap))


if __name__ == "__main__":
    main(sys.argv[1:])
