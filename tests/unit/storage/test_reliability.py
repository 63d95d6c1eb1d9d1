"""The figures of the page *Reliability*, in SQLite in memory."""

from collections.abc import Iterator

import pytest

from storage.session import Database
from tests.support.fresh_database import lay_schema
from tests.support.reliability_contract import ReliabilityContract


@pytest.fixture
def database() -> Iterator[Database]:
    database = Database("sqlite://")
    lay_schema(database)
    yield database
    database.close()


class TestReliability(ReliabilityContract):
    pass
