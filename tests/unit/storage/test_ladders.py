"""SQLite in memory keeps every promise of escalation."""

from collections.abc import Iterator

import pytest

from storage.session import Database
from tests.support.fresh_database import lay_schema
from tests.support.ladder_contract import LadderContract


@pytest.fixture
def database() -> Iterator[Database]:
    database = Database("sqlite://")
    lay_schema(database)
    yield database
    database.close()


class TestLadders(LadderContract):
    pass
