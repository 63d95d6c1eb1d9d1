"""Where each patient lies, and who has left: a cache of the registry, renewed when its version changes."""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import msgspec

from alerts.engine import Record
from alerts.place import NOWHERE, Place
from alerts.register import REGISTER_ACTIONS
from alerts.state import PatientState
from storage import devices, moves
from storage.registry import registry_version
from storage.session import Connection, Database
from vitals.alert import Action, Command
from vitals.fault import SYSTEM_WARD, is_system
from vitals.reading import PatientId, WardId


class Stay(NamedTuple):
    """What the alert engine believes of a patient's stay."""

    patient_id: PatientId
    is_unworn: bool
    wards: frozenset[WardId]
    """Of the patient, and of the open alerts; empty where the engine has believed nothing yet."""


class Wards:
    """Places of present patients, and of others asked for; as many entries as patients, each a few words.

    Its methods except `note`, `place_of` and `knows` block on SQL.
    """

    def __init__(self, database: Database, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._now_ms = now_ms
        self._places: dict[PatientId, Place] = {}
        self._version: int | None = None
        self._told_left: set[PatientId] = set()

    def reset(self) -> None:
        """Forget everything; the next renewal reads it anew."""
        self._places, self._version, self._told_left = {}, None, set()

    def note(self, record: Record) -> None:
        """The engine stepped this; after an order of the register the next renewal compares anew.

        Between the order and its being read the registry may have changed back: then the comparison of that time found
        nothing to say, and no newer version comes by itself.
        """
        if isinstance(record, Command) and record.action in REGISTER_ACTIONS:
            self._version = None

    def place_of(self, patient_id: PatientId) -> Place:
        """The patient's place as last known; a part of Wardlight has its own."""
        return Place(SYSTEM_WARD) if is_system(patient_id) else self._places.get(patient_id, NOWHERE)

    def knows(self, patient_id: PatientId) -> bool:
        """Whether the patient was looked up."""
        return is_system(patient_id) or patient_id in self._places

    def look_up(self, patient_ids: Iterable[PatientId]) -> None:
        """Read the places of these patients; raises Unavailable."""
        asked = set(patient_ids)
        with self._database.snapshot() as conn:
            known = moves.lay_of(conn, asked)
        self._places |= {each: _place(known[each]) if each in known else NOWHERE for each in asked}

    def renew(self, watched: Callable[[], Iterable[Stay]]) -> list[Command]:
        """Follow the registry; what to tell about watched patients who left, moved or changed devices; raises Unavailable.

        What was told and got lost with a crash is told again after `reset`, under the same ids. Where the registry is as
        it was, and no order of it was read since, nobody is asked what is `watched`.
        """
        with self._database.snapshot() as conn:
            version = registry_version(conn)
            if version == self._version:
                return []
            stays = list(watched())
            present = {each: _place(lay) for each, lay in moves.lay_of_present(conn).items()}
            told = [
                *self._departures(conn, stays, present),
                *self._changes_of_devices(conn, stays, present),
                *_moves(conn, stays, present),
            ]
        self._told_left -= present.keys()
        self._places, self._version = present, version
        return told

    def _departures(self, conn: Connection, stays: Iterable[Stay], present: Mapping[PatientId, Place]) -> list[Command]:
        """Asked together: whoever was ever watched is asked about on every claim, and meanwhile nothing alarms."""
        absent = {stay.patient_id for stay in stays} - present.keys() - self._told_left
        left: list[Command] = []
        for patient_id, lay in sorted(moves.lay_of(conn, absent).items()):
            at_ms = lay.discharged_at_ms
            if at_ms is not None:
                self._told_left.add(patient_id)
                left.append(_order(f"left-{patient_id}-{at_ms}", patient_id, Action.PATIENT_LEFT, at_ms))
        return left

    def _changes_of_devices(
        self, conn: Connection, stays: Iterable[Stay], present: Mapping[PatientId, Place]
    ) -> list[Command]:
        """Who wears nothing any more, and who does again."""
        unworn, at_ms = devices.unworn_patients(conn), self._now_ms()
        changed: list[Command] = []
        for stay in stays:
            is_unworn = stay.patient_id in unworn
            if stay.patient_id in present and is_unworn != stay.is_unworn:
                action = Action.DEVICES_RELEASED if is_unworn else Action.DEVICE_ASSIGNED
                changed.append(_order(f"{action.value}-{stay.patient_id}-{at_ms}", stay.patient_id, action, at_ms))
        return changed


def _moves(conn: Connection, stays: Iterable[Stay], present: Mapping[PatientId, Place]) -> list[Command]:
    """Patients of whom the engine believes, for themselves or an open alert, another ward than they lie on now."""
    stale = [stay for stay in stays if stay.patient_id in present and stay.wards - {present[stay.patient_id].ward_id}]
    moved: list[Command] = []
    for patient_id, placed in moves.placements(conn, [stay.patient_id for stay in stale]).items():
        order = _order(f"moved-{patient_id}-{placed.number}", patient_id, Action.PATIENT_MOVED, placed.at_ms)
        moved.append(msgspec.structs.replace(order, ward_id=placed.ward_id, move=placed.number))
    return moved


def stay_of(state: PatientState) -> Stay:
    """What the registry is held against."""
    wards = {machine.episode.ward_id for machine in state.machines.values() if machine.episode is not None}
    if state.ward_id is not None:
        wards.add(state.ward_id)
    return Stay(state.patient_id, state.is_unworn, frozenset(wards))


def _place(lay: moves.Lay) -> Place:
    return Place(lay.ward_id, lay.move)


def _order(command_id: str, patient_id: PatientId, action: Action, at_ms: int) -> Command:
    return Command(
        command_id=command_id, patient_id=patient_id, episode_id="", action=action, by="registry", at_ms=at_ms
    )
