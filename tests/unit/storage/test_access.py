"""The table of PostgreSQL's rights names every table, every service, and gives nobody what nobody should have."""

import pytest
from sqlalchemy import inspect

from runtime.settings import Configuration
from storage import migrate  # noqa: F401 - what it imports declares every table
from storage.access import GRANTS, HIDDEN_COLUMNS, SERVICES, VERBS, verbs_of
from storage.granting import RolesSettings, grant
from storage.session import Database
from storage.tables import metadata
from tests.support.fresh_database import lay_schema
from vitals.errors import InvalidArgument

WRITERS_OF_READINGS = {"recorder", "operator"}


def holders(table: str, verb: str) -> set[str]:
    return {service for service, verbs in verbs_of(GRANTS[table]).items() if verb in verbs}


def test_every_table_of_the_schema_has_an_entry_and_every_entry_a_table() -> None:
    database = Database("sqlite://")
    lay_schema(database)
    with database.snapshot() as conn:
        assert set(inspect(conn).get_table_names()) - {"alembic_version"} == set(GRANTS)
    database.close()


@pytest.mark.parametrize("table", GRANTS)
def test_an_entry_names_services_and_verbs_once_in_their_order(table: str) -> None:
    entries = [entry.split(":") for entry in GRANTS[table].split()]
    names = [name for name, _ in entries]
    assert names == [service for service in SERVICES if service in names]
    for _, letters in entries:
        assert letters == "".join(letter for letter in VERBS if letter in letters) != ""


def test_what_was_measured_is_written_by_the_recorder_and_the_operators_rebuild_alone() -> None:
    for table in ("readings", "assessments", "withdrawals", "labels", "outcome_entries"):
        for verb in ("INSERT", "UPDATE", "DELETE"):
            assert holders(table, verb) <= WRITERS_OF_READINGS, table


def test_nobody_changes_the_audit_trail_or_the_signing_key() -> None:
    for table, verbs in (("audit_entries", ("UPDATE", "DELETE")), ("instance", ("INSERT", "UPDATE", "DELETE"))):
        assert not any(holders(table, verb) for verb in verbs)


def test_passwords_and_sessions_are_for_the_page_and_the_operator() -> None:
    for table in ("sessions", "api_tokens", "attempts", "audit_entries"):
        assert holders(table, "SELECT") == {"dashboard", "operator"}
    assert holders("people", "SELECT") == {"alerts", "dashboard", "operator"}
    assert "password_hash" in HIDDEN_COLUMNS["people"]["alerts"]
    for table, hidden in HIDDEN_COLUMNS.items():
        for columns in hidden.values():
            assert columns <= set(metadata.tables[table].columns.keys())


def test_the_backup_may_read_everything() -> None:
    assert {table for table in GRANTS if "operator" not in holders(table, "SELECT")} == set()


def test_passwords_of_roles_are_settings_that_are_never_printed() -> None:
    roles = Configuration.read(file=None, environment={"WARDLIGHT_ROLES__INGEST": "secret-word"}).section(
        "roles", RolesSettings
    )
    assert set(roles.given) == {"ingest"}
    assert "secret-word" not in repr(roles)


def test_sqlite_knows_no_roles() -> None:
    database = Database("sqlite://")
    with pytest.raises(InvalidArgument, match="SQLite"):
        grant(database, {})
    database.close()
