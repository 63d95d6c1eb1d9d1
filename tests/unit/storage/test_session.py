"""Sessions: a bounded pool, snapshots of one moment, durable writes, and errors that know whether to try again."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError

from runtime.bus import TopicPartition
from runtime.settings import DatabaseSettings
from storage.claims import claim, positions_of, remember_positions
from storage.session import Database, open_database
from tests.support.fresh_database import lay_schema
from vitals.errors import ConfigurationError, Unavailable

AT_0 = TopicPartition("readings", 0)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path}/ward.db", connections_max=2)
    lay_schema(database)
    yield database
    database.close()


def test_a_file_is_written_ahead_durably_and_with_foreign_keys(database: Database) -> None:
    with database.snapshot() as conn:
        settings = [
            conn.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert settings == ["wal", 2, 1]


def test_a_snapshot_sees_one_moment_while_a_writer_commits(database: Database) -> None:
    with database.snapshot() as before:
        assert positions_of(before, "g") == {}
        with database.transaction() as conn:
            remember_positions(conn, "g", claim(conn, "g", [0]).epochs, {AT_0: 1})
        assert positions_of(before, "g") == {}
    with database.snapshot() as after:
        assert positions_of(after, "g") == {AT_0: 1}


def test_writers_take_turns_from_their_first_statement(database: Database) -> None:
    inside, order = threading.Event(), []

    def second() -> None:
        inside.wait(30)
        with database.transaction() as conn:
            order.append(claim(conn, "g", [0]).epochs[0])

    thread = threading.Thread(target=second)
    thread.start()
    with database.transaction() as conn:
        inside.set()
        order.append(claim(conn, "g", [0]).epochs[0])
    thread.join(30)
    assert order == [1, 2]


def test_a_lock_held_too_long_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.session.BUSY_TIMEOUT_MS", 50)
    database = Database(f"sqlite:///{tmp_path}/ward.db")
    lay_schema(database)
    holder = sqlite3.connect(tmp_path / "ward.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="locked"), database.transaction():
        pass
    holder.execute("ROLLBACK")
    with database.transaction() as conn:
        claim(conn, "g", [0])
    holder.close()
    database.close()


def test_a_writer_of_the_same_process_that_never_ends_is_unavailable(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.session.BUSY_TIMEOUT_MS", 50)
    with database.transaction(), pytest.raises(Unavailable, match="too long"), database.transaction():
        pass
    with database.transaction() as conn:
        claim(conn, "g", [0])


def test_more_callers_than_connections_wait_and_then_hear_which_setting_to_raise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.session.BUSY_TIMEOUT_MS", 50)
    database = Database(f"sqlite:///{tmp_path}/ward.db", connections_max=1)
    lay_schema(database)
    with database.snapshot(), pytest.raises(Unavailable, match="threads_max"), database.snapshot():
        pass
    database.close()


def test_a_missing_table_is_an_error_of_ours_and_not_an_outage() -> None:
    database = Database("sqlite://")
    with pytest.raises(DBAPIError, match="no such table"), database.transaction() as conn:
        claim(conn, "g", [0])
    database.close()


def test_a_file_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/missing/ward.db")
    with pytest.raises(Unavailable, match="unable to open"), database.transaction():
        pass
    database.close()


def test_an_unreachable_server_is_unavailable_and_its_password_untold() -> None:
    database = Database("postgresql+psycopg://ward:secret@127.0.0.1:1/ward")
    with pytest.raises(Unavailable) as told, database.transaction():
        pass
    assert "secret" not in str(told.value)
    database.close()


@pytest.mark.parametrize("url", ["nonsense", "mysql://localhost/ward", "postgresql://localhost/ward", "oddity://x"])
def test_other_databases_are_refused_in_one_sentence(url: str) -> None:
    with pytest.raises(ConfigurationError, match="must begin with"):
        Database(url)


def test_in_memory_threads_take_turns() -> None:
    database = open_database(DatabaseSettings.model_validate({"url": "sqlite://"}))
    lay_schema(database)

    def write() -> None:
        for _ in range(50):
            with database.transaction() as conn:
                claim(conn, "g", [0])

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    with database.transaction() as conn:
        assert claim(conn, "g", [0]).epochs == {0: 201}
    database.close()


def test_an_error_says_nothing_of_the_values_that_were_at_hand() -> None:
    database = Database("sqlite://")
    with pytest.raises(DBAPIError) as caught, database.transaction() as conn:
        conn.execute(text("INSERT INTO nowhere VALUES (:name)"), {"name": "Ada Okafor"})
    database.close()
    assert "Ada Okafor" not in str(caught.value)


@pytest.mark.parametrize("fails_at", range(1, 5))
@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///{}/ward.db"])
def test_a_snapshot_that_breaks_at_any_statement_leaves_no_connection_that_cannot_write(
    tmp_path: Path, url: str, fails_at: int
) -> None:
    database = Database(url.format(tmp_path), connections_max=1)
    statements = 0

    def fail(*_: object) -> None:
        nonlocal statements
        statements += 1
        if statements == fails_at:
            raise sqlite3.OperationalError("the disk broke")

    with database.transaction() as conn:
        conn.execute(text("CREATE TABLE kept (value INTEGER)"))
    event.listen(database._engine, "before_cursor_execute", fail)
    with suppress(Unavailable), database.snapshot() as conn:
        conn.execute(text("SELECT 1"))
        conn.execute(text("SELECT 2"))
    event.remove(database._engine, "before_cursor_execute", fail)

    with database.transaction() as conn:
        conn.execute(text("INSERT INTO kept VALUES (1)"))
    with database.snapshot() as conn:
        assert conn.execute(text("SELECT count(*) FROM kept")).scalar_one() == 1
        with pytest.raises(DBAPIError, match="readonly"):
            conn.execute(text("INSERT INTO kept VALUES (2)"))
    database.close()
