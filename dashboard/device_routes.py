"""Devices, and whom each one measures."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query

from dashboard.context import Context, Here
from dashboard.permissions import Permission
from dashboard.person import Signed
from dashboard.schemas import Assign, DeviceEntry, Level, NewDevice, Release
from storage import devices
from storage.devices import Assignment, Device
from storage.whereabouts import Kind, Named, places_of
from vitals.errors import NotFound
from vitals.reading import DeviceId, PatientId, WardId

router = APIRouter(tags=["devices"])


@router.get("/devices")
async def list_devices(here: Here, who: Signed, ward: Annotated[Level | None, Query()] = None) -> list[DeviceEntry]:
    """Known devices, by id, with whom they measure now, where device and patient are on wards one looks after."""
    ward_id = None if ward is None else WardId(ward)

    def ask() -> list[DeviceEntry]:
        with here.database.snapshot() as conn:
            return [
                _entry(device, devices.assignments_of(conn, device.device_id))
                for device in devices.list_devices(conn, ward_id)
                if who.may_at(Permission.MANAGE_DEVICES, places_of(conn, [Named(Kind.DEVICE, device.device_id)]))
            ]

    return await here.door.run(ask)


@router.post("/devices", status_code=201)
async def add_device(here: Here, body: NewDevice) -> DeviceEntry:
    """Make a device known; 409 where it is already."""
    device = Device(DeviceId(body.device_id), WardId(body.ward_id), here.clock.now_ms())
    await here.change(devices.add, device)
    return _entry(device, ())


@router.post("/devices/{device_id}/assign")
async def assign_device(here: Here, device_id: Level, body: Assign) -> DeviceEntry:
    """The device measures this patient from then on; an open assignment ends there."""
    from_ms = here.clock.now_ms() if body.from_ms is None else body.from_ms
    await here.change(devices.assign, DeviceId(device_id), PatientId(body.patient_id), from_ms)
    return await _one(here, DeviceId(device_id))


@router.post("/devices/{device_id}/release")
async def release_device(here: Here, device_id: Level, body: Release) -> DeviceEntry:
    """The device measures nobody from then on."""
    at_ms = here.clock.now_ms() if body.at_ms is None else body.at_ms
    await here.change(devices.release, DeviceId(device_id), at_ms)
    return await _one(here, DeviceId(device_id))


async def _one(here: Context, device_id: DeviceId) -> DeviceEntry:
    def ask() -> DeviceEntry:
        with here.database.snapshot() as conn:
            for device in devices.list_devices(conn):
                if device.device_id == device_id:
                    return _entry(device, devices.assignments_of(conn, device_id))
        raise NotFound(f"There is no device {device_id}.")

    return await here.door.run(ask)


def _entry(device: Device, assignments: Sequence[Assignment]) -> DeviceEntry:
    current = assignments[-1] if assignments and assignments[-1].until_ms is None else None
    return DeviceEntry(
        device_id=device.device_id,
        ward_id=device.ward_id,
        added_at_ms=device.added_at_ms,
        patient_id=None if current is None else current.patient_id,
        assigned_from_ms=None if current is None else current.from_ms,
    )
