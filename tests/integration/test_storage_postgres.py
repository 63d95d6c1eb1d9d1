"""PostgreSQL keeps every promise of storage, and those that only two connections can show."""

import threading
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import text

from runtime.bus import TopicPartition
from runtime.keys_file import KeysInMemory
from storage import devices, escalation, patients, people_attempts, tables
from storage.claims import claim, positions_of, remember_positions
from storage.migrate import upgrade, upgrade_database
from storage.session import Database
from tests.support.episode_history_contract import EpisodeHistoryContract
from tests.support.ladder_contract import LadderContract, a_step
from tests.support.ledger_contract import LedgerContract
from tests.support.migration_contract import MigrationContract
from tests.support.people_contract import PeopleContract
from tests.support.postgres_server import PostgresServer, private_server
from tests.support.recorder_contract import Bench, RecorderContract, some_readings
from tests.support.reliability_contract import ReliabilityContract
from tests.support.retention_contract import RetentionContract
from tests.support.rules_contract import RulesContract
from tests.support.silence_contract import SilenceContract
from tests.support.stay_contract import StayContract
from tests.support.storage_charting_contract import ChartingContract
from tests.support.storage_contract import FenceContract, RegistryContract
from tests.support.storage_history_contract import EpisodeContract, HistoryContract
from vitals.errors import Conflict, Fenced, Unavailable
from vitals.reading import DeviceId, PatientId, WardId

pytestmark = pytest.mark.integration

AT_0 = TopicPartition("readings", 0)
READY = "wardlight_process_ready"


@pytest.fixture(scope="module")
def migrated(postgres_server: PostgresServer) -> Iterator[Database]:
    database = Database(postgres_server.create_database(), keys=KeysInMemory())
    upgrade_database(database)
    yield database
    database.close()


@pytest.fixture
def database(migrated: Database) -> Database:
    """The same database for every test, emptied of all but what the upgrade put there."""
    names = ", ".join(set(tables.metadata.tables) - {"instance", "registry", "audit_entries", "decisions"})
    with migrated.transaction() as conn:
        conn.execute(text(f"TRUNCATE {names}"))
    return migrated


class TestRegistry(RegistryContract):
    pass


class TestFence(FenceContract):
    pass


class TestSilences(SilenceContract):
    pass


class TestEpisodeHistory(EpisodeHistoryContract):
    pass


class TestRules(RulesContract):
    pass


class TestLadders(LadderContract):
    pass


class TestPeople(PeopleContract):
    pass


class TestHistory(HistoryContract):
    pass


class TestEpisodes(EpisodeContract):
    pass


class TestRecorder(RecorderContract):
    pass


class TestLedger(LedgerContract):
    pass


class TestReliability(ReliabilityContract):
    pass


class TestRetention(RetentionContract):
    pass


class TestCharting(ChartingContract):
    pass


class TestStays(StayContract):
    pass


def in_threads(*calls: Callable[[], object]) -> list[object]:
    """Run all at once; their results or exceptions, in order."""
    outcomes: list[object] = [None] * len(calls)
    start = threading.Barrier(len(calls))

    def run(index: int, call: Callable[[], object]) -> None:
        start.wait()
        try:
            outcomes[index] = call()
        except (Conflict, Fenced) as error:
            outcomes[index] = error

    threads = [threading.Thread(target=run, args=item) for item in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return outcomes


def waiting_for_a_lock(database: Database) -> int:
    """How many connections of this database wait for one."""
    with database.snapshot() as conn:
        waiting: int = conn.execute(
            text(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
        ).scalar_one()
        return waiting


def test_a_claim_waits_for_the_commit_in_flight_and_then_fences_its_owner(database: Database) -> None:
    with database.transaction() as conn:
        old = claim(conn, "g", [0]).epochs
    claimed: list[object] = []

    def claim_anew() -> None:
        with database.transaction() as conn:
            claimed.append(claim(conn, "g", [0]))

    successor = threading.Thread(target=claim_anew)
    with database.transaction() as conn:
        remember_positions(conn, "g", old, {AT_0: 41})
        successor.start()
        while not waiting_for_a_lock(database):
            assert successor.is_alive()
        assert claimed == []
    successor.join(60)
    assert claimed == [({0: 2}, {AT_0: 41})]
    with pytest.raises(Fenced, match="epoch 2, not 1"), database.transaction() as conn:
        remember_positions(conn, "g", old, {AT_0: 42})
    with database.snapshot() as conn:
        assert positions_of(conn, "g") == {AT_0: 41}


def test_of_two_owners_at_once_the_fenced_one_never_overwrites(database: Database) -> None:
    with database.transaction() as conn:
        old = claim(conn, "g", range(8)).epochs

    def go_on() -> int:
        done = 0
        try:
            while done < 10_000:
                with database.transaction() as conn:
                    remember_positions(conn, "g", old, {TopicPartition("readings", p): done + 1 for p in range(8)})
                done += 1
        except Fenced:
            pass
        return done

    def take_over() -> dict[TopicPartition, int]:
        with database.transaction() as conn:
            return claim(conn, "g", reversed(range(8))).positions

    done, taken = in_threads(go_on, take_over)
    assert isinstance(taken, dict)
    assert set(taken.values()) <= {done}
    with database.snapshot() as conn:
        assert positions_of(conn, "g") == taken


def test_a_device_enrolled_by_many_at_once_has_one_patient_and_every_patient_a_bed(database: Database) -> None:
    def enroll(name: str) -> Callable[[], PatientId]:
        def call() -> PatientId:
            with database.transaction() as conn:
                return devices.enroll(conn, DeviceId(name), WardId("west"), 5)

        return call

    outcomes = in_threads(*(enroll(name) for name in ("d1", "d1", "d2", "d1")))
    assert outcomes[0] == outcomes[1] == outcomes[3] != outcomes[2]
    with database.snapshot() as conn:
        assert [patient.bed for patient in patients.list_patients(conn)] == ["1", "2"]


def test_a_snapshot_sees_one_moment_whatever_others_commit(database: Database) -> None:
    with database.snapshot() as before:
        assert positions_of(before, "g") == {}
        with database.transaction() as conn:
            remember_positions(conn, "g", claim(conn, "g", [0]).epochs, {AT_0: 1})
        assert positions_of(before, "g") == {}
    with database.snapshot() as after:
        assert positions_of(after, "g") == {AT_0: 1}


def test_upgrades_at_once_make_one_schema(postgres_url: str) -> None:
    assert in_threads(lambda: upgrade(postgres_url), lambda: upgrade(postgres_url)) == [None, None]


@pytest.mark.asyncio
async def test_a_recorder_outlives_a_database_that_stops_and_starts_again() -> None:
    with private_server() as server:
        database = Database(server.create_database(), keys=KeysInMemory())
        upgrade_database(database)
        bench = Bench(database)
        await bench.claim()
        kept = some_readings(range(4))
        await bench.feed("readings", *kept[:2])
        await bench.remember()
        await bench.feed("readings", *kept[2:])
        server.stop()
        with pytest.raises(Unavailable, match="does not answer"):
            await bench.remember()
        with pytest.raises(Unavailable):
            await bench.claim()
        assert bench.telemetry.value(READY, component="recorder") == 0
        server.start_again()
        assert await bench.claim() == {AT_0: 2}
        bench.positions = {AT_0: 2}
        await bench.feed("readings", *kept[2:])
        await bench.remember()
        assert bench.stored() == tuple(kept)
        assert bench.telemetry.value(READY, component="recorder") == 1
        database.close()


class TestMigrations(MigrationContract):
    @pytest.fixture
    def empty_url(self, postgres_url: str) -> str:
        return postgres_url


def test_attempts_at_the_same_moment_are_counted_one_by_one(database: Database) -> None:
    def attempt() -> None:
        with database.transaction() as conn:
            people_attempts.begin_attempt(
                conn, [("account", lambda _: 0), ("address", lambda _: 0)], now_ms=1, forget_ms=10, kept_max=100
            )

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.snapshot() as conn:
        failures = conn.execute(text("SELECT failures FROM attempts ORDER BY subject")).scalars().all()
    assert failures == [8, 8]


def test_of_two_processes_that_take_a_step_at_once_one_has_taken_it(database: Database) -> None:
    step = a_step()
    answers: list[bool] = []

    def take() -> None:
        with database.transaction() as conn:
            answers.append(escalation.claim(conn, step))

    with database.transaction() as conn:
        assert escalation.claim(conn, step)
        rival = threading.Thread(target=take)
        rival.start()
        rival.join(timeout=0.3)
        assert rival.is_alive(), "it waits for the first one's outcome"
    rival.join(timeout=10)
    assert answers == [False]
