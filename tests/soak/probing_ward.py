"""The ward of an overload: patients of the fleet, and one for each probe."""

from runtime.clock import SystemClock
from runtime.keys_file import KeysInMemory
from runtime.settings import MqttSettings
from simulators.fleet import Fleet
from simulators.service import connect_by
from simulators.settings import SimulatorSettings
from storage import accounts, devices, patients
from storage.devices import Device
from storage.patients import Patient
from storage.session import Database
from tests.support.whole_path import WARD, admit
from vitals.reading import DeviceId, PatientId


def admit_all(url: str, beds: int, probes: list[str]) -> None:
    """The fleet's patients as `whole_path` admits them, and a patient and a device of the same name for each probe."""
    clock = SystemClock()
    fleet = Fleet(
        SimulatorSettings(beds=beds, scenario="healthy"), connect=connect_by(MqttSettings(), clock=clock), clock=clock
    )
    admit(url, fleet)
    database = Database(url, keys=KeysInMemory())
    try:
        with database.transaction() as conn:
            for name in probes:
                patients.add(
                    conn,
                    Patient(
                        patient_id=PatientId(name), ward_id=WARD, bed=name, name=name, spo2_scale=1, admitted_at_ms=0
                    ),
                )
                devices.add(conn, Device(device_id=DeviceId(name), ward_id=WARD, added_at_ms=0))
                devices.assign(conn, DeviceId(name), PatientId(name), 0)
    finally:
        database.close()


def held_of(url: str, boots: list[str]) -> set[str]:
    """Readings of these boots that are stored and assessed."""
    database = Database(url)
    try:
        with database.snapshot() as conn:
            held: set[str] = set()
            for boot in boots:
                held |= set(accounts.reading_ids_of_boot(conn, boot)) & set(accounts.assessed_ids_of_boot(conn, boot))
            return held
    finally:
        database.close()
