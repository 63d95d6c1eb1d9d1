"""The whole database into an archive, from one snapshot, and back in one transaction; the same way for both databases.

Rows, not pages: so a backup of one kind of database can be restored into the other, one of an older schema is brought up
to date by the same migrations, and no tool of a database's own release has to be at hand (ADR 0017).
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from sqlalchemy import BigInteger, Connection, Integer, MetaData, SmallInteger, Table, func, select, text

from storage import tables
from storage.archive import ArchiveReader, ArchiveWriter, Manifest, Member
from storage.migrate import is_known, is_unsealed, revision_of, scrub, upgrade_to
from storage.session import Database
from vitals.errors import ConfigurationError, Conflict, MalformedRecord

EPOCHS_AHEAD: Final = 1_000_000
"""How far a restore raises the epochs of claims: whoever still works under a claim from after the backup is fenced."""
FETCH_ROWS: Final = 2000
_VERSION_TABLE: Final = "alembic_version"
_BOOKKEEPING: Final = frozenset(
    {_VERSION_TABLE, "instance", "registry", "claims", "operations", "decisions", "rulebooks", "model_candidates"}
)
"""Tables whose rows make no database worth keeping: a schema alone has them, or a start or a command over nothing.

A rulebook comes with the program, from a file, or from a person, who then stands in `people`.
"""
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")


def dump(
    database: Database,
    archive: ArchiveWriter,
    *,
    program: str,
    created_at_ms: int,
    afterwards: Callable[[], None] | None = None,
) -> Manifest:
    """Write every row of every table as one moment saw them; services go on meanwhile. Raises Unavailable.

    `afterwards` may add more members, of a later moment than the rows; the manifest comes last.
    """
    with database.snapshot() as conn:
        for table in _reflected(conn).sorted_tables:
            if table.name != _VERSION_TABLE:
                archive.add_table(str(table.name), [str(name) for name in table.columns.keys()], _rows(conn, table))  # noqa: SIM118 - a collection of columns, not a dict
        schema = revision_of(conn)
    if schema is None:
        raise ConfigurationError("The database has no tables yet: there is nothing to back up.")
    if afterwards is not None:
        afterwards()
    kind = "sqlite" if database.is_sqlite else "postgresql"
    return archive.finish(program=program, schema=schema, database=kind, created_at_ms=created_at_ms)


def load(database: Database, archive: ArchiveReader, *, replace: bool) -> dict[str, int]:
    """Make the database what the archive holds, in one transaction: all or nothing; rows per table.

    Raises Conflict where the database holds something and `replace` is not set, where it is not Wardlight's or in use,
    and where the backup is of a newer schema; MalformedRecord where the backup is damaged.
    """
    manifest = archive.manifest
    if not is_known(manifest.schema):
        raise Conflict(
            f"The backup has schema {manifest.schema}, which this program does not know: use a newer Wardlight."
        )
    archive.verify()
    with database.transaction() as conn:
        _require_alone(conn)
        _clear(conn, replace=replace)
        upgrade_to(conn, manifest.schema)
        loaded = _load_all(conn, archive)
        if is_unsealed(manifest.schema):
            database.keys.make()
        upgrade_to(conn, "head")
        conn.execute(tables.claims.update().values(epoch=tables.claims.c.epoch + EPOCHS_AHEAD))
    if is_unsealed(manifest.schema):
        scrub(database)
    return loaded


def require_alone(database: Database) -> None:
    """Raises Conflict while services are connected to this database; PostgreSQL knows, SQLite does not."""
    with database.snapshot() as conn:
        _require_alone(conn)


def _require_alone(conn: Connection) -> None:
    if conn.dialect.name != "postgresql":
        return
    others = conn.execute(
        text(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            # How another role calls itself a plain owner does not see; who it is, everybody does.
            " AND (application_name = current_setting('application_name') OR usename LIKE 'wardlight\\_%')"
            " AND pid <> pg_backend_pid()"
        )
    ).scalar_one()
    if others:
        raise Conflict(f"Wardlight is connected to this database ({others} connections): stop every service first.")


def _reflected(conn: Connection) -> MetaData:
    found = MetaData()
    found.reflect(conn)
    return found


def _rows(conn: Connection, table: Table) -> Iterator[Sequence[Any]]:
    """The rows as the driver gives them, some at a time."""
    streamed = conn.execution_options(yield_per=FETCH_ROWS)
    columns = ", ".join(f'"{name}"' for name in table.columns.keys())  # noqa: SIM118 - a collection of columns, not a dict
    for row in streamed.exec_driver_sql(f'SELECT {columns} FROM "{table.name}"'):  # noqa: S608 - the database's own names
        yield [bytes(value) if isinstance(value, memoryview) else value for value in row]


def _clear(conn: Connection, *, replace: bool) -> None:
    found = _reflected(conn)
    if found.tables and _VERSION_TABLE not in found.tables:
        raise Conflict("The database holds tables that are not Wardlight's: give Wardlight a database of its own.")
    if not replace:
        filled = [
            table.name
            for table in found.sorted_tables
            if table.name not in _BOOKKEEPING and conn.execute(select(table).limit(1)).first() is not None
        ]
        if filled:
            raise Conflict(
                f"The database is not empty ({', '.join(filled)}): restore into an empty one, or say --replace, and all of it is gone."
            )
    if conn.dialect.name == "sqlite":
        conn.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
    found.drop_all(conn)
    if conn.dialect.name == "postgresql":
        _drop_functions(conn)


def _drop_functions(conn: Connection) -> None:
    """What triggers called; an extension's functions are its own."""
    signatures = conn.execute(
        text(
            "SELECT p.oid::regprocedure::text FROM pg_proc p WHERE p.pronamespace = current_schema()::regnamespace"
            " AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')"
        )
    ).scalars()
    for signature in signatures.all():
        conn.exec_driver_sql(f"DROP FUNCTION {signature} CASCADE")


def _load_all(conn: Connection, archive: ArchiveReader) -> dict[str, int]:
    found = _reflected(conn)
    members = archive.manifest.tables
    known = set(found.tables) - {_VERSION_TABLE}
    if {member.table for member in members} != known:
        raise MalformedRecord("The backup's tables are not those of its schema: it is damaged.")
    for table in reversed(found.sorted_tables):
        if table.name != _VERSION_TABLE and conn.execute(select(func.count()).select_from(table)).scalar_one():
            conn.execute(table.delete())
    by_table = {member.table: member for member in members}
    ordered = [(table, by_table[table.name]) for table in found.sorted_tables if table.name in known]
    for table, member in ordered:
        _load(conn, archive, table, member)
    return {table.name: member.rows for table, member in ordered}


def _load(conn: Connection, archive: ArchiveReader, table: Table, member: Member) -> None:
    if set(member.columns) != set(table.columns.keys()) or not all(map(_NAME.fullmatch, member.columns)):
        raise MalformedRecord(f"The backup's columns of {table.name} are not those of its schema: it is damaged.")
    columns = ", ".join(f'"{name}"' for name in member.columns)
    driver_connection: Any = conn.connection.driver_connection
    cursor = driver_connection.cursor()
    try:
        if conn.dialect.name == "sqlite":
            marks = ", ".join("?" * len(member.columns))
            for frame in archive.frames(member):
                cursor.executemany(f'INSERT INTO "{table.name}" ({columns}) VALUES ({marks})', frame)  # noqa: S608 - names checked against the schema
        else:
            with cursor.copy(f'COPY "{table.name}" ({columns}) FROM STDIN') as copy:
                for frame in archive.frames(member):
                    for row in frame:
                        copy.write_row(row)
    finally:
        cursor.close()
    if conn.dialect.name == "postgresql":
        _follow_sequences(conn, table)


def _follow_sequences(conn: Connection, table: Table) -> None:
    """Let what the database numbers itself go on after the numbers that were loaded."""
    for column in table.columns:
        if isinstance(column.type, SmallInteger | Integer | BigInteger):
            place = {"table_name": f'"{table.name}"', "column_name": column.name}
            sequence = conn.execute(
                text("SELECT pg_get_serial_sequence(:table_name, :column_name)"), place
            ).scalar_one()
            if sequence is not None:
                last = conn.execute(select(func.max(column))).scalar_one()
                conn.execute(
                    text("SELECT setval(:sequence, :last, :called)"),
                    {"sequence": sequence, "last": last or 1, "called": last is not None},
                )
