"""Everything one seed decides about a simulated ward: its beds and devices, its topology and settings, and what goes wrong when.

All drawn before the first second, within the bounds of `StormBounds`; so a seed's plan can be printed, and read.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, TypeVar

from tests.support.memory_mqtt import Faults
from vitals.reading import DeviceId, PatientId, WardId
from vitals.sign import Sign

DrawnT = TypeVar("DrawnT")

WARDS = (WardId("north"), WardId("south"))
STREAMS = ("stream", "stream-2")
ALERTS = ("alerts", "alerts-2")
ALWAYS = ("ingest", "stream", "recorder", "alerts", "dashboard")
TELLERS = ("alert-delivery", "alert-ladders", "notifications")


@dataclass(frozen=True, kw_only=True)
class StormBounds:
    """What a seed may draw from."""

    beds_max: int = 3
    seconds_min: int = 35
    seconds_max: int = 90
    """Of measuring; a ward that drains afterwards has calm."""
    partitions_max: int = 4
    mishaps_max: int = 14
    outage_s_max: float = 12.0
    """Of the database, the log's disk, the broker."""
    down_s_max: float = 6.0
    """How long a killed service stays away, or a stopped one sleeps."""
    calls_max: int = 40
    """A service that dies at a drawn call dies at one of its next so many."""
    drift_max: float = 0.02
    """Seconds a second by which a device's clock gains or loses."""
    offset_ms_max: int = 20_000
    jump_ms_max: int = 15_000
    silent_one_in: int = 12
    """In one seed of so many a device falls silent for long enough to lose contact."""


class Mishap(StrEnum):
    """What goes wrong."""

    KILL = "kill"
    """A service dies, as by SIGKILL, and is started again."""
    DIE_BEFORE = "die before a call"
    """A service dies when about to call the database or the log;"""
    DIE_AFTER = "die after a call"
    """or once that is done, before it hears so."""
    STOP = "stop"
    """A service stands still, as by SIGSTOP, and goes on as if nothing had happened."""
    LEAVE = "leave"
    """A service ends as asked to, and is started again."""
    DATABASE_AWAY = "database away"
    STATEMENT_FAILS = "statement fails"
    """One statement of a service fails, wherever in its transaction."""
    COMMIT_UNHEARD = "commit unheard"
    """A commit is done, and its caller told that it may not be."""
    DATABASE_SLOW = "database slow"
    DISK_FULL = "disk full"
    """No room for the log."""
    PUBLISH_UNSURE = "publish unsure"
    """The log takes some of a publish, or all, and says that it may have none."""
    BROKER_CRASH = "broker crash"
    CUT = "cut"
    """A client's connection to the broker breaks."""


class Trouble(NamedTuple):
    """One mishap, when, of which service (or client) and for how long."""

    at_s: float
    mishap: Mishap
    of: str
    for_s: float
    calls: int


class Excursion(NamedTuple):
    """A sign stands at a value for a while."""

    sign: Sign
    value: float
    from_s: float
    until_s: float


@dataclass(frozen=True, kw_only=True)
class DevicePlan:
    """One wearable: what it measures when, and what its clock makes of that."""

    device_id: DeviceId
    patient_id: PatientId
    interval_s: float
    phase_s: float
    offset_ms: int
    drift: float
    jumps: tuple[tuple[float, int], ...]
    """(second, by how many ms) the clock is set."""
    away: tuple[tuple[float, float, bool], ...]
    """From, until, and whether powered meanwhile: what is powered measures on and uploads late, what is not boots anew."""
    signs: tuple[tuple[Sign, float], ...]
    """What it measures, and the usual value."""
    rounds_every: int
    """Consciousness and oxygen stand in one reading of so many; 0: in none."""
    until_s: float
    """From then on it measures nothing."""

    def clock_ms(self, second: float) -> int:
        """By how much the device's clock is ahead."""
        jumped = sum(by_ms for at_s, by_ms in self.jumps if second >= at_s)
        return self.offset_ms + round(self.drift * second * 1000) + jumped

    def times(self) -> list[float]:
        """Seconds at which it measures, those without power left out."""
        count = int((self.until_s - self.phase_s) / self.interval_s) + 1
        moments = [self.phase_s + number * self.interval_s for number in range(max(0, count))]
        dark = [(from_s, until_s) for from_s, until_s, powered in self.away if not powered]
        return [at for at in moments if not any(from_s <= at < until_s for from_s, until_s in dark)]


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How often services look, tick and remember, and how much they take at once; all within their settings' bounds."""

    poll_s: float
    commit_s: float
    tick_s: float
    stream_remember_s: float
    alerts_remember_s: float
    records_max: int
    receipt_s: float
    publish_records_max: int
    tail_records_max: int
    handover_s: float
    in_flight_max: int
    receipt_timeout_s: float
    browser_rounds_max: int


@dataclass(frozen=True, kw_only=True)
class Storm:
    """One simulation; everything follows from it, and it from the seed."""

    seed: int
    seconds: int
    partitions: int
    devices: tuple[DevicePlan, ...]
    beds: tuple[tuple[PatientId, WardId], ...]
    excursions: tuple[tuple[PatientId, Excursion], ...]
    services: tuple[str, ...]
    pace: Pace
    network: Faults
    troubles: tuple[Trouble, ...]
    database_delay_s: float
    """What a slow database takes for each call."""
    nurse_every_s: float
    """How often somebody looks whether there is something to acknowledge; 0: never."""
    moves: tuple[tuple[float, PatientId, WardId], ...]
    """Transfers to another ward."""
    charted: tuple[tuple[float, PatientId, str], ...]
    """Consciousness, charted by a person."""
    silenced: tuple[tuple[float, PatientId, float], ...]
    """When somebody silences a patient's medium alerts, and for how many seconds."""


def storm_of(seed: int, bounds: StormBounds | None = None) -> Storm:
    """The plan of a seed."""
    bounds = bounds or StormBounds()
    draw = random.Random(f"storm/{seed}")
    seconds = draw.randint(bounds.seconds_min, bounds.seconds_max)
    is_silent = draw.randrange(bounds.silent_one_in) == 0
    beds = tuple(
        (PatientId(f"patient-{number}"), draw.choice(WARDS))
        for number in range(1, draw.randint(1, bounds.beds_max) + 1)
    )
    patients = [patient_id for patient_id, _ in beds]
    services = _services(draw)
    return Storm(
        seed=seed,
        seconds=seconds + (170 if is_silent else 0),
        partitions=draw.randint(1, bounds.partitions_max),
        devices=tuple(_devices(draw, patients, seconds, bounds, is_silent=is_silent)),
        beds=beds,
        excursions=tuple(
            (patient_id, excursion) for patient_id in patients for excursion in _excursions(draw, seconds)
        ),
        services=services,
        pace=_pace(draw),
        network=_network(draw),
        troubles=tuple(sorted(_troubles(draw, services, seconds, patients, bounds))),
        database_delay_s=draw.choice((0.005, 0.05, 0.4, 1.5)),
        nurse_every_s=draw.choice((0, 5, 20)),
        moves=tuple(_some(draw, 0.2, patients, seconds, lambda: draw.choice(WARDS))),
        charted=tuple(_some(draw, 0.25, patients, seconds, lambda: draw.choice("AAVVCPU"))),
        silenced=tuple(_some(draw, 0.15, patients, seconds, lambda: draw.uniform(10, 60))),
    )


def _services(draw: random.Random) -> tuple[str, ...]:
    chosen = [*ALWAYS]
    chosen += [STREAMS[1]] if draw.random() < 0.4 else []
    chosen += [ALERTS[1]] if draw.random() < 0.4 else []
    chosen += [name for name in TELLERS if draw.random() < 0.35]
    return tuple(chosen)


def _devices(
    draw: random.Random, patients: Sequence[PatientId], seconds: int, bounds: StormBounds, *, is_silent: bool
) -> list[DevicePlan]:
    found = []
    for number, patient_id in enumerate(patients, start=1):
        usual = {
            Sign.HEART_RATE: draw.uniform(60, 95),
            Sign.RESPIRATORY_RATE: draw.uniform(12, 18),
            Sign.SPO2: draw.uniform(96, 98),
            Sign.TEMPERATURE: draw.uniform(36.5, 37.5),
            Sign.SYSTOLIC: draw.uniform(112, 140),
        }
        worn = [tuple(usual.items())]
        if draw.random() < 0.25:  # a second device measures some of the same
            worn.append(tuple((sign, value) for sign, value in usual.items() if sign in {Sign.SPO2, Sign.HEART_RATE}))
        for index, signs in enumerate(worn):
            name = DeviceId(f"device-{number}{'ab'[index]}")
            found.append(_device(draw, name, patient_id, signs, seconds, bounds, is_silent=is_silent))
    return found


def _device(
    draw: random.Random,
    device_id: DeviceId,
    patient_id: PatientId,
    signs: tuple[tuple[Sign, float], ...],
    seconds: int,
    bounds: StormBounds,
    *,
    is_silent: bool,
) -> DevicePlan:
    interval_s = draw.choice((1.0, 2.0, 3.0, 5.0, 11.0))
    skewed = draw.random() < 0.35
    jumps = [(draw.uniform(5, seconds), draw.randint(-bounds.jump_ms_max, bounds.jump_ms_max))]
    leaves_s = draw.uniform(5, seconds)
    away = [(leaves_s, leaves_s + draw.uniform(2, 40), draw.random() < 0.7)]
    return DevicePlan(
        device_id=device_id,
        patient_id=patient_id,
        interval_s=interval_s,
        phase_s=draw.uniform(0, interval_s),
        offset_ms=draw.randint(-bounds.offset_ms_max, bounds.offset_ms_max) if skewed else 0,
        drift=draw.uniform(-bounds.drift_max, bounds.drift_max) if draw.random() < 0.35 else 0.0,
        jumps=tuple(jumps) if draw.random() < 0.15 else (),
        away=tuple(away) if draw.random() < 0.25 else (),
        signs=signs,
        rounds_every=draw.choice((0, 1, 7, 20)),
        until_s=seconds * draw.uniform(0.5, 0.9) if is_silent else seconds,
    )


ILL: tuple[tuple[Sign, tuple[float, ...]], ...] = (
    (Sign.SPO2, (85.0, 76.0, 66.0, 55.0)),
    (Sign.HEART_RATE, (28.0, 33.0, 38.0, 135.0, 170.0, 190.0)),
    (Sign.RESPIRATORY_RATE, (3.0, 5.0, 7.0, 34.0, 44.0)),
    (Sign.TEMPERATURE, (31.0, 33.5, 40.4, 41.4)),
    (Sign.SYSTOLIC, (75.0, 86.0, 225.0, 255.0)),
)


def _excursions(draw: random.Random, seconds: int) -> list[Excursion]:
    found = []
    for sign, values in ILL:
        if draw.random() < 0.3:
            from_s = draw.uniform(0, 0.8 * seconds)
            found.append(Excursion(sign, draw.choice(values), from_s, from_s + draw.uniform(1, 90)))
    if draw.random() < 0.15:  # it flaps about a limit
        start_s, every_s = draw.uniform(0, seconds / 2), draw.uniform(3, 15)
        found += [
            Excursion(
                Sign.SPO2, draw.choice((78.0, 84.0)), start_s + 2 * turn * every_s, start_s + (2 * turn + 1) * every_s
            )
            for turn in range(4)
        ]
    return found


def _pace(draw: random.Random) -> Pace:
    return Pace(
        poll_s=draw.choice((0.2, 0.5, 1.5)),
        commit_s=draw.choice((0.2, 1.0, 3.0)),
        tick_s=draw.choice((1.0, 2.0, 4.0)),
        stream_remember_s=draw.choice((0.5, 2.0, 5.0, 20.0)),
        alerts_remember_s=draw.choice((1.0, 5.0, 20.0)),
        records_max=draw.choice((1, 3, 20, 500)),
        receipt_s=draw.choice((0.1, 0.5, 2.0)),
        publish_records_max=draw.choice((2, 10, 2000)),
        tail_records_max=draw.choice((1, 8, 512)),
        handover_s=draw.choice((0.5, 3.0, 30.0)),
        in_flight_max=draw.choice((1, 5, 20, 200)),
        receipt_timeout_s=draw.choice((3.0, 8.0, 30.0)),
        browser_rounds_max=draw.choice((8, 64)),
    )


def _network(draw: random.Random) -> Faults:
    unkind = draw.random() < 0.7
    return Faults(
        delay_s_max=draw.choice((0.0, 0.05, 0.4, 2.0)),
        duplicate=draw.choice((0.0, 0.05, 0.3)) if unkind else 0.0,
        lose=draw.choice((0.0, 0.01, 0.08)) if unkind else 0.0,
        reorder=draw.choice((0.0, 0.05)) if unkind else 0.0,
    )


def _troubles(
    draw: random.Random,
    services: Sequence[str],
    seconds: int,
    patients: Sequence[PatientId],
    bounds: StormBounds,
) -> list[Trouble]:
    kinds = list(Mishap)
    favoured = [Mishap.KILL, Mishap.DIE_BEFORE, Mishap.DIE_AFTER, Mishap.STATEMENT_FAILS, Mishap.STOP]
    found = []
    for _ in range(draw.choice((0, 3, 6, bounds.mishaps_max))):
        mishap = draw.choice(kinds + favoured)
        lasts_s = bounds.outage_s_max if mishap in {Mishap.DATABASE_AWAY, Mishap.DISK_FULL} else bounds.down_s_max
        clients = ["ingest", *(f"device-{number + 1}a" for number in range(len(patients)))]
        of = draw.choice(clients) if mishap is Mishap.CUT else draw.choice(list(services))
        at_s, for_s = draw.uniform(1, seconds), draw.uniform(0.05, lasts_s)
        found.append(Trouble(at_s, mishap, of, for_s, draw.randint(1, bounds.calls_max)))
    return found


def _some(
    draw: random.Random, share: float, patients: Sequence[PatientId], seconds: int, what: Callable[[], DrawnT]
) -> list[tuple[float, PatientId, DrawnT]]:
    return sorted((draw.uniform(3, seconds), patient, what()) for patient in patients if draw.random() < share)
