"""Real servers, one of each for the whole run."""

from tests.support.kafka_server import kafka
from tests.support.mosquitto_server import mosquitto

__all__ = ["kafka", "mosquitto"]
