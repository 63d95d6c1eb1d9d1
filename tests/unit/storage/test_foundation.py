"""What a start makes of a database and a log that do, or do not, belong together."""

from pathlib import Path

import pytest

from runtime.bus import Outgoing
from runtime.clock import SystemClock
from runtime.composition import Ports
from runtime.settings import Configuration
from runtime.telemetry import Telemetry
from storage.foundation import foundation
from storage.migrate import upgrade
from vitals.errors import ConfigurationError
from vitals.topics import LogTopic


def ports(place: Path) -> Ports:
    written = {"database": {"url": f"sqlite:///{place}/ward.db"}, "log": {"kind": "local", "directory": str(place)}}
    return Ports(configuration=Configuration(written), clock=SystemClock(), telemetry=Telemetry())


def databases(place: Path) -> list[Path]:
    return list(place.glob("ward.db*"))


def lose_database(place: Path) -> None:
    for file in databases(place):
        file.unlink()


async def start(place: Path, *, writing: bool = False) -> None:
    async with foundation(ports(place), upgrade=True) as base:
        if writing:
            await base.bus.publish([Outgoing(LogTopic.READINGS, b"p1", b"{}")])


@pytest.mark.asyncio
async def test_a_lost_database_beside_a_written_log_is_refused_as_often_as_it_is_started(tmp_path: Path) -> None:
    await start(tmp_path, writing=True)
    lose_database(tmp_path)
    for _ in range(2):
        with pytest.raises(ConfigurationError, match=r"wardlight restore.*wardlight db upgrade"):
            await start(tmp_path)
    assert not databases(tmp_path)
    upgrade(f"sqlite:///{tmp_path}/ward.db")
    await start(tmp_path)


@pytest.mark.asyncio
async def test_a_first_start_begins_with_nothing_and_again_wherever_it_was_interrupted(tmp_path: Path) -> None:
    place = tmp_path / "fresh"
    await start(place)
    lose_database(place)
    await start(place)
    await start(place, writing=True)
    await start(place)
