"""Stays: patients who move, devices that change hands, and corrections of whom a device measured."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse

from dashboard.context import Here
from dashboard.pages import REVALIDATE, STATIC
from dashboard.permissions import Permission
from dashboard.person import Person, Signed
from dashboard.schemas import Level, PatientEntry, TimeMs
from dashboard.stay_schemas import (
    AssignmentEntry,
    CorrectionEntry,
    MoveEntry,
    NewCorrection,
    OutlookEntry,
    SwapBeds,
    SwapDevices,
    Transfer,
)
from storage import corrections, devices, moves, patients, wards
from storage.corrections import Correction
from storage.patients import Patient
from storage.session import Connection
from vitals.errors import Forbidden, NotFound
from vitals.reading import DeviceId, PatientId, WardId

router = APIRouter(tags=["stays"])
pages_router = APIRouter(include_in_schema=False)


@pages_router.get("/registry")
async def registry_page() -> FileResponse:
    """Patients and devices: admit, move, discharge, assign, exchange, release, correct."""
    return FileResponse(STATIC / "registry.html", headers=REVALIDATE)


@router.post("/patients/{patient_id}/transfer")
async def transfer_patient(here: Here, who: Signed, patient_id: Level, body: Transfer) -> PatientEntry:
    """The patient lies there from now on; open alerts and devices come along. 409 where the bed is taken.

    To a ward that nobody ever named (404) only somebody who may on every ward moves a patient: it is a slip otherwise.
    """
    moved = await here.change(
        patients.transfer,
        PatientId(patient_id),
        WardId(body.ward_id),
        body.bed,
        here.clock.now_ms(),
        by=who.name,
        to_known_only=not who.may(Permission.TRANSFER, None),
    )
    return _patient(moved)


@router.get("/wards/known")
async def list_known_wards(here: Here) -> list[str]:
    """Names of the wards there are, empty ones too: where a patient can be moved."""
    return list(await here.ask(wards.known_wards))


@router.post("/patients/{patient_id}/swap-beds")
async def swap_beds(here: Here, who: Signed, patient_id: Level, body: SwapBeds) -> list[PatientEntry]:
    """Two patients change places, in one step; alerts and devices come along with each."""
    moved = await here.change(
        patients.swap_beds, PatientId(patient_id), PatientId(body.with_patient_id), here.clock.now_ms(), by=who.name
    )
    return [_patient(patient) for patient in moved]


@router.get("/patients/{patient_id}/moves")
async def list_moves(here: Here, patient_id: Level) -> list[MoveEntry]:
    """Every place of the stay, oldest first."""
    await here.ask(patients.get, PatientId(patient_id))
    return [
        MoveEntry(number=move.number, at_ms=move.at_ms, ward_id=move.ward_id, bed=move.bed, by=move.by_person)
        for move in await here.ask(moves.moves_of, PatientId(patient_id))
    ]


@router.post("/devices/{device_id}/swap")
async def swap_devices(here: Here, device_id: Level, body: SwapDevices) -> list[AssignmentEntry]:
    """Each of two devices measures whom the other did, in one step; one that nobody wears takes the other's place."""
    at_ms = here.clock.now_ms() if body.at_ms is None else body.at_ms
    await here.change(devices.swap, DeviceId(device_id), DeviceId(body.with_device_id), at_ms)
    return [entry for each in (device_id, body.with_device_id) for entry in (await list_assignments(here, each))[-1:]]


@router.get("/devices/{device_id}/assignments")
async def list_assignments(here: Here, device_id: Level) -> list[AssignmentEntry]:
    """Whom the device measured when, oldest first, as corrected."""
    return [
        AssignmentEntry(
            device_id=assignment.device_id,
            patient_id=assignment.patient_id,
            from_ms=assignment.from_ms,
            until_ms=assignment.until_ms,
        )
        for assignment in await here.ask(devices.assignments_of, DeviceId(device_id))
    ]


@router.get("/corrections/outlook")
async def preview_correction(
    here: Here,
    who: Signed,
    device: Annotated[Level, Query()],
    from_: Annotated[TimeMs, Query(alias="from")],
    until: Annotated[TimeMs | None, Query()] = None,
) -> OutlookEntry:
    """What a correction would touch, before anyone orders it; 409 where there is nothing to correct."""

    def ask() -> corrections.Outlook:
        with here.database.snapshot() as conn:
            found = corrections.outlook(
                conn, DeviceId(device), from_ms=from_, until_ms=until, now_ms=here.clock.now_ms()
            )
            _require(who, conn, found.wrong_patient_id)
            return found

    found = await here.door.run(ask)
    return OutlookEntry(
        device_id=found.device_id,
        wrong_patient_id=found.wrong_patient_id,
        from_ms=found.from_ms,
        until_ms=found.until_ms,
        readings=found.readings,
        open_alerts=found.open_alerts,
        ended_alerts=found.ended_alerts,
    )


@router.post("/corrections", status_code=202)
async def order_correction(here: Here, who: Signed, body: NewCorrection) -> CorrectionEntry:
    """Say that a device was on the wrong patient: the register is corrected at once, readings and alerts follow."""

    def order(conn: Connection) -> Correction:
        made = corrections.request(
            conn,
            DeviceId(body.device_id),
            from_ms=body.from_ms,
            until_ms=body.until_ms,
            to_patient_id=None if body.to_patient_id is None else PatientId(body.to_patient_id),
            reason=body.reason,
            person_id=who.person_id,
            by=who.name,
            now_ms=here.clock.now_ms(),
        )
        _require(who, conn, made.wrong_patient_id)
        return made

    return _correction(await here.change(order))


@router.get("/corrections")
async def list_corrections(
    here: Here,
    who: Signed,
    patient: Annotated[Level | None, Query()] = None,
    device: Annotated[Level | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> list[CorrectionEntry]:
    """Corrections, newest first, of patients one may see."""
    found = await here.ask(
        corrections.list_corrections,
        limit=limit,
        patient_ids=None if patient is None else [PatientId(patient)],
        device_id=None if device is None else DeviceId(device),
        ward_ids=who.wards(Permission.SEE_PATIENT),
        with_patient_ids=who.glass,
    )
    return [_correction(correction) for correction in found]


@router.get("/corrections/{correction_id}")
async def get_correction(here: Here, who: Signed, correction_id: Level) -> CorrectionEntry:
    """One correction, and how far it is."""

    def ask() -> Correction:
        with here.database.snapshot() as conn:
            found = corrections.get(conn, correction_id)
            if not _may_see(who, conn, found):
                raise NotFound(f"There is no correction {correction_id}.")
            return found

    return _correction(await here.door.run(ask))


def _may_see(who: Person, conn: Connection, correction: Correction) -> bool:
    return any(
        who.may(Permission.SEE_PATIENT, patients.get(conn, patient_id).ward_id, patient_id)
        for patient_id in (correction.wrong_patient_id, correction.right_patient_id)
        if patient_id is not None
    )


def _require(who: Person, conn: Connection, patient_id: PatientId) -> None:
    """Whose readings are taken away decides too: the request does not name them."""
    ward_id = patients.get(conn, patient_id).ward_id
    if not who.may(Permission.CORRECT, ward_id, patient_id):
        raise Forbidden(f"You may not correct here: the readings stand as those of a patient of ward {ward_id}.")


def _patient(patient: Patient) -> PatientEntry:
    return PatientEntry(
        patient_id=patient.patient_id,
        ward_id=patient.ward_id,
        bed=patient.bed,
        name=patient.name,
        spo2_scale=patient.spo2_scale,
        admitted_at_ms=patient.admitted_at_ms,
        discharged_at_ms=patient.discharged_at_ms,
        birth_date=patient.birth_date,
        record_number=patient.record_number,
        sex=patient.sex,
    )


def _correction(correction: Correction) -> CorrectionEntry:
    return CorrectionEntry(
        correction_id=correction.correction_id,
        device_id=correction.device_id,
        wrong_patient_id=correction.wrong_patient_id,
        right_patient_id=correction.right_patient_id,
        from_ms=correction.from_ms,
        until_ms=correction.until_ms,
        is_open=correction.is_open,
        reason=correction.reason,
        by=correction.by_person,
        requested_at_ms=correction.requested_at_ms,
        state=correction.state.value,
        done_at_ms=correction.done_at_ms,
        readings=correction.readings,
        retracted=correction.retracted,
        found=correction.found,
    )
