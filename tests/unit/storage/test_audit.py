"""The audit trail on SQLite, in memory and in a file."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage import audit
from storage.session import Database
from tests.support.audit_contract import AuditContract, appended, entry
from tests.support.fresh_database import lay_schema


class TestInMemory(AuditContract):
    @pytest.fixture
    def database(self) -> Iterator[Database]:
        database = Database("sqlite://")
        lay_schema(database)
        yield database
        database.close()


def test_replacing_an_entry_in_the_file_is_refused_too(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/ward.db")
    lay_schema(database)
    appended(database, [entry(), entry()])
    with sqlite3.connect(tmp_path / "ward.db") as plain, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        plain.execute("INSERT OR REPLACE INTO audit_entries SELECT * FROM audit_entries WHERE number = 1")
    database.close()


def test_a_forged_file_is_found_at_the_forged_entry(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/ward.db")
    lay_schema(database)
    appended(database, [entry(at_ms) for at_ms in range(9)])
    with sqlite3.connect(tmp_path / "ward.db") as plain:
        plain.execute("DROP TRIGGER audit_entries_stay")
        plain.execute("UPDATE audit_entries SET patient_id = 'p2' WHERE number = 4")
    with database.snapshot() as conn:
        verdict = audit.verify(conn)
    assert verdict.entries == 3
    assert verdict.broken is not None
    assert verdict.broken.number == 4
    database.close()
