"""A whole ward of devices in virtual time, against a broker in memory that delays, doubles and crashes."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from runtime.clock import LoopClock
from runtime.mqtt import Will
from runtime.virtual_loop import run_virtual
from simulators.fleet import Fleet, FleetReport
from simulators.link import Session
from simulators.settings import SimulatorSettings
from tests.support.builders import EPOCH_MS
from tests.support.memory_mqtt import Faults, MemoryBroker
from tests.support.receipting_bridge import ReceiptingBridge
from vitals.errors import InvalidArgument, Unavailable
from vitals.reading import DeviceId, Origin
from vitals.sign import Sign
from vitals.topics import status_topic


class Ward:
    """A broker, a receipting bridge and a fleet."""

    def __init__(self, *, faults: Faults | None = None, clock: LoopClock | None = None, **settings: Any) -> None:
        self.broker = MemoryBroker(seed=5, faults=faults)
        self.clock = clock or LoopClock(epoch_ms=EPOCH_MS)
        self.settings = SimulatorSettings.model_validate({"scenario": "healthy", "beds": 6, **settings})
        self.fleet = Fleet(self.settings, connect=self._connect, clock=self.clock, boot="b1")
        self.session = self.broker.session("bridge")
        self.bridge = ReceiptingBridge(self.session)

    def _connect(self, client_id: str, will: Will | None) -> Session:
        return self.broker.session(client_id, clean=True, will=will)

    async def run(self, readings: int, *alongside: Coroutine[Any, Any, None]) -> FleetReport:
        await self.session.open()
        tasks = [asyncio.ensure_future(work) for work in (self.bridge.run(), *alongside)]
        try:
            return await self.fleet.run(stopping=asyncio.Event(), readings_per_device=readings)
        finally:
            await self.session.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def crash_at(self, *seconds: float) -> None:
        for second in seconds:
            await self.clock.sleep(second - self.clock.monotonic_s())
            self.broker.crash()
            await self.clock.sleep(3)
            self.broker.restart()


def test_every_reading_is_published_once_and_receipted_on_a_kind_network() -> None:
    async def main() -> None:
        ward = Ward()
        report = await ward.run(100)
        assert report.devices.made == report.devices.published == report.devices.receipted == 600
        assert report.devices.redelivered == report.devices.unreceipted == report.skipped == 0
        assert set(ward.fleet.receipted_ids()) == ward.bridge.ids

    run_virtual(main())


def test_crashes_delays_and_duplicates_lose_nothing_and_keep_the_order_of_first_arrival() -> None:
    async def main() -> None:
        ward = Ward(faults=Faults(delay_s_max=0.2, duplicate=0.1), drain_s=300)
        report = await ward.run(200, ward.crash_at(20, 60, 65, 150))
        assert report.devices.receipted == report.devices.made == 1200
        assert report.devices.redelivered > 0
        assert set(ward.fleet.receipted_ids()) == ward.bridge.ids
        assert ward.bridge.out_of_order() == {}

    run_virtual(main())


def test_devices_measure_at_their_own_moments_spread_over_the_period() -> None:
    async def main() -> None:
        ward = Ward(beds=4, rate_hz=0.5)
        await ward.run(10)
        for bed in range(4):
            readings = ward.bridge.first_seen[DeviceId(f"sim-{bed + 1:02d}")]
            offsets = [int(reading.measured_at) - ward.fleet.started_at_ms for reading in readings]
            assert offsets == [500 * bed + 2000 * number for number in range(10)]
            assert {reading.origin for reading in readings} == {Origin.DEMO}

    run_virtual(main())


def test_the_same_seed_measures_the_same_ward() -> None:
    async def measured(seed: int) -> list[dict[str, float | bool | str]]:
        ward = Ward(seed=seed, scenario="demo", beds=6)
        await ward.run(30)
        return [
            reading.signs for device in sorted(ward.bridge.first_seen) for reading in ward.bridge.first_seen[device]
        ]

    assert run_virtual(measured(3)) == run_virtual(measured(3))
    assert run_virtual(measured(3)) != run_virtual(measured(4))


def test_most_beds_have_rounds_and_a_few_have_none() -> None:
    async def main() -> None:
        ward = Ward(beds=24)
        await ward.run(2)
        charted = [Sign.CONSCIOUSNESS.value in readings[0].signs for readings in ward.bridge.first_seen.values()]
        assert charted.count(True) == 20
        assert charted.count(False) == 4

    run_virtual(main())


def test_status_is_retained_online_while_it_runs_and_offline_afterwards() -> None:
    async def main() -> None:
        ward = Ward(beds=1)
        topic = status_topic(DeviceId("sim-01"))
        seen = []

        async def look() -> None:
            await ward.clock.sleep(5)
            seen.append(ward.broker.retained[topic])

        await ward.run(10, look())
        assert seen == [b'{"status":"online"}']
        assert ward.broker.retained[topic] == b'{"status":"offline"}'

    run_virtual(main())


def test_a_ward_nobody_receipts_keeps_everything_and_says_so() -> None:
    async def main() -> None:
        ward = Ward(drain_s=10)
        report = await ward.fleet.run(stopping=asyncio.Event(), readings_per_device=50)
        assert report.devices.unreceipted == report.devices.made == 300
        assert report.devices.published == 6, "one probe each"

    run_virtual(main())


def test_a_full_memory_is_counted_as_lost_on_the_device() -> None:
    async def main() -> None:
        ward = Ward(drain_s=0, kept_readings_max=20)
        report = await ward.fleet.run(stopping=asyncio.Event(), readings_per_device=50)
        assert report.devices.lost_on_device == 6 * 30

    run_virtual(main())


class SuspendedClock(LoopClock):
    """Jumps ahead an hour, ten seconds in: a machine that was suspended."""

    def monotonic_s(self) -> float:
        now_s = super().monotonic_s()
        return now_s + (3600 if now_s >= 10 else 0)


def test_a_suspended_simulation_skips_moments_instead_of_making_them_up_and_counts_them() -> None:
    async def main() -> None:
        ward = Ward(beds=2, behind_s_max=20, clock=SuspendedClock(epoch_ms=EPOCH_MS))
        report = await ward.run(4000)
        assert report.skipped + report.devices.made == 2 * 4000
        assert 2 * 3570 <= report.skipped <= 2 * 3590

    run_virtual(main())


def test_a_broker_that_is_down_ends_the_start_with_its_error_and_no_connection_stays() -> None:
    async def main() -> None:
        ward = Ward()
        ward.broker.up = False
        with pytest.raises(Unavailable):
            await ward.fleet.run(stopping=asyncio.Event(), readings_per_device=1)

    run_virtual(main())


def test_a_device_prefix_that_no_topic_allows_is_explained() -> None:
    async def main() -> None:
        with pytest.raises(InvalidArgument, match="a/b"):
            Ward(device_prefix="a/b")

    run_virtual(main())
