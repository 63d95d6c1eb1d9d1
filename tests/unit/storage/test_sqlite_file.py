"""SQLite in a file, with more than one connection, keeps the fence and the recorder's promises."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.migrate import upgrade_database
from storage.session import Database
from tests.support.recorder_contract import RecorderContract
from tests.support.storage_contract import FenceContract


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path}/ward.db")
    upgrade_database(database)
    yield database
    database.close()


class TestFence(FenceContract):
    pass


class TestRecorder(RecorderContract):
    pass
