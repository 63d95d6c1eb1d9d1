"""The audit trail on PostgreSQL: every promise of the contract, and one unbroken chain of many processes."""

import asyncio
import sys
from collections.abc import Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from storage import audit
from storage.migrate import upgrade_database
from storage.session import Database
from tests.support.audit_contract import AuditContract, appended, entry
from tests.support.postgres_server import PostgresServer

pytestmark = pytest.mark.integration

PROCESSES = 4
TRANSACTIONS_EACH = 60
APPEND = """
import sys
from storage import audit
from storage.session import Database
from tests.support.audit_contract import entry
database = Database(sys.argv[1], connections_max=1)
for number in range(int(sys.argv[3])):
    with database.transaction() as conn:
        audit.append(conn, [entry(number, person=sys.argv[2]) for _ in range(1 + number % 3)])
"""


@pytest.fixture(scope="module")
def url(postgres_server: PostgresServer) -> str:
    return postgres_server.create_database()


@pytest.fixture(scope="module")
def database(url: str) -> Iterator[Database]:
    database = Database(url)
    upgrade_database(database)
    yield database
    database.close()


class TestTrail(AuditContract):
    pass


def test_the_whole_trail_cannot_be_truncated(database: Database) -> None:
    appended(database, [entry()])
    with pytest.raises(DBAPIError, match="append-only"), database.transaction() as conn:
        conn.execute(text("TRUNCATE audit_entries"))


def test_an_entry_cannot_be_replaced_by_an_upsert(database: Database) -> None:
    appended(database, [entry()])
    upsert = text(
        "INSERT INTO audit_entries SELECT * FROM audit_entries WHERE number = 1"
        " ON CONFLICT (number) DO UPDATE SET name = 'Nobody'"
    )
    with pytest.raises(DBAPIError, match="append-only"), database.transaction() as conn:
        conn.execute(upsert)


@pytest.mark.asyncio
async def test_processes_that_append_at_once_make_one_unbroken_chain(database: Database, url: str) -> None:
    before = appended(database, [entry()])
    writers = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", APPEND, url, f"writer{number}", str(TRANSACTIONS_EACH)
        )
        for number in range(PROCESSES)
    ]
    assert [await writer.wait() for writer in writers] == [0] * PROCESSES
    each = sum(1 + number % 3 for number in range(TRANSACTIONS_EACH))
    with database.snapshot() as conn:
        verdict = audit.verify(conn)
        written = [len(audit.list_entries(conn, limit=1000, person=f"writer{n}")) for n in range(PROCESSES)]
    assert verdict.broken is None
    assert verdict.entries == before + PROCESSES * each
    assert written == [each] * PROCESSES
