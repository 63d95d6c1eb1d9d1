"""On a real PostgreSQL each service has a role that may do what the table says, comes by TLS, and is refused everything else."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from storage import patients, people
from storage.access import GRANTS, HIDDEN_COLUMNS, SERVICES, VERBS, role_of, verbs_of
from storage.granting import grant
from storage.migrate import check_database, upgrade_database
from storage.session import Database
from tests.support.secured_kafka import server_certificates
from tests.support.secured_postgres import SecuredPostgres
from vitals.errors import AccessDenied, CredentialsRefused, ErrorCode, Unavailable, UntrustedServer
from wardlight.command_line import run

pytestmark = pytest.mark.integration

TRUNCATE_AND_ALL = (*VERBS.values(), "TRUNCATE", "REFERENCES", "TRIGGER")


@pytest.fixture(scope="module")
def owners(secured_postgres: SecuredPostgres) -> str:
    """The owner's URL of a database with roles and rights."""
    return secured_postgres.create_database()


@pytest.fixture(params=SERVICES)
def service(
    request: pytest.FixtureRequest, secured_postgres: SecuredPostgres, owners: str
) -> Iterator[tuple[str, Database]]:
    """Each service, by its own role over TLS."""
    database = Database(secured_postgres.url(owners, request.param), connections_max=1)
    yield request.param, database
    database.close()


def test_every_table_has_exactly_the_rights_of_the_table(secured_postgres: SecuredPostgres, owners: str) -> None:
    with secured_postgres.owner(owners) as conn:
        names = {str(row[0]) for row in conn.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
        assert names == GRANTS.keys() | {"alembic_version"}
        for table in sorted(names):
            granted = verbs_of(GRANTS.get(table, " ".join(f"{one}:S" for one in SERVICES)))
            for one in SERVICES:
                wanted = set(granted.get(one, ()))
                if one in HIDDEN_COLUMNS.get(table, {}):
                    wanted -= {"SELECT"}
                held = {
                    verb
                    for verb in TRUNCATE_AND_ALL
                    for (has,) in conn.execute("SELECT has_table_privilege(%s, %s, %s)", (role_of(one), table, verb))
                    if has
                }
                assert held == wanted, f"{one} on {table}"


def test_granting_again_takes_away_what_somebody_gave_beside_it(secured_postgres: SecuredPostgres) -> None:
    url = secured_postgres.create_database()
    with secured_postgres.owner(url) as conn:
        conn.execute("GRANT ALL ON people, audit_entries TO wardlight_ingest")
        conn.execute("ALTER ROLE wardlight_ingest CREATEDB")
        database = Database(url, connections_max=1)
        grant(database, {})
        upgrade_database(database)
        database.close()
        found = conn.execute(
            "SELECT has_table_privilege('wardlight_ingest', 'people', 'SELECT'),"
            " has_table_privilege('wardlight_ingest', 'audit_entries', 'DELETE'),"
            " (SELECT rolcreatedb FROM pg_roles WHERE rolname = 'wardlight_ingest')"
        ).fetchone()
    assert found == (False, False, False)


def test_a_service_comes_in_with_its_own_password_over_tls_and_finds_its_schema(service: tuple[str, Database]) -> None:
    _, database = service
    check_database(database)
    with database.snapshot() as conn:
        assert conn.execute(text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")).scalar_one() is True


def test_nobody_changes_or_deletes_what_stands_in_the_audit_trail(service: tuple[str, Database]) -> None:
    _, database = service
    for statement in ("UPDATE audit_entries SET name = 'x'", "DELETE FROM audit_entries", "TRUNCATE audit_entries"):
        with pytest.raises(AccessDenied, match="audit_entries"), database.transaction() as conn:
            conn.execute(text(statement))


def test_nobody_makes_tables_or_roles_or_drops_what_guards_the_trail(service: tuple[str, Database]) -> None:
    _, database = service
    for statement in (
        "CREATE TABLE mine (x int)",
        "CREATE ROLE another",
        "ALTER TABLE audit_entries DISABLE TRIGGER ALL",
        "DROP TABLE readings",
        "ALTER TABLE patients DISABLE ROW LEVEL SECURITY",
        "SET ROLE wardlight_dashboard",
    ):
        if service[0] == "dashboard" and statement.startswith("SET ROLE"):
            continue
        with pytest.raises(AccessDenied), database.transaction() as conn:
            conn.execute(text(statement))


@pytest.mark.parametrize(
    ("who", "statement"),
    [
        ("ingest", "SELECT password_hash FROM people"),
        ("ingest", "SELECT * FROM readings"),
        ("recorder", "SELECT * FROM sessions"),
        ("recorder", "SELECT * FROM identities"),
        ("stream", "SELECT * FROM readings"),
        ("stream", "DELETE FROM episodes"),
        ("trainer", "SELECT * FROM identities"),
        ("alerts", "SELECT password_hash FROM people"),
        ("alerts", "SELECT * FROM api_tokens"),
        ("alerts", "DELETE FROM readings"),
        ("dashboard", "UPDATE readings SET heart_rate_bpm = 70"),
        ("dashboard", "DELETE FROM episodes"),
        ("dashboard", "UPDATE instance SET value = ''"),
        ("operator", "UPDATE instance SET value = ''"),
    ],
)
def test_a_service_is_refused_where_it_has_no_business(
    secured_postgres: SecuredPostgres, owners: str, who: str, statement: str
) -> None:
    database = Database(secured_postgres.url(owners, who), connections_max=1)
    try:
        with (
            pytest.raises(AccessDenied, match=r"permission denied.*wardlight db grant") as refused,
            database.transaction() as conn,
        ):
            conn.execute(text(statement))
        assert (refused.value.code, refused.value.retriable) == (ErrorCode.ACCESS_DENIED, True)
    finally:
        database.close()


def test_whoever_is_not_let_in_is_told_why_in_one_line(
    secured_postgres: SecuredPostgres, owners: str, tmp_path: Path
) -> None:
    stranger = str(server_certificates(tmp_path, "another") / "authority.pem")
    for changes, kind, said in (
        ({"password": "wrong-word"}, CredentialsRefused, "password authentication failed.*database.url"),
        ({"sslrootcert": stranger}, UntrustedServer, "certificate verify failed.*sslrootcert"),
        ({"host": "localhost"}, UntrustedServer, "does not match host name"),
        ({"sslrootcert": str(tmp_path / "none.pem")}, UntrustedServer, "root certificate file"),
    ):
        database = Database(secured_postgres.url(owners, "ingest", **changes), connections_max=1)
        with pytest.raises(kind, match=said) as refused, database.snapshot():
            pass
        database.close()
        assert "\n" not in str(refused.value)
        assert "wrong-word" not in str(refused.value)
    plain = secured_postgres.url(owners, "ingest").replace("verify-full", "disable")
    database = Database(plain, connections_max=1)
    with pytest.raises(CredentialsRefused, match="pg_hba"), database.snapshot():
        pass
    database.close()


def test_the_command_makes_roles_with_the_passwords_of_the_settings(
    secured_postgres: SecuredPostgres, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = secured_postgres.empty_database()
    monkeypatch.setenv("WARDLIGHT_DATABASE__URL", url)
    given = secured_postgres.passwords["ingest"].get_secret_value()
    monkeypatch.setenv("WARDLIGHT_ROLES__INGEST", given)
    assert [run(["db", "upgrade"]), run(["db", "grant"])] == [0, 0]
    said = capsys.readouterr().out
    assert f"{len(SERVICES)} roles have" in said
    assert "wardlight_recorder" in said
    assert given not in said
    database = Database(secured_postgres.url(url, "ingest"), connections_max=1)
    check_database(database)
    database.close()


def test_a_single_owner_goes_on_as_before(secured_postgres: SecuredPostgres) -> None:
    """An installation without roles, and one whose services still come as the owner."""
    url = secured_postgres.create_database()
    database = Database(url, connections_max=1)
    try:
        check_database(database)
        with database.snapshot() as conn:
            assert patients.list_patients(conn) == ()
            assert people.list_people(conn) == ()
    finally:
        database.close()
    assert issubclass(AccessDenied, Unavailable)
