"""A ward of simulated devices, paced by one task: each makes its readings at its own moments and keeps them until receipted."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from runtime.clock import Clock
from simulators.bedside import CUFF_EVERY_S, Bedside, Sampling
from simulators.device import Device
from simulators.links import Connect, DevicesReport, Links
from simulators.outbox import Outbox
from simulators.physiology import DAY_S, healthy
from simulators.scenarios import DEMO_MIX, WARD_MIX, Scenario, Variant, demo_mix, scenario, ward_mix
from simulators.settings import SimulatorSettings
from simulators.truth import TruthRecord
from simulators.wearing import Wearing
from vitals.errors import InvalidArgument
from vitals.reading import DeviceId, Origin
from vitals.topics import is_level

_ROUNDS_MISSING_EVERY = 6
"""One bed in this many has no rounds charted, so that NEWS2 as an interval is seen as well."""
_PAUSE_S_MAX = 0.2


@dataclass(frozen=True, kw_only=True)
class FleetReport:
    """What a fleet did."""

    devices: DevicesReport
    skipped: int
    """Moments not measured since the simulation was too far behind."""


class Fleet:
    """Every bed's devices; `run` once."""

    def __init__(self, settings: SimulatorSettings, *, connect: Connect, clock: Clock, boot: str | None = None) -> None:
        self._settings = settings
        self._clock = clock
        self.started_at_ms = clock.now_ms()
        """Second 0 of every course; set anew when the fleet has connected."""
        self.scenarios = _cast(settings)
        """One per bed."""
        self.boot = boot or f"{self.started_at_ms:x}"
        """Of every device of this fleet, until it boots anew."""
        devices = [self._device(_name(settings, bed)) for bed in range(settings.beds)]
        spares = [
            None if course.device.swapped_s is None else self._device(f"{_name(settings, bed)}-spare")
            for bed, course in enumerate(self.scenarios)
        ]
        worn = [*devices, *(spare for spare in spares if spare is not None)]
        self.links = Links(worn, connect=connect, clock=clock, connections_max=len(worn))
        self._wearings = [
            Wearing(device, spare, course.device, links=self.links, new_outbox=self._outbox)
            for device, spare, course in zip(devices, spares, self.scenarios, strict=True)
        ]
        self._bedsides: Sequence[Bedside] = ()
        self.skipped = 0

    @property
    def boots(self) -> set[str]:
        """Every boot of any device so far."""
        return {boot for device in self.links.devices for boot in device.boots}

    def truths(self) -> list[TruthRecord]:
        """What is true of each bed's course, bed by bed; known from the start."""
        settings = self._settings
        return [
            TruthRecord(
                device_id=wearing.device.device_id,
                started_at_ms=self.started_at_ms,
                truth=course.truth(_burst(settings, bed) / settings.rate_hz),
                spare_device_id=None if wearing.spare is None else wearing.spare.device_id,
            )
            for bed, (wearing, course) in enumerate(zip(self._wearings, self.scenarios, strict=True))
        ]

    async def open(self) -> None:
        """Connect every device; raises Unavailable. The courses start now."""
        await self.links.open(connecting_max=self._settings.connecting_max)
        self.started_at_ms = self._clock.now_ms()
        self._bedsides = self._furnish()

    async def run(self, *, stopping: asyncio.Event, readings_per_device: int | None = None) -> FleetReport:
        """Measure until `stopping`, or so many readings per device; then wait for receipts, and close.

        The courses start anew unless `open` was called before.
        """
        if not self._bedsides:
            await self.open()
        try:
            await self._pace(stopping, readings_per_device)
            await self.finish()
        finally:
            await self.links.close()
        return self.report()

    async def finish(self) -> bool:
        """Call in who is out of reach and wait for receipts; False where some stay out."""
        for wearing in self._wearings:
            wearing.end()
        return await self.links.drain(within_s=self._settings.drain_s)

    def report(self) -> FleetReport:
        """The counts as they stand."""
        return FleetReport(devices=self.links.report(), skipped=self.skipped)

    def published_ids(self) -> Iterator[str]:
        """Ids of all readings handed to the network."""
        return self.links.published_ids()

    def receipted_ids(self) -> Iterator[str]:
        """Ids of all readings receipted as accepted."""
        return self.links.receipted_ids()

    def elapsed_s(self, bed: int, number: int) -> float:
        """Second of the course at which this bed's reading `number` is measured; once open."""
        return self._bedsides[bed].elapsed_s(number)

    def measure(self, bed: int, number: int) -> None:
        """Make reading `number` of a bed and send it as the network allows; each bed's in order, once open."""
        bedside, wearing = self._bedsides[bed], self._wearings[bed]
        second = bedside.elapsed_s(number)
        device, signs = wearing.at(second), bedside.reading(number)
        if not signs:
            return
        device.measure(self.started_at_ms + round(second * 1000) + wearing.clock_error_ms(second), signs)
        self.links.offer(device)

    async def _pace(self, stopping: asyncio.Event, readings_per_device: int | None) -> None:
        """Moments are numbered over all beds in time order: moment `n` is reading `n // beds` of bed `n % beds`."""
        settings, clock = self._settings, self._clock
        moments_per_s = settings.beds * settings.rate_hz
        last = None if readings_per_device is None else readings_per_device * settings.beds
        behind_max = max(1, int(settings.behind_s_max * moments_per_s))
        started_s = clock.monotonic_s()
        done = 0
        while not stopping.is_set() and (last is None or done < last):
            due = int((clock.monotonic_s() - started_s) * moments_per_s) + 1
            due = due if last is None else min(due, last)
            if due - done > behind_max:
                self.skipped += due - behind_max - done
                done = due - behind_max
            until = min(due, done + settings.burst_max)
            for moment in range(done, until):
                number, bed = divmod(moment, settings.beds)
                self.measure(bed, number)
            done = until
            self.links.watch()
            next_s = started_s + done / moments_per_s - clock.monotonic_s()
            await clock.sleep(0 if done < due else min(max(next_s, 0), _PAUSE_S_MAX))

    def _furnish(self) -> list[Bedside]:
        settings = self._settings
        day_s = self.started_at_ms / 1000 % DAY_S if settings.day_s is None else settings.day_s
        return [
            Bedside(
                physiology=healthy(seed=settings.seed, bed=bed),
                scenario=course,
                sampling=Sampling(
                    rate_hz=settings.rate_hz,
                    phase_s=bed / (settings.beds * settings.rate_hz),
                    day_s=day_s,
                    cuff_phase_s=CUFF_EVERY_S * bed / settings.beds,
                    burst=_burst(settings, bed),
                    average_s=settings.average_s,
                ),
                has_rounds=settings.device_rounds and _has_rounds(bed, course),
            )
            for bed, course in enumerate(self.scenarios)
        ]

    def _device(self, name: str) -> Device:
        return Device(DeviceId(name), boot=self.boot, origin=Origin.DEMO, outbox=self._outbox())

    def _outbox(self) -> Outbox:
        settings = self._settings
        return Outbox(
            readings_max=settings.kept_readings_max,
            in_flight_max=settings.in_flight_max,
            receipt_timeout_s=settings.receipt_timeout_s,
            probe_timeout_s=settings.probe_timeout_s,
        )


def _cast(settings: SimulatorSettings) -> tuple[Scenario, ...]:
    if settings.scenario == DEMO_MIX:
        return demo_mix(settings.beds)
    if settings.scenario == WARD_MIX:
        return ward_mix(settings.beds, seed=settings.seed, onsets_within_s=settings.onsets_within_s)
    return tuple(
        scenario(
            settings.scenario,
            onset_s=settings.onset_s,
            time_scale=settings.time_scale,
            variant=Variant.drawn(seed=settings.seed, bed=bed),
        )
        for bed in range(settings.beds)
    )


def _burst(settings: SimulatorSettings, bed: int) -> int:
    return settings.burst if bed % settings.bursting_every == settings.bursting_every - 1 else 1


def _has_rounds(bed: int, course: Scenario) -> bool:
    """Where a course is told apart by what is charted, it is charted."""
    return bed % _ROUNDS_MISSING_EVERY != _ROUNDS_MISSING_EVERY - 1 or bool(course.truth().charted)


def _name(settings: SimulatorSettings, bed: int) -> str:
    prefix = settings.device_prefix
    if not is_level(f"{prefix}-"):
        raise InvalidArgument(f"{prefix!r} cannot begin a device's name: use letters, digits, '.', '_' or '-'.")
    digits = max(2, len(str(settings.beds)))
    return f"{prefix}-{bed + 1:0{digits}d}"
