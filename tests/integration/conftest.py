"""Real servers, one of each for the whole run."""

from tests.support.kafka_server import kafka
from tests.support.mosquitto_server import mosquitto
from tests.support.postgres_server import postgres_server, postgres_url
from tests.support.secured_kafka import secured_kafka
from tests.support.secured_postgres import secured_postgres

__all__ = ["kafka", "mosquitto", "postgres_server", "postgres_url", "secured_kafka", "secured_postgres"]
