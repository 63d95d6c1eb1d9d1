"""The demo's roster: one invented patient, bed and device each; admitting twice changes nothing."""

from collections.abc import Iterator

import pytest

from storage import devices, patients
from storage.session import Database
from tests.support.fresh_database import lay_schema
from vitals.reading import DeviceId, WardId
from wardlight.ward_roster import admit, invented_name

WARD = WardId("demo")
IDS = [DeviceId(f"d{number}") for number in range(5)]
NOW_MS = 1_790_000_000_000


@pytest.fixture
def database() -> Iterator[Database]:
    made = Database("sqlite://")
    lay_schema(made)
    yield made
    made.close()


def test_each_device_is_worn_by_a_patient_of_its_own_since_the_beginning(database: Database) -> None:
    admit(database, WARD, IDS, NOW_MS)
    with database.snapshot() as conn:
        admitted = patients.list_patients(conn, WARD)
        wearers = {devices.patient_as_of(conn, device_id, 0) for device_id in IDS}
    assert sorted(patient.bed or "" for patient in admitted) == ["1", "2", "3", "4", "5"]
    assert wearers == {patient.patient_id for patient in admitted}
    assert {patient.admitted_at_ms for patient in admitted} == {NOW_MS}


def test_a_second_start_over_the_same_data_admits_nobody_twice(database: Database) -> None:
    admit(database, WARD, IDS[:3], NOW_MS)
    admit(database, WARD, IDS, NOW_MS + 1)
    with database.snapshot() as conn:
        assert len(patients.list_patients(conn, WARD)) == 5
        assert len(devices.list_devices(conn)) == 5


def test_invented_names_are_distinct_for_the_first_gross() -> None:
    assert len({invented_name(number) for number in range(144)}) == 144
