"""From every schema there ever was, with a row in each of its tables, to this program's: nothing is lost on the way."""

from collections.abc import Iterator

import pytest

from runtime.keys_file import KeysInMemory
from storage import migrate
from storage.session import Database
from tests.support.migration_data import Rows, contents, fill, missing
from tests.support.postgres_server import PostgresServer

pytestmark = pytest.mark.integration

REVISIONS = migrate.revisions()
TAKEN_AWAY = frozenset(
    {"patients.name", "patients.birth_date", "destinations.address", "destinations.secret", "destinations.options"}
)
"""By 0015, which seals them: in `identities` and in `destinations.sealed`. What else goes must be named here, and why."""


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    if request.param == "sqlite":
        url = "sqlite://"
    else:
        server: PostgresServer = request.getfixturevalue("postgres_server")
        url = server.create_database()
    database = Database(url, keys=KeysInMemory())
    yield database
    database.close()


def test_there_is_one_way_from_the_first_schema_to_the_present_one() -> None:
    assert REVISIONS[0] == "0001"
    assert REVISIONS[-1] == migrate.head()
    assert len(set(REVISIONS)) == len(REVISIONS)


@pytest.mark.parametrize("revision", REVISIONS[:-1])
def test_a_schema_with_a_row_in_every_table_is_brought_here_with_all_of_them(revision: str, database: Database) -> None:
    with database.transaction() as conn:
        migrate.upgrade_to(conn, revision)
    with database.transaction() as conn:
        fill(conn)
        before = contents(conn)
    assert all(before.values()), "every table has a row"
    migrate.upgrade_database(database)
    migrate.check_database(database)
    with database.snapshot() as conn:
        assert missing(before, contents(conn)) <= TAKEN_AWAY


def test_a_value_that_a_migration_changes_or_a_row_that_it_drops_is_seen() -> None:
    before: Rows = {"patients": [{"patient_id": "p", "bed": "1"}], "gone": [{"x": 1}], "emptied": [{"y": 1}]}
    after: Rows = {"patients": [{"patient_id": "p", "bed": "2"}], "emptied": []}
    assert missing(before, after) == {"patients.bed", "gone", "emptied", "emptied.y"}
