"""Work on the keys of an installation: its keys file, and the rows that its keys sealed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from runtime.keyring import Keyring
from runtime.keys_file import KeysFile
from runtime.settings import Configuration, DatabaseSettings
from storage.migrate import check_database
from storage.reencryption import reencrypt, rows_by_key, uses
from storage.session import Database, open_database
from vitals.errors import ConfigurationError, Conflict


def make(configuration: Configuration) -> Path:
    """Make the keys file that the settings name; raises Conflict where it is there, or rows are sealed already."""
    with _opened(configuration) as (database, file):
        try:
            check_database(database)
        except ConfigurationError:
            sealed = 0  # a database that is still to be made or upgraded
        else:
            with database.snapshot() as conn:
                sealed = sum(rows_by_key(conn).values())
        if sealed and not file.file.exists():
            raise Conflict(
                f"{sealed} rows are sealed with keys that are not here: bring back a copy of {file.file},"
                " since new keys open none of them."
            )
        file.create()
        return file.file


def listed(configuration: Configuration) -> list[dict[str, Any]]:
    """Every key with what it sealed, as JSON; never a key itself."""
    with _ready(configuration) as (database, _), database.snapshot() as conn:
        return [use._asdict() for use in uses(conn)]


def add(configuration: Configuration) -> str:
    """One more key, which opens and does not seal yet; its id."""
    with _opened(configuration) as (_, file):
        return file.change(lambda ring, now_ms: ring.with_key(now_ms=now_ms)).keys[-1].key_id


def rotate(configuration: Configuration, key_id: str | None) -> str:
    """Let `key_id`, or a new key, seal from now on; its id."""

    def step(ring: Keyring, now_ms: int) -> Keyring:
        if key_id is not None:
            return ring.sealing_with(key_id)
        wider = ring.with_key(now_ms=now_ms)
        return wider.sealing_with(wider.keys[-1].key_id)

    with _opened(configuration) as (_, file):
        return file.change(step).current


def reseal(configuration: Configuration, told: Callable[[int], None]) -> int:
    """Seal everything with the current key; how many rows that were. Services may run."""
    with _ready(configuration) as (database, _):
        return reencrypt(database, told=told)


def remove(configuration: Configuration, key_id: str) -> None:
    """Take a key away; raises Conflict while a row needs it."""
    with _ready(configuration) as (database, file):
        with database.snapshot() as conn:
            rows = rows_by_key(conn).get(key_id, 0)
        if rows:
            raise Conflict(f"{rows} rows are sealed with key {key_id}: run `wardlight keys reencrypt` first.")
        file.change(lambda ring, _: ring.without(key_id))


def add_recipient(configuration: Configuration, name: str) -> None:
    """A key for a new recipient of research exports; raises Conflict, InvalidArgument."""
    with _opened(configuration) as (_, file):
        file.change(lambda ring, now_ms: ring.with_recipient(name, now_ms=now_ms))


@contextmanager
def _opened(configuration: Configuration) -> Iterator[tuple[Database, KeysFile]]:
    database = open_database(configuration.section("database", DatabaseSettings))
    try:
        if not isinstance(database.keys, KeysFile):
            raise ConfigurationError("No keys file is named: set database.keys_file to where it is, or should be.")
        yield database, database.keys
    finally:
        database.close()


@contextmanager
def _ready(configuration: Configuration) -> Iterator[tuple[Database, KeysFile]]:
    with _opened(configuration) as (database, file):
        check_database(database)
        yield database, file
