"""One box: all services in one process on the local log and SQLite, Mosquitto outside; killed and started again."""

import asyncio
from pathlib import Path

import pytest

from simulators.settings import SimulatorSettings
from tests.support.mosquitto_server import running_mosquitto
from tests.support.processes import running_services
from tests.support.whole_path import (
    Result,
    admit,
    build_fleet,
    kill_at_random,
    one_box_environment,
    run_path,
)

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

DEVICES = 50
READINGS_PER_DEVICE = 60
SIMULATION = SimulatorSettings(
    beds=DEVICES,
    seed=12,
    scenario="desaturation",
    onset_s=8,
    time_scale=18,
    day_s=43_200,
    receipt_timeout_s=10,
    drain_s=200,
)


def test_a_box_that_is_killed_again_and_again_keeps_every_receipted_reading(tmp_path: Path) -> None:
    calm = _run(tmp_path / "calm", kills=0)
    shaken = _run(tmp_path / "shaken", kills=5)

    print(f"{len(shaken.stored)} stored, kills {shaken.kills}, sent again {shaken.redelivered}")
    assert shaken.kills == {"up": 5}
    for result in (calm, shaken):
        assert result.published == result.receipted == result.stored == result.assessed
    assert shaken.stored == calm.stored
    assert {episode.episode_id for episode in shaken.episodes} == {episode.episode_id for episode in calm.episodes}
    assert calm.episodes, "a run in which nobody falls ill proves nothing about alerts"


def _run(directory: Path, *, kills: int) -> Result:
    directory.mkdir()
    with running_mosquitto() as broker:
        mqtt = broker.settings()
        environment = one_box_environment(mqtt, directory)
        url = environment["WARDLIGHT_DATABASE__URL"]
        fleet = build_fleet(mqtt, SIMULATION)
        admit(url, fleet)
        with running_services({"up": ("wardlight", "up")}, environment, directory) as services:

            async def meanwhile() -> None:
                await kill_at_random(services, seed=6, kills=kills, within_s=READINGS_PER_DEVICE * 0.9)

            return asyncio.run(
                run_path(fleet, services, url, readings_per_device=READINGS_PER_DEVICE, meanwhile=meanwhile)
            )
