"""Patients: who is on the ward, in which bed, and on which SpO2 scale."""

import secrets
from collections.abc import Collection
from datetime import date
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, insert, select, update

from storage import identities, moves, tables
from storage.identities import NAME_UNAVAILABLE, Identity
from storage.registry import begin_change
from storage.wards import require_known
from vitals.age import born_on
from vitals.errors import ConfigurationError, Conflict, InvalidArgument, NotFound
from vitals.fault import SYSTEM_WARD, is_system
from vitals.reading import PatientId, WardId
from vitals.sex import Sex
from vitals.topics import is_level


class Patient(msgspec.Struct, frozen=True):
    """One stay of one person; present until `discharged_at_ms` is set."""

    patient_id: PatientId
    ward_id: WardId
    bed: str | None
    """None at home or in the corridor."""
    name: str
    """`NAME_UNAVAILABLE` where its key is missing."""
    spo2_scale: int
    """NEWS2 SpO2 scale, 1 or 2 (2 only where a clinician prescribed a target of 88 to 92 %)."""
    admitted_at_ms: int
    discharged_at_ms: int | None = None
    birth_date: str | None = None
    """YYYY-MM-DD; None where nobody said: then the patient counts as an adult."""
    sex: Sex | None = None
    """None where nobody said."""
    record_number: str | None = None
    """The hospital's own number of this person; None where nobody said."""
    born: date | None = None
    """The date of birth; where its key is missing, the earliest that it may be (`storage.identities.born_about`)."""

    def __repr__(self) -> str:
        return f"Patient({self.patient_id!r})"


def new_patient_id() -> PatientId:
    """A random surrogate id, never derived from a name or number."""
    return PatientId(secrets.token_hex(8))


def add(conn: Connection, patient: Patient, *, by: str | None = None, nameless_without_key: bool = False) -> None:
    """Admit a patient; raises Conflict where the id exists or the bed is taken, InvalidArgument on impossible fields.

    Raises KeyMissing where there is no key to seal the name with, unless it may be left out.
    """
    if not (is_level(patient.patient_id) and is_level(patient.ward_id)):
        raise InvalidArgument("Patient and ward ids are 1-64 letters, digits, '.', '_' or '-'.")
    if is_system(patient.patient_id) or patient.ward_id == SYSTEM_WARD:
        raise InvalidArgument("Ids that begin with 'system-', and the ward 'system', stand for Wardlight itself.")
    if patient.spo2_scale not in (1, 2):
        raise InvalidArgument(f"The SpO2 scale is 1 or 2, not {patient.spo2_scale}.")
    if patient.birth_date is not None:
        born_on(patient.birth_date, today_ms=patient.admitted_at_ms)
    if patient.record_number is not None:
        identities.check_record_number(patient.record_number)
    begin_change(conn)
    columns = tables.patients.c
    if conn.execute(select(columns.patient_id).where(columns.patient_id == patient.patient_id)).first() is not None:
        raise Conflict(f"Patient {patient.patient_id} exists already.")
    if patient.discharged_at_ms is None:
        _check_free(conn, patient.ward_id, patient.bed)
    conn.execute(insert(tables.patients).values(_plain(patient)))
    try:
        identities.add(conn, patient.patient_id, Identity(patient.name, patient.birth_date, patient.record_number))
    except ConfigurationError:
        if not nameless_without_key:
            raise
    moves.record(
        conn, patient.patient_id, at_ms=patient.admitted_at_ms, ward_id=patient.ward_id, bed=patient.bed, by=by
    )


def get(conn: Connection, patient_id: PatientId) -> Patient:
    """The patient; raises NotFound."""
    row = conn.execute(select(tables.patients).where(tables.patients.c.patient_id == patient_id)).first()
    if row is None:
        raise NotFound(f"There is no patient {patient_id}.")
    return _patient(row, identities.read_all(conn, [patient_id]).get(patient_id))


class Known(NamedTuple):
    """What scores and models may know of whom they score."""

    born: date | None = None
    sex: Sex | None = None


NOTHING_KNOWN: Final = Known()


def known_of(conn: Connection, patient_ids: Collection[PatientId]) -> dict[PatientId, Known]:
    """Date of birth (as `Patient.born`) and sex of those of these patients of whom either is known."""
    columns = tables.patients.c
    query = select(columns.patient_id, columns.born_about, columns.sex).where(
        columns.patient_id.in_(sorted(patient_ids)), columns.born_about.is_not(None) | columns.sex.is_not(None)
    )
    rows = conn.execute(query).all()
    exact = identities.read_all(conn, [PatientId(row.patient_id) for row in rows if row.born_about is not None])
    return {
        PatientId(row.patient_id): Known(
            identities.born(exact.get(row.patient_id), row.born_about), None if row.sex is None else Sex(row.sex)
        )
        for row in rows
    }


def set_birth_date(conn: Connection, patient_id: PatientId, birth_date: str | None, at_ms: int) -> Patient:
    """Say when a patient was born, or that nobody knows; holds for readings taken in from then on.

    Raises NotFound, Conflict where the patient has left, InvalidArgument as `vitals.age.born_on`, and KeyMissing.
    """
    if birth_date is not None:
        born_on(birth_date, today_ms=at_ms)
    begin_change(conn)
    _present(conn, patient_id)
    known = identities.read(conn, patient_id)
    identities.put(conn, patient_id, msgspec.structs.replace(known, birth_date=birth_date))
    about = identities.born_about(birth_date, at_ms)
    conn.execute(update(tables.patients).where(tables.patients.c.patient_id == patient_id).values(born_about=about))
    return get(conn, patient_id)


def set_sex(conn: Connection, patient_id: PatientId, sex: Sex | None) -> Patient:
    """Say the patient's sex, or that nobody did; holds for readings taken in from then on. Raises NotFound, Conflict."""
    begin_change(conn)
    patient = _present(conn, patient_id)
    columns = tables.patients.c
    value = None if sex is None else sex.value
    conn.execute(update(tables.patients).where(columns.patient_id == patient_id).values(sex=value))
    return msgspec.structs.replace(patient, sex=sex)


def list_patients(
    conn: Connection, ward_id: WardId | None = None, *, with_discharged: bool = False
) -> tuple[Patient, ...]:
    """Patients present (of one ward), in the order of ward, bed and id; optionally those who left, too."""
    columns = tables.patients.c
    query = select(tables.patients)
    if ward_id is not None:
        query = query.where(columns.ward_id == ward_id)
    if not with_discharged:
        query = query.where(columns.discharged_at_ms.is_(None))
    rows = conn.execute(query).all()
    known = identities.read_all(conn, [PatientId(row.patient_id) for row in rows])
    return tuple(sorted((_patient(row, known.get(row.patient_id)) for row in rows), key=_by_bed))


def with_record_number(conn: Connection, record_number: str) -> tuple[Patient, ...]:
    """Every stay of the person with this record number, newest first; raises InvalidArgument, KeyMissing."""
    found = [get(conn, patient_id) for patient_id in identities.with_record_number(conn, record_number)]
    return tuple(sorted(found, key=lambda patient: -patient.admitted_at_ms))


def transfer(
    conn: Connection,
    patient_id: PatientId,
    ward_id: WardId,
    bed: str | None,
    at_ms: int,
    *,
    by: str | None = None,
    to_known_only: bool = False,
) -> Patient:
    """The patient lies there from now on; open alerts and devices come along. Repeating it changes nothing.

    Raises NotFound (of the ward too, `to_known_only`), and Conflict where the patient has left or the bed is taken.
    """
    if not is_level(ward_id):
        raise InvalidArgument("Ward ids are 1-64 letters, digits, '.', '_' or '-'.")
    begin_change(conn)
    patient = _present(conn, patient_id)
    if (patient.ward_id, patient.bed) == (ward_id, bed):
        return patient
    if to_known_only:
        require_known(conn, ward_id)
    _check_free(conn, ward_id, bed)
    return _place(conn, patient, ward_id, bed, at_ms, by)


def swap_beds(
    conn: Connection, first_id: PatientId, second_id: PatientId, at_ms: int, *, by: str | None = None
) -> tuple[Patient, Patient]:
    """Each of the two lies where the other did; one transaction, so that nobody is ever without a place.

    Raises NotFound, and Conflict where one has left or both are the same.
    """
    begin_change(conn)
    first, second = _present(conn, first_id), _present(conn, second_id)
    if first_id == second_id:
        raise Conflict("These are the same patient: name two.")
    columns = tables.patients.c
    conn.execute(update(tables.patients).where(columns.patient_id == first_id).values(bed=None))
    moved_second = _place(conn, second, first.ward_id, first.bed, at_ms, by)
    moved_first = _place(conn, first, second.ward_id, second.bed, at_ms, by)
    return moved_first, moved_second


def discharge(conn: Connection, patient_id: PatientId, at_ms: int) -> None:
    """The patient leaves: bed free, devices released, history kept. Repeating it changes nothing; raises NotFound."""
    begin_change(conn)
    if get(conn, patient_id).discharged_at_ms is not None:
        return
    conn.execute(
        update(tables.patients).where(tables.patients.c.patient_id == patient_id).values(discharged_at_ms=at_ms)
    )
    assignments = tables.assignments.c
    conn.execute(
        update(tables.assignments)
        .where(assignments.patient_id == patient_id, assignments.until_ms.is_(None))
        .values(until_ms=at_ms)
    )


def beds_taken(conn: Connection, ward_id: WardId) -> set[str]:
    """Beds of present patients."""
    columns = tables.patients.c
    query = select(columns.bed).where(
        columns.ward_id == ward_id, columns.discharged_at_ms.is_(None), columns.bed.is_not(None)
    )
    return set(conn.execute(query).scalars())


def _present(conn: Connection, patient_id: PatientId) -> Patient:
    patient = get(conn, patient_id)
    if patient.discharged_at_ms is not None:
        raise Conflict(f"Patient {patient_id} has been discharged.")
    return patient


def _check_free(conn: Connection, ward_id: WardId, bed: str | None) -> None:
    if bed is not None and bed in beds_taken(conn, ward_id):
        raise Conflict(f"Bed {bed} of ward {ward_id} is taken: discharge or move its patient first, or swap the two.")


def _place(conn: Connection, patient: Patient, ward_id: WardId, bed: str | None, at_ms: int, by: str | None) -> Patient:
    columns = tables.patients.c
    conn.execute(
        update(tables.patients).where(columns.patient_id == patient.patient_id).values(ward_id=ward_id, bed=bed)
    )
    moves.record(conn, patient.patient_id, at_ms=at_ms, ward_id=ward_id, bed=bed, by=by)
    return msgspec.structs.replace(patient, ward_id=ward_id, bed=bed)


def _plain(patient: Patient) -> dict[str, Any]:
    """What of a patient stands unsealed."""
    return {
        "patient_id": patient.patient_id,
        "ward_id": patient.ward_id,
        "bed": patient.bed,
        "spo2_scale": patient.spo2_scale,
        "admitted_at_ms": patient.admitted_at_ms,
        "discharged_at_ms": patient.discharged_at_ms,
        "born_about": identities.born_about(patient.birth_date, patient.admitted_at_ms),
        "sex": patient.sex,
    }


def _patient(row: Row[Any], identity: Identity | None) -> Patient:
    return Patient(
        patient_id=row.patient_id,
        ward_id=row.ward_id,
        bed=row.bed,
        name=NAME_UNAVAILABLE if identity is None else identity.name,
        spo2_scale=row.spo2_scale,
        admitted_at_ms=row.admitted_at_ms,
        discharged_at_ms=row.discharged_at_ms,
        birth_date=None if identity is None else identity.birth_date,
        sex=None if row.sex is None else Sex(row.sex),
        record_number=None if identity is None else identity.record_number,
        born=identities.born(identity, row.born_about),
    )


def _by_bed(patient: Patient) -> tuple[str, int, str, str]:
    bed = patient.bed or ""
    return patient.ward_id, int(bed) if bed.isdecimal() else 1_000_000, bed, patient.patient_id
