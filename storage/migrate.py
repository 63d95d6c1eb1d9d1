"""Schema changes: `upgrade` brings a database to this program's schema, `check` refuses any other."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from runtime.private_files import private_directory
from storage.session import Database
from vitals.errors import ConfigurationError

_SCRIPTS: Final = Path(__file__).parent / "migrations"
_UPGRADE_LOCK: Final = 7_319_024_115
"""PostgreSQL advisory lock: one upgrade at a time. Any fixed number would do."""


def upgrade(url: str) -> None:
    """Bring the database at `url` to this program's schema, in one transaction; nothing happens where it is there.

    Raises Unavailable, and ConfigurationError where the schema is newer than this program.
    """
    database = Database(url, connections_max=1)
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
        if _is_newer(revision_of(conn)):
            raise ConfigurationError("The database has a newer schema than this program: install the newer Wardlight.")
        upgrade_to(conn, "head")


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


def is_known(revision: str) -> bool:
    """Whether this program can bring a database of `revision` up to date."""
    return not _is_newer(revision)


def revision_of(conn: Connection) -> str | None:
    """The database's own revision; None where it has no tables of ours."""
    return MigrationContext.configure(conn).get_current_revision()


def _is_newer(revision: str | None) -> bool:
    return revision is not None and revision not in {script.revision for script in _scripts().walk_revisions()}


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(_SCRIPTS))
