"""The outbox in PostgreSQL, and what only several connections can show."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from runtime.keys_file import KeysInMemory
from storage import destinations, subscriptions, tables
from storage.migrate import upgrade_database
from storage.notifications_outbox import Claimed
from storage.notifications_outcome import put_accepted
from storage.session import Database
from tests.support.notifications_contract import (
    NOW_MS,
    NotificationsContract,
    destination,
    subscription,
    take,
    taken,
    told,
)
from tests.support.outbox_scene import step
from tests.support.postgres_server import PostgresServer

pytestmark = pytest.mark.integration
WRITERS = 4
EACH = 15


@pytest.fixture(scope="module")
def migrated(postgres_server: PostgresServer) -> Iterator[Database]:
    database = Database(postgres_server.create_database(), connections_max=WRITERS + 1, keys=KeysInMemory())
    upgrade_database(database)
    yield database
    database.close()


@pytest.fixture
def database(migrated: Database) -> Database:
    """The same database for every test, emptied of all but what the upgrade put there."""
    kept = {"instance", "registry", "audit_entries", "decisions"}
    with migrated.transaction() as conn:
        conn.execute(text(f"TRUNCATE {', '.join(set(tables.metadata.tables) - kept)}"))
    return migrated


class TestNotifications(NotificationsContract):
    pass


def at_once(calls: list[Callable[[], None]]) -> None:
    """Each in a thread of its own; the first failure is raised."""
    with ThreadPoolExecutor(len(calls)) as threads:
        for one in [threads.submit(call) for call in calls]:
            one.result()


def test_writers_at_once_number_events_without_gap_and_claimers_at_once_send_each_once(database: Database) -> None:
    with database.transaction() as conn:
        destinations.add(conn, destination(), by="root", now_ms=1)
        subscriptions.add(conn, subscription())
        subscriptions.add(conn, subscription("t"))

    def count(writer: int) -> Callable[[], None]:
        def run() -> None:
            for number in range(EACH):
                with database.transaction() as conn:
                    shared = step(f"shared-{number}", patient="all")
                    told(conn, shared, step(f"e{writer}-{number}", patient=f"p{writer}"))

        return run

    at_once([count(writer) for writer in range(WRITERS)])
    with database.snapshot() as conn:
        for name in ("s", "t"):
            events = subscriptions.events_since(conn, name, since=0, limit=1000)
            assert [one.number for one in events] == list(range(1, EACH * (WRITERS + 1) + 1))
            assert len({one.step.transition_id for one in events}) == len(events)
    sent: list[str] = []

    def send() -> None:
        while True:
            with database.transaction() as conn:
                answer = take(conn)
            if not isinstance(answer.work, Claimed):
                return
            sent.append(taken(answer).notification_id)
            with database.transaction() as conn:
                put_accepted(conn, answer.work, is_delivered=True, reference=None, now_ms=NOW_MS)

    at_once([send] * WRITERS)
    assert len(sent) == len(set(sent)) == 2 * EACH * (WRITERS + 1)
