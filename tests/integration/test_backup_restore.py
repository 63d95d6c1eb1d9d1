"""Backup, loss of the database, restore, replay of what the log holds since; and a rebuild: each equal to before, on real servers.

The commands are the command line's own, as processes; the services are processes around Mosquitto, Kafka and PostgreSQL,
or one box with the local log and SQLite.
"""

import asyncio
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from runtime.clock import SystemClock
from runtime.keys_file import KeysInMemory
from simulators.settings import SimulatorSettings
from storage import archive
from storage.backup import load
from storage.session import Database
from tests.support.backup_contract import BackupContract, every_row, filled, write
from tests.support.command_line import run
from tests.support.command_line import wardlight as command
from tests.support.kafka_server import KafkaServer
from tests.support.mosquitto_server import MosquittoServer
from tests.support.postgres_server import PostgresServer
from tests.support.processes import running_services
from tests.support.whole_path import (
    ROOMS,
    Result,
    admit,
    build_fleet,
    hospital_environment,
    one_box_environment,
    run_path,
)
from vitals.errors import Conflict

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

DEVICES = 12
READINGS_PER_DEVICE = 60
BACKUP_AFTER_S = 20.0
CAUGHT_UP_S_MAX = 90.0
SIMULATION = SimulatorSettings(
    beds=DEVICES, seed=7, scenario="desaturation", onset_s=5, time_scale=36, day_s=43_200, receipt_timeout_s=10
)
HISTORY = ("readings", "assessments", "rejections", "episodes", "transitions")
REGISTRY = ("instance", "registry", "patients", "devices", "assignments")
ONE_BOX: Mapping[str, tuple[str, ...]] = {"one box": ("wardlight", "up")}


class TestPostgresToPostgres(BackupContract):
    @pytest.fixture
    def source(self, postgres_server: PostgresServer) -> Iterator[Database]:
        yield from opened(postgres_server.create_database())

    @pytest.fixture
    def target(self, postgres_server: PostgresServer) -> Iterator[Database]:
        yield from opened(postgres_server.create_database())


class TestSqliteToPostgres(BackupContract):
    """How one box moves to a hospital's database."""

    @pytest.fixture
    def source(self, tmp_path: Path) -> Iterator[Database]:
        yield from opened(f"sqlite:///{tmp_path / 'source.db'}")

    @pytest.fixture
    def target(self, postgres_server: PostgresServer) -> Iterator[Database]:
        yield from opened(postgres_server.create_database())


class TestPostgresToSqlite(BackupContract):
    @pytest.fixture
    def source(self, postgres_server: PostgresServer) -> Iterator[Database]:
        yield from opened(postgres_server.create_database())

    @pytest.fixture
    def target(self, tmp_path: Path) -> Iterator[Database]:
        yield from opened(f"sqlite:///{tmp_path / 'target.db'}")


def test_nothing_is_restored_under_services_that_run(postgres_server: PostgresServer, tmp_path: Path) -> None:
    (target,) = opened_all(postgres_server.create_database())
    filled(target, seconds=range(3))
    write(target, tmp_path / "b")
    (service,) = opened_all(postgres_server.url(target_name(target)))
    with service.snapshot() as conn:
        conn.execute(text("SELECT 1"))
    with archive.reading(tmp_path / "b") as reader, pytest.raises(Conflict, match="stop every service first"):
        load(target, reader, replace=True)
    service.close()
    target.close()


def test_a_hospital_is_as_it_was_after_loss_restore_and_replay_and_after_a_rebuild(
    kafka: KafkaServer, mosquitto: MosquittoServer, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    url, prefix = postgres_server.create_database(), f"backup-{secrets.token_hex(4)}-"

    def environment(database_url: str) -> dict[str, str]:
        return hospital_environment(
            mosquitto.settings(), bootstrap=kafka.bootstrap, database_url=database_url, prefix=prefix
        )

    lived = live(mosquitto, ROOMS, environment(url), url, tmp_path)
    before = history_of(url)
    require_a_life(lived, before)

    restored = postgres_server.create_database()
    done = command(environment(restored), "restore", str(tmp_path / "backup"), "--json")
    assert done["log"] == "none"
    assert 0 < done["tables"]["readings"] < len(before["readings"]), "the backup was not made in the middle"
    with running_services(ROOMS, environment(restored), tmp_path) as services:
        await_history(restored, before)
        for service in services.values():
            service.require_alive()
    assert history_of(restored) == before
    assert registry_of(restored) == registry_of(url)

    rebuilt = postgres_server.create_database()
    command(environment(rebuilt), "restore", str(tmp_path / "backup"), "--json")
    told = command(environment(rebuilt), "db", "rebuild", "--json")
    assert told["whole"]
    assert told["rows_present"]["readings"] == done["tables"]["readings"]
    assert history_of(rebuilt) == before

    empty = postgres_server.create_database()
    assert run(environment(empty), "db", "upgrade").returncode == 0
    command(environment(empty), "db", "rebuild", "--json")
    assert history_of(empty) == before


def test_one_box_is_as_it_was_after_loss_of_the_database_and_after_loss_of_everything(
    mosquitto: MosquittoServer, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    environment = one_box_environment(mosquitto.settings(), home)
    url = environment["WARDLIGHT_DATABASE__URL"]
    lived = live(mosquitto, ONE_BOX, environment, url, tmp_path)
    before = history_of(url)
    require_a_life(lived, before)

    for file in home.glob("ward.db*"):
        file.unlink()
    done = command(environment, "restore", str(tmp_path / "backup"), "--json")
    assert done["log"] == "kept"
    with running_services(ONE_BOX, environment, tmp_path) as services:
        await_history(url, before)
        refused = run(environment, "restore", str(tmp_path / "backup"), "--replace")
        assert refused.returncode != 0
        assert "in use by another process" in refused.stderr
        refused = run(environment, "db", "rebuild")
        assert "in use by another process" in refused.stderr
        services["one box"].require_alive()
    assert history_of(url) == before

    for file in home.iterdir():
        file.unlink()
    done = command(environment, "restore", str(tmp_path / "backup"), "--json")
    assert done["log"] == "restored"
    with running_services(ONE_BOX, environment, tmp_path):
        held = await_drained(url, environment, tmp_path)
    assert held <= set(before["readings"])
    assert len(held) >= done["tables"]["readings"]


def live(
    broker: MosquittoServer,
    rooms: Mapping[str, tuple[str, ...]],
    environment: Mapping[str, str],
    url: str,
    directory: Path,
) -> Result:
    """A little life of a ward; in its middle a backup is made."""
    fleet = build_fleet(broker.settings(), SIMULATION)
    admit(url, fleet)

    async def meanwhile() -> None:
        await SystemClock().sleep(BACKUP_AFTER_S)
        made = await asyncio.to_thread(  # noqa: TID251 - a test waits for a real process
            command, environment, "backup", str(directory / "backup"), "--json"
        )
        assert made["tables"]["patients"] == DEVICES

    with running_services(rooms, environment, directory) as services:
        return asyncio.run(run_path(fleet, services, url, readings_per_device=READINGS_PER_DEVICE, meanwhile=meanwhile))


def require_a_life(lived: Result, history: Mapping[str, list[Any]]) -> None:
    """What would prove nothing is no test."""
    assert lived.receipted == lived.stored == lived.assessed
    assert len(lived.stored) == DEVICES * READINGS_PER_DEVICE
    assert len(history["episodes"]) >= DEVICES // 2
    assert len(history["transitions"]) >= len(history["episodes"])


def opened(url: str) -> Iterator[Database]:
    """A database for the length of a test."""
    database = Database(url, keys=KeysInMemory())
    yield database
    database.close()


def opened_all(*urls: str) -> tuple[Database, ...]:
    """Databases that the test closes."""
    return tuple(Database(url, keys=KeysInMemory()) for url in urls)


def target_name(database: Database) -> str:
    """The name of a PostgreSQL database."""
    with database.snapshot() as conn:
        name: str = conn.execute(text("SELECT current_database()")).scalar_one()
    return name


def history_of(url: str) -> dict[str, list[Any]]:
    """Rows of the history: readings and assessments by id, the rest whole; what services go on adding is cut off."""
    database = Database(url)
    try:
        rows = every_row(database)
    finally:
        database.close()
    by_id = {name: [row[0] for row in rows[name]] for name in ("readings", "assessments")}
    clinical = {row[0] for row in rows["episodes"] if row[3] != "lost_contact"}
    return {
        **{name: sorted(ids) for name, ids in by_id.items()},
        "rejections": rows["rejections"],
        "episodes": [row for row in rows["episodes"] if row[0] in clinical],
        "transitions": [row for row in rows["transitions"] if row[1] in clinical],
    }


def registry_of(url: str) -> dict[str, list[Any]]:
    """Rows that the log does not hold."""
    database = Database(url)
    try:
        rows = every_row(database)
    finally:
        database.close()
    return {name: rows[name] for name in REGISTRY}


def await_history(url: str, wanted: Mapping[str, list[Any]]) -> None:
    """Until the history is as wanted, or too long."""
    clock = SystemClock()
    deadline_s = clock.monotonic_s() + CAUGHT_UP_S_MAX
    while clock.monotonic_s() < deadline_s:
        if history_of(url) == wanted:
            return
        asyncio.run(clock.sleep(0.5))


def await_drained(url: str, environment: Mapping[str, str], directory: Path) -> set[str]:
    """Ids of readings once all stored ones are assessed, some seconds in a row."""
    clock = SystemClock()
    deadline_s, calm = clock.monotonic_s() + CAUGHT_UP_S_MAX, 0
    while clock.monotonic_s() < deadline_s and calm < 4:
        asyncio.run(clock.sleep(0.5))
        held = history_of(url)
        calm = calm + 1 if held["readings"] == held["assessments"] else 0
    return set(history_of(url)["readings"])
