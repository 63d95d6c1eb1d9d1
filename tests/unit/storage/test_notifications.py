"""The outbox in SQLite."""

from collections.abc import Iterator

import pytest

from storage.session import Database
from tests.support.fresh_database import lay_schema
from tests.support.notifications_contract import NotificationsContract


class TestInMemory(NotificationsContract):
    @pytest.fixture
    def database(self) -> Iterator[Database]:
        database = Database("sqlite://")
        lay_schema(database)
        yield database
        database.close()
