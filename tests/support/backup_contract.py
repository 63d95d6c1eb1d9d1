"""What a backup promises, whichever databases: subclass and give the fixtures `source` and `target`, databases without tables."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Connection, MetaData, Table, func, inspect, select, text

from runtime.bus import TopicPartition
from storage import archive, assessments, devices, episodes, labels, migrate, patients, readings, rejections, tables
from storage.backup import EPOCHS_AHEAD, dump, load
from storage.claims import claim, positions_of, remember_positions
from storage.devices import Device
from storage.operations import Deed, last_done, put_down
from storage.patients import Patient
from storage.session import Database
from storage.signing import load_signer
from storage.states import load_states, store_states
from tests.support.builders import assessment, reading
from tests.support.fresh_database import lay_schema
from tests.support.labels import label
from tests.support.storage_history_contract import rejection, step
from vitals.codec import encode
from vitals.errors import Conflict, MalformedRecord
from vitals.reading import DeviceId, PatientId, WardId

WARD = WardId("north")
PATIENT = Patient(patient_id=PatientId("p1"), ward_id=WARD, bed="7", name="Ada Ökafor", spo2_scale=1, admitted_at_ms=5)
WATCH = Device(device_id=DeviceId("d1"), ward_id=WARD, added_at_ms=5)
AT_0 = TopicPartition("readings", 0)
Rows = dict[str, list[tuple[Any, ...]]]


def filled(database: Database, *, seconds: Iterable[int] = range(1200)) -> None:
    """A database in which every table of ours that this module knows how to fill holds something."""
    if database.is_sqlite:
        lay_schema(database)
    else:
        migrate.upgrade_database(database)
    measured = [reading(at_s=second, spo2_percent=97 - second % 5) for second in seconds]
    with database.transaction() as conn:
        patients.add(conn, PATIENT)
        devices.add(conn, WATCH)
        devices.assign(conn, WATCH.device_id, PATIENT.patient_id, 5)
        readings.store(conn, measured)
        assessments.store(conn, [assessment(at_s=second) for second in list(seconds)[:5]])
        rejections.store(conn, [rejection("r1")])
        episodes.store(conn, [step()])
        labels.store(conn, [encode(label())])
        claims = claim(conn, "stream", {0})
        signed = load_signer(conn).signed("stream", 0, key="p1", offset=4, blob=b"\x00\xff", pipeline_hash="h")
        store_states(conn, "stream", claims.epochs, {0: [signed]})
        remember_positions(conn, "stream", claims.epochs, {AT_0: 4})
        put_down(conn, Deed.TRIM, at_ms=7, detail={"rows": 1})


def every_row(database: Database) -> Rows:
    """Every table's rows, in an order of their own; booleans as numbers, since SQLite has no others."""
    with database.snapshot() as conn:
        return {
            name: sorted(
                (
                    tuple(int(cell) if isinstance(cell, bool) else cell for cell in row)
                    for row in conn.execute(select(*_columns(conn, name)))
                ),
                key=repr,
            )
            for name in inspect(conn).get_table_names()
        }


def _columns(conn: Connection, name: str) -> list[Column[Any]]:
    """A table's columns as the program declares them: a database that was upgraded may keep them in another order."""
    declared = tables.metadata.tables.get(name)
    return list((Table(name, MetaData(), autoload_with=conn) if declared is None else declared).columns)


def write(database: Database, file: Path) -> archive.Manifest:
    """A backup of `database` at `file`."""
    with archive.writing(file) as writer:
        return dump(database, writer, program="9.9", created_at_ms=11)


def read_into(database: Database, file: Path, *, replace: bool = False) -> dict[str, int]:
    """`file` restored into `database`."""
    with archive.reading(file) as reader:
        return load(database, reader, replace=replace)


class BackupContract:
    """Everything comes back, or nothing happens."""

    def test_every_table_is_equal_after_a_restore_but_for_the_epochs_that_fence(
        self, source: Database, target: Database, tmp_path: Path
    ) -> None:
        filled(source)
        manifest = write(source, tmp_path / "b")
        rows = read_into(target, tmp_path / "b")
        before, after = every_row(source), every_row(target)
        assert after.pop("claims") == [
            (group, partition, epoch + EPOCHS_AHEAD) for group, partition, epoch in before.pop("claims")
        ]
        assert after == before
        assert rows["readings"] == 1200
        assert manifest.schema == migrate.head()
        assert set(rows) == set(before) - {"alembic_version"} | {"claims"}

    def test_a_restored_database_is_whole(self, source: Database, target: Database, tmp_path: Path) -> None:
        filled(source, seconds=range(3))
        write(source, tmp_path / "b")
        read_into(target, tmp_path / "b")
        migrate.check_database(target)
        with target.transaction() as conn:
            signer = load_signer(conn)
            (state,) = load_states(conn, "stream", 0)
            signer.verify("stream", 0, state)
            assert positions_of(conn, "stream") == {AT_0: 4}
            assert claim(conn, "stream", {0}).epochs == {0: EPOCHS_AHEAD + 2}
            assert last_done(conn)[Deed.TRIM].detail == {"rows": 1}
            assert readings.store(conn, [reading(at_s=1)]).duplicates == 1

    def test_a_database_that_holds_something_is_overwritten_only_when_told_so(
        self, source: Database, target: Database, tmp_path: Path
    ) -> None:
        filled(source, seconds=range(3))
        write(source, tmp_path / "b")
        filled(target, seconds=range(50, 60))
        held = every_row(target)
        with pytest.raises(Conflict, match=r"not empty \(.*readings.*--replace"):
            read_into(target, tmp_path / "b")
        assert every_row(target) == held
        read_into(target, tmp_path / "b", replace=True)
        assert every_row(target)["readings"] == every_row(source)["readings"]

    @pytest.mark.thorough
    def test_a_freshly_upgraded_database_counts_as_empty(
        self, source: Database, target: Database, tmp_path: Path
    ) -> None:
        filled(source, seconds=range(3))
        write(source, tmp_path / "b")
        migrate.upgrade_database(target)
        read_into(target, tmp_path / "b")
        assert every_row(target)["instance"] == every_row(source)["instance"]

    def test_a_damaged_backup_changes_nothing(self, source: Database, target: Database, tmp_path: Path) -> None:
        filled(source, seconds=range(900))
        file = tmp_path / "b"
        write(source, file)
        whole = file.read_bytes()
        filled(target, seconds=range(3))
        held = every_row(target)
        for place in (len(whole) // 3, len(whole) // 2):
            file.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
            with pytest.raises(MalformedRecord, match="damaged"):
                read_into(target, file, replace=True)
        file.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(MalformedRecord, match="no backup of Wardlight, or it is damaged"):
            read_into(target, file, replace=True)
        assert every_row(target) == held

    def test_a_backup_of_an_older_schema_is_brought_up_to_date(
        self, source: Database, target: Database, tmp_path: Path
    ) -> None:
        with source.transaction() as conn:
            migrate.upgrade_to(conn, "0001")
            conn.execute(text("INSERT INTO devices VALUES ('d1', 'north', 5)"))
        write(source, tmp_path / "b")
        read_into(target, tmp_path / "b")
        migrate.check_database(target)
        with target.snapshot() as conn:
            assert conn.execute(select(func.count()).select_from(tables.devices)).scalar_one() == 1

    def test_a_backup_of_a_newer_schema_is_refused(self, source: Database, target: Database, tmp_path: Path) -> None:
        filled(source, seconds=range(3))
        with source.transaction() as conn:
            conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        write(source, tmp_path / "b")
        with pytest.raises(Conflict, match="use a newer Wardlight"):
            read_into(target, tmp_path / "b")
