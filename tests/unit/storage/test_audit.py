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


RENUMBERED = "UPDATE audit_entries SET number = -number - (number < -4)"
EXCHANGED = "UPDATE audit_entries SET number = CASE number WHEN 4 THEN -5 WHEN 5 THEN -4 ELSE number END"
FORGERIES = {
    "an edit": (["UPDATE audit_entries SET name = 'Nobody' WHERE number = 4"], 4, 4),
    "a deletion": (["DELETE FROM audit_entries WHERE number = 4"], 4, 4),
    "a deletion whose followers were numbered anew": (
        ["DELETE FROM audit_entries WHERE number = 4", "UPDATE audit_entries SET number = -number", RENUMBERED],
        4,
        4,
    ),
    "two that changed places": ([EXCHANGED, "UPDATE audit_entries SET number = abs(number)"], 4, 4),
    "a cut end": (["DELETE FROM audit_entries WHERE number > 6"], None, 7),
    "an emptied trail": (["DELETE FROM audit_entries"], None, 1),
}
"""What is done to the file, and where it is seen: by the chain alone, and with an anchor kept outside."""


@pytest.mark.parametrize("forgery", FORGERIES)
def test_whoever_may_write_the_file_is_found_out_and_a_cut_end_by_the_anchor(tmp_path: Path, forgery: str) -> None:
    statements, alone, with_anchor = FORGERIES[forgery]
    database = Database(f"sqlite:///{tmp_path}/ward.db")
    lay_schema(database)
    appended(database, [entry(at_ms) for at_ms in range(9)])
    with database.snapshot() as conn:
        line = audit.anchor(conn)
    with sqlite3.connect(tmp_path / "ward.db") as plain:
        for (name,) in plain.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            plain.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            plain.execute(statement)
    with database.snapshot() as conn:
        by_chain, by_anchor = audit.verify(conn), audit.verify(conn, against=audit.read_anchor(conn, line))
    assert (None if by_chain.broken is None else by_chain.broken.number) == alone
    assert by_anchor.broken is not None
    assert by_anchor.broken.number == with_anchor
    database.close()
