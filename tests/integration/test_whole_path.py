"""The guarantee, on real servers: every reading that a device was receipted for is in SQL, once, with an assessment.

20,000 readings of 200 devices through Mosquitto, Kafka and PostgreSQL: once undisturbed, and once while every service is
killed several times, a second stream worker joins and leaves, and the broker dies. `docs/delivery.md` quotes the figures.
"""

import asyncio
import secrets
from collections.abc import Iterable
from pathlib import Path

import pytest

from runtime.clock import SystemClock
from simulators.settings import SimulatorSettings
from storage.episodes import Episode
from tests.support.kafka_server import KafkaServer
from tests.support.mosquitto_server import MosquittoServer, running_mosquitto
from tests.support.postgres_server import PostgresServer
from tests.support.processes import ServiceProcess
from tests.support.whole_path import (
    ROOMS,
    Result,
    admit,
    build_fleet,
    hospital,
    hospital_environment,
    kill_at_random,
    run_path,
)
from vitals.alert import AlertKind
from vitals.fault import FAULT_KINDS

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1200)]

DEVICES = 200
READINGS_PER_DEVICE = 100
COURSE_S = float(READINGS_PER_DEVICE)
CAUSED_BY_FAULTS = {AlertKind.LOST_CONTACT, *FAULT_KINDS}
SIMULATION = SimulatorSettings(
    beds=DEVICES,
    seed=11,
    scenario="desaturation",
    onset_s=8,
    time_scale=18,
    day_s=43_200,
    receipt_timeout_s=10,
    drain_s=300,
)


@pytest.fixture(scope="module")
def undisturbed(
    kafka: KafkaServer, postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Result:
    """The run that others are held against."""
    with running_mosquitto() as broker:
        return _run(broker, kafka, postgres_server, tmp_path_factory.mktemp("undisturbed"))


def test_an_undisturbed_run_loses_and_doubles_nothing(undisturbed: Result) -> None:
    _require_equal_sets(undisturbed)
    assert len(undisturbed.stored) == DEVICES * READINGS_PER_DEVICE
    assert _clinical(undisturbed.episodes), "a run in which nobody falls ill proves nothing about alerts"


def test_killing_everything_several_times_changes_nothing(
    undisturbed: Result, kafka: KafkaServer, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    with running_mosquitto() as broker:
        disturbed = _run(broker, kafka, postgres_server, tmp_path, disturb=True)

    _report(disturbed)
    assert all(disturbed.kills[name] >= 3 for name in ROOMS), disturbed.kills
    assert disturbed.redelivered > 0, "the broker's crash lost nothing: it was not a crash"
    _require_equal_sets(disturbed)
    assert disturbed.stored == undisturbed.stored
    assert _clinical(disturbed.episodes) == _clinical(undisturbed.episodes)


def _run(
    broker: MosquittoServer, kafka: KafkaServer, postgres: PostgresServer, directory: Path, *, disturb: bool = False
) -> Result:
    mqtt = broker.settings()
    url = postgres.create_database()
    fleet = build_fleet(mqtt, SIMULATION)
    admit(url, fleet)
    environment = hospital_environment(
        mqtt, bootstrap=kafka.bootstrap, database_url=url, prefix=f"path-{secrets.token_hex(4)}-"
    )
    with hospital(environment, directory) as services:
        second = ServiceProcess(("stream",), environment, directory / "second-stream.log")

        async def meanwhile() -> None:
            await asyncio.gather(
                kill_at_random(services, seed=5, kills=4 * len(services), within_s=COURSE_S * 0.9),
                _come_and_go(second),
                _kill_broker(broker),
            )

        try:
            return asyncio.run(
                run_path(
                    fleet,
                    services,
                    url,
                    readings_per_device=READINGS_PER_DEVICE,
                    meanwhile=meanwhile if disturb else None,
                )
            )
        finally:
            second.stop()


async def _come_and_go(second: ServiceProcess) -> None:
    """A second stream worker joins, works, and leaves in order."""
    clock = SystemClock()
    await clock.sleep(COURSE_S * 0.2)
    second.start()
    await clock.sleep(COURSE_S * 0.4)
    second.require_alive()
    await asyncio.to_thread(second.stop)  # noqa: TID251 - a test waits for a real process


async def _kill_broker(broker: MosquittoServer) -> None:
    clock = SystemClock()
    await clock.sleep(COURSE_S * 0.5)
    broker.kill()
    await clock.sleep(1)
    await asyncio.to_thread(broker.start)  # noqa: TID251 - a test waits for a real process


def _require_equal_sets(result: Result) -> None:
    assert result.published == result.receipted, "some readings stayed with their devices"
    assert result.receipted - result.stored == set(), "lost"
    assert result.stored - result.published == set(), "invented"
    assert result.stored == result.assessed


def _clinical(episodes: Iterable[Episode]) -> set[tuple[str, str]]:
    return {(episode.kind.value, episode.episode_id) for episode in episodes if episode.kind not in CAUSED_BY_FAULTS}


def _report(result: Result) -> None:
    megabytes = {name: size // 2**20 for name, size in result.resident_bytes_max.items()}
    print(
        f"{len(result.receipted)} receipted, {len(result.stored)} stored, {len(result.assessed)} assessed, "
        f"{len(_clinical(result.episodes))} clinical episodes; kills {result.kills}, sent again {result.redelivered}, "
        f"resident at most {megabytes} MB"
    )
