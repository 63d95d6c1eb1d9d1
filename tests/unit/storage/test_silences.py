"""Silences, and looking alerts up, in SQLite in memory."""

from collections.abc import Iterator

import pytest

from storage.session import Database
from tests.support.episode_history_contract import EpisodeHistoryContract
from tests.support.fresh_database import lay_schema
from tests.support.silence_contract import SilenceContract


@pytest.fixture
def database() -> Iterator[Database]:
    database = Database("sqlite://")
    lay_schema(database)
    yield database
    database.close()


class TestSilences(SilenceContract):
    pass


class TestEpisodeHistory(EpisodeHistoryContract):
    pass
