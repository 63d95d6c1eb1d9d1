"""What migrations promise, whichever database: subclass and give the fixture `empty_url`, a database without tables."""

from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from storage import migrate, tables
from storage.session import Database
from storage.signing import load_signer
from vitals.errors import ConfigurationError


class MigrationContract:
    """Upgrade makes exactly the schema of `storage.tables`; check accepts that one only."""

    @pytest.fixture
    def database(self, empty_url: str) -> Iterator[Database]:
        database = Database(empty_url)
        yield database
        database.close()

    def test_the_migrated_schema_is_that_of_the_tables(self, database: Database) -> None:
        migrate.upgrade_database(database)
        with database.transaction() as conn:
            assert compare_metadata(MigrationContext.configure(conn), tables.metadata) == []
            found = inspect(conn)
            assert set(found.get_table_names()) == {*tables.metadata.tables, "alembic_version"}
            for table in tables.metadata.tables.values():
                assert found.get_pk_constraint(table.name)["constrained_columns"] == list(
                    table.primary_key.columns.keys()
                )

    def test_an_upgraded_database_passes_the_check(self, database: Database) -> None:
        migrate.upgrade_database(database)
        migrate.check_database(database)

    def test_upgrading_again_changes_nothing_and_keeps_the_signing_key(self, database: Database) -> None:
        migrate.upgrade_database(database)
        with database.snapshot() as conn:
            row = load_signer(conn).signed("g", 0, key="p", offset=1, blob=b"", pipeline_hash="h")
        migrate.upgrade_database(database)
        with database.snapshot() as conn:
            load_signer(conn).verify("g", 0, row)

    def test_a_database_without_tables_is_told_to_be_upgraded(self, database: Database) -> None:
        with database.transaction() as conn:
            conn.execute(text("SELECT 1"))
        with pytest.raises(ConfigurationError, match="no tables yet: run `wardlight db upgrade`"):
            migrate.check_database(database)

    def test_a_newer_schema_is_refused_by_check_and_upgrade(self, database: Database) -> None:
        migrate.upgrade_database(database)
        with database.transaction() as conn:
            conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        for refused in (migrate.check_database, migrate.upgrade_database):
            with pytest.raises(ConfigurationError, match="newer schema than this program"):
                refused(database)
