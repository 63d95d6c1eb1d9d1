"""Migrations on SQLite, in memory and in a file."""

from pathlib import Path

import pytest

from storage import migrate
from storage.__main__ import main
from storage.session import Database
from storage.signing import load_signer
from tests.support.migration_contract import MigrationContract
from vitals.errors import ConfigurationError


@pytest.mark.thorough
class TestInMemory(MigrationContract):
    @pytest.fixture
    def empty_url(self) -> str:
        return "sqlite://"


class TestInAFile(MigrationContract):
    @pytest.fixture
    def empty_url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path}/ward.db"


def test_upgrade_makes_the_directory_and_check_makes_no_file(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/new/ward.db"
    with pytest.raises(ConfigurationError, match="There is no database"):
        migrate.check(url)
    assert not (tmp_path / "new").exists()
    migrate.upgrade(url)
    migrate.check(url)


def test_a_database_without_its_signing_key_says_so(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/ward.db")
    migrate.upgrade_database(database)
    with database.transaction() as conn:
        conn.exec_driver_sql("DELETE FROM instance")
    with database.snapshot() as conn, pytest.raises(ConfigurationError, match="no signing key"):
        load_signer(conn)
    database.close()


def test_the_migrate_command_upgrades_and_explains_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WARDLIGHT_DATABASE__URL", f"sqlite:///{tmp_path}/ward.db")
    assert main(["migrate"]) == 0
    assert "this program's schema" in capsys.readouterr().out
    migrate.check(f"sqlite:///{tmp_path}/ward.db")
    monkeypatch.setenv("WARDLIGHT_DATABASE__URL", "mysql://x")
    assert main(["migrate"]) == 2
    assert "must begin with" in capsys.readouterr().err


def test_the_migrate_command_makes_the_keys_that_settings_name_once_and_only_when_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "safe" / "house.keys"
    monkeypatch.setenv("WARDLIGHT_DATABASE__URL", f"sqlite:///{tmp_path}/ward.db")
    monkeypatch.setenv("WARDLIGHT_DATABASE__KEYS_FILE", str(file))
    assert main(["migrate"]) == 0
    assert not file.exists()
    assert main(["migrate", "--make-keys"]) == 0
    made = file.read_bytes()
    assert main(["migrate", "--make-keys"]) == 0
    assert file.read_bytes() == made
