"""What befalls devices, in virtual time: out of reach, without power, swapped, with a wrong clock; nothing measured is lost."""

import asyncio

from runtime.clock import LoopClock
from runtime.mqtt import Will
from runtime.virtual_loop import run_virtual
from simulators.fleet import Fleet
from simulators.link import Session
from simulators.settings import SimulatorSettings
from tests.support.builders import EPOCH_MS
from tests.support.memory_mqtt import MemoryBroker
from tests.support.receipting_bridge import ReceiptingBridge
from vitals.reading import DeviceId, DeviceReading
from vitals.topics import status_topic

BED = DeviceId("sim-01")


class OneBed:
    """A broker, a receipting bridge and one bed measuring once in ten seconds."""

    def __init__(self, scenario: str, *, seed: int = 1, onset_s: float = 300, time_scale: float = 10.0) -> None:
        self.broker = MemoryBroker(seed=5)
        self.clock = LoopClock(epoch_ms=EPOCH_MS)
        settings = SimulatorSettings(
            beds=1, rate_hz=0.1, scenario=scenario, onset_s=onset_s, time_scale=time_scale, seed=seed
        )
        self.fleet = Fleet(settings, connect=self._connect, clock=self.clock, boot="b1")
        self.session = self.broker.session("bridge")
        self.bridge = ReceiptingBridge(self.session)
        self.statuses: list[bytes] = []

    def _connect(self, client_id: str, will: Will | None) -> Session:
        return self.broker.session(client_id, clean=True, will=will)

    async def run(self, readings: int) -> None:
        await self.session.open()
        tasks = [asyncio.ensure_future(work) for work in (self.bridge.run(), self._watch())]
        try:
            await self.fleet.run(stopping=asyncio.Event(), readings_per_device=readings)
        finally:
            await self.session.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            await self.clock.sleep(5)
            status = self.broker.retained.get(status_topic(BED))
            if status is not None and status not in self.statuses[-1:]:
                self.statuses.append(status)

    def seen(self, device_id: DeviceId = BED) -> list[DeviceReading]:
        return self.bridge.first_seen[device_id]


def test_what_was_measured_out_of_reach_arrives_late_whole_and_in_order() -> None:
    async def main() -> None:
        ward = OneBed("dropout")
        away = ward.fleet.scenarios[0].device.out_of_reach
        assert away is not None
        await ward.run(round(away.until_s / 10) + 30)
        report = ward.fleet.report().devices
        assert report.made == report.receipted == len(ward.seen())
        assert report.lost_on_device == report.unreceipted == 0
        assert ward.bridge.out_of_order() == {}
        assert ward.statuses == [b'{"status":"online"}', b'{"status":"offline"}', b'{"status":"online"}']

    run_virtual(main())


def test_a_course_that_ends_out_of_reach_still_sends_what_it_kept() -> None:
    async def main() -> None:
        ward = OneBed("dropout", time_scale=0.1)
        await ward.run(60)
        report = ward.fleet.report().devices
        assert report.made == report.receipted == 60

    run_virtual(main())


def test_after_its_battery_died_a_device_comes_back_under_a_new_boot_and_counts_from_nought() -> None:
    async def main() -> None:
        ward = OneBed("battery-death")
        empty = ward.fleet.scenarios[0].device.unpowered
        assert empty is not None
        await ward.run(round(empty.until_s / 10) + 30)
        assert ward.fleet.boots == {"b1", "b1-again"}
        again = [reading.sequence for reading in ward.seen() if reading.boot == "b1-again"]
        assert again == list(range(len(again)))
        gaps_s = [
            (int(after.measured_at) - int(before.measured_at)) / 1000
            for before, after in zip(ward.seen(), ward.seen()[1:], strict=False)
        ]
        assert empty.until_s - empty.from_s - 10 <= max(gaps_s) <= empty.until_s - empty.from_s + 20
        assert set(ward.fleet.receipted_ids()) == ward.bridge.ids
        assert ward.fleet.report().devices.unreceipted == 0

    run_virtual(main())


def test_after_a_swap_the_spare_goes_on_where_the_first_device_ended() -> None:
    async def main() -> None:
        ward = OneBed("device-swap")
        await ward.run(60)
        first, spare = ward.seen(), ward.seen(DeviceId("sim-01-spare"))
        assert len(first) + len(spare) == 60
        assert int(spare[0].measured_at) - int(first[-1].measured_at) == 10_000
        truth = ward.fleet.truths()[0]
        assert truth.spare_device_id == "sim-01-spare"
        assert int(spare[0].measured_at) >= truth.started_at_ms + 300_000

    run_virtual(main())


def test_a_clock_that_runs_wrong_shows_in_the_measurement_times_until_it_is_set() -> None:
    async def main() -> None:
        ward = OneBed("clock-drift", seed=3)
        course = ward.fleet.scenarios[0].device
        free = course.clock_runs_free
        assert free is not None
        count = round(free.until_s / 10) + 5
        await ward.run(count)
        errors_s = [
            (int(reading.measured_at) - ward.fleet.started_at_ms) / 1000 - 10 * number
            for number, reading in enumerate(ward.seen())
        ]
        assert errors_s[:30] == [0] * 30
        worst = max(errors_s, key=abs)
        assert abs(worst) > 180
        assert (worst > 0) == (course.clock_gain > 0)
        assert errors_s[-1] == 0

    run_virtual(main())
