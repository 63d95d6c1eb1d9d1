"""The database behind one class: engine, bounded pool, write transactions, repeatable-read snapshots, errors translated."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from copy import copy
from pathlib import Path
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool, StaticPool

from runtime.blocking import Door
from runtime.keys_file import Keys, KeysFile, KeysInMemory, NoKeys
from runtime.private_files import private_file
from runtime.settings import DatabaseSettings
from storage.connection_errors import refusal_of
from storage.row_security import Seen, look
from storage.sealing import KEYS_OPTION
from storage.sqlite_errors import READ_ONLY, kind_of, unusable_of
from vitals.errors import ConfigurationError, Unavailable, WardError

__all__ = ["Connection", "Database", "in_snapshot", "in_transaction", "open_database"]
"""`Connection` is here for the annotations of rooms that pass one on: SQLAlchemy itself stays in storage."""

Parameters = ParamSpec("Parameters")
ResultT = TypeVar("ResultT")

BUSY_TIMEOUT_MS: Final = 15_000
"""How long a statement waits for another writer's lock before the database counts as unavailable."""
CONNECT_TIMEOUT_S: Final = 5
APPLICATION_NAME: Final = "wardlight"
"""How our connections call themselves in PostgreSQL, so that a restore can tell whether services still run."""
KEYS_SUFFIX: Final = ".keys"
"""Of the keys file beside a SQLite file: `ward.keys` beside `ward.db`."""
IDLE_IN_TRANSACTION_MS: Final = 30_000
"""PostgreSQL ends a transaction whose process sits still this long, so that a stopped worker cannot hold up its successor."""

_SQLITE_LASTING_ERRORS = frozenset({1, READ_ONLY})
"""SQLITE_ERROR and SQLITE_READONLY: wrong SQL, a missing table, a write within a snapshot; trying again does not help."""
_IDLE_IN_TRANSACTION = "25P03"
_READ_ONLY_TRANSACTION = "25006"
"""In a write transaction: connected to a standby, as happens during a fail-over."""


class Database:
    """One SQLite file, one SQLite in memory (`sqlite://`), or one PostgreSQL (`postgresql+psycopg://…`).

    At most `connections_max` connections; a caller beyond that waits `BUSY_TIMEOUT_MS`, then gets Unavailable. In memory
    there is one connection, used by one thread at a time: a transaction must not be opened inside another one.
    Construction connects to nothing; an unusable URL raises ConfigurationError. `keys` open and seal names and secrets;
    without, SQLite has a keys file beside its own, one in memory has its keys there, and PostgreSQL none.
    What uses it raises Unavailable where trying again may help, and Unusable where the file is read-only or damaged.
    """

    def __init__(self, url: str, *, connections_max: int = 4, keys: Keys | None = None) -> None:
        plain = _engine(url, connections_max)
        in_memory = isinstance(plain.pool, StaticPool)
        self.keys: Keys = _keys_of(plain) if keys is None else keys
        self._engine = plain.execution_options(**{KEYS_OPTION: self.keys})
        self._turn: AbstractContextManager[Any] = threading.RLock() if in_memory else nullcontext()
        self._writer = threading.Lock() if self.is_sqlite and not in_memory else None
        self.seen: Seen | None = None
        """What `seeing` gave; without it nothing is said to PostgreSQL, and a role confined to wards sees no patient."""

    @property
    def is_sqlite(self) -> bool:
        """Whether this is SQLite, in memory or in a file."""
        return self._engine.dialect.name == "sqlite"

    @property
    def file(self) -> str | None:
        """The SQLite file's path; None in memory and for PostgreSQL."""
        return (self._engine.url.database or None) if self.is_sqlite else None

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A write transaction: committed on leaving, rolled back on an exception; durable once left."""
        with self._turn, self._writing(), self._translated(writing=True), self._engine.connect() as conn, conn.begin():
            self._look(conn)
            yield conn

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A read-only transaction in which every query sees the database of one moment."""
        with self._turn, self._translated(writing=False), self._connected() as plain:
            conn = plain.execution_options(**self._snapshot_options())
            if self.is_sqlite:
                only_reading: Any = conn.connection.driver_connection
                only_reading.execute("PRAGMA query_only=ON")
            with conn.begin():
                self._look(conn)
                yield conn

    def run_alone(self, *statements: str) -> None:
        """Run statements that no transaction may hold, such as VACUUM; raises Unavailable."""
        with self._turn, self._writing(), self._translated(writing=True), self._engine.connect() as conn:
            plain: Any = conn.connection.driver_connection
            if isinstance(plain, psycopg.Connection):
                plain.autocommit = True
            try:
                for statement in statements:
                    plain.execute(statement)
            finally:
                if isinstance(plain, psycopg.Connection):
                    plain.autocommit = False

    def seeing(self, seen: Seen) -> "Database":
        """The same database, whose transactions see these rows of patients where PostgreSQL confines our role to wards."""
        view = copy(self)
        view.seen = seen
        return view

    def _look(self, conn: Connection) -> None:
        if self.seen is not None and not self.is_sqlite:
            look(conn, self.seen)

    def close(self) -> None:
        """Close every pooled connection."""
        self._engine.dispose()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """A SQLite file has one writer: those of this process queue for it, instead of polling SQLite's lock."""
        if self._writer is None:
            yield
            return
        if not self._writer.acquire(timeout=BUSY_TIMEOUT_MS / 1000):
            raise Unavailable("Another transaction of this process has been writing for too long.")
        try:
            yield
        finally:
            self._writer.release()

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        """A connection of the pool; a new one of SQLite writes, so that what then fails is no fault of a snapshot."""
        with self._translated(writing=True):
            conn = self._engine.connect()
        with conn:
            yield conn

    @contextmanager
    def _translated(self, *, writing: bool) -> Iterator[None]:
        """The drivers' errors as ours; those of wrong SQL, a write within a snapshot included, rise as they are."""
        try:
            yield
        except PoolTimeout as error:
            raise Unavailable("All database connections are in use; raise database.threads_max.") from error
        except (DBAPIError, psycopg.Error, sqlite3.Error) as error:
            cause = error.orig if isinstance(error, DBAPIError) else error
            ours: WardError | None = refusal_of(cause)
            if ours is None and (writing or kind_of(cause) != READ_ONLY):
                ours = unusable_of(cause, file=self.file)
            if ours is None and _passes(cause, writing=writing):
                ours = Unavailable(_sentence(cause))
            if ours is None:
                raise
            raise ours from error

    def _snapshot_options(self) -> dict[str, Any]:
        if self.is_sqlite:
            return {"sqlite_begin": "BEGIN"}
        return {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}


def open_database(settings: DatabaseSettings) -> Database:
    """The database that the settings name, with as many connections as threads; connects to nothing yet."""
    url = settings.url.get_secret_value()
    return Database(url, connections_max=settings.threads_max, keys=keys_named(settings))


def keys_named(settings: DatabaseSettings, *, makes_itself: bool = False) -> Keys | None:
    """The keys file that the settings name; None where they name none. `makes_itself` as of `KeysFile`."""
    return None if settings.keys_file is None else KeysFile(settings.keys_file, makes_itself=makes_itself)


async def in_transaction(
    door: Door,
    database: Database,
    call: Callable[Concatenate[Connection, Parameters], ResultT],
    *args: Parameters.args,
    **kwargs: Parameters.kwargs,
) -> ResultT:
    """`call(conn, …)` in one write transaction, behind the door."""

    def blocking() -> ResultT:
        with database.transaction() as conn:
            return call(conn, *args, **kwargs)

    return await door.run(blocking)


async def in_snapshot(
    door: Door,
    database: Database,
    call: Callable[Concatenate[Connection, Parameters], ResultT],
    *args: Parameters.args,
    **kwargs: Parameters.kwargs,
) -> ResultT:
    """`call(conn, …)` in one read-only snapshot, behind the door."""

    def blocking() -> ResultT:
        with database.snapshot() as conn:
            return call(conn, *args, **kwargs)

    return await door.run(blocking)


def _keys_of(engine: Engine) -> Keys:
    """Where the keys are that no setting names."""
    if isinstance(engine.pool, StaticPool):
        return KeysInMemory()
    file = engine.url.database if engine.dialect.name == "sqlite" else None
    return KeysFile(Path(file).with_suffix(KEYS_SUFFIX), makes_itself=True) if file else NoKeys()


def _engine(url: str, connections_max: int) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            return _sqlite_engine(url, connections_max, in_memory=parsed.database in (None, "", ":memory:"))
        if parsed.drivername != "postgresql+psycopg":
            raise ConfigurationError("The database URL must begin with sqlite:// or postgresql+psycopg://.")
        return _postgres_engine(url, connections_max)
    except (ArgumentError, NoSuchModuleError) as error:
        raise ConfigurationError("The database URL must begin with sqlite:// or postgresql+psycopg://.") from error


def _sqlite_engine(url: str, connections_max: int, *, in_memory: bool) -> Engine:
    connect_args = {"check_same_thread": False, "timeout": BUSY_TIMEOUT_MS / 1000}
    if in_memory:
        engine = create_engine(url, poolclass=StaticPool, connect_args=connect_args, hide_parameters=True)
    else:
        engine = create_engine(
            url,
            poolclass=QueuePool,
            pool_size=connections_max,
            max_overflow=0,
            pool_timeout=BUSY_TIMEOUT_MS / 1000,
            connect_args=connect_args,
            hide_parameters=True,
        )
        event.listen(engine, "do_connect", _close_to_others)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    event.listen(engine, "checkin", _writable_again)
    return engine


def _postgres_engine(url: str, connections_max: int) -> Engine:
    return create_engine(
        url,
        pool_size=connections_max,
        max_overflow=0,
        pool_timeout=BUSY_TIMEOUT_MS / 1000,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_S,
            "application_name": APPLICATION_NAME,
            "options": f"-c lock_timeout={BUSY_TIMEOUT_MS}"
            f" -c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_MS}",
        },
    )


def _close_to_others(_dialect: object, _record: object, arguments: list[Any], _options: object) -> None:
    """What SQLite would create by itself anyone on the machine could read."""
    if not str(arguments[0]).startswith("file:"):
        private_file(Path(arguments[0]))


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _writable_again(connection: sqlite3.Connection | None, _record: object) -> None:
    """However a snapshot ended: the pool drops a connection for which this fails, and gives it to nobody."""
    if connection is not None:
        connection.execute("PRAGMA query_only=OFF")


def _begin_sqlite(conn: Connection) -> None:
    conn.exec_driver_sql(conn.get_execution_options().get("sqlite_begin", "BEGIN IMMEDIATE"))


def _passes(error: BaseException | None, *, writing: bool) -> bool:
    """Whether trying again may help; two PostgreSQL states that psycopg calls internal errors do pass."""
    if isinstance(error, sqlite3.OperationalError):
        return kind_of(error) not in _SQLITE_LASTING_ERRORS
    if isinstance(error, psycopg.Error) and error.sqlstate == _IDLE_IN_TRANSACTION:
        return True
    if isinstance(error, psycopg.Error) and error.sqlstate == _READ_ONLY_TRANSACTION:
        return writing
    return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)


def _sentence(error: BaseException | None) -> str:
    first_line = str(error).strip().splitlines()[:1]
    return f"The database does not answer: {first_line[0] if first_line else type(error).__name__}"
