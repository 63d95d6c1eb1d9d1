"""On which ward the things are that a request is about: what permission is judged by."""

from collections.abc import Iterable
from enum import StrEnum

import msgspec
from sqlalchemy import Connection, select

from storage import tables
from storage.decisions_tables import silences
from vitals.reading import PatientId, WardId


class Kind(StrEnum):
    """What a request can name."""

    WARD = "ward"
    PATIENT = "patient"
    DEVICE = "device"
    EPISODE = "episode"
    REJECTION = "rejection"
    SILENCE = "silence"


class Named(msgspec.Struct, frozen=True):
    """One thing a request names, by its id."""

    kind: Kind
    id: str


class Place(msgspec.Struct, frozen=True):
    """Where a named thing is: on a ward, or (None) on none; with the patient it concerns, if it concerns one."""

    ward_id: WardId | None
    patient_id: PatientId | None = None


def places_of(conn: Connection, named: Iterable[Named]) -> tuple[Place, ...]:
    """Every place these things are at; what nobody knows is nowhere and adds none.

    An alert is where its patient is now, and a device both on its own ward and with the patient it measures.
    """
    return tuple(place for thing in named for place in _places(conn, thing))


def _places(conn: Connection, thing: Named) -> list[Place]:
    match thing.kind:
        case Kind.WARD:
            return [Place(WardId(thing.id))]
        case Kind.PATIENT:
            return _of_patient(conn, thing.id)
        case Kind.DEVICE:
            return _of_device(conn, thing.id)
        case Kind.EPISODE:
            return _of_episode(conn, thing.id)
        case Kind.REJECTION:
            return _of_rejection(conn, thing.id)
        case Kind.SILENCE:
            return _of_silence(conn, thing.id)


def _of_patient(conn: Connection, patient_id: str) -> list[Place]:
    columns = tables.patients.c
    ward_id = conn.execute(select(columns.ward_id).where(columns.patient_id == patient_id)).scalar_one_or_none()
    return [] if ward_id is None else [Place(WardId(ward_id), PatientId(patient_id))]


def _of_device(conn: Connection, device_id: str) -> list[Place]:
    columns = tables.devices.c
    ward_id = conn.execute(select(columns.ward_id).where(columns.device_id == device_id)).scalar_one_or_none()
    if ward_id is None:
        return []
    worn = tables.assignments.c
    patient_ids = conn.execute(select(worn.patient_id).where(worn.device_id == device_id, worn.until_ms.is_(None)))
    return [Place(WardId(ward_id)), *(place for wearer in patient_ids.scalars() for place in _of_patient(conn, wearer))]


def _of_episode(conn: Connection, episode_id: str) -> list[Place]:
    columns = tables.episodes.c
    query = select(columns.patient_id, columns.ward_id).where(columns.episode_id == episode_id)
    row = conn.execute(query).first()
    if row is None:
        return []
    return _of_patient(conn, row.patient_id) or [Place(WardId(row.ward_id), PatientId(row.patient_id))]


def _of_rejection(conn: Connection, rejection_id: str) -> list[Place]:
    columns = tables.rejections.c
    query = select(columns.device_id).where(columns.rejection_id == rejection_id)
    device_id = conn.execute(query).scalar_one_or_none()
    if device_id is None:
        return []
    return _of_device(conn, device_id) or [Place(None)]


def _of_silence(conn: Connection, silence_id: str) -> list[Place]:
    columns = silences.c
    row = conn.execute(select(columns.ward_id, columns.patient_id).where(columns.silence_id == silence_id)).first()
    if row is None:
        return []
    places = [] if row.ward_id is None else [Place(WardId(row.ward_id))]
    if row.patient_id is not None:
        places += _of_patient(conn, row.patient_id)
    return places or [Place(None)]
