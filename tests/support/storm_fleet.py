"""The devices of a simulated storm: each measures by its plan, by a clock of its own, and keeps what is not receipted."""

import random
from collections.abc import Iterator
from typing import NamedTuple

from runtime.clock import Clock
from simulators.device import Device, Measured
from simulators.links import Connect, Links
from simulators.outbox import Outbox
from tests.support.storm_plan import DevicePlan, Storm
from vitals.identity import sequenced_reading_id
from vitals.reading import Origin, PatientId
from vitals.sign import Sign

KEPT_MAX = 1000
"""Readings in a device's memory; no device of a storm measures as many."""
WATCH_EVERY_S = 0.5
_WHOLE = {Sign.HEART_RATE, Sign.RESPIRATORY_RATE, Sign.SPO2}
_SPREAD = {Sign.HEART_RATE: 1.5, Sign.RESPIRATORY_RATE: 0.6, Sign.SPO2: 0.5, Sign.TEMPERATURE: 0.05, Sign.SYSTOLIC: 2.0}


class Made(NamedTuple):
    """One reading as its device made it: what must stand in history."""

    patient_id: PatientId
    measured_at_ms: int
    signs: Measured


class _Moment(NamedTuple):
    """Something a device does at a second."""

    at_s: float
    device: int
    number: int
    """Of the reading; -1: it leaves, -2: it comes back."""
    powered: bool = True


class StormFleet:
    """Every device of a plan; `run` once, then `drain`."""

    def __init__(self, storm: Storm, *, connect: Connect, clock: Clock) -> None:
        self._plans = storm.devices
        self._excursions = storm.excursions
        self._clock = clock
        self._pace = storm.pace
        self._draw = random.Random(f"signs/{storm.seed}")
        self.devices = [
            Device(plan.device_id, boot="s", origin=Origin.REAL, outbox=self._outbox()) for plan in self._plans
        ]
        self.links = Links(self.devices, connect=connect, clock=clock, connections_max=len(self.devices))
        self.made: dict[str, Made] = {}
        """Every reading ever made, by id."""

    async def run(self) -> None:
        """Connect and measure to the end of the plan."""
        await self.links.open(connecting_max=len(self.devices))
        started_s, started_ms = self._clock.monotonic_s(), self._clock.now_ms()
        for moment in sorted(self._moments()):
            while (left_s := started_s + moment.at_s - self._clock.monotonic_s()) > 0:
                await self._clock.sleep(min(left_s, WATCH_EVERY_S))
                self.links.watch()
            self._live(moment, started_ms)

    async def drain(self, *, within_s: float) -> bool:
        """Call in who is away and wait for receipts."""
        for device in self.devices:
            self.links.come_back(device)
        return await self.links.drain(within_s=within_s)

    def receipted_ids(self) -> Iterator[str]:
        """Ids of all readings receipted as accepted."""
        return self.links.receipted_ids()

    def lost_ids(self) -> set[str]:
        """Of readings that died with their device's memory, unreceipted."""
        lost = set()
        for device in self.devices:
            for boot, outbox in device.boots.items():
                if boot != device.boot:
                    vouched = {*_of(outbox.receipted), *_of(outbox.refused)}
                    lost |= {
                        sequenced_reading_id(device.device_id, boot, number)
                        for number in range(outbox.next_sequence)
                        if number not in vouched
                    }
        return lost

    def _moments(self) -> Iterator[_Moment]:
        for index, plan in enumerate(self._plans):
            for number, at_s in enumerate(plan.times()):
                yield _Moment(at_s, index, number)
            for from_s, until_s, powered in plan.away:
                yield _Moment(from_s, index, -1, powered)
                yield _Moment(until_s, index, -2, powered)

    def _live(self, moment: _Moment, started_ms: int) -> None:
        device, plan = self.devices[moment.device], self._plans[moment.device]
        if moment.number == -1:
            self.links.leave(device, powered=moment.powered)
        elif moment.number == -2:
            if not moment.powered:
                device.reboot(f"{device.boot}s", self._outbox())
            self.links.come_back(device)
        else:
            measured_ms = started_ms + round(moment.at_s * 1000) + plan.clock_ms(moment.at_s)
            signs = self._signs(plan, moment)
            reading_id = sequenced_reading_id(device.device_id, device.boot, device.outbox.next_sequence)
            self.made[reading_id] = Made(plan.patient_id, measured_ms, signs)
            device.measure(measured_ms, signs)
            self.links.offer(device)

    def _signs(self, plan: DevicePlan, moment: _Moment) -> Measured:
        found: Measured = {}
        for sign, usual in plan.signs:
            value, spread = self._value(plan, sign, moment.at_s, usual), _SPREAD[sign]
            value += self._draw.uniform(-spread, spread)
            found[sign.value] = round(value) if sign in _WHOLE else round(value, 1)
        if plan.rounds_every and moment.number % plan.rounds_every == 0:
            found |= {Sign.CONSCIOUSNESS.value: "A", Sign.SUPPLEMENTAL_OXYGEN.value: False}
        return found

    def _value(self, plan: DevicePlan, sign: Sign, at_s: float, usual: float) -> float:
        for patient_id, excursion in self._excursions:
            covers = excursion.from_s <= at_s < excursion.until_s
            if patient_id == plan.patient_id and excursion.sign is sign and covers:
                return excursion.value
        return usual

    def _outbox(self) -> Outbox:
        return Outbox(
            readings_max=KEPT_MAX,
            in_flight_max=100,
            receipt_timeout_s=self._pace.receipt_timeout_s,
            probe_timeout_s=2.0,
        )


def _of(sequences: object) -> Iterator[int]:
    for first, last in zip(sequences.firsts, sequences.lasts, strict=True):  # type: ignore[attr-defined]
        yield from range(first, last + 1)
