"""A month of a ward as a log: stays, devices of five rhythms, trouble of every kind, and what the register and silences say.

Each partition of the log is a world of its own, so that partitions may be simulated side by side. All follows from the seed.
"""

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from vitals.alert import Action, AlertKind, Command, Priority
from vitals.limits import HARD_LIMITS, LimitRule, Side
from vitals.reading import DeviceId, Origin, PatientId, Reading, RefusedSigns, Tick, WardId
from vitals.sign import Sign

START_MS = 1_700_006_400_000
DAY_MS, HOUR_MS, MINUTE_MS = 86_400_000, 3_600_000, 60_000
TICK_MS = MINUTE_MS
"""Live it is a second; what the ticks decide waits so much longer here."""
WARDS = tuple(WardId(f"ward-{letter}") for letter in "abcd")
USUAL = {
    Sign.HEART_RATE: 74.0,
    Sign.RESPIRATORY_RATE: 16.0,
    Sign.SPO2: 97.0,
    Sign.TEMPERATURE: 36.9,
    Sign.SYSTOLIC: 125.0,
}
WATCHED_SIGNS = (Sign.HEART_RATE, Sign.RESPIRATORY_RATE, Sign.SPO2)
IMPOSSIBLE = {Sign.HEART_RATE: 9999.0, Sign.RESPIRATORY_RATE: 0.0, Sign.SPO2: 20.0}
ILL = {Sign.HEART_RATE: 118.0, Sign.RESPIRATORY_RATE: 23.0, Sign.SYSTOLIC: 97.0, Sign.SPO2: 93.0}
"""Seven or eight points of NEWS2 together, and no limit passed."""

Arrived = Reading | RefusedSigns | Tick | Command


class Rhythm(Enum):
    """How often a device measures."""

    MINUTE = "each minute"
    BURST = "10 readings in 18 s, each 10 minutes"
    FIVE = "each 5 minutes"
    SPOT = "each hour"
    MONITOR = "each 5 s, for one hour a day"

    def moments_ms(self, day_ms: int, phase_ms: int) -> Iterator[int]:
        """When it measures on a day."""
        if self is Rhythm.BURST:
            for burst_ms in range(day_ms + phase_ms % 600_000, day_ms + DAY_MS, 600_000):
                yield from range(burst_ms, min(burst_ms + 20_000, day_ms + DAY_MS), 2000)
        elif self is Rhythm.MONITOR:
            worn_ms = day_ms + MONITOR_FROM_MS
            yield from range(worn_ms, worn_ms + HOUR_MS, 5000)
        else:
            every_ms = INTERVAL_MS[self]
            yield from range(day_ms + phase_ms % every_ms, day_ms + DAY_MS, every_ms)


MONITOR_FROM_MS = 10 * HOUR_MS
INTERVAL_MS = {
    Rhythm.MINUTE: MINUTE_MS,
    Rhythm.FIVE: 5 * MINUTE_MS,
    Rhythm.SPOT: HOUR_MS,
    Rhythm.BURST: 2000,
    Rhythm.MONITOR: 5000,
}
BURST_PAUSE_MS = 582_000
MIX: Sequence[Rhythm] = (
    *(Rhythm.FIVE,) * 12,
    *(Rhythm.SPOT,) * 6,
    *(Rhythm.MINUTE,) * 3,
    *(Rhythm.BURST,) * 2,
    *(Rhythm.MONITOR,) * 2,
)
"""Of 25 beds."""


class Spell(NamedTuple):
    """A stretch of trouble: what the signs are instead of usual, and what becomes of the readings meanwhile."""

    from_ms: int
    until_ms: int
    signs: Mapping[Sign, float] = MappingProxyType({})
    silent: bool = False
    """Nothing is sent."""
    late: bool = False
    """All is kept, and sent when it is over."""
    refused: Sign | None = None
    absent: Sign | None = None
    flaps: bool = False
    """Every second reading is as usual."""


class Silence(NamedTuple):
    """One silence as people ordered it."""

    silence_id: str
    by: str
    from_ms: int
    until_ms: int
    patient_id: PatientId | None = None
    ward_id: WardId | None = None
    kind: AlertKind | None = None
    """Where it is None, nothing of high priority is covered."""

    def covers(self, patient_id: PatientId, ward_id: WardId, kind: AlertKind, priority: Priority, at_ms: int) -> bool:
        """Whether such an alert is told to nobody at that time."""
        if not self.from_ms <= at_ms < self.until_ms:
            return False
        if self.kind is None and priority is Priority.HIGH:
            return False
        return self.patient_id in (None, patient_id) and self.ward_id in (None, ward_id) and self.kind in (None, kind)


@dataclass
class Stay:
    """One patient in one bed."""

    patient_id: PatientId
    rhythm: Rhythm
    phase_ms: int
    from_ms: int
    until_ms: int
    limits: tuple[LimitRule, ...]
    wards: list[tuple[int, WardId]]
    """From when on which ward, in order."""
    spells: list[Spell] = field(default_factory=list)

    def ward_at(self, at_ms: int) -> WardId:
        """Where the patient lies."""
        return [ward for from_ms, ward in self.wards if from_ms <= at_ms][-1]


@dataclass(frozen=True, kw_only=True)
class MonthPlan:
    """One simulation: everything but the time it takes follows from it."""

    beds: int = 200
    days: float = 30.0
    seed: int = 1
    partitions: int = 8
    crashes_per_day: float = 2.0
    """Of each partition's worker."""

    @property
    def end_ms(self) -> int:
        """The end of event time."""
        return START_MS + round(self.days * DAY_MS)


class World:
    """One partition's ward; ask for its days in order."""

    def __init__(self, plan: MonthPlan, partition: int) -> None:
        self.plan = plan
        self._random = random.Random(f"{plan.seed}/{partition}")
        beds = range(partition, plan.beds, plan.partitions)
        self.stays = [stay for bed in beds for stay in self._stays(bed)]
        self.silences = [silence for stay in self.stays for silence in self._silences(stay)]
        self._number: dict[PatientId, int] = {}
        self._carried: list[tuple[int, int, Arrived]] = []
        """What arrives after the day on which it was measured."""

    def day(self, day: int) -> list[tuple[int, Arrived]]:
        """All that arrives on a day, by time of arrival; ticks come last in their moment."""
        day_ms = START_MS + day * DAY_MS
        until_ms = min(day_ms + DAY_MS, self.plan.end_ms)
        arrived, self._carried = self._carried, []
        for stay in self.stays:
            if stay.from_ms < until_ms and day_ms < stay.until_ms:
                arrived += [(at_ms, 0, record) for at_ms, record in self._register(stay, day_ms, until_ms)]
                arrived += [(at_ms, 1, record) for at_ms, record in self._measured(stay, day_ms, until_ms)]
        arrived += [(at_ms, 2, Tick(at_ms)) for at_ms in range(day_ms, until_ms, TICK_MS)]
        arrived.sort(key=_arrival)
        self._carried = [item for item in arrived if item[0] >= until_ms]
        return [(at_ms, record) for at_ms, _, record in arrived if at_ms < until_ms]

    def _stays(self, bed: int) -> Iterator[Stay]:
        draw, at_ms, number = self._random, START_MS, 0
        rhythm = MIX[(bed * 7) % len(MIX)]
        while at_ms < self.plan.end_ms:
            until_ms = at_ms + round(draw.uniform(2, 12) * DAY_MS)
            ward = draw.choice(WARDS)
            wards = [(at_ms, ward)]
            if draw.random() < 0.5:
                moved_ms = draw.randrange(at_ms + HOUR_MS, until_ms)
                wards.append((moved_ms, draw.choice([other for other in WARDS if other != ward])))
            stay = Stay(
                PatientId(f"p{bed}-{number}"),
                rhythm,
                draw.randrange(3_600) * 1000,
                at_ms,
                until_ms,
                HARD_LIMITS if draw.random() < 0.9 else _gentler(HARD_LIMITS),
                wards,
            )
            stay.spells = list(self._spells(stay))
            yield stay
            at_ms, number = until_ms + HOUR_MS, number + 1

    def _spells(self, stay: Stay) -> Iterator[Spell]:
        draw, at_ms = self._random, stay.from_ms
        contact_from_ms = at_ms
        """Since when contact has lasted; a silence of less than a quarter of it is no rhythm."""
        while at_ms < stay.until_ms:
            if stay.rhythm is Rhythm.MONITOR:
                day_ms = at_ms - (at_ms - START_MS) % DAY_MS
                at_ms = day_ms + DAY_MS + MONITOR_FROM_MS + draw.randrange(2 * MINUTE_MS, 30 * MINUTE_MS)
            else:
                at_ms += round(draw.uniform(1.5, 14) * HOUR_MS)
            for spell in self._trouble(stay, at_ms, silent_ms_max=(at_ms - contact_from_ms) // 5):
                if spell.until_ms < stay.until_ms:
                    yield spell
                    at_ms = spell.until_ms
                    if spell.silent or spell.late:
                        contact_from_ms = at_ms

    def _trouble(self, stay: Stay, at_ms: int, *, silent_ms_max: int) -> Iterator[Spell]:
        draw = self._random
        longest_ms = 20 * MINUTE_MS if stay.rhythm is Rhythm.MONITOR else 4 * HOUR_MS
        lasts_ms = self._lasting(longest_ms)
        silent_ms = max(TICK_MS, min(self._lasting(8 * HOUR_MS, 3 * MINUTE_MS), silent_ms_max))
        signs = self._beyond(stay)
        match draw.randrange(10):
            case 0 | 1 | 2:
                yield Spell(at_ms, at_ms + lasts_ms, signs)
            case 3:
                middle_ms = at_ms + lasts_ms
                yield Spell(at_ms, middle_ms, signs)
                yield Spell(middle_ms, middle_ms + self._lasting(longest_ms), self._beyond(stay, like=signs))
            case 4:
                yield Spell(at_ms, at_ms + lasts_ms, dict(ILL))
            case 5:
                yield Spell(at_ms, at_ms + silent_ms, silent=True)
            case 6:
                yield Spell(at_ms, at_ms + silent_ms, late=True)
            case 7:
                first_ms = at_ms + lasts_ms
                yield Spell(at_ms, first_ms, signs)
                yield Spell(first_ms, first_ms + silent_ms, silent=True)
                yield Spell(first_ms + silent_ms, first_ms + silent_ms + lasts_ms, signs)
            case 8:
                sign = draw.choice(WATCHED_SIGNS)
                if draw.random() < 0.5:
                    yield Spell(at_ms, at_ms + lasts_ms, refused=sign)
                else:
                    yield Spell(at_ms, at_ms + lasts_ms, absent=sign)
            case _:
                yield Spell(at_ms, at_ms + lasts_ms, signs, flaps=True)

    def _lasting(self, longest_ms: int, shortest_ms: int = 4000) -> int:
        return round(shortest_ms * math.pow(longest_ms / shortest_ms, self._random.random()))

    def _beyond(self, stay: Stay, *, like: Mapping[Sign, float] | None = None) -> dict[Sign, float]:
        """One sign beyond a band of its limits; `like`: of the same sign, on the same side."""
        draw = self._random
        rules = [rule for rule in stay.limits if like is None or _breaks(rule, like)]
        rule = draw.choice(rules)
        depth = draw.choice(rule.depths)
        step = 0.1 if rule.sign is Sign.TEMPERATURE else 1.0
        return {rule.sign: round(depth.limit + (-step if rule.side is Side.LOW else step), 1)}

    def _silences(self, stay: Stay) -> Iterator[Silence]:
        draw = self._random
        for spell in stay.spells:
            if spell.signs and draw.random() < 0.25:
                from_ms = spell.from_ms + draw.randrange(-30 * MINUTE_MS, 30 * MINUTE_MS)
                named = draw.random() < 0.5
                lasts_ms = draw.randrange(5, 30) * MINUTE_MS if named else draw.randrange(5, 120) * MINUTE_MS
                by_ward = not named and draw.random() < 0.3
                yield Silence(
                    f"s-{stay.patient_id}-{spell.from_ms}",
                    draw.choice(NURSES),
                    from_ms,
                    from_ms + lasts_ms,
                    None if by_ward else stay.patient_id,
                    stay.ward_at(spell.from_ms) if by_ward else None,
                    next(rule.kind for rule in stay.limits if _breaks(rule, spell.signs))
                    if named and spell.signs != ILL
                    else None,
                )

    def _register(self, stay: Stay, day_ms: int, until_ms: int) -> Iterator[tuple[int, Command]]:
        """Discharge, moves, and devices taken off and put on again."""

        def order(action: Action, at_ms: int, **more: object) -> tuple[int, Command]:
            command_id = f"{action.value}/{stay.patient_id}/{at_ms}"
            return at_ms, Command(command_id, stay.patient_id, "", action, "register", at_ms, **more)  # type: ignore[arg-type]

        for move, (at_ms, ward) in enumerate(stay.wards[1:], start=1):
            if day_ms <= at_ms < until_ms:
                yield order(Action.PATIENT_MOVED, at_ms, ward_id=ward, move=move)
        if day_ms <= stay.until_ms < until_ms:
            yield order(Action.PATIENT_LEFT, stay.until_ms)
        elif stay.rhythm is Rhythm.MONITOR:
            worn_ms = day_ms + MONITOR_FROM_MS
            for action, at_ms in (
                (Action.DEVICE_ASSIGNED, worn_ms - MINUTE_MS),
                (Action.DEVICES_RELEASED, worn_ms + HOUR_MS + 5000),
            ):
                if stay.from_ms <= at_ms < min(until_ms, stay.until_ms):
                    yield order(action, at_ms)

    def _measured(self, stay: Stay, day_ms: int, until_ms: int) -> Iterator[tuple[int, Reading | RefusedSigns]]:
        draw = self._random
        spells = [spell for spell in stay.spells if spell.from_ms < day_ms + DAY_MS and day_ms <= spell.until_ms]
        for at_ms in stay.rhythm.moments_ms(day_ms, stay.phase_ms):
            if not stay.from_ms <= at_ms < min(until_ms, stay.until_ms - MINUTE_MS):
                continue
            spell = next((spell for spell in spells if spell.from_ms <= at_ms < spell.until_ms), None)
            number = self._number[stay.patient_id] = self._number.get(stay.patient_id, -1) + 1
            if spell is not None and spell.silent:
                continue
            received_ms = at_ms + draw.randrange(50, 900)
            if spell is not None and spell.late:
                received_ms = spell.until_ms + (at_ms - spell.from_ms) * 5000 // (spell.until_ms - spell.from_ms)
            elif draw.random() < 0.003:
                received_ms = at_ms + draw.randrange(5 * MINUTE_MS + 1000, 30 * MINUTE_MS)
            if received_ms >= min(stay.until_ms, self.plan.end_ms):
                continue
            for record in _records(stay, spell, number, at_ms, received_ms, draw):
                yield received_ms, record
                if draw.random() < 0.01:
                    again_ms = received_ms + draw.randrange(1, 20 * MINUTE_MS)
                    if again_ms < min(stay.until_ms, self.plan.end_ms):
                        yield again_ms, record


NURSES = ("Ada Nurse", "Ben Nurse", "Cyd Nurse")


def _records(
    stay: Stay, spell: Spell | None, number: int, at_ms: int, received_ms: int, draw: random.Random
) -> Iterator[Reading | RefusedSigns]:
    device = DeviceId(f"d-{stay.patient_id}")
    wobble = draw.random() - 0.5
    signs = {sign: round(value + wobble, 1) for sign, value in USUAL.items()}
    if spell is not None:
        if not (spell.flaps and number % 2):
            signs.update(spell.signs)
        if spell.absent is not None:
            del signs[spell.absent]
        if spell.refused is not None:
            del signs[spell.refused]
            refused = {spell.refused: IMPOSSIBLE[spell.refused]}
            reading_id = f"{device}/b/{number}"
            yield RefusedSigns(reading_id, stay.patient_id, device, at_ms, received_ms, refused)
    yield Reading(f"{device}/b/{number}", stay.patient_id, device, at_ms, received_ms, signs, "b", number, Origin.REAL)


def _breaks(rule: LimitRule, signs: Mapping[Sign, float]) -> bool:
    value = signs.get(rule.sign)
    return value is not None and rule.is_beyond(value, rule.depths[0].limit)


def _gentler(limits: tuple[LimitRule, ...]) -> tuple[LimitRule, ...]:
    """Limits of a patient who lives with less oxygen: 84 instead of 88 %."""

    def gentler(rule: LimitRule) -> LimitRule:
        if rule.kind is not AlertKind.SPO2_LOW:
            return rule
        return msgspec.structs.replace(
            rule, depths=(msgspec.structs.replace(rule.depths[0], limit=84.0), *rule.depths[1:])
        )

    return tuple(gentler(rule) for rule in limits)


def _arrival(item: tuple[int, int, Arrived]) -> tuple[int, int]:
    return item[0], item[1]
