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
from simulators.scenarios import DEMO_MIX, Scenario, demo_mix, scenario
from simulators.settings import SimulatorSettings
from simulators.truth import TruthRecord
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
        self._scenarios = _cast(settings)
        self.boot = boot or f"{self.started_at_ms:x}"
        """Of every device of this fleet."""
        self._devices = _devices(settings, self.boot)
        self._bedsides: Sequence[Bedside] = ()
        self.links = Links(self._devices, connect=connect, clock=clock, connections_max=settings.beds)
        self.skipped = 0

    def truths(self) -> list[TruthRecord]:
        """What is true of each bed's course; known from the start."""
        return [
            TruthRecord(device_id=device.device_id, started_at_ms=self.started_at_ms, truth=course.truth())
            for device, course in zip(self._devices, self._scenarios, strict=True)
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
            await self.links.drain(within_s=self._settings.drain_s)
        finally:
            await self.links.close()
        return self.report()

    def report(self) -> FleetReport:
        """The counts as they stand."""
        return FleetReport(devices=self.links.report(), skipped=self.skipped)

    def published_ids(self) -> Iterator[str]:
        """Ids of all readings handed to the network."""
        return self.links.published_ids()

    def receipted_ids(self) -> Iterator[str]:
        """Ids of all readings receipted as accepted."""
        return self.links.receipted_ids()

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
                self._measure(moment)
            done = until
            self.links.watch()
            next_s = started_s + done / moments_per_s - clock.monotonic_s()
            await clock.sleep(0 if done < due else min(max(next_s, 0), _PAUSE_S_MAX))

    def _measure(self, moment: int) -> None:
        number, bed = divmod(moment, self._settings.beds)
        bedside = self._bedsides[bed]
        signs = bedside.reading(number)
        if not signs:
            return
        device = self._devices[bed]
        device.measure(self.started_at_ms + round(bedside.elapsed_s(number) * 1000), signs)
        self.links.offer(device)

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
                ),
                has_rounds=bed % _ROUNDS_MISSING_EVERY != _ROUNDS_MISSING_EVERY - 1,
            )
            for bed, course in enumerate(self._scenarios)
        ]


def _cast(settings: SimulatorSettings) -> tuple[Scenario, ...]:
    if settings.scenario == DEMO_MIX:
        return demo_mix(settings.beds)
    one = scenario(settings.scenario, onset_s=settings.onset_s, time_scale=settings.time_scale)
    return (one,) * settings.beds


def _devices(settings: SimulatorSettings, boot: str) -> list[Device]:
    digits = max(2, len(str(settings.beds)))
    if not is_level(f"{settings.device_prefix}-{settings.beds:0{digits}d}"):
        raise InvalidArgument(
            f"{settings.device_prefix!r} cannot begin a device's name: use letters, digits, '.', '_' or '-'."
        )
    return [
        Device(
            DeviceId(f"{settings.device_prefix}-{bed:0{digits}d}"),
            boot=boot,
            origin=Origin.DEMO,
            outbox=Outbox(
                readings_max=settings.kept_readings_max,
                in_flight_max=settings.in_flight_max,
                receipt_timeout_s=settings.receipt_timeout_s,
                probe_timeout_s=settings.probe_timeout_s,
            ),
        )
        for bed in range(1, settings.beds + 1)
    ]
