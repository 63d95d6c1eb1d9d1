"""The keeper enters, judges, and tells the log what has changed for whom."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from runtime.blocking import InlineDoor
from runtime.bus import Outgoing
from runtime.telemetry import Telemetry
from storage import devices, ledger, patients
from storage.devices import Device
from storage.ledger import ImbalanceKind
from storage.ledger_findings import Finding, to_tell
from storage.ledger_keeper import LedgerKeeper
from storage.ledger_settings import LedgerSettings
from storage.patients import Patient
from storage.session import Database
from tests.support.builders import at_ms
from tests.support.fresh_database import lay_schema
from tests.support.ledger_contract import sent
from tests.support.recorder_contract import Bench
from vitals.codec import decode_readings_record
from vitals.errors import Unavailable
from vitals.reading import DeviceId, PatientId, Unaccounted, WardId

IMBALANCED = "wardlight_recorder_ledger_imbalance_readings"
WARD = WardId("west")


class Log:
    """The one method of the bus that the keeper uses."""

    def __init__(self) -> None:
        self.told: list[Unaccounted] = []
        self.is_down = False

    async def publish(self, records: list[Outgoing]) -> None:
        """Take note."""
        if self.is_down:
            raise Unavailable("The log does not answer.")
        for record in records:
            found = decode_readings_record(record.value)
            assert isinstance(found, Unaccounted)
            assert record.key == found.patient_id.encode()
            self.told.append(found)


@dataclass
class Scene:
    """A recorder, a keeper, and device d1 on patient p1."""

    bench: Bench
    log: Log
    keeper: LedgerKeeper
    telemetry: Telemetry

    async def hear(self, *numbers: int, at_s: float) -> None:
        """Readings of d1, then a look."""
        self.bench.clock.now_s = at_s
        await self.bench.feed("readings", *(sent(number, at_s=at_s) for number in numbers))
        await self.bench.remember()
        await self.keeper.enter()

    def shown(self, kind: ImbalanceKind) -> float:
        """The metric."""
        return self.telemetry.value(IMBALANCED, kind=kind.value)


@contextlib.asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    database = Database("sqlite://")
    lay_schema(database)
    with database.transaction() as conn:
        for name in ("p1", "p2"):
            patients.add(conn, Patient(PatientId(name), WARD, None, name, 1, 0))
        devices.add(conn, Device(DeviceId("d1"), WARD, 0))
        devices.assign(conn, DeviceId("d1"), PatientId("p1"), 0)
    bench, log, telemetry = Bench(database), Log(), Telemetry()
    await bench.claim()
    keeper = LedgerKeeper(
        bus=log,  # type: ignore[arg-type]  # the keeper only publishes
        database=database,
        door=InlineDoor(),
        clock=bench.clock,
        telemetry=telemetry,
        settings=LedgerSettings(settle_s=60, jottings_per_entry=2),
    )
    yield Scene(bench, log, keeper, telemetry)
    database.close()


@pytest.mark.asyncio
async def test_a_lasting_gap_is_told_once_and_its_filling_too() -> None:
    async with scene() as ward:
        await ward.hear(0, 4, at_s=0)
        assert await ward.keeper.judge() == []
        await ward.hear(5, at_s=100)
        assert [one.readings for one in await ward.keeper.judge()] == [3]
        assert await ward.keeper.judge() == []
        assert ward.shown(ImbalanceKind.MISSING) == 3
        (told,) = ward.log.told
        assert (told.patient_id, told.device_ids) == ("p1", ("d1",))
        await ward.hear(1, 2, 3, at_s=130)
        await ward.keeper.judge()
        assert [one.readings for one in ward.log.told] == [3, 0]
        assert ward.shown(ImbalanceKind.MISSING) == 0


@pytest.mark.asyncio
async def test_what_the_log_did_not_take_is_told_again() -> None:
    async with scene() as ward:
        await ward.hear(0, 4, at_s=0)
        await ward.hear(5, at_s=100)
        ward.log.is_down = True
        with pytest.raises(Unavailable):
            await ward.keeper.judge()
        ward.log.is_down = False
        await ward.keeper.judge()
        assert [one.readings for one in ward.log.told] == [3]


@pytest.mark.asyncio
async def test_readings_without_assessment_are_told_when_the_hour_has_settled_and_lasts() -> None:
    async with scene() as ward:
        await ward.hear(0, 1, at_s=10)
        for at_s in (30, 3_600 + 59, 3_600 + 61):
            ward.bench.clock.now_s = at_s
            assert await ward.keeper.judge() == []
        ward.bench.clock.now_s = 3_600 + 130
        assert [one.readings for one in await ward.keeper.judge()] == [2]
        assert ward.shown(ImbalanceKind.UNASSESSED) == 2


@pytest.mark.asyncio
async def test_it_serves_until_stopped_and_survives_an_outage() -> None:
    async with scene() as ward:
        stopping = asyncio.Event()
        await ward.bench.feed("readings", sent(0))
        await ward.bench.remember()
        serving = asyncio.create_task(ward.keeper.serve(stopping))
        while True:
            await asyncio.wait({serving}, timeout=0)
            with ward.bench.database.snapshot() as conn:
                if not ledger.waiting(conn):
                    break
        stopping.set()
        await serving


def finding(readings: int, *, told: int = 0, patient: str | None = None, device: str = "d1") -> Finding:
    return Finding(device, ImbalanceKind.MISSING, at_ms(0), readings, told, patient)


def test_a_device_that_changes_hands_takes_its_account_along() -> None:
    records, told = to_tell([finding(3, told=3, patient="p1")], {"d1": PatientId("p2")}, now_ms=at_ms(9))
    assert [(one.patient_id, one.readings) for one in records] == [("p1", 0), ("p2", 3)]
    assert [one.device_off for one in records] == [True, False]
    assert told == [finding(3, told=3, patient="p2")]


def test_an_account_that_balances_is_not_a_device_that_was_taken_off() -> None:
    (balanced,), _ = to_tell([finding(0, told=3, patient="p1")], {"d1": PatientId("p2")}, now_ms=at_ms(9))
    assert (balanced.patient_id, balanced.readings, balanced.device_off) == ("p1", 0, False)


def test_two_devices_of_one_patient_are_one_account() -> None:
    found = [finding(3, told=3, patient="p1"), finding(2, device="d2")]
    records, _ = to_tell(found, {"d1": PatientId("p1"), "d2": PatientId("p1")}, now_ms=at_ms(9))
    assert [(one.readings, one.device_ids) for one in records] == [(5, ("d1", "d2"))]


def test_a_device_that_nobody_wears_is_told_to_nobody() -> None:
    assert to_tell([finding(3)], {}, now_ms=at_ms(9)) == ([], [])
