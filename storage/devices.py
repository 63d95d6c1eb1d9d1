"""Devices, and whom each one measured when."""

import msgspec
from sqlalchemy import Connection, Row, insert, or_, select, update

from storage import patients, tables
from storage.patients import Patient
from storage.registry import begin_change, registry_version
from vitals.errors import Conflict, InvalidArgument, NotFound
from vitals.reading import DeviceId, PatientId, WardId
from vitals.topics import is_level

__all__ = [
    "Assignment",
    "Device",
    "add",
    "assign",
    "assignments_of",
    "enroll",
    "list_devices",
    "patient_as_of",
    "registry_version",
    "release",
]


class Device(msgspec.Struct, frozen=True):
    """One wearable or gateway channel, named as in its MQTT topic."""

    device_id: DeviceId
    ward_id: WardId
    added_at_ms: int


class Assignment(msgspec.Struct, frozen=True):
    """A device measured this patient from `from_ms` up to but without `until_ms`; still does where that is None."""

    device_id: DeviceId
    patient_id: PatientId
    from_ms: int
    until_ms: int | None


def add(conn: Connection, device: Device) -> None:
    """Make a device known; raises Conflict where it is already, InvalidArgument on an id no topic could carry."""
    if not (is_level(device.device_id) and is_level(device.ward_id)):
        raise InvalidArgument("Device and ward ids are 1-64 letters, digits, '.', '_' or '-'.")
    begin_change(conn)
    if _device(conn, device.device_id) is not None:
        raise Conflict(f"Device {device.device_id} exists already.")
    conn.execute(insert(tables.devices).values(msgspec.structs.asdict(device)))


def list_devices(conn: Connection, ward_id: WardId | None = None) -> tuple[Device, ...]:
    """Known devices (of one ward), by id."""
    query = select(tables.devices).order_by(tables.devices.c.device_id)
    if ward_id is not None:
        query = query.where(tables.devices.c.ward_id == ward_id)
    return tuple(Device(**row._mapping) for row in conn.execute(query))  # noqa: SLF001 - documented name


def assign(conn: Connection, device_id: DeviceId, patient_id: PatientId, from_ms: int) -> None:
    """The device measures this patient from `from_ms` on; an open assignment ends there.

    Repeating an assignment changes nothing. Raises NotFound for an unknown device or patient, and Conflict where
    `from_ms` lies before the end, or not after the beginning, of an earlier assignment: the past is not rewritten.
    """
    begin_change(conn)
    if _device(conn, device_id) is None:
        raise NotFound(f"There is no device {device_id}.")
    if patients.get(conn, patient_id).discharged_at_ms is not None:
        raise Conflict(f"Patient {patient_id} has been discharged.")
    history = assignments_of(conn, device_id)
    last = history[-1] if history else None
    if last is not None:
        if last.until_ms is None and last.patient_id == patient_id and last.from_ms <= from_ms:
            return
        if from_ms <= last.from_ms or from_ms < (last.until_ms or 0):
            raise Conflict(f"Device {device_id} was assigned until later than {from_ms}: choose a later beginning.")
        _end_open(conn, device_id, from_ms)
    conn.execute(
        insert(tables.assignments).values(device_id=device_id, patient_id=patient_id, from_ms=from_ms, until_ms=None)
    )


def release(conn: Connection, device_id: DeviceId, at_ms: int) -> None:
    """The device measures nobody from `at_ms` on; nothing happens where it did not.

    Raises Conflict where the open assignment begins only after `at_ms`.
    """
    begin_change(conn)
    history = assignments_of(conn, device_id)
    if history and history[-1].until_ms is None:
        if at_ms < history[-1].from_ms:
            raise Conflict(f"Device {device_id} is assigned from {history[-1].from_ms} on: release it later than that.")
        _end_open(conn, device_id, at_ms)


def patient_as_of(conn: Connection, device_id: DeviceId, at_ms: int) -> PatientId | None:
    """Whom the device measured at `at_ms`; None where nobody."""
    columns = tables.assignments.c
    query = select(columns.patient_id).where(
        columns.device_id == device_id,
        columns.from_ms <= at_ms,
        or_(columns.until_ms.is_(None), columns.until_ms > at_ms),
    )
    found = conn.execute(query).scalar_one_or_none()
    return None if found is None else PatientId(found)


def assignments_of(conn: Connection, device_id: DeviceId) -> tuple[Assignment, ...]:
    """Every assignment of the device, oldest first; they never overlap."""
    columns = tables.assignments.c
    rows = conn.execute(select(tables.assignments).where(columns.device_id == device_id).order_by(columns.from_ms))
    return tuple(Assignment(**row._mapping) for row in rows)  # noqa: SLF001 - documented name


def enroll(
    conn: Connection, device_id: DeviceId, ward_id: WardId, at_ms: int, *, patient_id: PatientId | None = None
) -> PatientId:
    """Make an unknown device and a patient for it: named after the device, in the ward's next free bed, from time 0 on.

    Idempotent, also under concurrency: a device that is assigned keeps its patient. Raises Conflict for a device that was
    assigned once and released since: whom it measures now is for a person to say. `patient_id` replaces the random id.
    """
    begin_change(conn)
    device = _device(conn, device_id)
    history = assignments_of(conn, device_id)
    if history and history[-1].until_ms is None:
        return history[-1].patient_id
    if history:
        raise Conflict(f"Device {device_id} has been released: assign it to a patient.")
    if device is None:
        device = Device(device_id, ward_id, at_ms)
        add(conn, device)
    patient = Patient(
        patient_id=patients.new_patient_id() if patient_id is None else patient_id,
        ward_id=device.ward_id,
        bed=_next_free_bed(conn, device.ward_id),
        name=device_id,
        spo2_scale=1,
        admitted_at_ms=at_ms,
    )
    patients.add(conn, patient)
    assign(conn, device_id, patient.patient_id, from_ms=0)
    return patient.patient_id


def _next_free_bed(conn: Connection, ward_id: WardId) -> str:
    taken = patients.beds_taken(conn, ward_id)
    return next(bed for bed in map(str, range(1, len(taken) + 2)) if bed not in taken)


def _device(conn: Connection, device_id: DeviceId) -> Device | None:
    row: Row[tuple[object, ...]] | None = conn.execute(
        select(tables.devices).where(tables.devices.c.device_id == device_id)
    ).first()
    return None if row is None else Device(**row._mapping)  # noqa: SLF001 - documented name


def _end_open(conn: Connection, device_id: DeviceId, at_ms: int) -> None:
    columns = tables.assignments.c
    conn.execute(
        update(tables.assignments)
        .where(columns.device_id == device_id, columns.until_ms.is_(None))
        .values(until_ms=at_ms)
    )
