"""Backups of SQLite, and the file they lie in."""

import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage import archive
from storage.session import Database
from tests.support.backup_contract import BackupContract, filled, write
from vitals.errors import ConfigurationError, Conflict, MalformedRecord, NotFound


class TestSqlite(BackupContract):
    @pytest.fixture
    def source(self) -> Iterator[Database]:
        database = Database("sqlite://")
        yield database
        database.close()

    @pytest.fixture
    def target(self) -> Iterator[Database]:
        database = Database("sqlite://")
        yield database
        database.close()


def test_the_file_is_for_its_owner_only_and_is_never_written_over(tmp_path: Path) -> None:
    database = Database("sqlite://")
    filled(database, seconds=range(2))
    file = tmp_path / "b"
    write(database, file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(Conflict, match="is there already"):
        write(database, file)
    with pytest.raises(ConfigurationError, match="check its directory"):
        write(database, tmp_path / "nowhere" / "b")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b"]
    database.close()


def test_what_fails_leaves_no_file(tmp_path: Path) -> None:
    class Torn(RuntimeError):
        pass

    def torn() -> None:
        with archive.writing(tmp_path / "b"):
            raise Torn

    with pytest.raises(Torn):
        torn()
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_backup_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(NotFound), archive.reading(tmp_path / "none"):
        pass
    (tmp_path / "text").write_text("hello")
    with pytest.raises(MalformedRecord, match="no backup of Wardlight"), archive.reading(tmp_path / "text"):
        pass
    with zipfile.ZipFile(tmp_path / "zip", "w") as other:
        other.writestr("manifest.json", "[]")
    with pytest.raises(MalformedRecord, match="no manifest of ours"), archive.reading(tmp_path / "zip"):
        pass
    with zipfile.ZipFile(tmp_path / "newer", "w") as other:
        other.writestr("manifest.json", '{"format": 2}')
    with pytest.raises(Conflict, match="format 2"), archive.reading(tmp_path / "newer"):
        pass
