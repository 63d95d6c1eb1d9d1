"""Rulebooks and changes of rules in a SQLite file."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.session import Database
from tests.support.fresh_database import lay_schema
from tests.support.rules_contract import RulesContract


class TestRules(RulesContract):
    @pytest.fixture
    def database(self, tmp_path: Path) -> Iterator[Database]:
        database = Database(f"sqlite:///{tmp_path}/ward.db")
        lay_schema(database)
        yield database
        database.close()
