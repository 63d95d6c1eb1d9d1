"""What the registry takes back before the engine has read the order: the engine ends up believing the registry."""

from collections.abc import Awaitable, Callable, Sequence

import pytest

from runtime.bus import Outgoing
from runtime.virtual_loop import run_virtual
from storage import devices, patients
from storage.devices import Device
from tests.support.alert_timetable import PATIENT, WARD
from tests.support.alert_ward import AlertWard
from vitals.alert import AlertKind
from vitals.reading import DeviceId, WardId
from vitals.topics import LogTopic

DEVICE, OTHER_WARD = DeviceId(f"device-{PATIENT}"), WardId("ward-b")


class LateOrders:
    """A log in which orders of the registry can be read only once `deliver` was called."""

    def __init__(self, ward: AlertWard, monkeypatch: pytest.MonkeyPatch) -> None:
        self.held: list[Outgoing] = []
        self._publish: Callable[[Sequence[Outgoing]], Awaitable[None]] = ward.bus.publish
        monkeypatch.setattr(ward.bus, "publish", self._hold_back)

    async def _hold_back(self, records: Sequence[Outgoing]) -> None:
        orders = [record for record in records if record.topic == LogTopic.COMMANDS.value]
        self.held += orders
        await self._publish([record for record in records if record not in orders])

    async def deliver(self) -> None:
        held, self.held = self.held, []
        await self._publish(held)


async def worn(monkeypatch: pytest.MonkeyPatch) -> tuple[AlertWard, LateOrders]:
    """A patient who wears a device, and is measured; what the registry orders from then on comes late."""
    ward = AlertWard()
    await ward.open()
    with ward.database.transaction() as conn:
        devices.add(conn, Device(DEVICE, WARD, ward.clock.now_ms()))
        devices.assign(conn, DEVICE, PATIENT, ward.clock.now_ms())
    ward.start()
    await ward.measure(20, spo2=97)
    return ward, LateOrders(ward, monkeypatch)


def test_a_device_put_on_again_before_its_release_was_read_is_missed_when_it_falls_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scene() -> None:
        ward, orders = await worn(monkeypatch)
        with ward.database.transaction() as conn:
            devices.release(conn, DEVICE, ward.clock.now_ms())
        await ward.until(lambda: bool(orders.held))
        with ward.database.transaction() as conn:
            devices.assign(conn, DEVICE, PATIENT, ward.clock.now_ms())
        await ward.clock.sleep(3)
        await orders.deliver()
        await ward.until(lambda: bool(orders.held))
        await orders.deliver()
        await ward.measure(60, spo2=97)
        await ward.clock.sleep(150)
        assert [found.kind for found in ward.open_episodes()] == [AlertKind.LOST_CONTACT]
        assert not orders.held, "the engine and the registry agree, and nothing more is ordered"
        await ward.stop()

    run_virtual(scene())


def test_a_patient_moved_there_and_back_before_the_first_move_was_read_is_told_of_on_the_right_ward(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scene() -> None:
        ward, orders = await worn(monkeypatch)
        for ward_id in (OTHER_WARD, WARD):
            with ward.database.transaction() as conn:
                patients.transfer(conn, PATIENT, ward_id, "1", ward.clock.now_ms())
            await ward.clock.sleep(3)
        assert len(orders.held) == 1
        await orders.deliver()
        await ward.until(lambda: bool(orders.held))
        await orders.deliver()
        await ward.measure(60, spo2=84)
        assert [(found.kind, found.ward_id) for found in ward.open_episodes()] == [(AlertKind.SPO2_LOW, WARD)]
        assert not orders.held
        await ward.stop()

    run_virtual(scene())
