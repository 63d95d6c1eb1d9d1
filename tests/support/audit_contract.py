"""What the audit trail promises, whichever database: subclass and give the fixture `database`, upgraded.

The trail of the database may hold entries already: it cannot be emptied.
"""

from collections.abc import Sequence

import pytest
from sqlalchemy import delete, text, update
from sqlalchemy.exc import DBAPIError

from storage import audit
from storage.audit import AuditAction, AuditEntry
from storage.audit_tables import audit_entries
from storage.session import Database
from vitals.errors import InvalidArgument


def entry(at_ms: int = 1, *, person: str = "ada", patient: str | None = "p1") -> AuditEntry:
    """Somebody saw somebody."""
    return AuditEntry(at_ms=at_ms, person_id=person, name=person.title(), action=AuditAction.SEE, patient_id=patient)


def appended(database: Database, entries: Sequence[AuditEntry]) -> int:
    """The number of the last one."""
    with database.transaction() as conn:
        return audit.append(conn, entries)


class AuditContract:
    """Append-only, one unbroken chain, and an anchor that shows what the chain alone cannot."""

    def test_entries_come_back_newest_first_with_what_they_said(self, database: Database) -> None:
        said = AuditEntry(
            at_ms=5,
            person_id="ben",
            name="Ben Nurse\0",
            action=AuditAction.EXPORT,
            ward_id="west",
            patient_id="p-back",
            subject="history",
            detail={"format": "csv", "rows": 12, "all": True, "to": None},
            address="10.0.0.7",
            token_id="t1",
        )
        last = appended(database, [entry(4, patient="p-back"), said])
        with database.snapshot() as conn:
            newest, older = audit.list_entries(conn, limit=10, patient_id="p-back")
        assert (newest.number, older.number) == (last, last - 1)
        assert newest.name == "Ben Nurse�"
        assert newest.detail == '{"all":true,"format":"csv","rows":12,"to":null}'
        assert (newest.action, newest.ward_id, newest.subject) == ("export", "west", "history")
        assert (newest.address, newest.token_id) == ("10.0.0.7", "t1")

    def test_lists_are_narrowed_by_person_action_time_and_page(self, database: Database) -> None:
        appended(database, [entry(at_ms, person="eve") for at_ms in (10, 20, 30)])
        appended(database, [AuditEntry(at_ms=40, person_id="eve", name="Eve", action=AuditAction.CHART)])
        with database.snapshot() as conn:
            by_id = audit.list_entries(conn, limit=10, person="eve")
            by_name = audit.list_entries(conn, limit=10, person="Eve")
            seen = audit.list_entries(conn, limit=10, person="eve", action=AuditAction.SEE)
            within = audit.list_entries(conn, limit=10, person="eve", from_ms=20, to_ms=40)
            page = audit.list_entries(conn, limit=2, person="eve", before=by_id[1].number)
            with pytest.raises(InvalidArgument):
                audit.list_entries(conn, limit=0)
        assert [link.at_ms for link in by_id] == [40, 30, 20, 10]
        assert by_name == by_id
        assert [link.at_ms for link in seen] == [30, 20, 10]
        assert [link.at_ms for link in within] == [30, 20]
        assert [link.at_ms for link in page] == [20, 10]

    def test_a_trail_in_many_pages_verifies_from_end_to_end(self, database: Database) -> None:
        last = appended(database, [entry(at_ms) for at_ms in range(25)])
        with database.snapshot() as conn:
            verdict = audit.verify(conn, page_entries=7)
            assert sum(len(page) for page in audit.pages(conn, page_entries=7)) == last
        assert (verdict.entries, verdict.broken) == (last, None)

    def test_a_transaction_that_fails_leaves_no_entry(self, database: Database) -> None:
        before = appended(database, [entry()])
        with pytest.raises(ZeroDivisionError), database.transaction() as conn:
            assert audit.append(conn, [entry()]) / 0
        assert appended(database, [entry()]) == before + 1

    def test_the_database_refuses_to_change_or_delete_an_entry(self, database: Database) -> None:
        last = appended(database, [entry(), entry()])
        here = audit_entries.c.number == last
        for statement in (update(audit_entries).where(here).values(name="Nobody"), delete(audit_entries).where(here)):
            with pytest.raises(DBAPIError, match="append-only"), database.transaction() as conn:
                conn.execute(statement)
        with pytest.raises(DBAPIError), database.transaction() as conn:
            conn.execute(text("INSERT INTO audit_entries SELECT * FROM audit_entries WHERE number = 1"))
        with database.snapshot() as conn:
            assert audit.verify(conn).broken is None

    def test_an_anchor_holds_as_the_trail_grows(self, database: Database) -> None:
        last = appended(database, [entry(), entry()])
        with database.snapshot() as conn:
            line = audit.anchor(conn)
        appended(database, [entry()])
        with database.snapshot() as conn:
            known = audit.read_anchor(conn, f" {line}\n")
            assert known.number == last
            assert audit.verify(conn, against=known).broken is None

    def test_an_anchor_beyond_the_end_says_that_the_end_was_cut_off(self, database: Database) -> None:
        last = appended(database, [entry()])
        with database.snapshot() as conn:
            verdict = audit.verify(conn, against=audit.Anchor(last + 5, bytes(32)))
        assert verdict.broken is not None
        assert "cut off" in verdict.broken.why

    def test_an_anchor_with_another_hash_says_that_the_trail_was_written_anew(self, database: Database) -> None:
        last = appended(database, [entry(), entry()])
        with database.snapshot() as conn:
            verdict = audit.verify(conn, against=audit.Anchor(last - 1, bytes(32)))
        assert verdict.broken is not None
        assert verdict.broken.number == last - 1
        assert "written anew" in verdict.broken.why

    @pytest.mark.parametrize(
        "line",
        [
            "",
            "x",
            "wardlight-audit:1:00:00",
            "wardlight-audit:1:zz:zz",
            "wardlight-audit:1",
            "other:1:" + "0" * 64 + ":00",
        ],
    )
    def test_what_is_no_anchor_of_ours_is_refused(self, database: Database, line: str) -> None:
        with database.snapshot() as conn, pytest.raises(InvalidArgument):
            audit.read_anchor(conn, line)

    def test_an_anchor_changed_by_one_digit_is_refused(self, database: Database) -> None:
        last = appended(database, [entry()])
        with database.snapshot() as conn:
            line = audit.anchor(conn)
            with pytest.raises(InvalidArgument, match="not signed"):
                audit.read_anchor(conn, line.replace(f":{last}:", f":{last - 1}:"))
