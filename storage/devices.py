"""Devices, and whom each one measured when."""

import msgspec
from sqlalchemy import Connection, Row, delete, func, insert, or_, select, update

from storage import patients, tables
from storage.patients import Patient
from storage.registry import begin_change, registry_version
from vitals.errors import Conflict, InvalidArgument, NotFound
from vitals.reading import CHARTING, PROBE, DeviceId, PatientId, WardId
from vitals.topics import is_level

__all__ = [
    "Assignment",
    "Device",
    "Misattributed",
    "add",
    "assign",
    "assignments_of",
    "correct",
    "enroll",
    "list_devices",
    "misattributed",
    "patient_as_of",
    "registry_version",
    "release",
    "swap",
    "unworn_patients",
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


class Misattributed(msgspec.Struct, frozen=True):
    """Time during which a device is on record as one patient's and was not: [from_ms, until_ms), without end where None."""

    device_id: DeviceId
    patient_id: PatientId
    from_ms: int
    until_ms: int | None


def add(conn: Connection, device: Device) -> None:
    """Make a device known; raises Conflict where it is already, InvalidArgument on an id no topic could carry."""
    if not (is_level(device.device_id) and is_level(device.ward_id)):
        raise InvalidArgument("Device and ward ids are 1-64 letters, digits, '.', '_' or '-'.")
    if device.device_id == CHARTING:
        raise InvalidArgument(f"No device may be called {CHARTING!r}: it stands for people who chart.")
    if device.device_id == PROBE:
        raise InvalidArgument(f"No device may be called {PROBE!r}: ingest writes under it to try the way into the log.")
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
        raise _unknown(device_id)
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


def swap(conn: Connection, first_id: DeviceId, second_id: DeviceId, at_ms: int) -> None:
    """Each device measures from `at_ms` on whom the other did, in one transaction.

    Where only one of them is worn, the other takes its place. Raises NotFound for an unknown device, and Conflict where
    both are the same, neither is worn, or one was assigned later than `at_ms`.
    """
    begin_change(conn)
    if first_id == second_id:
        raise Conflict("These are the same device: name two.")
    wearers: dict[DeviceId, PatientId | None] = {}
    for device_id in (first_id, second_id):
        if _device(conn, device_id) is None:
            raise _unknown(device_id)
        history = assignments_of(conn, device_id)
        wearers[device_id] = history[-1].patient_id if history and history[-1].until_ms is None else None
    if wearers[first_id] is None and wearers[second_id] is None:
        raise Conflict(f"Nobody wears {first_id} or {second_id}: assign them instead.")
    for device_id, other_id in ((first_id, second_id), (second_id, first_id)):
        wearer = wearers[other_id]
        if wearer == wearers[device_id]:
            continue
        if wearer is None:
            release(conn, device_id, at_ms)
        else:
            assign(conn, device_id, wearer, at_ms)


def misattributed(conn: Connection, device_id: DeviceId, from_ms: int, until_ms: int | None) -> Misattributed:
    """What stands in the register of whom the device measured since `from_ms`, as far as it can be one mistake.

    Without `until_ms` the mistake lasts as long as that assignment does. Raises NotFound for an unknown device, Conflict
    where the device measured nobody then, or somebody else before `until_ms`.
    """
    if until_ms is not None and until_ms <= from_ms:
        raise InvalidArgument("A correction must end after it begins.")
    if _device(conn, device_id) is None:
        raise NotFound(f"There is no device {device_id}.")
    for assignment in assignments_of(conn, device_id):
        if assignment.from_ms <= from_ms and (assignment.until_ms is None or from_ms < assignment.until_ms):
            if until_ms is not None and assignment.until_ms is not None and until_ms > assignment.until_ms:
                raise Conflict(
                    f"Device {device_id} measured this patient until {assignment.until_ms} only: correct up to there first."
                )
            until_ms = assignment.until_ms if until_ms is None else until_ms
            return Misattributed(device_id, assignment.patient_id, from_ms, until_ms)
    raise Conflict(f"Device {device_id} measured nobody at that time: there is nothing to correct; assign it instead.")


def correct(conn: Connection, wrong: Misattributed, to_patient_id: PatientId | None) -> None:
    """Rewrite whom the device measured in that time: `to_patient_id`, or nobody.

    Raises NotFound for an unknown patient, and Conflict where it changes nothing or the patient had left by then.
    """
    begin_change(conn)
    if to_patient_id == wrong.patient_id:
        raise Conflict("The readings are this patient's already: name another patient, or none.")
    if to_patient_id is not None:
        left_ms = patients.get(conn, to_patient_id).discharged_at_ms
        if left_ms is not None and (wrong.until_ms is None or left_ms < wrong.until_ms):
            raise Conflict(
                f"Patient {to_patient_id} was discharged before that: say until when the device was on them."
            )
    found = next(
        assignment
        for assignment in reversed(assignments_of(conn, wrong.device_id))
        if assignment.from_ms <= wrong.from_ms
    )
    columns = tables.assignments.c
    conn.execute(
        delete(tables.assignments).where(columns.device_id == found.device_id, columns.from_ms == found.from_ms)
    )
    pieces = [(found.patient_id, found.from_ms, wrong.from_ms), (to_patient_id, wrong.from_ms, wrong.until_ms)]
    if wrong.until_ms is not None:
        pieces.append((found.patient_id, wrong.until_ms, found.until_ms))
    for patient_id, from_ms, until_ms in pieces:
        if patient_id is not None and (until_ms is None or from_ms < until_ms):
            conn.execute(
                insert(tables.assignments).values(
                    device_id=wrong.device_id, patient_id=patient_id, from_ms=from_ms, until_ms=until_ms
                )
            )


def unworn_patients(conn: Connection) -> set[PatientId]:
    """Who wore a device once and wears none now; who never wore one on record is not judged."""
    columns = tables.assignments.c
    query = select(columns.patient_id).group_by(columns.patient_id)
    return {
        PatientId(found) for found in conn.execute(query.having(func.count() == func.count(columns.until_ms))).scalars()
    }


def worn_now(conn: Connection) -> dict[PatientId, tuple[DeviceId, ...]]:
    """The devices that each patient wears by the register, in order; who wears none is left out."""
    columns = tables.assignments.c
    query = select(columns.patient_id, columns.device_id).where(columns.until_ms.is_(None)).order_by(columns.device_id)
    worn: dict[PatientId, tuple[DeviceId, ...]] = {}
    for row in conn.execute(query):
        patient_id = PatientId(row.patient_id)
        worn[patient_id] = (*worn.get(patient_id, ()), DeviceId(row.device_id))
    return worn


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
    # The name is the device's, nobody's own; whom it measures is watched over, key or no key.
    patients.add(conn, patient, nameless_without_key=True)
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


def _unknown(device_id: DeviceId) -> NotFound:
    return NotFound(
        f"There is no device {device_id}: make it known first (wardlight devices add {device_id} --ward WARD)."
    )


def _end_open(conn: Connection, device_id: DeviceId, at_ms: int) -> None:
    columns = tables.assignments.c
    conn.execute(
        update(tables.assignments)
        .where(columns.device_id == device_id, columns.until_ms.is_(None))
        .values(until_ms=at_ms)
    )
