"""SQLite in memory keeps every promise of storage."""

from collections.abc import Iterator

import pytest

from storage.session import Database
from tests.support.fresh_database import lay_schema
from tests.support.recorder_contract import RecorderContract
from tests.support.storage_charting_contract import ChartingContract
from tests.support.storage_contract import FenceContract, RegistryContract
from tests.support.storage_history_contract import EpisodeContract, HistoryContract


@pytest.fixture
def database() -> Iterator[Database]:
    database = Database("sqlite://")
    lay_schema(database)
    yield database
    database.close()


class TestRegistry(RegistryContract):
    pass


class TestFence(FenceContract):
    pass


class TestHistory(HistoryContract):
    pass


class TestEpisodes(EpisodeContract):
    pass


class TestRecorder(RecorderContract):
    pass


class TestCharting(ChartingContract):
    pass
