"""On a real PostgreSQL the dashboard's role sees patients of the wards its transaction names, wherever they were measured, and none without."""

from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import pytest
from sqlalchemy import BigInteger, Boolean, Double, Integer, LargeBinary, SmallInteger, Table, insert, select, update

from runtime.clock import SystemClock
from storage import assessments, patients, readings, tables
from storage.row_security import EVERY_ROW, NO_ROW, POLICIES, Seen
from storage.session import Database
from tests.support.secured_postgres import SecuredPostgres
from vitals.errors import AccessDenied, NotFound
from vitals.reading import PatientId
from vitals.sign import Sign

pytestmark = pytest.mark.integration

NORTH, SOUTH = Seen(wards=frozenset({"north"})), Seen(wards=frozenset({"south"}))
PEOPLE = {"anna": "north", "ben": "south", "carl": "north"}
"""Who was measured on which ward; Carl has since been moved to the south."""
STAYS_TOLD = {"episodes", "transitions", "labels"}
"""An alert also stays on the ward where it was last told of."""


def row_of(table: Table, patient_id: str, ward_id: str) -> dict[str, Any]:
    """A row with something in every column that must hold something."""
    given: dict[str, Any] = {"patient_id": patient_id, "ward_id": ward_id, "bed": patient_id}
    row: dict[str, Any] = {}
    for column in table.columns:
        if column.name in given:
            row[column.name] = given[column.name]
        elif isinstance(column.type, LargeBinary):
            row[column.name] = b""
        elif isinstance(column.type, Boolean):
            row[column.name] = False
        elif isinstance(column.type, Double):
            row[column.name] = 1.0
        elif isinstance(column.type, BigInteger | Integer | SmallInteger):
            row[column.name] = 1 if not column.nullable else None
        elif column.primary_key or column.name == "episode_id":
            row[column.name] = patient_id
        elif not column.nullable:
            row[column.name] = "x"
    return row


@pytest.fixture(scope="module")
def owners(secured_postgres: SecuredPostgres) -> str:
    """The owner's URL of a database in which each confined table has a row of each patient."""
    url = secured_postgres.create_database()
    database = Database(url, connections_max=1)
    with database.transaction() as conn:
        for table in tables.metadata.sorted_tables:
            for patient_id, ward_id in PEOPLE.items() if table.name in POLICIES else ():
                conn.execute(insert(table).values(row_of(table, patient_id, ward_id)))
        conn.execute(update(tables.patients).where(tables.patients.c.patient_id == "carl").values(ward_id="south"))
    database.close()
    return url


@pytest.fixture
def board(secured_postgres: SecuredPostgres, owners: str) -> Iterator[Database]:
    """As the dashboard comes."""
    database = Database(secured_postgres.url(owners, "dashboard"), connections_max=1)
    yield database
    database.close()


def seen_in(database: Database, table: str) -> set[str]:
    """The patients of whom this transaction sees a row."""
    column = "episode_id" if table == "transitions" else "patient_id"
    with database.snapshot() as conn:
        return set(conn.execute(select(tables.metadata.tables[table].c[column])).scalars())


@pytest.mark.parametrize("table", POLICIES)
def test_rows_follow_the_patient_to_the_ward_where_they_lie_now(board: Database, table: str) -> None:
    assert seen_in(board.seeing(NORTH), table) == {"anna"} | ({"carl"} if table in STAYS_TOLD else set())
    assert seen_in(board.seeing(SOUTH), table) == {"ben", "carl"}
    assert seen_in(board.seeing(Seen(patients=frozenset({"anna"}))), table) == {"anna"}
    assert seen_in(board.seeing(EVERY_ROW), table) == {"anna", "ben", "carl"}


@pytest.mark.parametrize("table", POLICIES)
def test_without_a_word_nothing_is_seen(board: Database, table: str) -> None:
    assert seen_in(board, table) == set()
    assert seen_in(board.seeing(NO_ROW), table) == set()


def test_what_one_transaction_may_see_the_next_on_its_connection_may_not(board: Database) -> None:
    assert seen_in(board.seeing(EVERY_ROW), "patients")
    assert seen_in(board, "patients") == set()


def test_the_repositories_answer_as_if_others_were_not_there(board: Database) -> None:
    with board.seeing(NORTH).snapshot() as conn:
        assert [patient.patient_id for patient in patients.list_patients(conn)] == ["anna"]
        with pytest.raises(NotFound):
            patients.get(conn, PatientId("ben"))
        asked: dict[str, Any] = {"signs": tuple(Sign), "from_ms": 0, "to_ms": 9, "every_ms": 9, "limit": 9}
        assert len(readings.history(conn, PatientId("anna"), **asked)) == 1
        assert len(readings.history(conn, PatientId("carl"), **asked)) == 0
        assert len(assessments.history(conn, PatientId("ben"), from_ms=0, to_ms=9, limit=9)) == 0


def test_no_row_is_written_beyond_what_is_seen(board: Database) -> None:
    with pytest.raises(AccessDenied, match="row-level security"), board.seeing(NORTH).transaction() as conn:
        conn.execute(insert(tables.patients).values(row_of(tables.patients, "dora", "south")))
    with board.seeing(NORTH).transaction() as conn:
        assert conn.execute(update(tables.patients).values(sex="female")).rowcount == 1


def test_every_confined_table_forces_its_policies_and_everybody_else_sees_all(
    secured_postgres: SecuredPostgres, owners: str
) -> None:
    with secured_postgres.owner(owners) as conn:
        forced = conn.execute("SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity").fetchall()
    assert {str(row[0]) for row in forced} == POLICIES.keys()
    for service in ("recorder", "alerts", "operator"):
        database = Database(secured_postgres.url(owners, service), connections_max=1)
        assert seen_in(database, "readings") == {"anna", "ben", "carl"}
        database.close()


def test_what_the_policies_cost_is_little_beside_the_query(
    secured_postgres: SecuredPostgres, owners: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """100 patients with 500 readings each: the history of one, and the newest of all, as the owner and as the dashboard."""
    url = secured_postgres.create_database()
    with secured_postgres.owner(url) as conn:
        conn.execute(
            "INSERT INTO patients (patient_id, ward_id, bed, spo2_scale, admitted_at_ms)"
            " SELECT 'p' || n, 'w' || n % 4, 'b' || n, 1, 0 FROM generate_series(1, 100) AS n"
        )
        conn.execute(
            "INSERT INTO readings (reading_id, patient_id, device_id, measured_at_ms, received_at_ms, origin, heart_rate_bpm)"
            " SELECT n || '/' || at, 'p' || n, 'd', at, at, 'real', 70"
            " FROM generate_series(1, 100) AS n, generate_series(1, 500) AS at"
        )
        conn.execute("ANALYZE")
    one_ward = Seen(wards=frozenset({"w1"}))
    whole = Database(url, connections_max=1)
    confined = Database(secured_postgres.url(url, "dashboard"), connections_max=1).seeing(one_ward)
    on_ward = [PatientId(f"p{number}") for number in range(1, 100, 4)]
    try:
        for name, call in (
            (
                "history of one",
                lambda conn: readings.history(conn, on_ward[0], signs=tuple(Sign), from_ms=0, to_ms=501, limit=500),
            ),
            ("newest of 25", lambda conn: readings.latest(conn, on_ward)),
        ):
            medians_ms = {}
            for who, database in (("owner", whole), ("dashboard", confined)) * 2:
                medians_ms[who] = _median_ms(database, call)
            with capsys.disabled():
                print(
                    f"\n{name}: {medians_ms['owner']:.2f} ms without policies, {medians_ms['dashboard']:.2f} ms with them"
                )
            assert medians_ms["dashboard"] < 10 * medians_ms["owner"] + 20
    finally:
        whole.close()
        confined.close()


def _median_ms(database: Database, call: Callable[[Any], object]) -> float:
    clock, taken = SystemClock(), []
    for _ in range(30):
        begun_s = clock.monotonic_s()
        with database.snapshot() as conn:
            call(conn)
        taken.append(1000 * (clock.monotonic_s() - begun_s))
    return median(taken)
