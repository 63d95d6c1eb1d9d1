"""Schema changes: `upgrade` brings a database to this program's schema, `check` refuses any other."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Connection, MetaData, String, Table, inspect, select, text

from runtime.keys_file import Keys
from runtime.private_files import private_directory
from storage.granting import grant_again
from storage.identities_tables import identities
from storage.notification_tables import destinations
from storage.session import Database
from vitals.errors import ConfigurationError

_SCRIPTS: Final = Path(__file__).parent / "migrations"
_SEALED_SINCE: Final = "0015"
"""The revision that seals names and destinations."""
_VERSION: Final = Table("alembic_version", MetaData(), Column("version_num", String(32), primary_key=True))
"""Alembic's own table. Asked by Alembic it is a new one each time, and every engine keeps what it compiles for each."""
_UPGRADE_LOCK: Final = 7_319_024_115
"""PostgreSQL advisory lock: one upgrade at a time. Any fixed number would do."""


def upgrade(url: str, *, keys: Keys | None = None) -> None:
    """Bring the database at `url` to this program's schema, in one transaction; nothing happens where it is there.

    Raises Unavailable, and ConfigurationError where the schema is newer than this program, or names are to be sealed and
    there is no key.
    """
    database = Database(url, connections_max=1, keys=keys)
    try:
        upgrade_database(database)
    finally:
        database.close()


def upgrade_database(database: Database) -> None:
    """As `upgrade`, on an open database; the way for one in memory."""
    if database.file is not None:
        private_directory(Path(database.file).parent)
    with database.transaction() as conn:
        if not database.is_sqlite:
            conn.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _UPGRADE_LOCK})
        before = revision_of(conn)
        if _is_newer(before):
            raise ConfigurationError("The database has a newer schema than this program: install the newer Wardlight.")
        if not _has_sealed(conn):
            database.keys.make()
        upgrade_to(conn, "head")
        if not database.is_sqlite:
            grant_again(conn)
    if is_unsealed(before):
        scrub(database)


def is_unsealed(revision: str | None) -> bool:
    """Whether names stood unsealed in a database of this revision."""
    return revision is not None and revision < _SEALED_SINCE


def scrub(database: Database) -> None:
    """Write the tables anew whose unsealed columns were taken away: what databases call deleted stays in their files.

    On SQLite the whole file, which takes its size again while it lasts. Raises Unavailable.
    """
    if database.is_sqlite:
        database.run_alone("VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)")
    else:
        database.run_alone("VACUUM FULL patients", "VACUUM FULL destinations")


def _has_sealed(conn: Connection) -> bool:
    """Whether anything is sealed already: then a missing keys file is lost, and a new one would hide that."""
    if not inspect(conn).has_table("identities"):
        return False
    asked = (select(identities.c.key_id), select(destinations.c.key_id).where(destinations.c.key_id.is_not(None)))
    return any(conn.execute(one.limit(1)).first() is not None for one in asked)


def upgrade_to(conn: Connection, revision: str) -> None:
    """Run the migrations up to `revision` in the connection's transaction."""
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = conn
    command.upgrade(config, revision)


def check(url: str) -> None:
    """Raises ConfigurationError, in one sentence that says what to do, unless the schema is this program's."""
    database = Database(url, connections_max=1)
    try:
        check_database(database)
    finally:
        database.close()


def check_database(database: Database) -> None:
    """As `check`, on an open database."""
    if database.file is not None and not Path(database.file).exists():
        raise ConfigurationError(f"There is no database {database.file}: run `wardlight db upgrade`.")
    with database.snapshot() as conn:
        revision = revision_of(conn)
    if revision is None:
        raise ConfigurationError("The database has no tables yet: run `wardlight db upgrade`.")
    if _is_newer(revision):
        raise ConfigurationError("The database has a newer schema than this program: install the newer Wardlight.")
    if revision != _scripts().get_current_head():
        raise ConfigurationError("The database has an older schema than this program: run `wardlight db upgrade`.")


def is_new(database: Database) -> bool:
    """Whether it has no tables of ours yet; nothing is made by asking."""
    if database.file is not None and not Path(database.file).exists():
        return True
    with database.snapshot() as conn:
        return revision_of(conn) is None


def head() -> str:
    """The revision of this program's schema."""
    revision = _scripts().get_current_head()
    if revision is None:
        raise ConfigurationError("This installation has no migrations: install Wardlight anew.")
    return revision


def revisions() -> list[str]:
    """Every schema there ever was, oldest first."""
    return [script.revision for script in _scripts().walk_revisions()][::-1]


def is_known(revision: str) -> bool:
    """Whether this program can bring a database of `revision` up to date."""
    return not _is_newer(revision)


def revision_of(conn: Connection) -> str | None:
    """The database's own revision; None where it has no tables of ours."""
    if not inspect(conn).has_table(_VERSION.name):
        return None
    revision: str | None = conn.execute(select(_VERSION.c.version_num)).scalar_one_or_none()
    return revision


def _is_newer(revision: str | None) -> bool:
    return revision is not None and revision not in {script.revision for script in _scripts().walk_revisions()}


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(_SCRIPTS))
