"""Kafka stands still for two minutes under load: nothing is lost, memory stays bounded, the MQTT session is kept or resumed."""

import asyncio
import os
import secrets
from pathlib import Path

import pytest

from runtime.clock import SystemClock
from simulators.settings import SimulatorSettings
from tests.support.kafka_server import running_kafka
from tests.support.mosquitto_server import running_mosquitto
from tests.support.postgres_server import PostgresServer
from tests.support.whole_path import admit, build_fleet, hospital, hospital_environment, run_path

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

OUTAGE_S = float(os.environ.get("WARDLIGHT_TEST_OUTAGE_S", "120"))
DEVICES = 50
RATE_HZ = 4.0
"""200 readings per second in all."""
BEFORE_S = 10.0
READINGS_PER_DEVICE = round((BEFORE_S + OUTAGE_S + 10) * RATE_HZ)
RESIDENT_MB_MAX = 400
SIMULATION = SimulatorSettings(
    beds=DEVICES, rate_hz=RATE_HZ, seed=13, scenario="healthy", in_flight_max=1000, receipt_timeout_s=30, drain_s=300
)


def test_two_minutes_without_kafka_lose_nothing(postgres_server: PostgresServer, tmp_path: Path) -> None:
    with running_kafka() as kafka, running_mosquitto() as broker:
        mqtt = broker.settings()
        url = postgres_server.create_database()
        fleet = build_fleet(mqtt, SIMULATION)
        admit(url, fleet)
        environment = hospital_environment(
            mqtt, bootstrap=kafka.bootstrap, database_url=url, prefix=f"outage-{secrets.token_hex(4)}-"
        )
        with hospital(environment, tmp_path) as services:

            async def meanwhile() -> None:
                clock = SystemClock()
                await clock.sleep(BEFORE_S)
                await asyncio.to_thread(kafka.stop)  # noqa: TID251 - a test waits for a real process
                await clock.sleep(OUTAGE_S)
                await asyncio.to_thread(kafka.start)  # noqa: TID251 - a test waits for a real process

            result = asyncio.run(
                run_path(fleet, services, url, readings_per_device=READINGS_PER_DEVICE, meanwhile=meanwhile)
            )
            said = services["ingest"].last_words()

    megabytes = {name: size // 2**20 for name, size in result.resident_bytes_max.items()}
    print(f"{len(result.stored)} stored, sent again {result.redelivered}, resident at most {megabytes} MB")
    assert result.published == result.receipted == result.stored == result.assessed
    assert len(result.stored) == DEVICES * READINGS_PER_DEVICE
    assert megabytes["ingest"] < RESIDENT_MB_MAX
    assert result.kills == dict.fromkeys(result.kills, 0)
    assert "resumed=False" not in said.split("mqtt_connected")[-1] or said.count("mqtt_connected") == 1
