"""SQLite in a file, with more than one connection, keeps the fence and the recorder's promises."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.session import Database
from tests.support.fresh_database import lay_schema
from tests.support.recorder_contract import RecorderContract
from tests.support.storage_contract import FenceContract


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path}/ward.db")
    lay_schema(database)
    yield database
    database.close()


class TestFence(FenceContract):
    pass


class TestRecorder(RecorderContract):
    pass
