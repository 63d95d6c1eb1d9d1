"""The ledger on SQLite, and what an upgrade takes over."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config

from storage import readings
from storage.migrate import upgrade_database
from storage.session import Database
from tests.support.fresh_database import lay_schema
from tests.support.ledger_contract import LedgerContract, entered, line, sent
from tests.support.recorder_contract import Bench


class TestInMemory(LedgerContract):
    @pytest.fixture
    def database(self) -> Iterator[Database]:
        database = Database("sqlite://")
        lay_schema(database)
        yield database
        database.close()


@pytest.mark.asyncio
async def test_what_was_stored_before_the_ledger_began_is_taken_over(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/ward.db")
    upgrade_database(database)
    with database.transaction() as conn:
        readings.store(conn, [sent(number) for number in (0, 1, 2, 5)])
        config = Config()
        config.set_main_option("script_location", "storage/migrations")
        config.attributes["connection"] = conn
        command.downgrade(config, "0004")
    upgrade_database(database)
    bench = Bench(database)
    await bench.claim()
    await bench.feed("readings", sent(6), sent(8), sent(3), sent(1))
    await bench.remember()
    entered(database)
    found = line(database)
    assert (found.accepted, found.duplicates, found.stored, found.missing) == (4, 1, 3, 1)
    database.close()
