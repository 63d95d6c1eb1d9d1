"""Patients for a ward of the demo: invented people, one bed and one device each."""

from collections.abc import Sequence

from storage import devices, patients
from storage.devices import Device
from storage.patients import Patient
from storage.session import Database
from vitals.reading import DeviceId, WardId

_FIRST = ("Ada", "Bao", "Chidi", "Dana", "Emil", "Fatima", "Goran", "Hana", "Ivo", "Jun", "Kofi", "Lena")
_LAST = (
    "Okafor",
    "Lindqvist",
    "Moreau",
    "Nakamura",
    "Petrov",
    "Quispe",
    "Rahman",
    "Silva",
    "Tanaka",
    "Ueda",
    "Vega",
    "Weiss",
)


def admit(database: Database, ward_id: WardId, device_ids: Sequence[DeviceId], now_ms: int) -> None:
    """Admit one invented patient per device that is not known yet, wearing it since the beginning of time."""
    with database.transaction() as conn:
        known = {device.device_id for device in devices.list_devices(conn)}
        for number, device_id in enumerate(device_ids):
            if device_id in known:
                continue
            patient = Patient(
                patient_id=patients.new_patient_id(),
                ward_id=ward_id,
                bed=str(number + 1),
                name=invented_name(number),
                spo2_scale=1,
                admitted_at_ms=now_ms,
            )
            patients.add(conn, patient)
            devices.add(conn, Device(device_id=device_id, ward_id=ward_id, added_at_ms=now_ms))
            devices.assign(conn, device_id, patient.patient_id, 0)


def invented_name(number: int) -> str:
    """The name of the n-th invented patient; distinct for the first 144.

    >>> invented_name(0), invented_name(13)
    ('Ada Okafor', 'Bao Moreau')
    """
    first, last = number % len(_FIRST), (number // len(_FIRST) + number) % len(_LAST)
    return f"{_FIRST[first]} {_LAST[last]}"
