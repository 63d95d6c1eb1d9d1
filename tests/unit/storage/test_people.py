"""People in SQLite."""

from collections.abc import Iterator

import pytest

from storage.migrate import upgrade_database
from storage.session import Database
from tests.support.people_contract import PeopleContract


class TestInMemory(PeopleContract):
    @pytest.fixture
    def database(self) -> Iterator[Database]:
        database = Database("sqlite://")
        upgrade_database(database)
        yield database
        database.close()
