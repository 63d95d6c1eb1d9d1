"""What the registry, the fence and stored states promise, whichever database: subclass and give the fixture `database`.

`database` is an upgraded, empty `storage.session.Database`; a class run on PostgreSQL and on SQLite shows both keep it.
"""

from collections.abc import Callable

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from runtime.bus import TopicPartition
from storage import devices, patients, tables
from storage.claims import check_epochs, claim, positions_of, remember_positions
from storage.devices import Assignment, Device
from storage.patients import Patient
from storage.session import Database
from storage.signing import load_signer
from storage.states import StateRow, delete_states, load_states, state_keys, store_states
from vitals.errors import Conflict, Fenced, InvalidArgument, NotFound, SnapshotMismatch
from vitals.fault import SYSTEM_WARD
from vitals.reading import PROBE, DeviceId, PatientId, WardId

WARD = WardId("west")
READINGS_0 = TopicPartition("readings", 0)


def patient(name: str, *, bed: str | None = None, ward: str = WARD) -> Patient:
    """A patient whose id is the name."""
    return Patient(PatientId(name), WardId(ward), bed, name.title(), 1, 1_000)


def device(name: str) -> Device:
    """A known device of the ward."""
    return Device(DeviceId(name), WARD, 500)


def fail_after_remembering(conn: Connection, epochs: dict[int, int]) -> None:
    """Remember something, then raise Fenced."""
    remember_positions(conn, "g", epochs, {READINGS_0: 5})
    check_epochs(conn, "g", {0: 99})


class RegistryContract:
    """Patients, devices, and whom each device measured when."""

    def test_patients_present_are_listed_by_ward_and_bed(self, database: Database) -> None:
        with database.transaction() as conn:
            for one in (patient("c", bed="10"), patient("b", bed="2"), patient("x", ward="east"), patient("home")):
                patients.add(conn, one)
        with database.snapshot() as conn:
            assert [p.patient_id for p in patients.list_patients(conn, WARD)] == ["b", "c", "home"]
            assert [p.patient_id for p in patients.list_patients(conn)] == ["x", "b", "c", "home"]
            assert patients.get(conn, PatientId("b")) == patient("b", bed="2")

    def test_an_unknown_patient_is_not_found(self, database: Database) -> None:
        with database.snapshot() as conn, pytest.raises(NotFound):
            patients.get(conn, PatientId("nobody"))

    def test_a_taken_bed_and_a_known_id_are_conflicts(self, database: Database) -> None:
        with database.transaction() as conn:
            patients.add(conn, patient("a", bed="1"))
            with pytest.raises(Conflict, match="Bed 1"):
                patients.add(conn, patient("b", bed="1"))
            with pytest.raises(Conflict, match="exists"):
                patients.add(conn, patient("a", bed="2"))

    def test_ids_that_no_topic_could_carry_are_refused(self, database: Database) -> None:
        with database.transaction() as conn:
            with pytest.raises(InvalidArgument):
                patients.add(conn, patient("a/b"))
            with pytest.raises(InvalidArgument):
                devices.add(conn, device("#"))
            with pytest.raises(InvalidArgument, match="people who chart"):
                devices.add(conn, device("charting"))
            with pytest.raises(InvalidArgument, match="way into the log"):
                devices.add(conn, device(PROBE))
            with pytest.raises(InvalidArgument, match="way into the log"):
                devices.enroll(conn, PROBE, WardId("ward-a"), 1)

    def test_no_patient_may_pass_for_a_part_of_the_system(self, database: Database) -> None:
        with database.transaction() as conn:
            for impostor in (patient("system-recorder"), patient("a", ward=SYSTEM_WARD)):
                with pytest.raises(InvalidArgument, match="stand for Wardlight itself"):
                    patients.add(conn, impostor)

    def test_a_discharged_patient_frees_bed_and_devices_and_stays_known(self, database: Database) -> None:
        with database.transaction() as conn:
            patients.add(conn, patient("a", bed="1"))
            devices.add(conn, device("d"))
            devices.assign(conn, DeviceId("d"), PatientId("a"), 1_000)
            for at_ms in (9_000, 9_999):
                patients.discharge(conn, PatientId("a"), at_ms)
            patients.add(conn, patient("b", bed="1"))
            assert [p.patient_id for p in patients.list_patients(conn)] == ["b"]
            assert patients.get(conn, PatientId("a")).discharged_at_ms == 9_000
            assert devices.patient_as_of(conn, DeviceId("d"), 8_999) == "a"
            assert devices.patient_as_of(conn, DeviceId("d"), 9_000) is None

    def test_a_device_measures_whoever_it_was_assigned_to_at_that_time(self, database: Database) -> None:
        d = DeviceId("d")
        with database.transaction() as conn:
            devices.add(conn, device("d"))
            for name in "ab":
                patients.add(conn, patient(name))
            devices.assign(conn, d, PatientId("a"), 1_000)
            devices.assign(conn, d, PatientId("a"), 1_500)
            devices.assign(conn, d, PatientId("b"), 2_000)
            devices.release(conn, d, 3_000)
            devices.release(conn, d, 3_500)
            found = [devices.patient_as_of(conn, d, at_ms) for at_ms in (999, 1_000, 1_999, 2_000, 2_999, 3_000)]
            assert found == [None, "a", "a", "b", "b", None]
            assert devices.assignments_of(conn, d) == (
                Assignment(d, PatientId("a"), 1_000, 2_000),
                Assignment(d, PatientId("b"), 2_000, 3_000),
            )

    def test_assigning_does_not_rewrite_the_past(self, database: Database) -> None:
        with database.transaction() as conn:
            devices.add(conn, device("d"))
            for name in "ab":
                patients.add(conn, patient(name))
            devices.assign(conn, DeviceId("d"), PatientId("a"), 1_000)
            with pytest.raises(Conflict):
                devices.assign(conn, DeviceId("d"), PatientId("b"), 1_000)
            with pytest.raises(Conflict):
                devices.release(conn, DeviceId("d"), 500)
            devices.release(conn, DeviceId("d"), 2_000)
            with pytest.raises(Conflict):
                devices.assign(conn, DeviceId("d"), PatientId("b"), 1_999)

    def test_unknown_devices_and_patients_cannot_be_assigned(self, database: Database) -> None:
        with database.transaction() as conn:
            with pytest.raises(NotFound, match="device"):
                devices.assign(conn, DeviceId("d"), PatientId("a"), 0)
            devices.add(conn, device("d"))
            with pytest.raises(NotFound, match="patient"):
                devices.assign(conn, DeviceId("d"), PatientId("a"), 0)

    def test_enrolling_makes_device_patient_and_bed_once(self, database: Database) -> None:
        with database.transaction() as conn:
            patients.add(conn, patient("a", bed="1"))
            first = devices.enroll(conn, DeviceId("d1"), WARD, 7)
            second = devices.enroll(conn, DeviceId("d2"), WARD, 8)
            assert devices.enroll(conn, DeviceId("d1"), WARD, 9) == first != second
            enrolled = patients.get(conn, first)
            assert (enrolled.name, enrolled.bed, enrolled.admitted_at_ms) == ("d1", "2", 7)
            assert patients.get(conn, second).bed == "3"
            assert devices.patient_as_of(conn, DeviceId("d1"), 0) == first
            assert [d.device_id for d in devices.list_devices(conn, WARD)] == ["d1", "d2"]

    def test_a_released_device_is_not_enrolled_by_itself(self, database: Database) -> None:
        with database.transaction() as conn:
            devices.enroll(conn, DeviceId("d"), WARD, 7)
            devices.release(conn, DeviceId("d"), 8)
            with pytest.raises(Conflict, match="assign it"):
                devices.enroll(conn, DeviceId("d"), WARD, 9)

    def test_every_change_raises_the_registry_version_and_a_look_does_not(self, database: Database) -> None:
        seen = []
        changes: tuple[Callable[[Connection], None], ...] = (
            lambda conn: devices.add(conn, device("d")),
            lambda conn: patients.add(conn, patient("a")),
            lambda conn: devices.assign(conn, DeviceId("d"), PatientId("a"), 5),
            lambda conn: devices.release(conn, DeviceId("d"), 6),
            lambda conn: patients.discharge(conn, PatientId("a"), 7),
        )
        for change in changes:
            with database.transaction() as conn:
                change(conn)
            with database.snapshot() as conn:
                devices.list_devices(conn)
                seen.append(devices.registry_version(conn))
        assert seen == sorted(set(seen))


class FenceContract:
    """Claims, positions and states under one epoch."""

    def test_a_claim_begins_with_epoch_one_and_nothing_remembered(self, database: Database) -> None:
        with database.transaction() as conn:
            assert claim(conn, "g", [2, 0]) == ({0: 1, 2: 1}, {})
            assert claim(conn, "g", []) == ({}, {})

    def test_the_next_owner_goes_on_where_the_last_one_stood(self, database: Database) -> None:
        elsewhere = TopicPartition("readings", 1)
        with database.transaction() as conn:
            epochs = claim(conn, "g", [0, 1]).epochs
            remember_positions(conn, "g", epochs, {READINGS_0: 5, elsewhere: 7})
            remember_positions(conn, "g", epochs, {READINGS_0: 6})
        with database.transaction() as conn:
            assert claim(conn, "g", [0]) == ({0: 2}, {READINGS_0: 6})
            assert positions_of(conn, "g") == {READINGS_0: 6, elsewhere: 7}
            assert positions_of(conn, "another") == {}

    def test_a_fenced_owner_can_write_nothing(self, database: Database) -> None:
        with database.transaction() as conn:
            old = claim(conn, "g", [0, 1]).epochs
            claim(conn, "g", [1])
        row = StateRow("p", 1, b"x", "h", b"s")
        attempts: tuple[Callable[[Connection], None], ...] = (
            lambda conn: check_epochs(conn, "g", old),
            lambda conn: remember_positions(conn, "g", old, {READINGS_0: 1}),
            lambda conn: store_states(conn, "g", old, {0: [row]}),
            lambda conn: delete_states(conn, "g", old, {0: ["p"]}),
        )
        for attempt in attempts:
            with pytest.raises(Fenced), database.transaction() as conn:
                attempt(conn)
        with database.snapshot() as conn:
            assert positions_of(conn, "g") == {}
            assert load_states(conn, "g", 0) == []

    def test_a_group_does_not_fence_another(self, database: Database) -> None:
        with database.transaction() as conn:
            ours = claim(conn, "ours", [0]).epochs
            claim(conn, "theirs", [0])
            check_epochs(conn, "ours", ours)

    def test_an_unclaimed_partition_is_fenced_off(self, database: Database) -> None:
        with database.transaction() as conn:
            epochs = claim(conn, "g", [0]).epochs
            with pytest.raises(Fenced, match="not claimed"):
                remember_positions(conn, "g", epochs, {TopicPartition("readings", 1): 1})
            with pytest.raises(Fenced, match="not claimed"):
                store_states(conn, "g", epochs, {1: [StateRow("p", 1, b"x", "h", b"s")]})

    def test_what_a_failed_transaction_remembered_is_forgotten(self, database: Database) -> None:
        with database.transaction() as conn:
            epochs = claim(conn, "g", [0]).epochs
        with pytest.raises(Fenced), database.transaction() as conn:
            fail_after_remembering(conn, epochs)
        with database.snapshot() as conn:
            assert positions_of(conn, "g") == {}

    def test_states_are_replaced_by_key_and_kept_apart_by_partition(self, database: Database) -> None:
        old, new = StateRow("p", 1, b"old", "h", b"s"), StateRow("p", 2, b"new\x00", "h2", b"s2")
        many = [StateRow(f"q{number:04d}", number, b"", "h", b"") for number in range(1_100)]
        with database.transaction() as conn:
            epochs = claim(conn, "g", [0, 1]).epochs
            store_states(conn, "g", epochs, {0: [old], 1: many})
            store_states(conn, "g", epochs, {0: [new]})
            store_states(conn, "g", epochs, {})
            assert load_states(conn, "g", 0) == [new]
            assert load_states(conn, "g", 1) == many
            assert load_states(conn, "g", 1, keys=["q0007", "q0003", "p"]) == [many[3], many[7]]
            assert state_keys(conn, "g", 1) == [row.key for row in many]
            delete_states(conn, "g", epochs, {1: [row.key for row in many[1:]]})
            assert load_states(conn, "g", 1) == many[:1]

    def test_only_this_installation_signs_a_state_and_only_for_its_place(self, database: Database) -> None:
        with database.snapshot() as conn:
            signer = load_signer(conn)
            again = load_signer(conn)
        row = signer.signed("g", 3, key="p", offset=9, blob=b"x", pipeline_hash="h")
        again.verify("g", 3, row)
        for group, partition, changed in (
            ("g", 4, row),
            ("other", 3, row),
            ("g", 3, StateRow("q", 9, b"x", "h", row.signature)),
            ("g", 3, StateRow("p", 8, b"x", "h", row.signature)),
            ("g", 3, StateRow("p", 9, b"y", "h", row.signature)),
            ("g", 3, StateRow("p", 9, b"x", "i", row.signature)),
            ("g", 3, StateRow("p", 9, b"x", "h", b"")),
        ):
            with pytest.raises(SnapshotMismatch):
                again.verify(group, partition, changed)

    def test_a_snapshot_cannot_write(self, database: Database) -> None:
        with pytest.raises(DBAPIError, match=r"read-?only"), database.snapshot() as conn:
            conn.execute(tables.claims.delete())
        with database.transaction() as conn:
            claim(conn, "g", [0])
