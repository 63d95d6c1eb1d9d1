"""What holds patients' data is closed to other users of the machine, whatever the umask: database, log, backup, directories."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.clock import SystemClock
from runtime.local_log import LOG_FILE, LocalLog
from runtime.private_files import private_directory, private_file
from runtime.settings import Configuration
from storage.migrate import upgrade
from storage.session import Database
from wardlight.backups import back_up, restore


@pytest.fixture(autouse=True)
def careless() -> Iterator[None]:
    """The umask of most machines."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def rights(directory: Path) -> dict[str, int]:
    """Rights of everything in and below the directory."""
    return {
        str(path.relative_to(directory)): stat.S_IMODE(path.stat().st_mode) for path in sorted(directory.rglob("*"))
    }


def configuration(place: Path) -> Configuration:
    return Configuration(
        {"database": {"url": f"sqlite:///{place}/ward.db"}, "log": {"kind": "local", "directory": str(place)}}
    )


def test_database_log_backup_and_what_is_restored_are_for_their_owner_only(tmp_path: Path) -> None:
    place = tmp_path / "data" / "ward"
    upgrade(f"sqlite:///{place}/ward.db")
    database = Database(f"sqlite:///{place}/ward.db")
    log = LocalLog(place / LOG_FILE, partition_count=1)
    with database.snapshot():
        found = rights(tmp_path)
        assert {
            "data/ward/ward.db-wal",
            "data/ward/log.db-wal",
            "data/ward/ward.db",
            "data/ward/log.db",
        } <= found.keys()
        assert {path: mode for path, mode in found.items() if mode != 0o600} == {"data": 0o700, "data/ward": 0o700}
        back_up(configuration(place), tmp_path / "backup", clock=SystemClock())
    database.close()
    log.close()
    restore(configuration(tmp_path / "new"), tmp_path / "backup", clock=SystemClock())
    found = rights(tmp_path)
    assert {path for path, mode in found.items() if mode == 0o700} == {"data", "data/ward", "new"}
    assert {"backup", "new/ward.db", "new/log.db"} <= {path for path, mode in found.items() if mode == 0o600}
    assert set(found.values()) == {0o600, 0o700}


def test_what_is_there_already_keeps_the_rights_somebody_gave_it(tmp_path: Path) -> None:
    shared, file = tmp_path / "shared", tmp_path / "shared" / "ward.db"
    shared.mkdir(mode=0o750)
    file.touch(mode=0o640)
    private_directory(shared)
    private_file(file)
    assert rights(tmp_path) == {"shared": 0o750, "shared/ward.db": 0o640}
    private_directory(shared / "a" / "b")
    assert rights(shared)["a/b"] == 0o700
    private_file(tmp_path / "nowhere" / "file")
