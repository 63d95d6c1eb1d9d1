"""Who a patient is stands sealed and apart: found by its number, lost with its key, and never in the way of anything else."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import update

from runtime.keyring import KeyMissing
from runtime.keys_file import KeysFile, KeysInMemory, NoKeys
from storage import destinations, devices, identities, patients, reencryption
from storage.identities import NAME_UNAVAILABLE
from storage.identities_tables import identities as rows
from storage.patients import Patient
from storage.session import Database
from tests.support.fresh_database import lay_schema
from vitals.errors import InvalidArgument, MalformedRecord
from vitals.notification import Channel, Destination, Secret
from vitals.reading import DeviceId, PatientId, WardId

ADA = Patient(
    PatientId("a"),
    WardId("west"),
    "1",
    "Ada Marked",
    1,
    1_700_000_000_000,
    birth_date="2023-10-20",
    record_number="MR 77-a",
)
BO = Patient(PatientId("b"), WardId("west"), "2", "Bo Marked", 1, 1_700_000_000_000, birth_date="1950-03-02")
HOOK = Destination(
    "d", Channel.WEBHOOK, "https://pager.example/marked", name="Pager", secret=Secret("hush"), options={"a": "b"}
)


class Rig:
    """One database file, opened with its keys or with others."""

    def __init__(self, directory: Path) -> None:
        self.url = f"sqlite:///{directory}/ward.db"
        self.keys = KeysInMemory()
        self._opened: list[Database] = []
        self.database = self.opened(self.keys)
        lay_schema(self.database)
        with self.database.transaction() as conn:
            patients.add(conn, ADA)
            patients.add(conn, BO)
            destinations.add(conn, HOOK, by="root", now_ms=1)

    def opened(self, keys: KeysInMemory | NoKeys) -> Database:
        self._opened.append(Database(self.url, keys=keys))
        return self._opened[-1]

    def close(self) -> None:
        for database in self._opened:
            database.close()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.close()


def test_a_patient_comes_back_whole_with_the_key(rig: Rig) -> None:
    with rig.database.snapshot() as conn:
        found = patients.list_patients(conn)
    assert [(one.name, one.birth_date, one.record_number, one.born) for one in found] == [
        ("Ada Marked", "2023-10-20", "MR 77-a", date(2023, 10, 20)),
        ("Bo Marked", "1950-03-02", None, date(1950, 3, 2)),
    ]


@pytest.mark.parametrize("keys", [NoKeys(), KeysInMemory()])
def test_without_its_key_a_name_is_unavailable_and_ages_are_never_too_young(
    rig: Rig, keys: KeysInMemory | NoKeys
) -> None:
    with rig.opened(keys).snapshot() as conn:
        ada, bo = patients.list_patients(conn)
        known = patients.known_of(conn, [ada.patient_id, bo.patient_id])
    assert (ada.name, ada.birth_date, ada.record_number) == (NAME_UNAVAILABLE, None, None)
    assert (ada.bed, ada.born, bo.born) == ("1", date(2023, 10, 1), date(1950, 1, 1))
    assert [known[one.patient_id].born for one in (ada, bo)] == [ada.born, bo.born]


def test_without_a_key_nobody_is_admitted_by_name_yet_a_device_that_speaks_is_watched(rig: Rig) -> None:
    nobody = Patient(PatientId("c"), WardId("west"), "3", "Cy", 1, 1)
    with pytest.raises(KeyMissing, match=r"set database\.keys_file"), rig.opened(NoKeys()).transaction() as conn:
        patients.add(conn, nobody)
    with rig.opened(NoKeys()).transaction() as conn:
        patient_id = devices.enroll(conn, DeviceId("d-1"), WardId("west"), 1)
        assert patients.get(conn, patient_id).name == NAME_UNAVAILABLE


def test_a_ciphertext_of_another_row_does_not_open_and_hides_nobody_else(rig: Rig) -> None:
    with rig.database.transaction() as conn:
        stolen = conn.execute(rows.select().where(rows.c.patient_id == "a")).one()
        conn.execute(update(rows).where(rows.c.patient_id == "b").values(ciphertext=stolen.ciphertext))
    with rig.database.snapshot() as conn:
        assert [one.name for one in patients.list_patients(conn)] == ["Ada Marked", NAME_UNAVAILABLE]
        with pytest.raises(MalformedRecord, match="belongs elsewhere"):
            identities.read(conn, PatientId("b"))


def test_a_record_number_is_found_however_it_is_spaced_and_only_with_the_key(rig: Rig) -> None:
    with rig.database.snapshot() as conn:
        assert [one.name for one in patients.with_record_number(conn, " mr77-A ")] == ["Ada Marked"]
        assert patients.with_record_number(conn, "MR 78") == ()
        with pytest.raises(InvalidArgument, match="1 to 64 printable"):
            patients.with_record_number(conn, " ")
    with rig.opened(KeysInMemory()).snapshot() as conn:
        assert patients.with_record_number(conn, "MR 77-a") == ()


def test_a_destination_hides_address_secret_and_options_and_forgets_them_when_removed(rig: Rig) -> None:
    with rig.opened(NoKeys()).snapshot() as conn:
        (held,) = destinations.unreadable(conn)
        assert (held.is_sealed, held.destination.address, held.destination.secret) == (True, "", None)
    with rig.database.transaction() as conn:
        assert destinations.get(conn, "d").destination == HOOK
        assert destinations.unreadable(conn) == ()
        destinations.remove(conn, "d", now_ms=2)
        held = destinations.get(conn, "d")
    assert (held.is_sealed, held.destination.address, held.destination.options) == (False, "", {})


def test_rotation_seals_everything_again_in_steps_and_only_then_an_old_key_may_go(rig: Rig) -> None:
    old = rig.keys.ring().current
    rig.keys.change(lambda ring: ring.with_key(now_ms=2))
    new = rig.keys.ring().keys[-1].key_id
    rig.keys.change(lambda ring: ring.sealing_with(new))
    with rig.database.snapshot() as conn:
        assert [(use.key_id, use.is_current, use.rows) for use in reencryption.uses(conn)] == [
            (old, False, 3),
            (new, True, 0),
        ]
    steps: list[int] = []
    assert reencryption.reencrypt(rig.database, rows_per_step=1, told=steps.append) == 3
    assert steps == [1, 1, 1]
    assert reencryption.reencrypt(rig.database) == 0
    rig.keys.change(lambda ring: ring.without(old))
    with rig.database.snapshot() as conn:
        assert reencryption.rows_by_key(conn) == {new: 3}
        assert patients.get(conn, ADA.patient_id).name == "Ada Marked"
        assert destinations.get(conn, "d").destination == HOOK


def test_a_key_that_rows_need_and_the_ring_lacks_is_listed_and_stops_the_sealing(rig: Rig) -> None:
    other = rig.opened(KeysInMemory())
    with other.snapshot() as conn:
        missing = [use for use in reencryption.uses(conn) if use.made_at_ms is None]
    assert [use.rows for use in missing] == [3]
    with pytest.raises(KeyMissing, match="bring back a copy"):
        reencryption.reencrypt(other)


def test_the_birthday_put_right_is_sealed_and_its_month_is_left_for_the_limits(rig: Rig) -> None:
    with rig.database.transaction() as conn:
        changed = patients.set_birth_date(conn, ADA.patient_id, "2022-02-28", ADA.admitted_at_ms)
    assert (changed.birth_date, changed.name, changed.record_number) == ("2022-02-28", "Ada Marked", "MR 77-a")
    with rig.opened(NoKeys()).snapshot() as conn:
        assert patients.get(conn, ADA.patient_id).born == date(2022, 2, 1)


def test_no_byte_of_the_database_says_who_they_are(rig: Rig, tmp_path: Path) -> None:
    held = b"".join(file.read_bytes() for file in tmp_path.glob("ward.db*"))
    for mark in (b"Marked", b"MR 77", b"mr77", b"2023-10-20", b"1950-03-02", b"marked", b"hush"):
        assert mark not in held


def test_a_patient_shows_only_the_random_id_in_words() -> None:
    assert repr(ADA) == "Patient('a')"


def test_a_lost_keys_file_is_not_replaced_by_a_new_one(tmp_path: Path) -> None:
    from storage.migrate import upgrade_database

    database = Database(f"sqlite:///{tmp_path}/ward.db")
    upgrade_database(database)
    file = tmp_path / "ward.keys"
    assert file.stat().st_mode & 0o777 == 0o600
    with database.transaction() as conn:
        patients.add(conn, ADA)
    database.close()
    file.unlink()
    again = Database(f"sqlite:///{tmp_path}/ward.db")
    upgrade_database(again)
    with again.snapshot() as conn:
        assert patients.get(conn, ADA.patient_id).name == NAME_UNAVAILABLE
    assert not file.exists()
    assert isinstance(again.keys, KeysFile)
    with pytest.raises(KeyMissing, match=r"ward\.keys is missing: bring back a copy"):
        again.keys.ring()
    again.close()
