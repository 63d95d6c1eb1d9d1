"""Backup and restore of one box: database and local log in one file."""

from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.bus import Outgoing
from runtime.clock import SystemClock
from runtime.local_log import LocalLog
from runtime.settings import Configuration
from storage.operations import Deed, last_done
from storage.session import Database
from tests.support.backup_contract import every_row
from tests.support.fresh_database import lay_schema
from vitals.errors import ConfigurationError, Conflict
from wardlight.backups import back_up, restore, verify

RECORD = Outgoing("readings", b"p1", b"{}")


@pytest.fixture
def box(tmp_path: Path) -> Callable[[str], Configuration]:
    """Settings of a box that lies in a directory of this name."""

    def configured(name: str) -> Configuration:
        return Configuration(
            {
                "database": {"url": f"sqlite:///{tmp_path / name / 'ward.db'}"},
                "log": {"directory": str(tmp_path / name)},
            }
        )

    return configured


@pytest.fixture
def file(tmp_path: Path, box: Callable[[str], Configuration]) -> Path:
    """A backup of a box with three records in its log, made while the log was in use."""
    upgrade_in(tmp_path / "first")
    log = LocalLog(tmp_path / "first" / "log.db", partition_count=12)
    log.append([RECORD] * 3, at_ms=1)
    made = back_up(box("first"), tmp_path / "b", clock=SystemClock())
    log.append([RECORD] * 4, at_ms=2)
    log.close()
    assert made["log"] > 0
    return tmp_path / "b"


def upgrade_in(directory: Path) -> None:
    """A box's database, empty."""
    directory.mkdir()
    database = Database(f"sqlite:///{directory / 'ward.db'}")
    lay_schema(database)
    database.close()


def records_in(directory: Path) -> int:
    """How many records a box's log holds."""
    log = LocalLog(directory / "log.db", partition_count=12)
    held = sum(log.ends().values())
    log.close()
    return held


def test_a_box_that_lost_everything_gets_database_and_log_back(
    file: Path, tmp_path: Path, box: Callable[[str], Configuration]
) -> None:
    done = restore(box("second"), file, clock=SystemClock())
    assert done["log"] == "restored"
    assert records_in(tmp_path / "second") == 3
    database = Database(f"sqlite:///{tmp_path / 'second' / 'ward.db'}")
    with database.snapshot() as conn:
        assert last_done(conn).keys() == {Deed.RESTORE}
    assert len(every_row(database)["instance"]) == 1
    database.close()


def test_a_log_that_is_there_is_newer_and_stays_unless_told_otherwise(
    file: Path, tmp_path: Path, box: Callable[[str], Configuration]
) -> None:
    (tmp_path / "first" / "ward.db").unlink()
    (tmp_path / "first" / "ward.db-wal").write_bytes(b"of a database that is gone")
    assert restore(box("first"), file, clock=SystemClock())["log"] == "kept"
    assert records_in(tmp_path / "first") == 7
    assert restore(box("first"), file, clock=SystemClock(), replace=True, replace_log=True)["log"] == "restored"
    assert records_in(tmp_path / "first") == 3


def test_nothing_is_restored_while_the_log_is_in_use(
    file: Path, tmp_path: Path, box: Callable[[str], Configuration]
) -> None:
    log = LocalLog(tmp_path / "first" / "log.db", partition_count=12)
    with pytest.raises(ConfigurationError, match="in use by another process"):
        restore(box("first"), file, clock=SystemClock(), replace=True)
    log.close()


def test_a_second_backup_into_the_same_file_is_refused_and_leaves_it_whole(
    file: Path, box: Callable[[str], Configuration]
) -> None:
    whole = verify(file)
    with pytest.raises(Conflict, match="is there already"):
        back_up(box("first"), file, clock=SystemClock())
    assert verify(file) == whole
