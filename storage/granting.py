"""Brings PostgreSQL's roles and rights to what `storage.access` says, in one transaction, as often as one likes."""

from collections.abc import Collection, Mapping
from typing import Final

import psycopg
from psycopg import sql
from pydantic import SecretStr
from sqlalchemy import Connection, inspect, text

from runtime.settings import DatabaseSettings, Section
from storage.access import GRANTS, HIDDEN_COLUMNS, SERVICES, role_of, verbs_of
from storage.row_security import confine
from storage.session import Database
from storage.tables import metadata
from vitals.errors import ConfigurationError, InvalidArgument

_LOCK: Final = 7_319_024_116
"""PostgreSQL advisory lock: one granting at a time. Any fixed number would do."""


class RolesSettings(Section):
    """Passwords of the services' roles in PostgreSQL, for the one who makes them; a role without one keeps what it has."""

    ingest: SecretStr | None = None
    recorder: SecretStr | None = None
    stream: SecretStr | None = None
    trainer: SecretStr | None = None
    alerts: SecretStr | None = None
    dashboard: SecretStr | None = None
    operator: SecretStr | None = None

    @property
    def given(self) -> Mapping[str, SecretStr]:
        """The passwords by service, of those that have one."""
        found = {service: getattr(self, service) for service in SERVICES}
        return {service: password for service, password in found.items() if password is not None}


def grant(database: Database, passwords: Mapping[str, SecretStr]) -> None:
    """Make the roles, give them these passwords, and grant what the table says; the schema must be this program's.

    Raises InvalidArgument for SQLite, which knows no roles, and ConfigurationError where ours may not make any.
    """
    if database.is_sqlite:
        raise InvalidArgument("SQLite knows no roles: whoever may read its file may read everything in it.")
    with database.transaction() as conn:
        conn.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        try:
            _make_roles(conn, passwords)
        except psycopg.errors.InsufficientPrivilege as error:
            raise ConfigurationError(
                "This role of PostgreSQL may not make roles: run `wardlight db grant` as the owner of the database, with"
                f" CREATEROLE ({str(error).splitlines()[0]})."
            ) from error
        _grant(conn)


def grant_at(settings: DatabaseSettings, roles: RolesSettings) -> None:
    """As `grant`, on the database that the settings name."""
    database = Database(settings.url.get_secret_value(), connections_max=1)
    try:
        grant(database, roles.given)
    finally:
        database.close()


def grant_again(conn: Connection) -> None:
    """After the schema has changed: the table once more, where it had been granted before; otherwise nothing."""
    roles = {role_of(service) for service in SERVICES}
    query = text(
        "SELECT DISTINCT grantee FROM information_schema.role_table_grants"
        " WHERE table_schema = current_schema() AND table_name = 'positions'"
    )
    if roles & set(conn.execute(query).scalars()):
        _grant(conn)


def _make_roles(conn: Connection, passwords: Mapping[str, SecretStr]) -> None:
    driver = _driver(conn)
    there = set(conn.execute(text("SELECT rolname FROM pg_roles")).scalars())
    for service in SERVICES:
        role = sql.Identifier(role_of(service))
        if role_of(service) not in there:
            driver.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
        driver.execute(
            sql.SQL("ALTER ROLE {} NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS").format(role)
        )
        if service in passwords:
            # Hashed here: the server never sees the password, and its log could not hold it.
            secret = passwords[service].get_secret_value()
            hashed = driver.pgconn.encrypt_password(secret.encode(), role_of(service).encode(), b"scram-sha-256")
            driver.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(role, sql.Literal(hashed.decode())))


def _grant(conn: Connection) -> None:
    driver = _driver(conn)
    everyone = sql.SQL(", ").join(sql.Identifier(role_of(service)) for service in SERVICES)
    schema = sql.Identifier(str(conn.execute(text("SELECT current_schema()")).scalar_one()))
    for command in (
        "REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC",
        "REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM PUBLIC, {everyone}",
        "REVOKE ALL ON ALL SEQUENCES IN SCHEMA {schema} FROM PUBLIC, {everyone}",
        "GRANT USAGE ON SCHEMA {schema} TO {everyone}",
        "GRANT SELECT ON alembic_version TO {everyone}",
    ):
        driver.execute(sql.SQL(command).format(schema=schema, everyone=everyone))
    sequences, there = _sequences(conn), set(inspect(conn).get_table_names())
    for table, grid in GRANTS.items():
        if table not in there:
            continue  # of a schema that is older, on its way up
        for service, verbs in verbs_of(grid).items():
            _grant_table(driver, table, service, verbs)
            if "INSERT" in verbs and table in sequences:
                driver.execute(
                    sql.SQL("GRANT USAGE ON SEQUENCE {} TO {}").format(
                        sql.Identifier(sequences[table]), sql.Identifier(role_of(service))
                    )
                )
    confine(conn, driver)


def _grant_table(driver: "psycopg.Connection[object]", table: str, service: str, verbs: Collection[str]) -> None:
    role, of = sql.Identifier(role_of(service)), sql.Identifier(table)
    hidden = HIDDEN_COLUMNS.get(table, {}).get(service, frozenset())
    for verb in verbs:
        columns: sql.Composable = sql.SQL("")
        if verb == "SELECT" and hidden:
            shown = [column.name for column in metadata.tables[table].columns if column.name not in hidden]
            columns = sql.SQL(" ({})").format(sql.SQL(", ").join(map(sql.Identifier, shown)))
        driver.execute(sql.SQL("GRANT {}{} ON {} TO {}").format(sql.SQL(verb), columns, of, role))


def _sequences(conn: Connection) -> Mapping[str, str]:
    """The sequence behind a table's own numbers, by table."""
    query = text(
        "SELECT t.relname, s.relname FROM pg_class s JOIN pg_depend d ON d.objid = s.oid AND d.deptype IN ('a', 'i')"
        " JOIN pg_class t ON t.oid = d.refobjid WHERE s.relkind = 'S' AND s.relnamespace = current_schema()::regnamespace"
    )
    return {str(table): str(sequence) for table, sequence in conn.execute(query)}


def _driver(conn: Connection) -> "psycopg.Connection[object]":
    """The driver's own connection, for statements that take names instead of values."""
    driver = conn.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise InvalidArgument("Roles are PostgreSQL's.")
    return driver
