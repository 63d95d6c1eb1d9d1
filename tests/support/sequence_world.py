"""Random event sequences for the alert engine: one patient, every kind of record, from one seed; quick to make.

A sequence is drawn while an engine steps it, so that people's orders can be about what is open.
"""

from collections.abc import Callable
from functools import lru_cache
from random import Random

import msgspec

from alerts.engine import PatientAlerts, Record
from alerts.rules import AlertRules
from tests.support.alert_timetable import PATIENT, assessment, charted, charted_assessment, ms, reading
from tests.support.timed_policy import TimedPolicy, silence
from vitals.alert import Action, AlertKind, Command, Priority, Suppression
from vitals.assessment import News2Summary
from vitals.limits import HARD_LIMITS, LimitDepth
from vitals.news2 import score
from vitals.reading import DeviceId, RefusedSigns, Tick, Unaccounted, WardId, Withdrawn
from vitals.sign import Sign

CRISIS_SPO2 = 55.0
"""Beyond a band of high priority without delay, by every version of the rules."""
DEVICE = DeviceId("device-1")
PEOPLE = ("ann", "bob", "cas")
WARDS = (WardId("ward-a"), WardId("ward-b"))
_VALUES = {
    Sign.SPO2: (CRISIS_SPO2, 65.0, 75.0, 84.0, 84.0, 90.0, 97.0, 97.0),
    Sign.HEART_RATE: (25.0, 38.0, 80.0, 80.0, 135.0, 155.0, 190.0),
    Sign.TEMPERATURE: (31.0, 34.5, 37.0, 39.5, 41.5),
}
_STEPS_S = (1.0, 1.0, 5.0, 14.0, 40.0, 60.0, 300.0)
_SILENCES_S = (1.0, 5.0, 30.0, 130.0, 400.0, 950.0, 1900.0, 4000.0, 30_000.0)
_SILENCED = (None, None, AlertKind.SPO2_LOW, AlertKind.LOST_CONTACT, AlertKind.HEART_RATE_HIGH, AlertKind.NEWS2_URGENT)


def _moved(by: float, delay_s: float | None) -> AlertRules:
    """The default limits, shallow bands of SpO2 moved outwards and every delay replaced; the crisis band stays."""

    def changed(kind: AlertKind, depth: LimitDepth) -> LimitDepth:
        is_shallow = kind is AlertKind.SPO2_LOW and depth.priority is Priority.MEDIUM
        limit = depth.limit - by if is_shallow else depth.limit
        return LimitDepth(limit, depth.delay_s if delay_s is None else min(delay_s, depth.delay_s), depth.priority)

    limits = tuple(
        msgspec.structs.replace(rule, depths=tuple(changed(rule.kind, depth) for depth in rule.depths))
        for rule in HARD_LIMITS
    )
    return AlertRules(limits=limits, version=f"{by:g}/{delay_s}")


_NO_RATE = AlertRules(limits=tuple(rule for rule in HARD_LIMITS if rule.sign is not Sign.HEART_RATE), version="no rate")
VERSIONS = (AlertRules(version="default"), _moved(3, None), _moved(-2, None), _moved(0, 5), _moved(0, 0), _NO_RATE)


@lru_cache(maxsize=4096)
def scored(signs: tuple[tuple[Sign, float], ...]) -> News2Summary:
    """NEWS2 of these values."""
    return score(dict(signs))


class SequenceWorld:
    """Draws the sequence of one seed; `policy` is its patient's."""

    def __init__(self, seed: str) -> None:
        self.random = Random(seed)
        self.policy = TimedPolicy(self._versions(), self._silences())
        self.records: list[Record] = []
        self._second = 0.0
        self._orders = 0

    def draw(self, engine: PatientAlerts, step: Callable[[Record], None]) -> None:
        """Draw every record and hand it to `step`, which has `engine` step it."""
        random = self.random
        scenes = (self._stretch, self._silence, self._orders_of, self._register, self._odd)
        for _ in range(random.randint(2, 9)):
            (scene,) = random.choices(scenes, (50, 14, 26, 5, 5))
            for record in scene(engine):
                self.records.append(record)
                step(record)

    def _versions(self) -> list[tuple[float, AlertRules]]:
        random = self.random
        versions = [(0.0, random.choice(VERSIONS))]
        if random.random() < 0.3:
            versions += sorted((random.uniform(10, 3000), random.choice(VERSIONS)) for _ in range(random.randint(1, 3)))
        return versions

    def _silences(self) -> list[tuple[AlertKind | None, Suppression]]:
        random = self.random
        if random.random() < 0.5:
            return []
        drawn = []
        for index in range(random.randint(1, 3)):
            start = random.uniform(0, 2000)
            end = None if random.random() < 0.2 else start + random.choice((5, 60, 600, 4000))
            name = random.choice(PEOPLE)
            drawn.append((random.choice(_SILENCED), silence(start, end, silence_id=f"s-{index}", by=name)))
        return drawn

    def _stretch(self, engine: PatientAlerts) -> list[Record]:
        """Readings of the same values, with what stream says of them and ticks in between."""
        random, records = self.random, list[Record]()
        step_s = random.choice(_STEPS_S)
        signs = {sign: random.choice(values) for sign, values in _VALUES.items() if random.random() < 0.6}
        summary, flagged = scored(tuple(signs.items())), random.random() < 0.2
        for _ in range(random.randint(1, 12)):
            self._second += step_s
            chance = random.random()
            if chance < 0.04:
                records.append(reading(self._second - 400, signs, received=self._second))
                continue
            sent = reading(self._second, signs, device="device-2" if chance < 0.08 else "device-1")
            records.append(sent)
            if chance > 0.96:
                records.append(sent)
            if random.random() < 0.7:
                records.append(assessment(self._second, summary, flagged=flagged))
            if random.random() < 0.6:
                records.append(Tick(ms(self._second)))
        return records

    def _silence(self, engine: PatientAlerts) -> list[Record]:
        """Nothing but time."""
        records = list[Record]()
        for _ in range(self.random.randint(1, 5)):
            self._second += self.random.choice(_SILENCES_S)
            records.append(Tick(ms(self._second)))
        return records

    def _orders_of(self, engine: PatientAlerts) -> list[Record]:
        """A few people, about what is open, some of them a little late, some twice."""
        random, records = self.random, list[Record]()
        episodes = [machine.episode for machine in engine.state.machines.values() if machine.episode is not None]
        for _ in range(random.randint(1, 3)):
            self._second += random.choice((0.0, 0.5, 3.0))
            at_ms, target = ms(self._second), "no-such-episode"
            if episodes and random.random() < 0.95:
                episode = random.choice(episodes)
                target = episode.episode_id
                at_ms = max(at_ms - random.choice((0, 0, 0, 4000)), episode.raised_at_ms)
            (action,) = random.choices((Action.ACKNOWLEDGE, Action.RESOLVE), (8, 2))
            person = random.choice(PEOPLE)
            until_ms = None if random.random() < 0.7 else at_ms + random.choice((-5, 1000, 60_000, 10**9))
            command = Command(
                self._order_id(), PATIENT, target, action, person, at_ms, person_id=person, until_ms=until_ms
            )
            records += [command, command] if random.random() < 0.1 else [command]
        return records

    def _register(self, engine: PatientAlerts) -> list[Record]:
        """A discharge, a transfer, devices off and on."""
        random = self.random
        action = random.choice(
            (Action.PATIENT_LEFT, Action.PATIENT_MOVED, Action.DEVICES_RELEASED, Action.DEVICE_ASSIGNED)
        )
        self._second += 1
        order = Command(self._order_id(), PATIENT, "", action, "registry", ms(self._second))
        ward_id, move = random.choice(WARDS), self._orders
        return [msgspec.structs.replace(order, ward_id=ward_id, move=move)]

    def _odd(self, engine: PatientAlerts) -> list[Record]:
        """Corrections, refused values, charting, the ledger."""
        random = self.random
        self._second += 1
        second, at_ms = self._second, ms(self._second)
        scene = random.randrange(4)
        if scene == 0:
            from_ms = ms(second - random.choice((5, 60, 600, 5000)))
            return [Withdrawn(self._order_id(), PATIENT, DEVICE, from_ms, at_ms, at_ms, "ann", "mixed up")]
        if scene == 1:
            value = float(random.randint(0, 4))
            summary = scored(((Sign.CONSCIOUSNESS, value),))
            said = charted(second, {Sign.CONSCIOUSNESS: value})
            return [said, charted_assessment(second, summary, (Sign.CONSCIOUSNESS,))]
        if scene == 2:
            return [Unaccounted(PATIENT, at_ms, random.choice((0, 5)), (DEVICE,), at_ms)]
        records = list[Record]()
        for _ in range(random.randint(1, 8)):
            self._second += 10
            at_ms = ms(self._second)
            records.append(RefusedSigns(f"refused/{self._second}", PATIENT, DEVICE, at_ms, at_ms, {Sign.SPO2: 0.0}))
        return records

    def _order_id(self) -> str:
        self._orders += 1
        return f"order-{self._orders}"
