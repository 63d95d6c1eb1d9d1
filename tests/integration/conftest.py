"""Real servers, one of each for the whole run."""

from tests.support.kafka_server import kafka

__all__ = ["kafka"]
