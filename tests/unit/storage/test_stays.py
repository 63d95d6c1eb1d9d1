"""Stays in SQLite in memory."""

from collections.abc import Iterator

import pytest

from storage.migrate import upgrade_database
from storage.session import Database
from tests.support.stay_contract import StayContract


@pytest.fixture
def database() -> Iterator[Database]:
    database = Database("sqlite://")
    upgrade_database(database)
    yield database
    database.close()


class TestStays(StayContract):
    pass
