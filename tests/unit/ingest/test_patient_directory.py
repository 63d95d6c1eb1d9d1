"""Who wore what when, from memory."""

import asyncio
from collections.abc import Callable

import pytest

from ingest.patient_directory import DirectoryLimits, PatientDirectory
from runtime.blocking import InlineDoor, Parameters, ResultT
from runtime.clock import LoopClock
from storage import devices, patients
from storage.session import Database
from tests.support.fresh_database import lay_schema
from vitals.errors import Unavailable
from vitals.reading import DeviceId, PatientId, WardId

WARD = WardId("north")
WATCH, RING, BELT = DeviceId("watch"), DeviceId("ring"), DeviceId("belt")


TURNS = 20
"""Turns of the loop in which whatever need not wait gets done."""


class BrokenDoor(InlineDoor):
    """A door that can be shut, as when the database is down, and whose answers can be kept back."""

    is_shut = False

    def __init__(self) -> None:
        self.kept_back: list[asyncio.Event | None] = []
        """Of the next calls, in order: what their answers wait for."""

    async def run(
        self, call: Callable[Parameters, ResultT], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> ResultT:
        if self.is_shut:
            raise Unavailable("The database does not answer.")
        answer = await super().run(call, *args, **kwargs)
        until = self.kept_back.pop(0) if self.kept_back else None
        if until is not None:
            await until.wait()
        return answer


class Ward:
    """A ward with patients p1 and p2, and a directory over it."""

    def __init__(self, *, devices_max: int = 10, enroll: bool = False) -> None:
        self.database = Database("sqlite://")
        lay_schema(self.database)
        self.door = BrokenDoor()
        self.directory = PatientDirectory(
            database=self.database,
            door=self.door,
            clock=LoopClock(epoch_ms=0),
            limits=DirectoryLimits(devices_max=devices_max, refresh_s=1.0),
            enroll_ward=WARD if enroll else None,
        )
        with self.database.transaction() as conn:
            for bed, name in enumerate(("p1", "p2")):
                patient = patients.Patient(
                    patient_id=PatientId(name), ward_id=WARD, bed=str(bed), name=name, spo2_scale=1, admitted_at_ms=0
                )
                patients.add(conn, patient)
            for device_id in (WATCH, RING):
                devices.add(conn, devices.Device(device_id, WARD, 0))

    def assign(self, device_id: DeviceId, patient: str, from_ms: int) -> None:
        with self.database.transaction() as conn:
            devices.assign(conn, device_id, PatientId(patient), from_ms)

    def worn_by(self, device_id: DeviceId, at_ms: int) -> str | None:
        wearer = self.directory.wearer(device_id, at_ms)
        return None if wearer is None else wearer.patient_id


@pytest.mark.asyncio
async def test_the_wearer_is_whoever_wore_it_at_the_time_of_measurement() -> None:
    ward = Ward()
    ward.assign(WATCH, "p1", 1000)
    ward.assign(WATCH, "p2", 2000)
    await ward.directory.learn({WATCH})
    assert [ward.worn_by(WATCH, at_ms) for at_ms in (999, 1000, 1999, 2000, 9000)] == [None, "p1", "p1", "p2", "p2"]


@pytest.mark.asyncio
async def test_a_device_without_a_patient_is_known_to_have_none() -> None:
    ward = Ward()
    await ward.directory.learn({RING, BELT})
    assert ward.directory.knows({RING, BELT})
    assert ward.worn_by(RING, 0) is None
    assert ward.worn_by(BELT, 0) is None


@pytest.mark.asyncio
async def test_what_nobody_learned_is_an_error_not_an_unassigned_device() -> None:
    ward = Ward()
    assert not ward.directory.knows({WATCH})
    with pytest.raises(KeyError):
        ward.worn_by(WATCH, 0)


@pytest.mark.asyncio
async def test_a_change_counts_from_the_next_refresh_on() -> None:
    ward = Ward()
    await ward.directory.learn({WATCH})
    assert not await ward.directory.refresh()
    ward.assign(WATCH, "p1", 0)
    assert ward.worn_by(WATCH, 5) is None
    assert await ward.directory.refresh()
    assert ward.worn_by(WATCH, 5) == "p1"


@pytest.mark.asyncio
@pytest.mark.parametrize("refresh_waits", [False, True])
async def test_a_change_during_a_look_up_counts_from_the_next_refresh_on(*, refresh_waits: bool) -> None:
    ward = Ward()
    ward.assign(WATCH, "p1", 0)
    await ward.directory.learn({RING})
    looked, reloaded = asyncio.Event(), asyncio.Event()
    ward.door.kept_back = [looked, None, reloaded if refresh_waits else None]
    learning = asyncio.create_task(ward.directory.learn({WATCH}))
    await turns()
    ward.assign(WATCH, "p2", 1000)
    refreshing = asyncio.create_task(ward.directory.refresh())
    await turns()
    looked.set()
    await learning
    reloaded.set()
    await refreshing
    await ward.directory.refresh()
    assert ward.worn_by(WATCH, 2000) == "p2"


@pytest.mark.asyncio
async def test_while_the_database_is_down_known_devices_are_served_and_unknown_ones_wait() -> None:
    ward = Ward()
    ward.assign(WATCH, "p1", 0)
    await ward.directory.learn({WATCH})
    ward.door.is_shut = True
    with pytest.raises(Unavailable):
        await ward.directory.refresh()
    with pytest.raises(Unavailable):
        await ward.directory.learn({WATCH, RING})
    assert ward.worn_by(WATCH, 5) == "p1"
    assert not ward.directory.knows({RING})
    ward.door.is_shut = False
    await ward.directory.learn({WATCH, RING})
    assert ward.directory.knows({WATCH, RING})


@pytest.mark.asyncio
async def test_the_directory_is_bounded_and_never_forgets_what_was_just_asked_for() -> None:
    ward = Ward(devices_max=2)
    await ward.directory.learn({WATCH})
    await ward.directory.learn({RING})
    await ward.directory.learn({WATCH, BELT})
    assert ward.directory.knows({WATCH, BELT})
    assert not ward.directory.knows({RING})


@pytest.mark.asyncio
async def test_strangers_are_enrolled_where_that_is_asked_for() -> None:
    ward = Ward(enroll=True)
    await ward.directory.learn({BELT, WATCH})
    with ward.database.snapshot() as conn:
        patient_id = devices.patient_as_of(conn, BELT, 0)
        assert patient_id is not None
        assert patients.get(conn, patient_id).name == "belt"
    assert ward.worn_by(BELT, 0) == patient_id


@pytest.mark.asyncio
async def test_a_released_device_is_not_enrolled_again() -> None:
    ward = Ward(enroll=True)
    ward.assign(WATCH, "p1", 0)
    with ward.database.transaction() as conn:
        devices.release(conn, WATCH, 1000)
    await ward.directory.learn({WATCH})
    assert ward.worn_by(WATCH, 999) == "p1"
    assert ward.worn_by(WATCH, 1000) is None


async def turns() -> None:
    """Let every task go on as far as it can."""
    for _ in range(TURNS):
        await LoopClock(epoch_ms=0).sleep(0)
