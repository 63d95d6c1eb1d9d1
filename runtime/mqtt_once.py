"""One publish by somebody who otherwise does not speak MQTT."""

import secrets

from runtime.clock import Clock
from runtime.mqtt_session import MqttSession
from runtime.settings import MqttSettings


async def publish_once(settings: MqttSettings, topic: str, payload: bytes, *, clock: Clock) -> None:
    """Connect, publish with QoS 1, and leave once the broker has it; raises Unavailable."""
    session = MqttSession(settings, client_id=f"wardlight-once-{secrets.token_hex(4)}", clock=clock, persistent=False)
    await session.open()
    try:
        await session.publish(topic, payload)
    finally:
        await session.close()
