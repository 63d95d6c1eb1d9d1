"""A SQLite file that is read-only or damaged is one sentence that names it, and never tried again."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from runtime.keys_file import KeysInMemory
from storage.session import Database
from tests.support.fresh_database import lay_schema
from vitals.errors import Unusable

PAGE_BYTES = 4096


@pytest.fixture
def ward(tmp_path: Path) -> Path:
    """A database of ours, whole, at rest and in a file of its own."""
    file = tmp_path / "ward.db"
    database = Database(f"sqlite:///{file}")
    lay_schema(database)
    database.run_alone("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return file


def at(file: Path, options: str = "") -> Database:
    """The database of this file."""
    url = f"sqlite:///file:{file}?{options}&uri=true" if options else f"sqlite:///{file}"
    return Database(url, keys=KeysInMemory())


def write(database: Database) -> None:
    with database.transaction() as conn:
        conn.execute(text("CREATE TABLE another (value INTEGER)"))


def read(database: Database) -> None:
    with database.snapshot() as conn:
        conn.execute(text("SELECT count(*) FROM patients")).scalar_one()


def read_by_the_driver(database: Database) -> None:
    with database.snapshot() as conn:
        plain = conn.connection.driver_connection
        assert isinstance(plain, sqlite3.Connection)
        plain.execute("SELECT count(*) FROM patients").fetchone()


def vacuum(database: Database) -> None:
    database.run_alone("VACUUM")


def said_of(work: Callable[[Database], None], database: Database) -> str:
    """The sentence of the lasting error that ends this work."""
    with closing(database), pytest.raises(Unusable) as told:
        work(database)
    assert not told.value.retriable
    return str(told.value)


@pytest.mark.parametrize("work", [write, vacuum])
def test_a_write_to_a_file_that_is_read_only_is_one_sentence_that_names_it(
    ward: Path, work: Callable[[Database], None]
) -> None:
    said = said_of(work, at(ward, "mode=ro"))
    assert str(ward) in said
    assert "is read-only" in said


@pytest.mark.parametrize("work", [write, read])
def test_a_new_file_that_is_read_only_is_told_at_the_first_connection(
    tmp_path: Path, work: Callable[[Database], None]
) -> None:
    (tmp_path / "empty.db").touch()
    assert "empty.db is read-only" in said_of(work, at(tmp_path / "empty.db", "mode=ro"))


@pytest.mark.parametrize("work", [write, read, read_by_the_driver, vacuum])
def test_a_file_of_anything_else_is_told_as_damaged(tmp_path: Path, work: Callable[[Database], None]) -> None:
    file = tmp_path / "ward.db"
    file.write_bytes(bytes(range(1, 256)) * 40)
    said = said_of(work, at(file))
    assert f"The database {file} is damaged" in said
    assert "wardlight restore" in said


@pytest.mark.parametrize("work", [read, read_by_the_driver, vacuum])
def test_pages_overwritten_in_a_real_database_are_told_as_damage(ward: Path, work: Callable[[Database], None]) -> None:
    whole = ward.read_bytes()
    ward.write_bytes(whole[:PAGE_BYTES] + b"\x5a" * (len(whole) - PAGE_BYTES))
    assert f"The database {ward} is damaged" in said_of(work, at(ward))
