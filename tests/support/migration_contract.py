"""What migrations promise, whichever database: subclass and give the fixture `empty_url`, a database without tables."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from runtime.keys_file import KeysInMemory, NoKeys
from storage import destinations, episodes, migrate, models, patients, tables
from storage.facts import facts
from storage.session import Database
from storage.signing import load_signer
from tests.support import alert_transitions
from vitals.alert import Priority, progress_of
from vitals.errors import ConfigurationError
from vitals.notification import Secret


class MigrationContract:
    """Upgrade makes exactly the schema of `storage.tables`; check accepts that one only."""

    @pytest.fixture
    def database(self, empty_url: str) -> Iterator[Database]:
        database = Database(empty_url, keys=KeysInMemory())
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

    def test_what_is_asked_of_the_database_itself_again_and_again_is_compiled_once(self, database: Database) -> None:
        migrate.upgrade_database(database)
        compiled: dict[Any, Any] = {}
        with database.snapshot() as plain:
            conn = plain.execution_options(compiled_cache=compiled)
            assert facts(conn).schema == migrate.head()
            once = len(compiled)
            facts(conn)
        assert len(compiled) == once > 0

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

    def test_alerts_of_an_older_schema_keep_their_place_in_the_new_scale(self, database: Database) -> None:
        """An open high alert that somebody had acknowledged: 21 then, and still before its end, 121."""
        with database.transaction() as conn:
            migrate.upgrade_to(conn, "0006")
            conn.execute(text(_OLD_EPISODE))
            for step, progress in (("raised", 10), ("escalated", 20), ("acknowledged", 21), ("resolved", 121)):
                values = {"step": step, "progress": progress, "record": b"{}"}
                conn.execute(text(_OLD_TRANSITION), values)
        migrate.upgrade_database(database)
        with database.snapshot() as conn:
            held = episodes.get(conn, "e1")
            steps = conn.execute(text("SELECT progress FROM transitions ORDER BY progress")).scalars().all()
        open_high = alert_transitions.escalated(alert_transitions.an_alert(priority=Priority.MEDIUM), at_s=2)
        seen = alert_transitions.acknowledged(open_high, at_s=3)
        over = alert_transitions.resolved(seen, at_s=4)
        scale = [
            progress_of(step) for step in (alert_transitions.an_alert(priority=Priority.MEDIUM), open_high, seen, over)
        ]
        assert steps == scale
        assert held.last_progress == progress_of(seen)
        assert (held.latched, held.suppression, held.acknowledgements, held.round) == (False, None, (), 0)

    def test_versions_that_newer_ones_followed_are_superseded_and_the_rest_keep_what_they_were(
        self, database: Database
    ) -> None:
        with database.transaction() as conn:
            migrate.upgrade_to(conn, "0013")
            for number, candidate, standing in (
                (1, "a", "retired"),
                (2, "b", "retired"),
                (3, "a", "champion"),
                (4, "c", "challenger"),
            ):
                values = {"number": number, "candidate": candidate, "standing": standing, "blob": b"w"}
                conn.execute(text(_OLD_VERSION), values)
        migrate.upgrade_database(database)
        with database.snapshot() as conn:
            found = {each.version.number: each.standing.value for each in models.versions(conn)}
        assert found == {1: "superseded", 2: "retired", 3: "champion", 4: "challenger"}

    def test_names_and_secrets_of_an_older_schema_are_sealed_and_left_nowhere(self, database: Database) -> None:
        with database.transaction() as conn:
            migrate.upgrade_to(conn, "0014")
            for statement in _OLD_PEOPLE:
                conn.execute(text(statement))
        migrate.upgrade_database(database)
        with database.snapshot() as conn:
            ada, bo = patients.list_patients(conn)
            held, removed = (destinations.get(conn, name) for name in ("d1", "d2"))
        assert (ada.name, ada.birth_date, ada.born) == ("Ada Marked", "1950-03-02", date(1950, 3, 2))
        assert (bo.name, bo.birth_date, bo.born) == ("Bo Marked", None, None)
        assert (held.destination.address, held.destination.secret) == ("https://marked.example/hook", Secret("marked"))
        assert (held.destination.options, removed.destination.address) == ({"a": "b"}, "")
        if database.file is not None:
            files = Path(database.file).parent.glob(f"{Path(database.file).name}*")
            assert not any(b"arked" in file.read_bytes() for file in files)

    def test_without_a_key_names_of_an_older_schema_are_left_as_they_are(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with database.transaction() as conn:
            migrate.upgrade_to(conn, "0014")
            conn.execute(text(_OLD_PEOPLE[0]))
        monkeypatch.setattr(database.keys, "ring", NoKeys().ring)
        with pytest.raises(ConfigurationError, match="There is no key for names and secrets"):
            migrate.upgrade_database(database)
        with database.snapshot() as conn:
            assert migrate.revision_of(conn) == "0014"
            assert conn.execute(text("SELECT name FROM patients")).scalar_one() == "Ada Marked"


_OLD_PEOPLE = (
    """INSERT INTO patients (patient_id, ward_id, bed, name, spo2_scale, admitted_at_ms, birth_date)
       VALUES ('p1', 'west', '1', 'Ada Marked', 1, 1700000000000, '1950-03-02')""",
    """INSERT INTO patients (patient_id, ward_id, bed, name, spo2_scale, admitted_at_ms)
       VALUES ('p2', 'west', '2', 'Bo Marked', 1, 1700000000000)""",
    """INSERT INTO destinations (destination_id, name, channel, address, secret, options, created_at_ms, created_by)
       VALUES ('d1', 'Pager', 'webhook', 'https://marked.example/hook', 'marked', '{"a":"b"}', 1, 'root')""",
    """INSERT INTO destinations
       (destination_id, name, channel, address, options, created_at_ms, created_by, removed_at_ms)
       VALUES ('d2', 'Old', 'webhook', 'https://marked.example/old', '{}', 1, 'root', 2)""",
)
_OLD_VERSION = """
    INSERT INTO model_versions (number, hash, candidate, pipeline, made_at_ms, lessons, horizon_s, scores, standing, made_as,
        blob, signature)
    VALUES (:number, 'h', :candidate, 'x', 1, 1, 60, '{}', :standing, 'challenger', :blob, :blob)
"""
_OLD_EPISODE = """
    INSERT INTO episodes (episode_id, patient_id, ward_id, kind, priority, active, acknowledged, onset_ms, raised_at_ms,
        origin, last_transition_id, last_transition, last_reason, last_at_ms, last_progress, text, by_person)
    VALUES ('e1', 'p1', 'west', 'spo2-low', 'high', true, true, 1, 1,
        'real', 't3', 'acknowledged', 'person', 3, 21, 'SpO2 79 %', 'Kim')
"""
_OLD_TRANSITION = """
    INSERT INTO transitions (transition_id, episode_id, at_ms, progress, record) VALUES (:step, 'e1', 1, :progress, :record)
"""
